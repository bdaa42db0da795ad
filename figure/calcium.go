package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/transfer"
)

// mostPoints is how many tokens are drawn; of more, every n-th is. Statistics
// are always of all tokens.
const mostPoints = 5000

// Calcium draws astrocyte calcium (times the query's factor) against the softmax
// normalizer of one head, token by token in natural logarithms, with the null
// predictor log N + q.mean(k) beside it. Tokens whose calcium is not positive
// have no logarithm; they are counted and marked at the foot of the figure.
func Calcium(head transfer.Chosen) *Figure {
	all := compare(head.Points, calciumOf)
	return &Figure{
		width: oneColumn, height: 82 * mm,
		description: fmt.Sprintf("Logarithm of astrocyte calcium against logarithm of the softmax normalizer for %s at layer %d, head %d: correlation %s, median error %s.",
			plural(len(head.Points), "token"), head.Layer, head.Head, decimal(all.r, 3), decimal(all.err, 3)),
		draw: func(p *pen, area vg.Rectangle) { p.calcium(area, head) },
	}
}

// comparison of a logarithm with log Z over the tokens where both are finite.
type comparison struct {
	r, err  float64 // Pearson correlation; median |error|
	missing int
}

func compare(points []transfer.Point, of func(transfer.Point) transfer.Number) comparison {
	var x, y, e []float64
	for _, p := range points {
		z, c := float64(p.LogNormalizer), float64(of(p))
		if d := c - z; !math.IsNaN(d) && !math.IsInf(d, 0) {
			x, y, e = append(x, z), append(y, c), append(e, math.Abs(d))
		}
	}
	c := comparison{r: math.NaN(), err: math.NaN(), missing: len(points) - len(x)}
	if len(x) > 0 {
		c.err = median(e)
	}
	if len(x) > 1 {
		c.r = stat.Correlation(x, y, nil)
	}
	return c
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

func calciumOf(t transfer.Point) transfer.Number { return t.LogCorrected }

func nullOf(t transfer.Point) transfer.Number { return t.LogNull }

func (p *pen) calcium(area vg.Rectangle, head transfer.Chosen) {
	var xs, ys []float64
	for _, t := range head.Points {
		xs = append(xs, float64(t.LogNormalizer))
		ys = append(ys, float64(t.LogCorrected), float64(t.LogNull))
	}
	a := panel{
		box:    inset(area, 0, rightMargin, bottomMargin, 4*lineHeight+1.2*mm),
		x:      linear(xs...),
		y:      linear(append(ys, xs...)...),
		xLabel: "softmax normalizer, ln *Z*",
		yLabel: "astrocyte calcium, ln (*f c*)",
	}
	a.box.Min.X += p.left(a.y, a.box.Size().Y)

	every := (len(head.Points)-1)/mostPoints + 1
	p.statistics(vg.Rectangle{Min: a.box.Min, Max: area.Max}, head, every)
	p.within(a.box, line{color: faint, width: thinWidth}, a.at(a.x.lo, a.x.lo), a.at(a.x.hi, a.x.hi))
	for i := 0; i < len(head.Points); i += every {
		p.token(a, head.Points[i], nullOf, diamond, gray)
	}
	for i := 0; i < len(head.Points); i += every {
		p.token(a, head.Points[i], calciumOf, circle, blue)
		p.missing(a, head.Points[i])
	}
	p.axes(a)
	if len(head.Points) == 0 {
		p.writeMiddle("no tokens", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
}

// statistics writes what is shown, with correlations and errors in columns, at
// the top of area.
func (p *pen) statistics(area vg.Rectangle, head transfer.Chosen, every int) {
	calcium, null := compare(head.Points, calciumOf), compare(head.Points, nullOf)
	row := rows(area)
	var y vg.Length
	write := func(column int, s string, c color.NRGBA) {
		x := area.Min.X + []vg.Length{0, 20 * mm, 28.5 * mm}[column]
		p.write(s, smallSize, vg.Point{X: x, Y: y}, fromLeft, c)
	}
	y = row()
	tokens := plural(len(head.Points), "token")
	if every > 1 {
		tokens = fmt.Sprintf("1 in %d of %s", every, tokens)
	}
	write(0, fmt.Sprintf("layer %d, head %d, %s", head.Layer, head.Head, tokens), muted)
	y = row()
	if calcium.missing > 0 {
		write(0, count(calcium.missing)+" with *c* ≤ 0", vermillion)
	}
	write(1, "*r*", muted)
	write(2, "median |error|", muted)
	for _, series := range []struct {
		name   string
		c      comparison
		marker marker
		color  color.NRGBA
	}{
		{"calcium", calcium, circle, blue},
		{"null predictor", null, diamond, gray},
	} {
		y = row()
		sample := vg.Point{X: area.Min.X + markerSize, Y: y + smallSize*capHeight/2}
		p.mark(series.marker, sample, markerSize, series.color, true)
		p.write(series.name, smallSize, vg.Point{X: sample.X + markerSize + textGap, Y: y}, fromLeft, ink)
		write(1, decimal(series.c.r, 3), ink)
		write(2, brief(series.c.err), ink)
	}
}

// token draws one token where its coordinates are finite.
func (p *pen) token(a panel, t transfer.Point, of func(transfer.Point) transfer.Number, m marker, c color.NRGBA) {
	p.mark(m, a.at(float64(t.LogNormalizer), float64(of(t))), pointSize, faded(c, 0.6), true)
}

// missing marks a token that has no log calcium at the foot of the panel.
func (p *pen) missing(a panel, t transfer.Point) {
	foot := a.at(float64(t.LogNormalizer), a.y.lo)
	if finite(a.at(a.x.lo, float64(t.LogCorrected))) || !finite(foot) {
		return
	}
	p.segments(line{color: vermillion, width: thinWidth}, foot, vg.Point{X: foot.X, Y: foot.Y + 1.8*mm})
}
