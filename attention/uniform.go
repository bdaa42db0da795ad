package attention

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// Uniform gives every key the same weight: 1/N, or causal, 1/t at token t. It is
// the baseline that says what a network does without any attention; log c is
// the logarithm of the number of keys.
type Uniform struct {
	Causal bool
}

// uniformState is the sum of the values so far.
type uniformState struct {
	sum    []float64
	tokens int
}

func (s *uniformState) Tokens() int { return s.tokens }
func (s *uniformState) Bytes() int  { return 8 * len(s.sum) }
func (s *uniformState) Reset()      { s.tokens = 0; clear(s.sum) }

// NewState returns the state of a sequence that has not begun.
func (u Uniform) NewState() State { return new(uniformState) }

// Forward implements Head.
func (u Uniform) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, work *tensor.Arena) {
	check("uniform", dst, logC, q, k, v, seqs, state, trace)
	s := own[uniformState]("uniform", state)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		u.sequence(dst, logC, v, lo, hi, s)
		trace.unfactored(lo, hi)
	}
}

// sequence adds up one column at a time, so that the sum needs no memory.
func (u Uniform) sequence(dst tensor.Matrix, logC []float32, v tensor.Matrix, lo, hi int, s *uniformState) {
	before := 0
	if s != nil {
		before = s.tokens
		s.tokens += hi - lo
		if s.sum == nil {
			s.sum = make([]float64, v.Cols)
		}
	}
	for j := range v.Cols {
		var sum float64
		if s != nil {
			sum = s.sum[j]
		}
		for t := lo; t < hi; t++ {
			sum += float64(v.Data[t*v.Stride+j])
			if u.Causal {
				dst.Data[t*dst.Stride+j] = float32(sum / float64(before+t-lo+1))
			}
		}
		for t := lo; t < hi && !u.Causal; t++ {
			dst.Data[t*dst.Stride+j] = float32(sum / float64(before+hi-lo))
		}
		if s != nil {
			s.sum[j] = sum
		}
	}
	if logC == nil {
		return
	}
	for t := lo; t < hi; t++ {
		keys := before + hi - lo
		if u.Causal {
			keys = before + t - lo + 1
		}
		logC[t] = float32(math.Log(float64(keys)))
	}
}
