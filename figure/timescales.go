package figure

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// Timescales draws how a network with heads in time answers against the seconds
// that a token is presented, one line for each time constant of calcium: the cosine
// of the last hidden states, the share of answers that are the same, and the largest
// difference of a logit from the algebraic level. What a whole text takes is above.
func Timescales(t transfer.Timescales) *Figure {
	panels := timescalePanels(t)
	width := oneColumn
	if len(panels) > 1 {
		width = twoColumns
	}
	return &Figure{
		width: width, height: 70 * mm,
		description: fmt.Sprintf("Cosine of the last hidden states%s against the seconds that a token is presented, for %s of calcium; above, what a text takes.",
			map[bool]string{true: ", share of answers that are those of exact attention, and largest difference of a logit from the algebraic level,"}[len(panels) > 1], counts.Plural(len(t.Curves), "time constant")),
		draw: func(p *pen, area vg.Rectangle) { p.timescales(area, t, panels) },
	}
}

// timescalePanel is one measure.
type timescalePanel struct {
	name        string
	logarithmic bool
	of          func(transfer.TimescaleCurve) []transfer.Number
	floor, goal float64 // of uniform attention and of the algebraic level, NaN for none
}

func timescalePanels(t transfer.Timescales) []timescalePanel {
	out := []timescalePanel{{"cosine of the last hidden states", false,
		func(c transfer.TimescaleCurve) []transfer.Number { return c.Hidden }, float64(t.HiddenUniform), float64(t.HiddenAlgebraic)}}
	if t.Answers > 0 {
		out = append(out,
			timescalePanel{"answers as by exact attention", false,
				func(c transfer.TimescaleCurve) []transfer.Number { return c.Agreement }, float64(t.AgreementUniform), float64(t.AgreementAlgebraic)},
			timescalePanel{"largest logit difference from algebraic", true,
				func(c transfer.TimescaleCurve) []transfer.Number { return c.Logits }, math.NaN(), math.NaN()})
	}
	return out
}

// timescaleColors are those of time constants, in their order.
var timescaleColors = []color.NRGBA{vermillion, blue, green, purple}

func (p *pen) timescales(area vg.Rectangle, t transfer.Timescales, panels []timescalePanel) {
	row := rows(area)
	at := vg.Point{X: area.Min.X + leftMargin, Y: row()}
	sample := func(name string, l line, m marker, marked bool) {
		middle := vg.Point{X: at.X, Y: at.Y + smallSize*capHeight/2}
		p.segments(l, middle, middle.Add(vg.Point{X: sampleWidth}))
		if marked {
			p.mark(m, middle.Add(vg.Point{X: sampleWidth / 2}), markerSize, l.color, true)
		}
		at.X += sampleWidth + textGap
		p.write(name, smallSize, at, fromLeft, ink)
		at.X += p.width(name, smallSize) + 3*mm
	}
	for i, c := range t.Curves {
		sample("calcium of "+literal(c.Astrocyte)+" s", line{color: timescaleColors[i%len(timescaleColors)], width: curveWidth}, marker(i), true)
	}
	if len(panels) == 1 && len(t.Curves) > 1 {
		at = vg.Point{X: area.Min.X + leftMargin, Y: row()}
	}
	sample("algebraic level", line{color: ink, width: thinWidth}, 0, false)
	sample("uniform attention", line{color: gray, width: curveWidth, dash: lawDash}, 0, false)
	area.Max.Y = at.Y - 1*mm
	width := area.Size().X / vg.Length(len(panels))
	for i, x := range panels {
		part := area
		part.Min.X += vg.Length(i) * width
		part.Max.X = part.Min.X + width
		p.timescalePanel(part, t, x)
	}
}

// aboveMargin holds the ticks of what a text takes, their labels and the axis label.
const aboveMargin = 8.6 * mm

func (p *pen) timescalePanel(area vg.Rectangle, t transfer.Timescales, x timescalePanel) {
	var times []float64
	var values []float64
	for _, y := range []float64{x.floor, x.goal} {
		if !math.IsNaN(y) {
			values = append(values, y)
		}
	}
	perText := math.NaN()
	for _, c := range t.Curves {
		times = append(times, floats(c.Present)...)
		values = append(values, floats(x.of(c))...)
		if len(c.Present) > 0 {
			perText = float64(c.Seconds[0] / c.Present[0])
		}
	}
	a := panel{xLabel: "presentation of a token, s", yLabel: x.name, x: ratios(times...)}
	if x.logarithmic {
		a.y = ratios(values...)
	} else {
		a.y = linear(append(values, 1)...)
	}
	a.box = inset(area, p.left(a.y, area.Size().Y-bottomMargin-aboveMargin), 4*mm, bottomMargin, aboveMargin)
	across := func(y float64, l line) {
		if at := a.atY(y); finite(vg.Point{Y: at}) {
			p.segments(l, vg.Point{X: a.box.Min.X, Y: at}, vg.Point{X: a.box.Max.X, Y: at})
		}
	}
	across(x.goal, line{color: ink, width: thinWidth})
	across(x.floor, line{color: gray, width: curveWidth, dash: lawDash})
	for i, c := range t.Curves {
		k := timescaleColors[i%len(timescaleColors)]
		at := a.polyline(floats(c.Present), floats(x.of(c)))
		p.within(a.box, line{color: k, width: curveWidth}, at...)
		for _, at := range at {
			p.mark(marker(i), at, markerSize, k, true)
		}
	}
	p.axes(a)
	p.above(a, perText, "circuit time of a text")
	if len(t.Curves) == 0 {
		p.writeMiddle("no head is in time", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
}

// spans of time that a reader knows, s.
var spans = []tick{{1, "1 s"}, {10, "10 s"}, {60, "1 min"}, {600, "10 min"}, {3600, "1 h"}, {10 * 3600, "10 h"}, {100 * 3600, "100 h"}}

// above draws an axis above a panel for what its seconds come to, as many times
// longer.
func (p *pen) above(a panel, times float64, label string) {
	top := a.box.Max.Y
	p.segments(line{color: ink, width: axisWidth}, vg.Point{X: a.box.Min.X, Y: top}, vg.Point{X: a.box.Max.X, Y: top})
	end := vg.Length(math.Inf(-1))
	for _, s := range spans {
		x := a.atX(s.at / times)
		if !finite(vg.Point{X: x}) || x < a.box.Min.X || x > a.box.Max.X {
			continue
		}
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: x, Y: top}, vg.Point{X: x, Y: top + tickLength})
		if half := p.width(s.label, smallSize) / 2; x-half > end {
			p.write(s.label, smallSize, vg.Point{X: x, Y: top + tickLength + textGap}, centred, ink)
			end = x + half + 1.4*mm
		}
	}
	p.write(label, labelSize, vg.Point{X: (a.box.Min.X + a.box.Max.X) / 2, Y: top + tickLength + 2*textGap + smallSize*capHeight + 0.5*mm}, centred, ink)
}
