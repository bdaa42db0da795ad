package figure

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// Fidelity draws what whole networks keep of the exact one against the neurons of
// a head, for each kind of curves: the cosine of the last hidden states and, where
// the model answers, the share of answers that are the same. A faint line leads
// from the fitted network to where the others reach it; the dashed one is the
// floor, uniform attention.
func Fidelity(f transfer.Fidelity) *Figure {
	width := oneColumn
	if answered(f) {
		width = twoColumns
	}
	return &Figure{
		width: width, height: 68 * mm,
		description: fmt.Sprintf("Cosine of the last hidden states%s against the mean number of hidden neurons a head, for %s, with uniform attention as the floor.",
			map[bool]string{true: ", and share of answers that are those of exact attention,"}[answered(f)], counts.Plural(len(f.Curves), "kind")+" of tuning curves"),
		draw: func(p *pen, area vg.Rectangle) { p.fidelity(area, f) },
	}
}

func answered(f transfer.Fidelity) bool { return f.Answers > 0 }

func (p *pen) fidelity(area vg.Rectangle, f transfer.Fidelity) {
	row := rows(area)
	area.Max.Y = p.fidelityKey(vg.Point{X: area.Min.X + leftMargin, Y: row()}, area.Max.X, row, f) - 2.5*mm
	left := area
	if answered(f) {
		left.Max.X = (area.Min.X + area.Max.X) / 2
		right := area
		right.Min.X = left.Max.X
		p.fidelityPanel(right, f, "answers as by exact attention", f.AgreementUniform, func(c transfer.FidelityCurve) []transfer.Number { return c.Agreement })
	}
	p.fidelityPanel(left, f, "cosine of the last hidden states", f.HiddenUniform, func(c transfer.FidelityCurve) []transfer.Number { return c.Hidden })
}

// fidelityPanel draws one measure.
func (p *pen) fidelityPanel(area vg.Rectangle, f transfer.Fidelity, name string, floor transfer.Number, of func(transfer.FidelityCurve) []transfer.Number) {
	var ms []float64
	values := []float64{float64(floor), 1}
	for _, c := range f.Curves {
		for _, n := range c.Neurons {
			ms = append(ms, float64(n))
		}
		for _, x := range of(c) {
			values = append(values, float64(x))
		}
	}
	a := panel{xLabel: "hidden neurons a head, mean", yLabel: name, x: ratios(ms...), y: linear(values...)}
	a.box = inset(area, p.left(a.y, area.Size().Y-bottomMargin), 4*mm, bottomMargin, 1*mm)
	across := func(y float64, l line) {
		if at := a.atY(y); finite(vg.Point{Y: at}) {
			p.segments(l, vg.Point{X: a.box.Min.X, Y: at}, vg.Point{X: a.box.Max.X, Y: at})
		}
	}
	across(1, line{color: faint, width: thinWidth})
	across(float64(floor), line{color: gray, width: curveWidth, dash: lawDash})
	for i, c := range f.Curves {
		k := lookOf(c.Name, i)
		at := a.polyline(floats(c.Neurons), floats(of(c)))
		if c.Draw == "" {
			for _, at := range at {
				p.segments(line{color: faded(k.color, 0.45), width: thinWidth}, at, vg.Point{X: a.box.Max.X, Y: at.Y})
			}
		}
		p.within(a.box, line{color: k.color, width: curveWidth}, at...)
		for _, at := range at {
			p.mark(k.marker, at, markerSize, k.color, true)
		}
	}
	p.axes(a)
	if len(f.Curves) == 0 {
		p.writeMiddle("no head was replaced", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
}

// fidelityKey names the curves in one line, or in two where they need them, and
// returns the last one's height.
func (p *pen) fidelityKey(at vg.Point, end vg.Length, row func() vg.Length, f transfer.Fidelity) vg.Length {
	start := at.X
	next := func(name string, sample func(at vg.Point)) {
		if width := sampleWidth + textGap + p.width(name, smallSize); at.X > start && at.X+width > end {
			at = vg.Point{X: start, Y: row()}
		}
		sample(vg.Point{X: at.X, Y: at.Y + smallSize*capHeight/2})
		at.X += sampleWidth + textGap
		p.write(name, smallSize, at, fromLeft, ink)
		at.X += p.width(name, smallSize) + 3*mm
	}
	for i, c := range f.Curves {
		k := lookOf(c.Name, i)
		name := literal(c.Name)
		if c.Draw != "" {
			name += ", " + literal(c.Draw) + " draw"
		}
		next(name, func(at vg.Point) {
			p.segments(line{color: k.color, width: curveWidth}, at, at.Add(vg.Point{X: sampleWidth}))
			p.mark(k.marker, at.Add(vg.Point{X: sampleWidth / 2}), markerSize, k.color, true)
		})
	}
	next("uniform attention", func(at vg.Point) {
		p.segments(line{color: gray, width: curveWidth, dash: lawDash}, at, at.Add(vg.Point{X: sampleWidth}))
	})
	return at.Y
}

// floats are numbers as axes take them.
func floats(x []transfer.Number) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
