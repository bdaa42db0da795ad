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

// allocate divides total neurons among heads whose errors cost the output of the
// network that much. The error of a head falls about as 1/m, so that the sum of
// cost/m is least where m is in proportion to the square root of the cost.
//
// The sum is total, rounded down to the grain, but never below fewest a head.
func allocate(costs []float64, total int) []int {
	n := len(costs)
	groups := max(total/grain, n*fewest/grain)
	floor := float64(fewest) / grain
	root := make([]float64, n)
	for i, c := range costs {
		root[i] = math.Sqrt(max(0, c))
	}
	// The factor is found by bisection: the sum rises with it.
	share := func(factor float64, i int) float64 { return max(floor, factor*root[i]) }
	sum := func(factor float64) (s float64) {
		for i := range root {
			s += share(factor, i)
		}
		return s
	}
	low, high := 0.0, 1.0
	largest := slices.Max(root)
	if largest == 0 { // nothing costs anything
		for i := range root {
			root[i] = 1
		}
		largest = 1
	}
	high = float64(groups) / largest
	for range 100 {
		if mid := (low + high) / 2; sum(mid) < float64(groups) {
			low = mid
		} else {
			high = mid
		}
	}
	// Whole groups; those that lost most by rounding get what is left.
	out, rest, order := make([]int, n), make([]float64, n), make([]int, n)
	left := groups
	for i := range out {
		s := share(low, i)
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
