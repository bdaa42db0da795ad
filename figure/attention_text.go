package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/pieces"
)

const (
	tokenHeight = 4.2 * mm // of a token's background
	tokenPitch  = 4.8 * mm // from one line to the next
	tokenPad    = 0.65 * mm
	wordGap     = 0.9 * mm
	joinGap     = 0.18 * mm // between parts of a word
	textLeft    = 11 * mm   // names of the networks
	textTop     = 2*lineHeight + 2*mm
	mostTokens  = 240 // of one text
)

func textAttention(layer int, inputs []shown) *Figure {
	// Of long texts, a part is shown that fits the page.
	measure := newPen(nil)
	shownTokens, height := mostTokens, vg.Length(0)
	for ; ; shownTokens = shownTokens * 4 / 5 {
		height = bodyTop + textTop - between + bodyFoot
		for i := range inputs {
			height += measure.attendedText(vg.Point{}, &inputs[i], shownTokens, colormap{}, false) + between
		}
		if height <= tallest || shownTokens < 10 {
			break
		}
	}
	return &Figure{
		width: twoColumns, height: height,
		description: describe("behind the words", layer, inputs),
		draw: func(p *pen, area vg.Rectangle) {
			area = attentionBody(area)
			p.attentionKey(area, bothNetworks(layer, inputs, "dashed"))
			p.barHeading(area, "framed: where the answer is read")
			at := vg.Point{X: area.Min.X, Y: area.Max.Y - textTop}
			colors := newColormap()
			for i := range inputs {
				at.Y -= p.attendedText(at, &inputs[i], shownTokens, colors, true) + between
			}
		},
	}
}

// barHeading writes the second line at the top of area, and what the bar of
// colours at its right shows.
func (p *pen) barHeading(area vg.Rectangle, s string) {
	row := rows(area)
	row()
	y := row()
	p.write(s, smallSize, vg.Point{X: area.Min.X, Y: y}, fromLeft, muted)
	p.write("attention, %", smallSize, vg.Point{X: area.Max.X, Y: y}, fromRight, ink)
}

// attendedText draws one text with its top left corner at the point, or only
// measures it, and returns its height.
func (p *pen) attendedText(at vg.Point, in *shown, most int, colors colormap, draw bool) vg.Length {
	lo, hi := window(len(in.Tokens), in.Readout, most)
	top := at.Y
	at.Y -= p.sentence(at, p.textParts(in, lo, hi), draw) + 0.8*mm
	body := at.Y
	for i, of := range [][]float64{in.exact, in.circuit} {
		if draw {
			p.writeMiddle([]string{"exact", "circuit"}[i], smallSize, vg.Point{X: at.X, Y: at.Y - tokenHeight/2}, fromLeft, ink)
		}
		at.Y -= p.tokens(at, in, of, lo, hi, colors, draw) + 1.2*mm
	}
	foot := at.Y + 1.2*mm
	if draw {
		bar := vg.Rectangle{Min: vg.Point{X: at.X + bodyWidth - barRoom + barGap, Y: foot}}
		bar.Max = vg.Point{X: bar.Min.X + barWidth, Y: body}
		p.attentionBar(bar, in.scale, colors.legend(), len(in.Tokens))
	}
	return top - foot
}

// part is a piece of the line above a text.
type part struct{ muted, ink string } // marked-up

func (p *pen) textParts(in *shown, lo, hi int) []part {
	parts := []part{{ink: escape(in.title())}}
	for _, a := range in.answers() {
		parts = append(parts, part{a.who, literal(a.text) + map[bool]string{true: " " + a.probability}[a.probability != ""]})
	}
	parts = append(parts, part{ink: "*r* = " + decimal(float64(in.Correlation), 3)})
	if n := len(in.Tokens); hi-lo < n {
		rest := func(x []float64) string { return percent(sum(x[:lo]) + sum(x[hi:])) }
		parts = append(parts, part{muted: fmt.Sprintf("tokens %s to %s of %s; the others get %s exact, %s circuit",
			counts.Format(lo+1), counts.Format(hi), counts.Format(n), rest(in.exact), rest(in.circuit))})
	}
	return parts
}

