package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
)

// scale maps data to [0, 1], in equal steps or in equal ratios.
type scale struct {
	lo, hi      float64
	logarithmic bool
}

func (s scale) position(x float64) float64 {
	if s.logarithmic {
		return (math.Log(x) - math.Log(s.lo)) / (math.Log(s.hi) - math.Log(s.lo))
	}
	return (x - s.lo) / (s.hi - s.lo)
}

// linear returns a scale that holds all finite values, with room at both ends.
func linear(values ...float64) scale {
	lo, hi := extent(values, func(float64) bool { return true })
	if lo > hi { // nothing to show
		return scale{lo: 0, hi: 1}
	}
	room := 0.04 * (hi - lo)
	if room == 0 {
		room = max(0.5, 0.04*math.Abs(lo))
	}
	return scale{lo: lo - room, hi: hi + room}
}

// ratios returns a logarithmic scale that holds all positive finite values,
// with room at both ends, and spans at least a factor of 8.
func ratios(values ...float64) scale {
	lo, hi := extent(values, func(x float64) bool { return x > 0 })
	if lo > hi {
		return scale{lo: 0.1, hi: 1, logarithmic: true}
	}
	lo, hi = math.Log(lo), math.Log(hi)
	room := max(0.05*(hi-lo)+0.05, (math.Log(8)-(hi-lo))/2)
	return scale{
		lo:          max(math.Exp(lo-room), 1e-307),
		hi:          min(math.Exp(hi+room), math.MaxFloat64),
		logarithmic: true,
	}
}

func extent(values []float64, keep func(float64) bool) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) && keep(x) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	return lo, hi
}

// tick is a mark on an axis; without a label it is a minor one.
type tick struct {
	at    float64
	label string
}

