package task

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// randomLogits returns n logits, some of them equal.
func randomLogits(seed uint64, n int) []float32 {
	rng := tuning.NewRand(seed)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Round(30*rng.NormFloat64()) / 10)
	}
	return x
}

func likeliestID(logits []float32) int { return slices.Index(logits, slices.Max(logits)) }

// filtered is what the filters leave, the plain way: all sorted, one filter after
// the other.
func filtered(logits []float32, s Sampling) map[int]float64 {
	ids := make([]int, len(logits))
	for i := range ids {
		ids[i] = i
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if s.TopK > 0 {
		ids = ids[:min(s.TopK, len(ids))]
	}
	p := map[int]float64{}
	share := func() {
		clear(p)
		sum := 0.0
		for _, id := range ids {
			sum += math.Exp(float64(logits[id]) / s.Temperature)
		}
		for _, id := range ids {
			p[id] = math.Exp(float64(logits[id])/s.Temperature) / sum
		}
	}
	share()
	if s.TopP > 0 {
		before := 0.0
		for i, id := range ids {
			if before >= s.TopP {
				ids = ids[:i]
				break
			}
			before += p[id]
		}
		share()
	}
	return p
}

func TestFiltersLeaveTheLikeliestAndSumToOne(t *testing.T) {
	for i, n := range []int{1, 2, 3, 10, 100, 257} {
		logits := randomLogits(uint64(i), n)
		for _, temperature := range []float64{0.3, 1, 2.5} {
			for _, k := range []int{0, 1, 2, 7, 1000} {
				for _, p := range []float64{0, 0.05, 0.5, 0.93} {
					s := newSampler(Sampling{Temperature: temperature, TopK: k, TopP: p}, 0)
					ids, sum := s.candidates(logits, float64(slices.Max(logits)))
					want := filtered(logits, s.Sampling)
					what := fmt.Sprintf("%d logits, temperature %v, top-k %d, top-p %v", n, temperature, k, p)
					if len(ids) != len(want) {
						t.Fatalf("%s: %d tokens, want %d", what, len(ids), len(want))
					}
					total := 0.0
					for _, id := range ids {
						total += s.p[id] / sum
						if w, ok := want[id]; !ok || !(math.Abs(s.p[id]/sum-w) < 1e-12) {
							t.Fatalf("%s: token %d has the probability %v, want %v (among them: %v)", what, id, s.p[id]/sum, w, ok)
						}
					}
					if !(math.Abs(total-1) < 1e-12) {
						t.Errorf("%s: probabilities sum to %v", what, total)
					}
				}
			}
		}
	}
}

func TestNarrowSamplingIsGreedy(t *testing.T) {
	for name, s := range map[string]Sampling{
		"greedy":                  {},
		"top-k 1":                 {Temperature: 3, TopK: 1},
		"top-p near 0":            {Temperature: 3, TopP: 1e-9},
		"top-p near 0 of several": {Temperature: 3, TopK: 5, TopP: 1e-9},
		"temperature near 0":      {Temperature: 1e-6},
		"temperature almost 0":    {Temperature: 5e-324},
	} {
		for seed := range uint64(50) {
			logits := randomLogits(seed, 40)
			best := likeliestID(logits)
			if name[:4] == "temp" { // which leaves a tie as it is
				logits[best] += 0.01
			}
			s.Seed = seed
			if got := newSampler(s, 0).next(logits); got != best {
				t.Errorf("%s: took %d, want %d", name, got, best)
			}
		}
	}
}

// Drawn often, tokens come as often as they are likely.
func TestTokensComeAsOftenAsTheyAreLikely(t *testing.T) {
	logits := randomLogits(3, 12)
	for _, o := range []Sampling{{Temperature: 1}, {Temperature: 2, TopK: 5}, {Temperature: 1.5, TopP: 0.8}, {Temperature: 2, TopK: 8, TopP: 0.9}} {
		o.Seed = 11
		s := newSampler(o, 0)
		const n = 20_000
		got := map[int]int{}
		for range n {
			got[s.next(logits)]++
		}
		want := filtered(logits, o)
		for id := range logits {
			p := want[id]
			if d := math.Abs(float64(got[id])/n - p); d > 5*math.Sqrt(p*(1-p)/n) { // five standard deviations
				t.Errorf("%+v: token %d came %d of %d times, want a share of %.4f", o, id, got[id], n, p)
			}
		}
	}
}
