package fit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// newHeads returns the heads of a model, [L][heads], in coordinates that balance
// what they see in a batch or, with shared, in those of one curve.
func newHeads(ctx context.Context, m *model.Model, b model.Batch, shared bool, work *nn.Workspace) ([][]*head, error) {
	heads, d := make([][]*head, m.Layers()), m.HeadWidth()
	err := watch(ctx, m, b, work, func(l, h int, q, k tensor.Matrix) error {
		c, err := tuning.Calibrate(rows(q), rows(k), d)
		if err != nil {
			return err
		}
		coordinates := newBalanced
		if shared {
			coordinates = oneCurve
		}
		heads[l][h] = &head{layer: l, index: h, balanced: coordinates(c)}
		return nil
	}, func(l int) { heads[l] = make([]*head, m.Heads()) })
	return heads, err
}

// capture returns what heads see in a batch, [L][heads].
func capture(ctx context.Context, m *model.Model, b model.Batch, heads [][]*head, work *nn.Workspace) ([][]*seen, error) {
	out := make([][]*seen, m.Layers())
	err := watch(ctx, m, b, work, func(l, h int, q, k tensor.Matrix) error {
		s := heads[l][h].balanced.see(q, k, b.Sequences, nil)
		for _, x := range [][]float32{s.queryBias, s.keyBias} {
			// Numbers that are none show in the sum, and so do those that are near it.
			if sum := float64(tensor.Sum(x)); math.IsNaN(sum) || math.IsInf(sum, 0) {
				return errors.New("queries and keys are so large that their products are no float32 numbers: some weight of the head is out of all proportion; download the weights again")
			}
		}
		out[l][h] = s
		return nil
	}, func(l int) { out[l] = make([]*seen, m.Heads()) })
	return out, err
}

// watch runs the exact network on a batch and shows the queries and keys of every
// head, on all threads, after begin of their layer.
func watch(ctx context.Context, m *model.Model, b model.Batch, work *nn.Workspace, show func(l, h int, q, k tensor.Matrix) error, begin func(l int)) error {
	errs := make([]error, m.Heads())
	var failed error
	_, err := m.Forward(ctx, b, model.Run{Work: work, Trace: func(l int, t *nn.Trace) {
		if failed != nil || ctx.Err() != nil {
			return
		}
		begin(l)
		work.Pool().For(m.Heads(), func(_, h int) { errs[h] = show(l, h, t.Query(h), t.Key(h)) })
		for h, err := range errs {
			if err != nil && failed == nil {
				failed = fmt.Errorf("layer %d, head %d: %w", l, h, err)
			}
		}
	}})
	for _, e := range []error{err, ctx.Err(), failed} {
		if e != nil {
			return e
		}
	}
	return nil
}

// see takes queries and keys to balanced coordinates, in memory from work, nil for
// their own.
func (b *balanced) see(q, k tensor.Matrix, seqs tensor.Sequences, work *tensor.Arena) *seen {
	s := &seen{seqs: seqs}
	s.q, s.queryBias = b.query.apply(q, b.key.shift, work)
	s.k, s.keyBias = b.key.apply(k, b.query.shift, work)
	constant := tensor.Dot(b.query.shift, b.key.shift)
	for t := range s.keyBias {
		s.keyBias[t] += constant
	}
	return s
}

// apply returns x' = T(x - x0) [n, d], and its product with another shift [n].
func (t *transform) apply(x tensor.Matrix, shift []float32, work *tensor.Arena) (moved tensor.Matrix, bias []float32) {
	moved, bias = work.Matrix(x.Rows, x.Cols), work.Floats(x.Rows)
	centred := work.Matrix(x.Rows, x.Cols)
	centred.CopyFrom(x)
	for i := range x.Rows {
		tensor.AddScaled(centred.Row(i), -1, t.zero)
	}
	tensor.Product(moved, centred, t.back)
	for i := range x.Rows {
		bias[i] = tensor.Dot(moved.Row(i), shift)
	}
	return moved, bias
}

// rows returns the elements of m, one row after another.
func rows(m tensor.Matrix) []float32 {
	out := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		out = append(out, m.Row(i)...)
	}
	return out
}
