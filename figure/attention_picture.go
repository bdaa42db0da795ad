package figure

import (
	"fmt"
	"image"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// framesPerSecond of spectrograms: AST's feature extractor takes one every 10 ms
// (torchaudio's frame_shift).
const framesPerSecond = 100

// triple is the layout of a row: what is seen, exact attention and the
// circuit's, side by side or, where they are wide, one above the other.
type triple struct {
	panel   vg.Point // size
	stacked bool
	left    vg.Length // of the first panel
	row     vg.Length // from one row to the next
}

const (
	panelGap    = 2.4 * mm
	answerRoom  = 40 * mm // least width of what is said of an input
	answerRows  = 7
	pictureTop  = 10 * mm  // key and headings
	pictureFoot = 7.6 * mm // time axis
	soundLeft   = 9.5 * mm // frequency axis
	stackLeft   = 13 * mm  // the same, and names of panels
)

func newTriple(p *transfer.Patches, n int) triple {
	t := triple{}
	aspect := vg.Length(p.Width) / vg.Length(max(1, p.Height))
	aspect = min(max(aspect, 0.2), 12)
	sound := p.Channels == 1
	t.stacked = aspect > 3
	room := tallest - bodyTop - bodyFoot - pictureTop
	if sound {
		t.left = soundLeft
		room -= pictureFoot
	}
	if t.stacked {
		t.left = stackLeft
	}
	width := bodyWidth - t.left - barRoom - answerRoom
	height := room/vg.Length(n) - between
	if t.stacked {
		height = (height - 2*panelGap/2) / 3
	} else {
		width = (width - 2*panelGap) / 3
	}
	t.panel = vg.Point{X: min(width, height*aspect), Y: min(height, width/aspect)}
	if t.stacked { // the width is kept: time needs it
		t.panel = vg.Point{X: width, Y: min(height, max(width/aspect, 9*mm))}
	}
	t.row = max(t.height(), answerRows*lineHeight) + between
	return t
}

// height of all three panels.
func (t triple) height() vg.Length {
	if t.stacked {
		return 3*t.panel.Y + panelGap
	}
	return t.panel.Y
}

// box returns where panel i of the row with its top left corner at the point
// lies.
func (t triple) box(i int, at vg.Point) vg.Rectangle {
	x, y := at.X+t.left, at.Y-t.panel.Y
	if t.stacked {
		y -= vg.Length(i) * (t.panel.Y + panelGap/2)
	} else {
		x += vg.Length(i) * (t.panel.X + panelGap)
	}
	return vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + t.panel.X, Y: y + t.panel.Y}}
}

// right is where the panels end.
func (t triple) right() vg.Length {
	if t.stacked {
		return t.left + t.panel.X
	}
	return t.left + 3*t.panel.X + 2*panelGap
}

func pictureAttention(layer int, inputs []shown) *Figure {
	t := newTriple(inputs[0].Patches, len(inputs))
	sound := inputs[0].Patches.Channels == 1
	last, what := t.height(), "laid over pictures"
	if sound {
		last, what = last+pictureFoot, "laid over spectrograms"
	}
	height := bodyTop + pictureTop + vg.Length(len(inputs)-1)*t.row + max(last, answerRows*lineHeight) + bodyFoot
	return &Figure{
		width: twoColumns, height: height,
		description: describe(what, layer, inputs),
		draw: func(p *pen, area vg.Rectangle) {
			area = attentionBody(area)
			p.attentionKey(area, bothNetworks(layer, inputs, "hatched"))
			p.headings(area, t, sound)
			g := newGlow()
			for i := range inputs {
				p.attendedPicture(vg.Point{X: area.Min.X, Y: area.Max.Y - pictureTop - vg.Length(i)*t.row}, t, &inputs[i], g, i == len(inputs)-1)
			}
		},
	}
}

// headings names the columns; stacked panels have their names beside them.
func (p *pen) headings(area vg.Rectangle, t triple, sound bool) {
	y := area.Max.Y - pictureTop + 2.2*mm
	if !t.stacked {
		names := []string{"what the model sees", "exact attention", "neurons and astrocytes"}
		if p.width(names[2], labelSize) > t.panel.X+panelGap {
			names = []string{"seen", "exact", "circuit"}
		}
		for i, name := range names {
			box := t.box(i, vg.Point{X: area.Min.X, Y: y})
			p.write(name, labelSize, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: y}, centred, ink)
		}
	}
	p.write("attention, %", smallSize, vg.Point{X: area.Min.X + t.right() + barGap, Y: y}, fromLeft, ink)
}

