package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/pieces"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/transfer"
)

// AttentionHeads draws the first input of [Attention] head by head: what is
// attended to in the exact network above what is in the circuit network, all on
// one scale, with the correlation of the two.
func AttentionHeads(a transfer.Attended) *Figure {
	inputs := shownInputs(a)
	if len(inputs) == 0 || len(inputs[0].Exact) == 0 {
		return noAttention()
	}
	in := &inputs[0]
	h := newHeadViews(in)
	if in.Patches == nil {
		return textHeads(a.Layer, in, h)
	}
	return pictureHeads(a.Layer, in, h)
}

// headView is the attention of one head.
type headView struct {
	exact, circuit []float64
	r              float64
}

// headViews are those of all heads, on one scale.
type headViews struct {
	heads []headView
	scale shades
}

func newHeadViews(in *shown) headViews {
	var out headViews
	var all [][]float64
	for h := range in.Exact {
		row := func(of [][]transfer.Number) []float64 {
			return meanOfHeads(of[min(h, len(of)):min(h+1, len(of))], len(in.exact))
		}
		v := headView{exact: row(in.Exact), circuit: row(in.Circuit)}
		v.r = stats.Correlation(v.exact, v.circuit)
		all = append(all, in.patches(v.exact), in.patches(v.circuit))
		out.heads = append(out.heads, v)
	}
	out.scale = newShades(all...)
	return out
}

func (h headViews) describe(layer int, in *shown) string {
	s := fmt.Sprintf("Attention of each head of layer %d for %s, exact above circuit; correlation of the two, head by head:", layer, in.title())
	for _, v := range h.heads {
		s += " " + decimal(v.r, 2)
	}
	return s + "."
}

// headsKey writes what all heads have in common, and draws the colours.
func (p *pen) headsKey(area vg.Rectangle, layer int, in *shown) {
	p.attentionKey(area, fmt.Sprintf("layer %d, %s", layer, p.fitMiddle(in.title(), smallSize, 100*mm)))
	p.barHeading(area, "exact above circuit, all heads on one scale; *r*: correlation of the two")
}

const (
	headsTop  = 2*lineHeight + 1.4*mm
	headName  = 4.6 * mm // above a pair
	headGap   = 2.6 * mm // between pairs, across
	headLeft  = 4.5 * mm // names of the two networks
	pairGap   = 0.7 * mm
	headsMost = 8 // in a row
	headsTall = 145 * mm
)

// cells divides the page into pairs of panels of the shape of what is seen: as
// many in a row as make them largest, if need be with rows that are not full.
func cells(p *transfer.Patches, n int) (columns int, panel vg.Point) {
	aspect := min(max(vg.Length(p.Width)/vg.Length(max(1, p.Height)), 0.2), 12)
	var most vg.Length
	for c := 1; c <= min(n, headsMost); c++ {
		rows := (n + c - 1) / c
		width := (bodyWidth - barRoom - headLeft - vg.Length(c-1)*headGap) / vg.Length(c)
		height := ((headsTall-headsTop)/vg.Length(rows) - headName - pairGap) / 2
		width = min(width, height*aspect, 38*mm*vg.Length(math.Sqrt(float64(max(1, aspect)))))
		area := width * width / aspect
		if n%c != 0 {
			area *= 0.7
		}
		if area >= most*0.999 {
			columns, panel, most = c, vg.Point{X: width, Y: width / aspect}, area
		}
	}
	return columns, panel
}

func pictureHeads(layer int, in *shown, h headViews) *Figure {
	columns, panel := cells(in.Patches, len(h.heads))
	rowHeight := headName + 2*panel.Y + pairGap
	rowCount := (len(h.heads) + columns - 1) / columns
	return &Figure{
		width: twoColumns, height: bodyTop + headsTop + vg.Length(rowCount)*rowHeight + bodyFoot,
		description: h.describe(layer, in),
		draw: func(p *pen, area vg.Rectangle) {
			area = attentionBody(area)
			p.headsKey(area, layer, in)
			g, v := newGlow(), newView(in.Patches, panel.X)
			for i, head := range h.heads {
				at := vg.Point{
					X: area.Min.X + headLeft + vg.Length(i%columns)*(panel.X+headGap),
					Y: area.Max.Y - headsTop - vg.Length(i/columns)*rowHeight,
				}
				p.write(headTitle(i, head.r), smallSize, vg.Point{X: at.X, Y: at.Y - headName + 1.1*mm}, fromLeft, ink)
				for k, of := range [][]float64{head.exact, head.circuit} {
					y := at.Y - headName - vg.Length(k)*(panel.Y+pairGap)
					box := vg.Rectangle{Min: vg.Point{X: at.X, Y: y - panel.Y}, Max: vg.Point{X: at.X + panel.X, Y: y}}
					p.picture(v.overlay(g, in.patches(of), h.scale), box)
					if i%columns == 0 {
						name := p.runs([]string{"exact", "circuit"}[k], smallSize, false)
						p.text(name, vg.Point{X: box.Min.X - textGap, Y: (box.Min.Y + box.Max.Y) / 2}, centred, true, ink)
					}
				}
			}
			bar := vg.Rectangle{Min: vg.Point{X: area.Max.X - barRoom + barGap}}
			bar.Max = vg.Point{X: bar.Min.X + barWidth, Y: area.Max.Y - headsTop - headName}
			bar.Min.Y = bar.Max.Y - min(2*panel.Y+pairGap, 50*mm)
			p.attentionBar(bar, h.scale, g.legend(), len(in.exact))
		},
	}
}