// sentence writes parts in a row, wrapped to lines, and returns their height.
func (p *pen) sentence(at vg.Point, parts []part, draw bool) vg.Length {
	x, lines := at.X, 1
	next := rows(vg.Rectangle{Max: vg.Point{Y: at.Y}})
	y := next()
	for _, s := range parts {
		gap := vg.Length(0)
		if s.muted != "" && s.ink != "" {
			gap = textGap
		}
		first := p.width(s.muted, smallSize)
		if end := x + first + gap + p.width(s.ink, smallSize); x > at.X && end > at.X+bodyWidth {
			x, y = at.X, next()
			lines++
		}
		if draw {
			p.write(s.muted, smallSize, vg.Point{X: x, Y: y}, fromLeft, muted)
			p.write(s.ink, smallSize, vg.Point{X: x + first + gap, Y: y}, fromLeft, ink)
		}
		x += first + gap + p.width(s.ink, smallSize) + 4*mm
	}
	return vg.Length(lines) * lineHeight
}

// tokens draws tokens lo to hi with their attention behind them, wrapped to lines,
// and returns their height.
func (p *pen) tokens(at vg.Point, in *shown, attention []float64, lo, hi int, colors colormap, draw bool) vg.Length {
	left, right := at.X+textLeft, at.X+bodyWidth-barRoom
	x, y := left, at.Y
	var framed []vg.Rectangle
	for i, w := range pieces.Of(in.Tokens)[lo:hi] {
		text := p.fit(w.Text, labelSize, right-left-2*tokenPad)
		width := max(p.width(text, labelSize), 0.4*mm) + 2*tokenPad
		gap := wordGap
		if w.Joined {
			gap = joinGap
		}
		if x > left {
			x += gap
		}
		if x+width > right && x > left {
			x, y = left, y-tokenPitch
		}
		if draw {
			box := vg.Rectangle{Min: vg.Point{X: x, Y: y - tokenHeight}, Max: vg.Point{X: x + width, Y: y}}
			p.attendedToken(box, text, attention[lo+i], in.scale, colors)
			if slices.Contains(in.Readout, lo+i) {
				framed = append(framed, box)
			}
		}
		x += width
	}
	for _, box := range framed { // over their neighbours
		p.stroke(rectangle(inset(box, -ring/2, -ring/2, -ring/2, -ring/2)), line{color: paper, width: ring})
		p.stroke(rectangle(inset(box, -ring, -ring, -ring, -ring)), line{color: ink, width: frameWidth})
	}
	return at.Y - y + tokenHeight
}

// The frame of tokens that are read, with paper between, since it may be as dark
// as they are.
const (
	ring       = 0.35 * mm
	frameWidth = 0.9 // points
)

// attendedToken draws one token. What has no value has no colour, but a dashed outline.
func (p *pen) attendedToken(box vg.Rectangle, text string, attention float64, s shades, colors colormap) {
	letters := ink
	if math.IsNaN(attention) {
		p.stroke(rectangle(box), line{color: faint, width: thinWidth, dash: lawDash})
	} else {
		c := colors.at(attention / s.hi)
		p.fill(rectangle(box), c)
		letters = on(c)
	}
	middle := box.Min.Add(box.Max).Scale(0.5)
	p.writeMiddle(text, labelSize, middle, centred, letters)
}

// window returns which tokens to show where not all are: the first ones or, where
// the answer is read further on, those up to it.
func window(n int, readout []int, most int) (lo, hi int) {
	if n <= most {
		return 0, n
	}
	last := 0
	for _, t := range readout {
		last = min(max(last, t), n-1)
	}
	hi = max(last+1, most)
	return hi - most, hi
}