// attendedPicture draws one row with its top left corner at the point.
func (p *pen) attendedPicture(at vg.Point, t triple, in *shown, g *glow, last bool) {
	v := newView(in.Patches, t.panel.X)
	for i, img := range []*image.NRGBA{
		v.seen(), v.overlay(g, in.patches(in.exact), in.scale), v.overlay(g, in.patches(in.circuit), in.scale),
	} {
		box := t.box(i, at)
		p.picture(img, box)
		if v.sound {
			p.soundAxes(box, v, i == 0 || t.stacked, last && (i == 2 || !t.stacked), t.stacked)
		}
		if t.stacked {
			name := []string{"seen", "exact", "circuit"}[i]
			x := at.X + labelSize*capHeight + 0.3*mm
			p.text(p.runs(name, labelSize, false), vg.Point{X: x, Y: (box.Min.Y + box.Max.Y) / 2}, centred, true, ink)
		}
	}
	bar := vg.Rectangle{Min: vg.Point{X: at.X + t.right() + barGap, Y: at.Y - t.height()}}
	bar.Max = vg.Point{X: bar.Min.X + barWidth, Y: at.Y}
	p.attentionBar(bar, in.scale, g.legend(), len(in.exact))
	p.said(vg.Rectangle{Min: vg.Point{X: at.X + t.right() + barRoom, Y: at.Y - t.row}, Max: vg.Point{X: at.X + bodyWidth, Y: at.Y}}, in)
}

// soundAxes draws frequency at the left of a spectrogram and time below it.
func (p *pen) soundAxes(box vg.Rectangle, v view, frequency, time, stacked bool) {
	axis := line{color: ink, width: axisWidth}
	if frequency {
		bins := scale{lo: 0, hi: float64(v.Height)}
		ticks := []tick{{0, "0"}, {bins.hi, counts.Format(v.Height)}}
		for i, t := range ticks {
			y := box.Min.Y + box.Size().Y*vg.Length(bins.position(t.at))
			p.segments(axis, vg.Point{X: box.Min.X, Y: y}, vg.Point{X: box.Min.X - tickLength*0.6, Y: y})
			at := y - vg.Length(i)*smallSize*capHeight // inside the height of the panel
			p.write(t.label, smallSize, vg.Point{X: box.Min.X - 1.1*mm, Y: at}, fromRight, ink)
		}
		name := "mel bin"
		if !stacked && p.width(name, smallSize) < box.Size().Y {
			x := box.Min.X - 1.1*mm - p.widest(ticks) - textGap
			p.text(p.runs(name, smallSize, false), vg.Point{X: x, Y: (box.Min.Y + box.Max.Y) / 2}, centred, true, ink)
		}
	}
	if !time {
		return
	}
	seconds := scale{lo: 0, hi: float64(v.Width) / framesPerSecond}
	for _, t := range p.ticks(seconds, box.Size().X, false) {
		x := box.Min.X + box.Size().X*vg.Length(seconds.position(t.at))
		p.segments(axis, vg.Point{X: x, Y: box.Min.Y}, vg.Point{X: x, Y: box.Min.Y - tickLength*0.6})
		p.write(t.label, smallSize, vg.Point{X: x, Y: box.Min.Y - 1.2*mm - smallSize*capHeight}, centred, ink)
	}
	p.write("time (s)", smallSize, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: box.Min.Y - pictureFoot + 0.7*mm}, centred, ink)
}

// said writes which input it is, what the networks answer, and how alike their
// attention is.
func (p *pen) said(area vg.Rectangle, in *shown) {
	row := rows(area)
	left, room := area.Min.X, area.Size().X
	p.text(p.runs(p.fitMiddle(in.title(), smallSize, room/1.1), smallSize, true), vg.Point{X: left, Y: row()}, fromLeft, false, ink)
	who, probability := 9*mm, 8.5*mm
	answers := in.answers()
	for _, a := range answers {
		y := row()
		p.write(a.who, smallSize, vg.Point{X: left, Y: y}, fromLeft, muted)
		p.write(a.probability, smallSize, vg.Point{X: left + who + probability, Y: y}, fromRight, ink)
		x := who + probability + 1.4*mm
		p.write(p.fit(a.text, smallSize, room-x), smallSize, vg.Point{X: left + x, Y: y}, fromLeft, ink)
	}
	p.write("*r* = "+decimal(float64(in.Correlation), 3), smallSize, vg.Point{X: left, Y: row()}, fromLeft, ink)
	if n := in.special(in.exact); n > 0 {
		name := "class token"
		if n > 1 {
			name += "s"
		}
		s := fmt.Sprintf("%s: exact %s, circuit %s", name, percent(sum(in.exact[:n])), percent(sum(in.circuit[:n])))
		p.write(p.fit(s, smallSize, room), smallSize, vg.Point{X: left, Y: row()}, fromLeft, muted)
	}
}

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}