func headTitle(i int, r float64) string {
	return fmt.Sprintf("head %d, *r* %s", i, decimal(r, 2))
}

const (
	cellsLeft  = 16 * mm // names of heads and networks
	cellsRight = 12 * mm // correlations
	mostAcross = 60
	widestCell = 7 * mm
)

// textHeads draws a table: a column for each token, and two rows for each head.
func textHeads(layer int, in *shown, h headViews) *Figure {
	lo, hi := window(len(in.Tokens), in.Readout, mostAcross)
	names := pieces.Of(in.Tokens)[lo:hi]
	measure := newPen(nil)
	var longest vg.Length
	const nameRoom = 24 * mm
	for _, w := range names {
		longest = max(longest, measure.width(measure.fit(w.Text, smallSize, nameRoom), smallSize))
	}
	top := headsTop + longest + 1.5*mm
	pair := min(7.4*mm, (tallest-bodyTop-top-bodyFoot)/vg.Length(len(h.heads)))
	cell := vg.Point{X: min(widestCell, (bodyWidth-cellsLeft-cellsRight-barRoom)/vg.Length(max(1, len(names)))), Y: pair * 0.43}
	return &Figure{
		width: twoColumns, height: bodyTop + top + bodyFoot + pair*vg.Length(len(h.heads)),
		description: h.describe(layer, in),
		draw: func(p *pen, area vg.Rectangle) {
			area = attentionBody(area)
			p.headsKey(area, layer, in)
			colors := newColormap()
			left, y := area.Min.X+cellsLeft, area.Max.Y-top
			right := left + cell.X*vg.Length(len(names))
			for i, w := range names {
				x := left + cell.X*(vg.Length(i)+0.5) + smallSize*capHeight/2
				color := muted
				if slices.Contains(in.Readout, lo+i) {
					color = ink
				}
				p.text(p.runs(p.fit(w.Text, smallSize, nameRoom), smallSize, color == ink), vg.Point{X: x, Y: y + textGap}, fromLeft, true, color)
			}
			for i, head := range h.heads {
				at := y - pair*vg.Length(i)
				middle := at - cell.Y
				p.writeMiddle(fmt.Sprintf("head %d", i), smallSize, vg.Point{X: left - textGap, Y: middle}, fromRight, ink)
				p.writeMiddle("*r* "+decimal(head.r, 2), smallSize, vg.Point{X: right + textGap, Y: middle}, fromLeft, ink)
				for k, of := range [][]float64{head.exact, head.circuit} {
					for t := range names {
						lower := vg.Point{X: left + cell.X*vg.Length(t), Y: at - cell.Y*vg.Length(k+1)}
						box := vg.Rectangle{Min: lower, Max: lower.Add(cell)}
						p.attentionCell(inset(box, 0.15, 0.15, 0.15, 0.15), of[lo+t], h.scale, colors)
					}
				}
			}
			bar := vg.Rectangle{Min: vg.Point{X: area.Max.X - barRoom + barGap}}
			bar.Max = vg.Point{X: bar.Min.X + barWidth, Y: y}
			bar.Min.Y = y - min(pair*vg.Length(len(h.heads))-0.14*pair, 50*mm)
			p.attentionBar(bar, h.scale, colors.legend(), len(in.Tokens))
		},
	}
}

// attentionCell draws one value; what has none is crossed out.
func (p *pen) attentionCell(box vg.Rectangle, attention float64, s shades, colors colormap) {
	if math.IsNaN(attention) {
		p.segments(line{color: faint, width: thinWidth}, box.Min, box.Max)
		return
	}
	p.fill(rectangle(box), colors.at(attention/s.hi))
}
