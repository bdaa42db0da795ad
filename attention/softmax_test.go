package attention

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tensor"
)

func TestSoftmaxEqualsItsDefinition(t *testing.T) {
	for _, size := range []struct{ n, d, dv int }{{1, 1, 1}, {2, 3, 4}, {31, 8, 5}, {33, 8, 5}, {64, 4, 4}, {65, 4, 4}, {256, 4, 3}, {257, 4, 3}, {600, 8, 4}} {
		for _, std := range []float64{0.5, 3} {
			in := newInput(2, size.d, size.dv, std, size.n)
			for _, causal := range []bool{false, true} {
				want := tripartite.Softmax(wide(in.q.Data), wide(in.k.Data), wide(in.v.Data), size.d, size.dv, causal)
				got := run(Softmax{Causal: causal}, in)
				what := fmt.Sprintf("%+v, std %g, causal %v", size, std, causal)
				near(t, what, got.y.Data, want.Y, constant(1e-5))
				for s, c := range want.Calcium {
					near(t, what+": log c", got.logC[s:s+1], []float64{c.Log}, constant(3e-6*max(1, math.Abs(c.Log))))
				}
				if got.trace.Tokens != size.n || got.trace.NonPositive != 0 {
					t.Errorf("%s: counted %+v", what, got.trace)
				}
			}
		}
	}
}

func TestSoftmaxOfLogitsOfTenThousand(t *testing.T) {
	in := newInput(2, 8, 4, 36, 300)
	want := tripartite.Softmax(wide(in.q.Data), wide(in.k.Data), wide(in.v.Data), 8, 4, false)
	got := run(Softmax{}, in)
	largest := 0.
	for s, c := range want.Calcium {
		largest = max(largest, math.Abs(c.Log))
		near(t, "log c", got.logC[s:s+1], []float64{c.Log}, constant(1e-6*math.Abs(c.Log)))
	}
	if largest < 5e3 {
		t.Errorf("the largest logarithm is %v: the test tests nothing", largest)
	}
	near(t, "y", got.y.Data, want.Y, constant(5e-3)) // 1e-7 |q||k| in the exponent
}

func TestALiBiIsALinearPenaltyOnDistance(t *testing.T) {
	const n, d, dv, slope = 90, 4, 3, 0.25
	in := newInput(2, d, dv, 0.7, n)
	got := run(Softmax{Causal: true, Slope: slope}, in)
	for s := range n {
		var z float64
		y := make([]float64, dv)
		for u := range s + 1 {
			logit := -slope * float64(s-u)
			for j := range d {
				logit += float64(in.q.At(s, j)) * float64(in.k.At(u, j))
			}
			z += math.Exp(logit)
			for j := range y {
				y[j] += math.Exp(logit) * float64(in.v.At(u, j))
			}
		}
		for j := range y {
			y[j] /= z
		}
		near(t, fmt.Sprintf("token %d", s), got.y.Row(s), y, constant(1e-5))
		near(t, fmt.Sprintf("log c of token %d", s), got.logC[s:s+1], []float64{math.Log(z)}, constant(1e-5))
	}
}

// What a state keeps packed are the tiles that a whole sequence packs anew.
func TestKeysAndValuesOfAStateGiveTheBytesOfTheSequence(t *testing.T) {
	const n, d, dv = 600, 8, 5
	in := newInput(1, d, dv, 0.8, n)
	for _, h := range []Softmax{{Causal: true}, {Causal: true, Slope: 0.1}, {}} {
		want := run(h, in)
		for _, step := range []int{1, 7, 64, 65, 300} {
			if !h.Causal && n%step != 0 {
				continue
			}
			state, work := h.NewState(), new(tensor.Arena)
			for round := range 2 {
				got := output{y: tensor.New(n, dv), logC: make([]float32, n)}
				for lo := 0; lo < n; lo += step {
					hi := min(lo+step, n)
					p := in.rows(lo, hi)
					h.Forward(got.y.SliceRows(lo, hi), got.logC[lo:hi], p.q, p.k, p.v, p.seqs, state, nil, work)
				}
				from := 0
				if !h.Causal {
					from = n - step // the others have not seen all keys
				}
				if !slices.Equal(got.y.SliceRows(from, n).Clone().Data, want.y.SliceRows(from, n).Clone().Data) || !slices.Equal(got.logC[from:], want.logC[from:]) {
					t.Errorf("%+v, %d tokens at a time, round %d: other bytes than of the whole sequence", h, step, round)
				}
				if state.Bytes() != 4*n*(d+dv) {
					t.Errorf("%d bytes for %d keys and values", state.Bytes(), n)
				}
				state.Reset()
			}
		}
	}
}

func TestUniformIsTheMean(t *testing.T) {
	in := newInput(2, 4, 3, 1, 20, 5)
	for _, causal := range []bool{false, true} {
		got := run(Uniform{Causal: causal}, in)
		for i := range in.seqs.Len() {
			lo, hi := in.seqs.Bounds(i)
			for s := lo; s < hi; s++ {
				end := hi
				if causal {
					end = s + 1
				}
				mean := make([]float64, 3)
				for u := lo; u < end; u++ {
					for j := range mean {
						mean[j] += float64(in.v.At(u, j)) / float64(end-lo)
					}
				}
				near(t, "mean", got.y.Row(s), mean, constant(1e-6))
				near(t, "log of the number of keys", got.logC[s:s+1], []float64{math.Log(float64(end - lo))}, constant(1e-6))
			}
		}
	}
}
