package transfer

import (
	"context"
	"math"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// run is the state of one transfer.
type run struct {
	ctx  context.Context
	cfg  Config
	work *nn.Workspace

	stage         string
	before, share float64

	inputs             *network.Prepared
	compared           []int // the inputs that heads are compared on
	batch, calibration model.Batch
	calibrated         *network.Calibration // nil where there was nothing to calibrate on
	options            network.Options      // of circuits
	circuits           *network.Circuits
	unfitted           *network.Circuits    // as circuits, but calibrated and not fitted; nil where they are not
	exactHeads         [][]activations.Head // [L][heads]
	chosen             activations.Head
	points             [][][]Point // [L][heads]

	asked [][]float64 // [L][heads] log10 of the neurons that the variance law asks for; nil unless allocated

	report Report
}

func (r *run) progress(done float64) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.stage, r.before+r.share*done)
	}
}

// exact runs the exact network and keeps what every head received and returned.
func (r *run) exact() (err error) {
	r.exactHeads, err = activations.Record(r.ctx, r.cfg.Network.Model, r.batch, r.work, r.progress)
	return err
}

// heads compares every head with its replacement.
func (r *run) heads() error {
	pool, layers, heads := r.cfg.Pool, len(r.exactHeads), r.cfg.Network.Model.Heads()
	r.report.Layers = make([]Layer, layers)
	r.points = make([][][]Point, layers)
	for l := range layers {
		r.report.Layers[l] = Layer{Layer: l, Heads: make([]Head, heads)}
		r.points[l] = make([][]Point, heads)
	}
	arenas := make([]tensor.Arena, pool.Threads())
	for i := range arenas {
		arenas[i].Precision = r.cfg.Network.Model.Precision()
	}
	for l := range layers {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		pool.For(heads, func(worker, h int) {
			if r.ctx.Err() != nil {
				return
			}
			c := r.circuits.At(l, h)
			head, points := compare(&r.exactHeads[l][h], c.Head, c.Calibration, &arenas[worker])
			if r.asked != nil && c.Curves != nil {
				head.Allocated = r.allocated(l, h, c.Neurons(), points)
			}
			if r.unfitted != nil && c.Curves != nil {
				head.Calibrated = before(&r.exactHeads[l][h], r.unfitted.At(l, h).Head, &arenas[worker])
			}
			head.Head, head.Attention, head.Neurons, head.MemoryBytes = h, c.Kind.String(), c.Neurons(), c.MemoryBytes()
			r.report.Layers[l].Heads[h], r.points[l][h] = head, points
		})
		r.progress(float64(l+1) / float64(layers))
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.contexts()
	r.choose()
	return nil
}

// choose picks the head that is shown token by token. Those of the others are
// let go.
func (r *run) choose() {
	l, h := r.cfg.Layer, r.cfg.Head
	if l < 0 {
		l, h = r.medianHead()
	}
	points := r.points[l][h]
	for i := range points { // in the order of the batch
		p := &points[i]
		p.Token = r.tokenName(&r.batch, i, p.Position)
		p.Text = r.compared[p.Text]
	}
	r.report.Chosen = Chosen{Layer: l, Head: h, Points: points}
	r.chosen = r.exactHeads[l][h]
	r.exactHeads, r.points = nil, nil
}

// medianHead returns the replaced head whose calcium has the median error: a
// typical one, not the best.
func (r *run) medianHead() (layer, head int) {
	var errs []float64
	each := func(f func(l int, h Head)) {
		for _, layer := range r.report.Layers {
			for _, h := range layer.Heads {
				if h.Neurons > 0 && defined(h.LogCalciumError) {
					f(layer.Layer, h)
				}
			}
		}
	}
	each(func(_ int, h Head) { errs = append(errs, float64(h.LogCalciumError)) })
	typical, least := stats.Median(errs), math.Inf(1)
	each(func(l int, h Head) {
		if off := math.Abs(float64(h.LogCalciumError) - typical); off < least {
			layer, head, least = l, h.Head, off
		}
	})
	return layer, head
}

// scaling measures the error against the number of neurons at the chosen head.
func (r *run) scaling() error {
	l, h := r.report.Chosen.Layer, r.report.Chosen.Head
	at := r.circuits.At(l, h)
	var fitted *tuning.Curves[float32]
	if r.cfg.Fitted != nil {
		fitted = r.cfg.Fitted.At(l, h)
	}
	out, err := scaling(r.ctx, r.cfg.Pool, r.chosen.Sequences(), at.Calibration, fitted, r.cfg.Draws, r.cfg.Seed)
	if err != nil {
		return err
	}
	out.Layer, out.Head = l, h
	r.report.Scaling = out
	return nil
}
