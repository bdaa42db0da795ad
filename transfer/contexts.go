package transfer

import (
	"cmp"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/internal/stats"
)

// contextGroups is into how many groups queries are divided by the keys they see.
const contextGroups = 4

// contexts says how close calcium comes to the normalizer in contexts of different
// lengths: curves that were fitted, and constants that were computed, on some
// lengths alone could be off in others.
func (r *run) contexts() {
	seqs, causal := r.batch.Sequences, r.cfg.Network.Model.Config().Causal
	seen := make([]int, 0, seqs.Tokens()) // keys, of every query
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := lo; t < hi; t++ {
			n := hi - lo
			if causal {
				n = t + 1 - lo
			}
			seen = append(seen, n)
		}
	}
	for _, group := range byLength(seen) {
		c := Context{Shortest: seen[group[0]], Longest: seen[group[len(group)-1]], Queries: len(group)}
		var errs, biases []float64
		for l := range r.points {
			for h, points := range r.points[l] {
				if r.report.Layers[l].Heads[h].Neurons == 0 {
					continue
				}
				var off, size []float64
				for _, q := range group {
					if p := points[q]; defined(p.LogCorrected) {
						off = append(off, float64(p.LogCorrected-p.LogNormalizer))
						size = append(size, math.Abs(float64(p.LogCorrected-p.LogNormalizer)))
					}
				}
				if len(size) == 0 {
					continue
				}
				errs, biases = append(errs, stats.Median(size)), append(biases, stats.Median(off))
			}
		}
		if len(errs) > 0 {
			c.LogCalciumError, c.LogCalciumBias = Number(stats.Median(errs)), Number(stats.Median(biases))
			r.report.Contexts = append(r.report.Contexts, c)
		}
	}
}

// byLength divides queries into groups of about as many, by the number of keys that
// they see, in that order. Those that see as many are in one group.
func byLength(seen []int) [][]int {
	order := make([]int, len(seen))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(seen[a], seen[b]) })
	var groups [][]int
	for lo := 0; lo < len(order); {
		hi := max(lo+1, len(order)*(len(groups)+1)/contextGroups)
		for hi < len(order) && seen[order[hi]] == seen[order[hi-1]] {
			hi++
		}
		groups = append(groups, order[lo:hi])
		lo = hi
	}
	return groups
}
