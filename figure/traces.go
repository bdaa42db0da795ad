package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/rate"
)

// Traces draws calcium, output rates, hidden rates, gains and the norm of the
// Hebbian weights over time, one panel each. Behind them the phases are shaded:
// writing, with the windows in which synapses are plastic, and reading. Of many
// neurons those that move most are drawn, and the panel says how many there are.
func Traces(t *rate.Trace) *Figure {
	return &Figure{
		width: twoColumns, height: 128 * mm,
		description: fmt.Sprintf("Astrocyte calcium in %s, rates of %s and %s, gains and the norm of the Hebbian weights over %s s, in which %s are written and read%s.",
			counts.Plural(t.Domains, "domain"), counts.Plural(t.Outputs, "output neuron"), counts.Plural(t.Neurons, "hidden neuron"),
			decimal(duration(t), 1), counts.Plural(t.Tokens, "token"), map[bool]string{true: " in turn", false: ", first all written, then all read"}[t.Causal]),
		draw: func(p *pen, area vg.Rectangle) { p.traces(area, t) },
	}
}

// duration is the time of all presentations.
func duration(t *rate.Trace) float64 { return 2 * float64(t.Tokens) * t.Present }

const (
	mostLines     = 8    // of a panel
	mostOfLine    = 3000 // points
	mostBorders   = 60   // presentations that are told apart by lines
	mostWindows   = 400  // presentations whose plasticity windows are shaded
	betweenPanels = 4.2 * mm
)

// linesOf are the colours of a panel's lines, in turn.
var linesOf = [mostLines]color.NRGBA{blue, vermillion, green, purple, orange, sky, ink, gray}

var (
	writingShade = faded(sky, 0.16)
	plasticShade = faded(sky, 0.34)
	readingShade = faded(orange, 0.20)
)

// variable is what one panel shows.
type variable struct {
	label, noun string
	values      []float64 // [S, n]
	n           int
}

func (p *pen) traces(area vg.Rectangle, t *rate.Trace) {
	all := []variable{
		{"calcium, *c*", "domain", t.Calcium, t.Domains},
		{"output, *l*", "neuron", t.Output, t.Outputs},
		{"hidden, *h*", "neuron", t.Hidden, t.Neurons},
		{"gains, *g*", "neuron", t.Gain, t.Neurons},
		{"norm of *H*", "", t.HebbNorm, 1},
	}
	top := area.Max.Y - lineHeight - 1.2*mm
	bottom := area.Min.Y + bottomMargin
	height := (top-bottom+betweenPanels)/vg.Length(len(all)) - betweenPanels
	panels := make([]panel, len(all))
	time := scale{lo: 0, hi: duration(t)}
	if time.hi == 0 { // nothing to show
		time.hi = 1
	}
	left := vg.Length(0)
	right := max(rightMargin, p.widest(p.ticks(time, area.Size().X, false))/2+0.3*mm)
	for i, v := range all {
		panels[i].y = p.upright(v, height)
		left = max(left, p.left(panels[i].y, height))
	}
	for i, v := range all {
		a := &panels[i]
		y := top - vg.Length(i)*(height+betweenPanels)
		a.box = vg.Rectangle{Min: vg.Point{X: area.Min.X + left, Y: y - height}, Max: vg.Point{X: area.Max.X - right, Y: y}}
		a.x = time
		a.xLabel, a.yLabel = "time, s", v.label
		p.shade(*a, t)
		shown := v.moving()
		for j, n := range shown {
			p.trace(*a, t.Time, v, n, linesOf[j])
		}
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: a.box.Min.X, Y: a.box.Max.Y}, a.box.Min, vg.Point{X: a.box.Max.X, Y: a.box.Min.Y})
		p.ticksLeft(*a)
		if v.n > 1 {
			note := counts.Plural(v.n, v.noun)
			if len(shown) < v.n {
				note = fmt.Sprintf("%d of %s", len(shown), note)
			}
			p.write(note, smallSize, vg.Point{X: a.box.Max.X, Y: a.box.Max.Y + 0.7*mm}, fromRight, muted)
		}
	}
	if len(t.Time) == 0 {
		a := panels[0]
		p.writeMiddle("no samples", labelSize, a.box.Min.Add(a.box.Max).Scale(0.5), centred, muted)
	}
	p.ticksBelow(panels[len(panels)-1])
	p.phases(vg.Point{X: panels[0].box.Min.X, Y: area.Max.Y - lineHeight + 0.6*mm}, t)
}

