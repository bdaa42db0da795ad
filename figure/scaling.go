package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// Scaling draws the error of calcium against the number of hidden neurons for
// each family of tuning curves: measured points joined by lines, and what the
// variance law predicts as a dashed line of the same colour with a name of its
// own. Families that are no estimators of exp(q.k), whose error does not vanish,
// have open markers. Every curve has its own numbers of neurons.
func Scaling(s transfer.Scaling) *Figure {
	height := 82 * mm
	names := len(s.Curves)
	for _, c := range s.Curves {
		if len(c.Law) > 0 {
			names++
		}
	}
	if more := names - 15; more > 0 { // the names need the room
		height += vg.Length(more) * lineHeight
	}
	return &Figure{
		width: oneColumn, height: height,
		description: fmt.Sprintf("Relative error of astrocyte calcium against the number of hidden neurons at layer %d, head %d, for %s of tuning curves, with the variance law dashed.",
			s.Layer, s.Head, map[bool]string{true: "1 family", false: counts.Format(len(s.Curves)) + " families"}[len(s.Curves) == 1]),
		draw: func(p *pen, area vg.Rectangle) { p.scaling(area, s) },
	}
}

// points pairs neurons with errors. Errors that are not defined are NaN.
func points(neurons []int, errors []transfer.Number) (m, e []float64) {
	for i := range min(len(neurons), len(errors)) {
		m = append(m, float64(neurons[i]))
		e = append(e, float64(errors[i]))
	}
	return m, e
}

const wantedError = transfer.BudgetError // the guide

