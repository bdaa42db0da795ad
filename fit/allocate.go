package fit

import (
	"cmp"
	"math"
	"slices"
)

// Heads get neurons in groups of grain, since products compute that many at a
// time, and never fewer than fewest.
const (
	grain  = 16
	fewest = 16
)

// price is what a head's error costs the output of the network with so many
// neurons, and the power of their number by which it falls: cost (neurons/m)^slope.
type price struct {
	cost, slope float64
	neurons     int
}

// best returns the number of neurons for which one more lowers the cost by rate.
func (p *price) best(rate float64) float64 {
	if p.cost <= 0 {
		return 0
	}
	m := float64(p.neurons)
	return m * math.Pow(p.slope*p.cost/(m*rate), 1/(1+p.slope))
}

// allocate divides total neurons among heads so that the sum of costs is least:
// one neuron more would then gain as much in any head.
//
// The sum is total, rounded down to the grain, but never below fewest a head.
func allocate(prices []price, total int) []int {
	n := len(prices)
	groups := max(total/grain, n*fewest/grain)
	share := func(rate float64, i int) float64 { return max(fewest, prices[i].best(rate)) / grain }
	sum := func(rate float64) (s float64) {
		for i := range prices {
			s += share(rate, i)
		}
		return s
	}
	costly := slices.ContainsFunc(prices, func(p price) bool { return p.cost > 0 })
	if !costly { // then all are alike
		prices = slices.Repeat([]price{{1, 1, grain}}, n)
	}
	// The rate is found by bisection of its logarithm: the sum falls with it.
	low, high := -200.0, 200.0
	for range 100 {
		if mid := (low + high) / 2; sum(math.Exp(mid)) > float64(groups) {
			low = mid
		} else {
			high = mid
		}
	}
	// Whole groups; those that lost most by rounding get what is left.
	out, rest, order := make([]int, n), make([]float64, n), make([]int, n)
	left := groups
	for i := range out {
		s := share(math.Exp(high), i)
		out[i] = int(s)
		rest[i], order[i] = s-float64(out[i]), i
		left -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for i := 0; left > 0; i, left = i+1, left-1 {
		out[order[i%n]]++
	}
	for i := range out {
		out[i] *= grain
	}
	return out
}

// Bounds of slopes: what two short fits say is noisy.
const (
	gentlest = 0.25
	steepest = 1.25
)

// slopeOf returns the slope by which an error falls from few neurons to twice as
// many.
func slopeOf(few, twice float64) float64 {
	if !(few > 0 && twice > 0) {
		return 1
	}
	return min(max(math.Log2(few/twice), gentlest), steepest)
}