// upright returns the scale of a variable, with zero where nothing is below it, and
// with two ticks at least.
func (p *pen) upright(v variable, height vg.Length) scale {
	s := linear(v.values...)
	if lo, _ := extent(v.values, func(float64) bool { return true }); lo >= 0 && !math.IsInf(lo, 0) {
		s.lo = 0
	}
	power := math.Pow(10, math.Floor(math.Log10(s.hi-s.lo)))
	lo, hi := s.lo, s.hi
	for _, f := range []float64{1, 2, 5, 10} {
		if labels(p.ticks(s, height, true)) >= 2 {
			break
		}
		s.lo, s.hi = math.Floor(lo/(f*power))*f*power, math.Ceil(hi/(f*power))*f*power
	}
	return s
}

// shade marks the phases behind a panel.
func (p *pen) shade(a panel, t *rate.Trace) {
	n := 2 * t.Tokens
	band := func(from, to float64, c color.NRGBA) {
		box := a.box
		box.Min.X, box.Max.X = a.atX(from), a.atX(to)
		p.fill(rectangle(box), c)
	}
	for i := 0; i < n; {
		first := i
		for i < n && t.Reads(i) == t.Reads(first) {
			i++
		}
		c := writingShade
		if t.Reads(first) {
			c = readingShade
		}
		band(float64(first)*t.Present, float64(i)*t.Present, c)
	}
	for i := range n {
		begin := float64(i) * t.Present
		if !t.Reads(i) && n <= mostWindows {
			band(begin+t.Present*(1-t.Window), begin+t.Present, plasticShade)
		}
		if i > 0 && n <= mostBorders {
			x := a.atX(begin)
			p.segments(line{color: faint, width: 0.25}, vg.Point{X: x, Y: a.box.Min.Y}, vg.Point{X: x, Y: a.box.Max.Y})
		}
	}
}

// moving returns the columns that span most, in their order.
func (v variable) moving() []int {
	columns := make([]int, v.n)
	span := make([]float64, v.n)
	for j := range columns {
		columns[j] = j
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := j; i < len(v.values); i += v.n {
			if x := v.values[i]; !math.IsNaN(x) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
		span[j] = hi - lo
	}
	slices.SortStableFunc(columns, func(a, b int) int { return cmp.Compare(span[b], span[a]) })
	columns = columns[:min(len(columns), mostLines)]
	slices.Sort(columns)
	return columns
}

// trace draws a column over time, with a gap where it has no value.
func (p *pen) trace(a panel, time []float64, v variable, column int, c color.NRGBA) {
	var part []vg.Point
	flush := func() {
		p.within(a.box, line{color: c, width: 0.7}, part...)
		part = nil
	}
	every := (len(time)-1)/mostOfLine + 1
	for i := 0; i < len(time); i += every {
		at := a.at(time[i], v.values[i*v.n+column])
		if !finite(at) {
			flush()
			continue
		}
		part = append(part, at)
	}
	flush()
}

// phases explains the shades.
func (p *pen) phases(at vg.Point, t *rate.Trace) {
	swatch := func(name string, shades ...color.NRGBA) {
		box := vg.Rectangle{Min: at, Max: at.Add(vg.Point{X: sampleWidth, Y: smallSize * capHeight})}
		for _, c := range shades {
			p.fill(rectangle(box), c)
		}
		p.write(name, smallSize, vg.Point{X: box.Max.X + textGap, Y: at.Y}, fromLeft, ink)
		at.X = box.Max.X + textGap + p.width(name, smallSize) + 3*mm
	}
	if t.Window < 1 || 2*t.Tokens > mostWindows {
		swatch("writing", writingShade)
	}
	if 2*t.Tokens <= mostWindows {
		swatch("writing, synapses plastic", writingShade, plasticShade)
	}
	swatch("reading", readingShade)
}
