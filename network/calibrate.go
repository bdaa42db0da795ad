package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Calibration holds what a calibration set tells of every head.
type Calibration struct {
	Heads     [][]HeadCalibration // [L][heads]
	Sequences int
	Tokens    int
}

// HeadCalibration holds the constants of one head.
type HeadCalibration struct {
	// Change is the change of variables that shrinks |q+k|.
	Change *tuning.Calibration
	// MeanSquaredNorm is the mean of |q+k|² before that change, over all pairs of
	// a query and a key of the set.
	MeanSquaredNorm float64
}

// Calibrate runs calibration sequences of token ids through the exact network
// and computes the constants of every head from the queries and keys it meets
// there, all tokens of all sequences together. Constants of a later layer thus
// do not depend on how earlier ones are replaced.
//
// All sequences go through at once: memory is that of one layer for all tokens.
// Progress, unless nil, is called after each layer.
func Calibrate(ctx context.Context, n *Network, sequences [][]int, progress func(done, total int)) (*Calibration, error) {
	batch := model.NewBatch(sequences...)
	if len(batch.IDs) == 0 {
		return nil, errors.New("calibration: there is no text to calibrate on; give some that are like what the model will read")
	}
	layers := n.Model.Layers()
	c := &Calibration{Heads: make([][]HeadCalibration, layers), Sequences: len(sequences), Tokens: len(batch.IDs)}
	errs := make([]error, n.Model.Heads())
	_, err := n.With(n.Model.Exact()).Forward(ctx, batch, model.Run{Trace: func(layer int, trace *nn.Trace) {
		c.Heads[layer] = make([]HeadCalibration, n.Model.Heads())
		n.Work.Pool().For(n.Model.Heads(), func(_, head int) {
			h, err := calibrateHead(trace.Query(head), trace.Key(head))
			if err != nil && errs[head] == nil {
				errs[head] = fmt.Errorf("layer %d, head %d: %w", layer, head, err)
			}
			c.Heads[layer][head] = h
		})
		if progress != nil {
			progress(layer+1, layers)
		}
	}})
	if err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// calibrateHead computes the constants from queries and keys [N, d].
func calibrateHead(query, key tensor.Matrix) (HeadCalibration, error) {
	q, k, d := query.Clone().Data, key.Clone().Data, query.Cols
	change, err := tuning.Calibrate(q, k, d)
	return HeadCalibration{Change: change, MeanSquaredNorm: tuning.MeanSquaredNorm(q, k, d)}, err
}