func (p *pen) scaling(area vg.Rectangle, s transfer.Scaling) {
	a := panel{xLabel: "hidden neurons, *m*", yLabel: "relative error of calcium"}
	a.x, a.y = scales(s.Curves)
	row := rows(area)
	left := area.Min.X + p.left(a.y, area.Size().Y-bottomMargin-2*lineHeight)
	title := fmt.Sprintf("layer %d, head %d, %s, %s", s.Layer, s.Head, counts.Plural(s.Tokens, "token"), counts.Plural(s.Draws, "draw"))
	p.write(title, smallSize, vg.Point{X: left, Y: row()}, fromLeft, muted)
	p.key(vg.Point{X: left, Y: row()})
	top := 2 * lineHeight
	var names vg.Length
	for _, c := range s.Curves {
		names = max(names, p.width(literal(c.Name), smallSize))
		if len(c.Law) > 0 {
			names = max(names, p.width(lawName(c), smallSize))
		}
		if note := beyond(c, a.y.hi); note != "" {
			p.write(note, smallSize, vg.Point{X: left, Y: row()}, fromLeft, muted)
			top += lineHeight
		}
	}
	a.box = inset(area, left-area.Min.X, names+sampleWidth+leaderWidth+textGap+1*mm, bottomMargin, top+2.2*mm)
	if y := a.atY(wantedError); y >= a.box.Min.Y && y <= a.box.Max.Y {
		p.segments(line{color: faint, width: thinWidth}, vg.Point{X: a.box.Min.X, Y: y}, vg.Point{X: a.box.Max.X, Y: y})
		p.write("10%", smallSize, vg.Point{X: a.box.Min.X + 0.8*mm, Y: y + 0.6*mm}, fromLeft, muted)
	}
	for i, c := range s.Curves {
		k := lookOf(c.Name, i)
		m, e := points(c.Neurons, c.Law)
		p.within(a.box, line{color: k.color, width: curveWidth, dash: lawDash}, a.polyline(m, e)...)
	}
	for i, c := range s.Curves {
		k := lookOf(c.Name, i)
		m, e := points(c.Neurons, c.Error)
		at := a.polyline(m, e)
		p.within(a.box, line{color: k.color, width: curveWidth}, at...)
		for _, at := range at {
			p.mark(k.marker, at, markerSize, k.color, filled(c))
		}
	}
	p.axes(a)
	p.names(a, s.Curves)
	if len(s.Curves) == 0 {
		p.writeMiddle("not measured", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
}

// filled reports whether a curve's markers are: it is an estimator, or fitted and
// thus measured as it is.
func filled(c transfer.Curve) bool { return c.Estimator || c.Name == fittedName }

// Names of fitted curves in results.
const fittedName, sharedName = "fitted", transfer.FittedShared

const (
	sampleWidth = 4.2 * mm // of a line in front of its name
	leaderWidth = 4 * mm   // from the end of a curve to its name
)

var lawDash = []vg.Length{2.6, 1.6}

// key explains lines and markers, apart from what colours say.
func (p *pen) key(at vg.Point) {
	middle := at.Y + smallSize*capHeight/2
	next := func(sample func(x vg.Length) vg.Length, name string) {
		at.X = sample(at.X) + textGap
		p.write(name, smallSize, at, fromLeft, ink)
		at.X += p.width(name, smallSize) + 2.6*mm
	}
	next(func(x vg.Length) vg.Length {
		end := x + 1.3*sampleWidth
		p.segments(line{color: muted, width: curveWidth, dash: lawDash}, vg.Point{X: x, Y: middle}, vg.Point{X: end, Y: middle})
		return end
	}, "variance law")
	for _, estimator := range []bool{true, false} {
		name := "estimator"
		if !estimator {
			name = "no estimator"
		}
		next(func(x vg.Length) vg.Length {
			p.mark(circle, vg.Point{X: x + markerSize, Y: middle}, markerSize, muted, estimator)
			return x + 2*markerSize
		}, name)
	}
}

// scales fits the axes to what was measured and to the guide. A law may add a
// factor of 3 at the bottom and at the top. One that lies higher, but within
// lawReach of what was measured, shows its last part, the least errors up to
// three times as large; one above that is not shown.
func scales(curves []transfer.Curve) (x, y scale) {
	var ms []float64
	errors := []float64{wantedError}
	for _, c := range curves {
		m, e := points(c.Neurons, c.Error)
		ms, errors = append(ms, m...), append(errors, e...)
	}
	lo, hi := extent(errors, func(x float64) bool { return x > 0 })
	bottom, top := lo/3, hi*3
	reach := hi * lawReach
	for _, c := range curves {
		_, law := points(c.Neurons, c.Law)
		least, most := extent(law, func(x float64) bool { return x > 0 })
		if least > reach { // or nothing
			continue
		}
		lo, hi = min(lo, max(least, bottom)), max(hi, min(most, max(top, 3*least)))
	}
	return ratios(ms...), ratios(lo, hi)
}

const lawReach = 100

// beyond says where a law is that lies above the panel, if it does.
func beyond(c transfer.Curve, top float64) string {
	m, e := points(c.Neurons, c.Law)
	if len(e) == 0 || !(slices.Min(e) > top) {
		return ""
	}
	last := len(e) - 1
	power := decimal(math.Round(math.Log10(e[last])), 0)
	return fmt.Sprintf("variance law of %s: above, 10^{%s} at *m* = %s", literal(c.Name), power, counts.Format(int(m[last])))
}

// polyline returns the points that have a place.
func (a panel) polyline(xs, ys []float64) []vg.Point {
	var out []vg.Point
	for i := range xs {
		if at := a.at(xs[i], ys[i]); finite(at) {
			out = append(out, at)
		}
	}
	return out
}

func lawName(c transfer.Curve) string { return "law, " + literal(c.Name) }

// names writes the name of each curve and of each law to the right of its end,
// as near to it as the other names allow.
func (p *pen) names(a panel, curves []transfer.Curve) {
	type entry struct {
		name    string
		look    look
		law     bool
		filled  bool
		end     vg.Point
		leaving vg.Length // how far from its end the leader begins
	}
	var entries []entry
	for i, c := range curves {
		k := lookOf(c.Name, i)
		m, e := points(c.Neurons, c.Error)
		at := a.polyline(m, e)
		if len(at) == 0 { // never finite: named at the foot
			at = []vg.Point{a.box.Min}
		}
		entries = append(entries, entry{name: literal(c.Name), look: k, filled: filled(c), end: at[len(at)-1], leaving: 1.6 * markerSize})
		if end, ok := a.lastInside(a.polyline(points(c.Neurons, c.Law))); ok {
			entries = append(entries, entry{name: lawName(c), look: k, law: true, end: end})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.end.Y, b.end.Y) })
	wanted := make([]float64, len(entries))
	for i, e := range entries {
		wanted[i] = float64(e.end.Y)
	}
	spread(wanted, float64(lineHeight*0.95), float64(a.box.Min.Y), float64(a.box.Max.Y))
	for i, e := range entries {
		y := vg.Length(wanted[i])
		x := a.box.Max.X + leaderWidth
		p.segments(line{color: faint, width: thinWidth},
			vg.Point{X: e.end.X + e.leaving, Y: e.end.Y},
			vg.Point{X: a.box.Max.X, Y: e.end.Y}, vg.Point{X: x - 0.5*mm, Y: y}, vg.Point{X: x, Y: y})
		sample := line{color: e.look.color, width: curveWidth}
		if e.law {
			sample.dash = lawDash
		}
		p.segments(sample, vg.Point{X: x, Y: y}, vg.Point{X: x + sampleWidth, Y: y})
		if !e.law {
			p.mark(e.look.marker, vg.Point{X: x + sampleWidth/2, Y: y}, markerSize, e.look.color, e.filled)
		}
		p.writeMiddle(e.name, smallSize, vg.Point{X: x + sampleWidth + textGap, Y: y}, fromLeft, ink)
	}
}

// lastInside returns where a polyline is seen last in the panel.
func (a panel) lastInside(points []vg.Point) (end vg.Point, ok bool) {
	for i := len(points) - 1; i > 0; i-- {
		if _, to, ok := clip(a.box, points[i-1], points[i]); ok {
			return to, true
		}
	}
	return end, false
}

// spread moves sorted positions apart to at least gap, within [lo, hi] where
// there is room, and otherwise as little as it can: groups that touch are
// centred on the mean of what they wanted.
func spread(at []float64, gap, lo, hi float64) {
	type group struct {
		first, n int
		sum      float64 // of wanted positions, each less its offset in the group
	}
	start := func(g group) float64 {
		s := g.sum / float64(g.n)
		return max(min(s, hi-gap*float64(g.n-1)), lo)
	}
	var groups []group
	for i, x := range at {
		g := group{i, 1, x}
		for len(groups) > 0 {
			last := groups[len(groups)-1]
			if start(last)+gap*float64(last.n) <= start(g) {
				break
			}
			g = group{last.first, last.n + g.n, last.sum + g.sum - gap*float64(last.n)*float64(g.n)}
			groups = groups[:len(groups)-1]
		}
		groups = append(groups, g)
	}
	for _, g := range groups {
		for i := range g.n {
			at[g.first+i] = start(g) + gap*float64(i)
		}
	}
}
