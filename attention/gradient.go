package attention

import (
	"fmt"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Trainable is a head with a backward pass. [Softmax] is one, and so is a
// [Circuit] whose tuning curves are exponential.
type Trainable interface {
	Head

	// Backward turns the gradient dy [N, dv] of some number with respect to the
	// head's output into that with respect to its input and its own parameters.
	//
	// y and logC are what Forward wrote, for whole sequences, from the same q, k,
	// v and seqs. Rates and attention weights are computed anew from them, so that
	// nothing of size N×N or N×m is kept in between. grad must not overlap the
	// other arguments.
	//
	// Rows that no sequence of seqs covers are neither read nor written. The
	// rows that are written do not depend on the other sequences in the batch.
	// Scratch memory comes from work, which may be nil.
	Backward(grad Gradient, dy, y tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, work *tensor.Arena)
}

// Gradient is where a backward pass leaves its results.
type Gradient struct {
	// Query, Key [N, d] and Value [N, dv] are written.
	Query, Key, Value tensor.Matrix
	// Curves, unless nil, is added to, sequence by sequence in their order. Heads
	// without tuning curves ignore it.
	Curves *CurvesGradient
}

// CurvesGradient holds the gradient with respect to the tuning curves of one
// head, by tuning.Phase.
type CurvesGradient [2]FormGradient

// FormGradient holds the gradient with respect to the numbers of a tuning.Form,
// by the same names. Any of the slices may be nil: that part is not computed.
type FormGradient struct {
	W      []float32 // [m, d]
	B      []float32 // [m]
	Metric []float32 // [d, d]
	Center []float32 // [d]
	Excite []float32 // [d]
}

// NewCurvesGradient returns a gradient of zeros with a slice for each that the
// curves have.
func NewCurvesGradient(c *tuning.Curves[float32]) *CurvesGradient {
	var g CurvesGradient
	for p := range g {
		f := c.Form(tuning.Phase(p))
		g[p] = FormGradient{
			W: zerosLike(f.W), B: zerosLike(f.B),
			Metric: zerosLike(f.Metric), Center: zerosLike(f.Center), Excite: zerosLike(f.Excite),
		}
	}
	return &g
}

// zerosLike returns nil for nil.
func zerosLike(x []float32) []float32 {
	if x == nil {
		return nil
	}
	return make([]float32, len(x))
}

// Zero sets every number to 0.
func (g *CurvesGradient) Zero() {
	for p := range g {
		f := &g[p]
		for _, x := range [...][]float32{f.W, f.B, f.Metric, f.Center, f.Excite} {
			clear(x)
		}
	}
}

// check panics unless every part fits m neurons of width d, or is absent.
func (g *CurvesGradient) check(m, d int) {
	for p := range g {
		f := &g[p]
		for _, x := range [...]struct {
			name string
			have []float32
			want int
		}{{"W", f.W, m * d}, {"B", f.B, m}, {"Metric", f.Metric, d * d}, {"Center", f.Center, d}, {"Excite", f.Excite, d}} {
			if x.have != nil && len(x.have) != x.want {
				panic(fmt.Sprintf("attention: circuit: the gradient of %s, %s, has %d values, want %d", x.name, tuning.Phase(p), len(x.have), x.want))
			}
		}
	}
}

// checkBackward panics unless the arguments of Backward fit one another.
func checkBackward(head string, grad Gradient, dy, y tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences) {
	check(head, y, logC, q, k, v, seqs, nil, nil)
	if logC == nil {
		panic(fmt.Sprintf("attention: %s: the backward pass needs log c of the forward pass", head))
	}
	for _, m := range [...]struct {
		name       string
		have, like tensor.Matrix
	}{{"the gradient of the output", dy, y}, {"that of q", grad.Query, q}, {"that of k", grad.Key, k}, {"that of v", grad.Value, v}} {
		if m.have.Rows != m.like.Rows || m.have.Cols != m.like.Cols {
			panic(fmt.Sprintf("attention: %s: %s is [%d, %d], want [%d, %d]", head, m.name,
				m.have.Rows, m.have.Cols, m.like.Rows, m.like.Cols))
		}
	}
}
