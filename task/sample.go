package task

import (
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/tuning"
)

// Sampling says how the next token is chosen from the logits l of all. The zero
// value takes the likeliest, of equal ones the lowest id: greedily.
//
// Filters apply in the order of transformers' generate:
//
//  1. p ∝ exp(l / Temperature)
//  2. the TopK likeliest are left
//  3. of these, made to sum to 1, the fewest likeliest whose p sum to TopP
//
// What is left is made to sum to 1 and drawn from. (transformers takes a TopK of
// 50 where nothing else is said; here all are left.)
type Sampling struct {
	Temperature float64 // 0 for the likeliest
	TopK        int     // 0 for all
	TopP        float64 // above 0, to 1; 0 is 1, for all
	Seed        uint64
}

// sampler chooses tokens, one after another.
type sampler struct {
	Sampling
	rng *rand.Rand

	p    []float64 // of every token, not normalized
	heap []int     // tokens, of which none is likelier than the first
}

// newSampler returns the sampler for one of several prompts. Each has a stream of
// its own: what is drawn for one does not depend on how long others become.
func newSampler(s Sampling, prompt int) *sampler {
	return &sampler{Sampling: s, rng: tuning.NewRand(s.Seed, prompt)}
}

// next returns the next token. The logits must be finite.
func (s *sampler) next(logits []float32) int {
	best := 0
	for id, l := range logits {
		if l > logits[best] {
			best = id
		}
	}
	if s.Temperature == 0 {
		return best
	}
	ids, sum := s.candidates(logits, float64(logits[best]))
	left := s.rng.Float64() * sum
	for _, id := range ids {
		if left < s.p[id] {
			return id
		}
		left -= s.p[id]
	}
	return best // what rounding left of the sum
}

// candidates returns the tokens that the filters leave, and the sum of their p,
// relative to that of the likeliest. They are valid until the next call.
func (s *sampler) candidates(logits []float32, largest float64) (ids []int, sum float64) {
	s.p, s.heap = s.p[:0], s.heap[:0]
	for id, l := range logits {
		p := math.Exp((float64(l) - largest) / s.Temperature)
		s.p, s.heap = append(s.p, p), append(s.heap, id)
		sum += p
	}
	k, share, stop := len(logits), s.TopP, math.Inf(1)
	if s.TopK > 0 {
		k = min(k, s.TopK)
	}
	if share == 0 {
		share = 1
	}
	if k == len(logits) {
		if share == 1 {
			return s.heap, sum
		}
		stop = share * sum
	}
	// The likeliest come off the heap one by one and take the place that each
	// leaves at its end, so that the whole vocabulary need not be sorted.
	for i := len(s.heap)/2 - 1; i >= 0; i-- {
		s.sink(logits, i, len(s.heap))
	}
	end, mass := len(s.heap), 0.0
	for len(s.heap)-end < k && mass < stop {
		end--
		s.heap[0], s.heap[end] = s.heap[end], s.heap[0]
		s.sink(logits, 0, end)
		mass += s.p[s.heap[end]]
	}
	ids = s.heap[end:] // the least likely first
	if k < len(logits) {
		stop = share * mass
	}
	sum = 0
	for i := len(ids) - 1; i >= 0; i-- {
		if sum += s.p[ids[i]]; sum >= stop {
			return ids[i:], sum
		}
	}
	return ids, sum
}

// sink moves the token at place i of a heap of n down until none below it is
// likelier.
func (s *sampler) sink(logits []float32, i, n int) {
	before := func(a, b int) bool { // of equal logits the lower id comes first
		return logits[a] > logits[b] || logits[a] == logits[b] && a < b
	}
	for {
		below := 2*i + 1
		if below >= n {
			return
		}
		if below+1 < n && before(s.heap[below+1], s.heap[below]) {
			below++
		}
		if !before(s.heap[below], s.heap[i]) {
			return
		}
		s.heap[i], s.heap[below] = s.heap[below], s.heap[i]
		i = below
	}
}