// linearTicks returns about n ticks at multiples of 1, 2 or 5 times a power of
// ten.
func (s scale) linearTicks(n int) []tick {
	step := math.Pow(10, math.Floor(math.Log10((s.hi-s.lo)/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if (s.hi-s.lo)/(f*step) <= float64(n) {
			step *= f
			break
		}
	}
	decimals := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	var ticks []tick
	for i := math.Ceil(s.lo/step - 1e-9); i*step <= s.hi+1e-9*step; i++ {
		label := decimal(i*step, decimals)
		if size := math.Abs(i * step); size >= 1e4 && size < 1e15 {
			label = counts.Format(int(math.Round(i * step)))
		}
		if decimals > mostDecimals || math.Abs(s.hi-s.lo) >= 1e15 {
			label = scientific(i*step, step)
		}
		ticks = append(ticks, tick{i * step, label})
		if len(ticks) > 4*n { // the step is lost in rounding
			break
		}
	}
	return ticks
}

// mostDecimals of labels that are not written with a power of ten.
const mostDecimals = 5

// scientific writes a multiple of step, which is 1, 2 or 5 times a power of ten, with
// a power of ten.
func scientific(x, step float64) string {
	if x == 0 {
		return "0"
	}
	e := math.Floor(math.Log10(math.Abs(x)) + 1e-9)
	digits := int(e - math.Floor(math.Log10(step)+1e-9))
	return decimal(x/math.Pow(10, e), max(digits, 0)) + "×10^{" + decimal(e, 0) + "}"
}

// logTicks returns ticks at 1 to 9 times powers of ten. labelled lists the
// digits that get a label; where there are more than n decades, only every
// second, third, ... of them does.
func (s scale) logTicks(n int, labelled ...int) []tick {
	first, last := int(math.Floor(math.Log10(s.lo))), int(math.Floor(math.Log10(s.hi)))
	every := (last-first)/n + 1
	plain := s.lo >= 0.9e-3 && s.hi <= 1.1e5
	var ticks []tick
	for e := first; e <= last; e++ {
		for digit := 1; digit <= 9; digit++ {
			x := float64(digit) * math.Pow(10, float64(e))
			if x < s.lo*(1-1e-9) || x > s.hi*(1+1e-9) || every > 1 && digit > 1 {
				continue
			}
			t := tick{at: x}
			if slices.Contains(labelled, digit) && e%every == 0 {
				t.label = powerLabel(digit, e, plain)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// powerLabel writes digit times ten to the e.
func powerLabel(digit, e int, plain bool) string {
	switch {
	case plain && e < 0:
		return decimal(float64(digit)*math.Pow(10, float64(e)), -e)
	case plain:
		return counts.Format(digit * int(math.Pow(10, float64(e))))
	}
	power := fmt.Sprintf("10^{%s}", decimal(float64(e), 0))
	if digit == 1 {
		return power
	}
	return fmt.Sprintf("%d×%s", digit, power)
}

// panel is a pair of axes: a line at the left, a line at the bottom.
type panel struct {
	box            vg.Rectangle // of the data
	x, y           scale
	xLabel, yLabel string
	// apart, if it has a label, is the tick left of a break in a logarithmic horizontal
	// axis: it stands for a value that such an axis does not have.
	apart tick
}

// breakAt is where the axis is broken, as a multiple of the value that lies apart: more
// than halfway to the first ordinary one, which is ten times as large.
const breakAt = 4

// beyond reports whether x lies left of the break.
func (a panel) beyond(x float64) bool { return a.apart.label != "" && x < breakAt*a.apart.at }

func (a panel) at(x, y float64) vg.Point { return vg.Point{X: a.atX(x), Y: a.atY(y)} }

func (a panel) atX(x float64) vg.Length {
	return a.box.Min.X + a.box.Size().X*vg.Length(a.x.position(x))
}

func (a panel) atY(y float64) vg.Length {
	return a.box.Min.Y + a.box.Size().Y*vg.Length(a.y.position(y))
}

// Margins that hold ticks, their labels and the axis label.
const (
	leftMargin   = 11.5 * mm // at least
	bottomMargin = 8 * mm
	rightMargin  = 2.4 * mm // into which the last label may reach
)

// left is the margin that the labels of a vertical axis need.
func (p *pen) left(s scale, height vg.Length) vg.Length {
	return max(leftMargin, p.widest(p.ticks(s, height, true))+labelSize+tickLength+2.3*textGap)
}

func (p *pen) widest(ticks []tick) vg.Length {
	var w vg.Length
	for _, t := range ticks {
		w = max(w, p.width(t.label, smallSize))
	}
	return w
}

// axes draws the axes with their ticks and labels.
func (p *pen) axes(a panel) {
	l := line{color: ink, width: axisWidth}
	top, end := vg.Point{X: a.box.Min.X, Y: a.box.Max.Y}, vg.Point{X: a.box.Max.X, Y: a.box.Min.Y}
	if a.apart.label == "" {
		p.segments(l, top, a.box.Min, end)
	} else {
		const gap, slant = 0.4 * mm, 0.5 * mm
		at := vg.Point{X: a.atX(a.apart.at * breakAt), Y: a.box.Min.Y}
		p.segments(l, top, a.box.Min, at.Sub(vg.Point{X: gap}))
		p.segments(l, at.Add(vg.Point{X: gap}), end)
		for _, side := range []vg.Length{-gap, gap} {
			p.segments(l, at.Add(vg.Point{X: side - slant, Y: -2 * slant}), at.Add(vg.Point{X: side + slant, Y: 2 * slant}))
		}
	}
	p.ticksBelow(a)
	p.ticksLeft(a)
}

// ticksBelow draws the ticks and labels of the horizontal axis.
func (p *pen) ticksBelow(a panel) {
	ticks := p.ticks(a.x, a.box.Size().X, false)
	if a.apart.label != "" {
		ticks = append(slices.DeleteFunc(ticks, func(t tick) bool { return a.beyond(t.at) }), a.apart)
	}
	for _, t := range ticks {
		x, y := a.atX(t.at), a.box.Min.Y
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: x, Y: y}, vg.Point{X: x, Y: y - length(t)})
		if t.label != "" {
			p.write(t.label, smallSize, vg.Point{X: x, Y: y - tickLength - textGap - smallSize*capHeight}, centred, ink)
		}
	}
	low := vg.Point{X: (a.box.Min.X + a.box.Max.X) / 2, Y: a.box.Min.Y - bottomMargin + 0.7*mm}
	p.write(a.xLabel, labelSize, low, centred, ink)
}

// ticksLeft draws the ticks and labels of the vertical axis.
func (p *pen) ticksLeft(a panel) {
	upright := p.ticks(a.y, a.box.Size().Y, true)
	for _, t := range upright {
		x, y := a.box.Min.X, a.atY(t.at)
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: x, Y: y}, vg.Point{X: x - length(t), Y: y})
		if t.label != "" {
			p.writeMiddle(t.label, smallSize, vg.Point{X: x - tickLength - textGap*0.7, Y: y}, fromRight, ink)
		}
	}
	left := vg.Point{X: a.box.Min.X - tickLength - 2.3*textGap - p.widest(upright), Y: (a.box.Min.Y + a.box.Max.Y) / 2}
	p.text(p.runs(a.yLabel, labelSize, false), left, centred, true, ink)
}

func length(t tick) vg.Length {
	if t.label == "" {
		return tickLength * 0.6
	}
	return tickLength
}

// ticks returns as many labelled ticks as fit an axis of the given length.
func (p *pen) ticks(s scale, size vg.Length, upright bool) []tick {
	room := 9 * mm
	switch {
	case upright:
		room = 6 * mm
	case !s.logarithmic:
		room = 7 * mm
	}
	n := max(2, int(size/room+0.5))
	if !s.logarithmic {
		for ; n > 1; n-- {
			if t := s.linearTicks(n); p.apart(t, s, size, upright) {
				return t
			}
		}
		return s.linearTicks(1)
	}
	for _, digits := range [][]int{{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 5}, {1, 3}} {
		if t := s.logTicks(n, digits...); labels(t) <= n && p.apart(t, s, size, upright) {
			return t
		}
	}
	for ; n > 1; n-- {
		if t := s.logTicks(n, 1); p.apart(t, s, size, upright) {
			return t
		}
	}
	return s.logTicks(1, 1)
}

func labels(ticks []tick) int {
	n := 0
	for _, t := range ticks {
		if t.label != "" {
			n++
		}
	}
	return n
}

// apart reports whether the labels keep their distance.
func (p *pen) apart(ticks []tick, s scale, size vg.Length, upright bool) bool {
	end := vg.Length(math.Inf(-1))
	for _, t := range ticks {
		if t.label == "" {
			continue
		}
		half := p.width(t.label, smallSize) / 2
		if upright {
			half = smallSize * capHeight / 2
		}
		at := size * vg.Length(s.position(t.at))
		if at-half < end || at+half > size+rightMargin && !upright {
			return false
		}
		end = at + half + 1.4*mm
	}
	return true
}
