package network

import (
	"cmp"
	"context"
	"fmt"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Calibrated is the name of the default tuning curves: gerf with the
// variance-optimal A for each axis, after calibration.
const Calibrated = "calibrated"

// Calibration holds the constants of every head, [L][heads], and the mean of
// |q+k|² that single-parameter gerf is set by.
type Calibration struct {
	heads [][]*tuning.Calibration
	norms [][]float64
}

// At returns the constants of a head.
func (c *Calibration) At(layer, head int) *tuning.Calibration { return c.heads[layer][head] }

// GerfA returns the parameter of gerf for a head without change of variables.
func (c *Calibration) GerfA(layer, head int) float64 {
	return tuning.GerfA(c.norms[layer][head], c.heads[layer][head].Inputs())
}

// Calibrate runs the exact network on calibration inputs, texts, images or
// sounds as the model reads them, and computes the constants of every head from
// the queries and keys it sees there. Constants never come from what is read
// later, so that causal heads stay causal.
// It stops between layers when the context is done; progress, if not nil, is
// told how far it is, 0 to 1.
func Calibrate(ctx context.Context, m *model.Model, inputs model.Batch, work *nn.Workspace, progress func(done float64)) (*Calibration, error) {
	if n := inputs.Tokens(); n < 2 {
		return nil, fmt.Errorf("calibration: %d tokens; give some texts, images or sounds of the kind that will be read", n)
	}
	layers, heads, d := m.Layers(), m.Heads(), m.HeadWidth()
	c := &Calibration{heads: make([][]*tuning.Calibration, layers), norms: make([][]float64, layers)}
	var failed error
	_, err := m.Forward(ctx, inputs, model.Run{Work: work, Hidden: func(l int, x tensor.Matrix) {
		failed = cmp.Or(failed, CheckStates(m, l, x))
	}, Trace: func(l int, t *nn.Trace) {
		if failed != nil || ctx.Err() != nil {
			return
		}
		c.heads[l], c.norms[l] = make([]*tuning.Calibration, heads), make([]float64, heads)
		errs := make([]error, heads)
		work.Pool().For(heads, func(_, h int) {
			q, k := rows(t.Query(h)), rows(t.Key(h))
			c.heads[l][h], errs[h] = tuning.Calibrate(q, k, d)
			c.norms[l][h] = tuning.MeanSquaredNorm(q, k, d)
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
	return c, nil
}

// rows returns the elements of m, one row after another.
func rows(m tensor.Matrix) []float32 {
	out := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		out = append(out, m.Row(i)...)
	}
	return out
}
