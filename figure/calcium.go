package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/transfer"
)

// mostPoints is how many tokens are drawn; of more, every n-th is. Statistics
// are always of all tokens.
const mostPoints = 5000

// Calcium draws corrected calcium (astrocyte calcium c times f, the query's
// factor that a calibrated circuit leaves out) against the softmax normalizer of
// one head, token by token in natural logarithms, with the null predictor
// log N + q.mean(k) beside it. The correlation of raw calcium c is given too;
// without calibration f is 1, the two are the same and are called calcium.
// Tokens whose calcium is not positive have no logarithm; they are counted and
// marked at the foot of the figure.
func Calcium(head transfer.Chosen) *Figure {
	all := compare(head.Points, correctedOf)
	name, more := "astrocyte calcium", "."
	if calibrated(head.Points) {
		name = "corrected calcium, that is astrocyte calcium times a factor of the query,"
		more = fmt.Sprintf("; of raw calcium: correlation %s. Calibrated calcium is the normalizer only up to this factor, which cancels in the output.",
			decimal(compare(head.Points, rawOf).r, 3))
	}
	return &Figure{
		width: oneColumn, height: 85 * mm,
		description: fmt.Sprintf("Logarithm of %s against logarithm of the softmax normalizer for %s at layer %d, head %d: correlation %s, median error %s%s",
			name, counts.Plural(len(head.Points), "token"), head.Layer, head.Head, decimal(all.r, 3), decimal(all.err, 3), more),
		draw: func(p *pen, area vg.Rectangle) { p.calcium(area, head) },
	}
}

// calibrated reports whether a factor was left out of any token's calcium.
func calibrated(points []transfer.Point) bool {
	return slices.ContainsFunc(points, func(t transfer.Point) bool {
		return math.Abs(float64(t.LogCorrected-t.LogCalcium)) > 0 // not of NaN
	})
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
	return comparison{r: stats.Correlation(x, y), err: stats.Median(e), missing: len(points) - len(x)}
}

func correctedOf(t transfer.Point) transfer.Number { return t.LogCorrected }

func rawOf(t transfer.Point) transfer.Number { return t.LogCalcium }

func nullOf(t transfer.Point) transfer.Number { return t.LogNull }

func (p *pen) calcium(area vg.Rectangle, head transfer.Chosen) {
	var xs, ys []float64
	for _, t := range head.Points {
		xs = append(xs, float64(t.LogNormalizer))
		ys = append(ys, float64(t.LogCorrected), float64(t.LogNull))
	}
	shown := calciumSeries(head.Points)
	a := panel{
		box:    inset(area, 0, rightMargin, bottomMargin, vg.Length(2+len(shown))*lineHeight+1.2*mm),
		x:      linear(xs...),
		y:      linear(append(ys, xs...)...),
		xLabel: "softmax normalizer, ln *Z*",
		yLabel: "astrocyte calcium, ln *c*",
	}
	if calibrated(head.Points) {
		a.yLabel = "corrected calcium, ln (*c f*)"
	}
	a.box.Min.X += p.left(a.y, a.box.Size().Y)

	every := (len(head.Points)-1)/mostPoints + 1
	p.statistics(vg.Rectangle{Min: a.box.Min, Max: area.Max}, head, shown, every)
	p.within(a.box, line{color: faint, width: thinWidth}, a.at(a.x.lo, a.x.lo), a.at(a.x.hi, a.x.hi))
	for i := 0; i < len(head.Points); i += every {
		p.token(a, head.Points[i], nullOf, diamond, gray)
	}
	for i := 0; i < len(head.Points); i += every {
		p.token(a, head.Points[i], correctedOf, circle, blue)
		p.missing(a, head.Points[i])
	}
	p.axes(a)
	if len(head.Points) == 0 {
		p.writeMiddle("no tokens", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
}

// series is one row of the statistics. What has no points in the figure has no
// marker and no error, its correlation alone.
type series struct {
	name   string
	of     func(transfer.Point) transfer.Number
	drawn  bool
	marker marker
	color  color.NRGBA
}

func calciumSeries(points []transfer.Point) []series {
	null := series{"null predictor", nullOf, true, diamond, gray}
	if !calibrated(points) {
		return []series{{"calcium", correctedOf, true, circle, blue}, null}
	}
	return []series{{"corrected calcium", correctedOf, true, circle, blue}, {name: "raw calcium", of: rawOf}, null}
}

// statistics writes what is shown, with correlations and errors in columns, at
// the top of area.
func (p *pen) statistics(area vg.Rectangle, head transfer.Chosen, all []series, every int) {
	row := rows(area)
	var y, names vg.Length
	for _, s := range all {
		names = max(names, p.width(s.name, smallSize))
	}
	names += 2*markerSize + 3*textGap
	write := func(column int, s string, c color.NRGBA) {
		x := area.Min.X + []vg.Length{0, names, names + 8.5*mm}[column]
		p.write(s, smallSize, vg.Point{X: x, Y: y}, fromLeft, c)
	}
	y = row()
	tokens := counts.Plural(len(head.Points), "token")
	if every > 1 {
		tokens = fmt.Sprintf("1 in %d of %s", every, tokens)
	}
	write(0, fmt.Sprintf("layer %d, head %d, %s", head.Layer, head.Head, tokens), muted)
	y = row()
	if missing := compare(head.Points, correctedOf).missing; missing > 0 {
		write(0, counts.Format(missing)+" with *c* ≤ 0", vermillion)
	}
	write(1, "*r*", muted)
	heading := "median |error|"
	if names+8.5*mm+p.width(heading, smallSize) > area.Size().X {
		heading = "|error|"
	}
	write(2, heading, muted)
	for _, s := range all {
		y = row()
		sample := vg.Point{X: area.Min.X + markerSize, Y: y + smallSize*capHeight/2}
		p.write(s.name, smallSize, vg.Point{X: sample.X + markerSize + textGap, Y: y}, fromLeft, ink)
		c := compare(head.Points, s.of)
		write(1, decimal(c.r, 3), ink)
		if s.drawn {
			p.mark(s.marker, sample, markerSize, s.color, true)
			write(2, brief(c.err), ink)
		}
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
