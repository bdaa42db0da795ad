package fit

import (
	"context"
	"fmt"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// capture runs the exact network on a batch and returns the heads with what they
// saw, [L][heads]. Coordinates are balanced by what is seen there or, unless like
// is nil, as those of other heads are.
func capture(ctx context.Context, m *model.Model, b model.Batch, like [][]*head, work *nn.Workspace, progress func(done float64)) ([][]*head, error) {
	heads, layers, d := m.Heads(), m.Layers(), m.HeadWidth()
	out := make([][]*head, layers)
	errs := make([]error, heads)
	var failed error
	_, err := m.Forward(ctx, b, model.Run{Work: work, Trace: func(l int, t *nn.Trace) {
		if failed != nil || ctx.Err() != nil {
			return
		}
		out[l] = make([]*head, heads)
		work.Pool().For(heads, func(_, h int) {
			q, k := t.Query(h), t.Key(h)
			x := &head{layer: l, index: h}
			if like != nil {
				x.balanced = like[l][h].balanced
			} else {
				var c *tuning.Calibration
				if c, errs[h] = tuning.Calibrate(rows(q), rows(k), d); errs[h] != nil {
					return
				}
				x.balanced = newBalanced(c)
			}
			x.seen = x.balanced.see(q, k, b.Sequences)
			out[l][h] = x
		})
		for h, err := range errs {
			if err != nil && failed == nil {
				failed = fmt.Errorf("layer %d, head %d: %w", l, h, err)
			}
		}
		if progress != nil {
			progress(float64(l+1) / float64(layers))
		}
	}})
	for _, e := range []error{err, ctx.Err(), failed} {
		if e != nil {
			return nil, e
		}
	}
	return out, nil
}

// see takes queries and keys to balanced coordinates.
func (b *balanced) see(q, k tensor.Matrix, seqs tensor.Sequences) *seen {
	n, d := q.Rows, q.Cols
	s := &seen{q: tensor.New(n, d), k: tensor.New(n, d), keyBias: make([]float32, n), queryBias: make([]float32, n), seqs: seqs}
	x, y := make([]float64, d), make([]float64, d)
	constant := 0.0 // queryShift.keyShift
	for j, v := range b.queryShift {
		constant += v * b.keyShift[j]
	}
	move := func(to, from []float32, transform func(dst, x []float64), shift []float64) float32 {
		for j, v := range from {
			x[j] = float64(v)
		}
		transform(y, x)
		bias := 0.0
		for j, v := range y {
			to[j] = float32(v)
			bias += v * shift[j]
		}
		return float32(bias)
	}
	for t := range n {
		s.queryBias[t] = move(s.q.Row(t), q.Row(t), b.Query, b.keyShift)
		s.keyBias[t] = move(s.k.Row(t), k.Row(t), b.Key, b.queryShift) + float32(constant)
	}
	return s
}

// rows returns the elements of m, one row after another.
func rows(m tensor.Matrix) []float32 {
	out := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		out = append(out, m.Row(i)...)
	}
	return out
}
