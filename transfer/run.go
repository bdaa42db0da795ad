package transfer

import (
	"cmp"
	"context"
	"math"

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
	circuits           *network.Circuits
	unfitted           *network.Circuits // as circuits, but calibrated and not fitted; nil where they are not
	exactHeads         [][]exactHead     // [L][heads]
	chosen             exactHead
	points             [][][]Point // [L][heads]

	// limited counts the heads that the variance law asks more neurons for than
	// MostNeurons.
	limited int

	report Report
}

func (r *run) progress(done float64) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.stage, r.before+r.share*done)
	}
}

// mask says which keys the queries of a head see.
func (r *run) mask(head int) mask {
	m := r.cfg.Network.Model
	return mask{causal: m.Config().Causal, slope: float64(m.Slope(head))}
}

// exact runs the exact network and keeps what every head received and returned.
func (r *run) exact() error {
	net := r.cfg.Network.Model
	r.exactHeads = make([][]exactHead, net.Layers())
	var failed error
	_, err := net.Forward(r.ctx, r.batch, model.Run{
		Work: r.work,
		Hidden: func(l int, x tensor.Matrix) {
			failed = cmp.Or(failed, network.CheckStates(net, l, x))
		},
		Trace: func(l int, t *nn.Trace) {
			for h := range net.Heads() {
				r.exactHeads[l] = append(r.exactHeads[l], exactHead{
					mask: r.mask(h),
					q:    t.Query(h).Clone(), k: t.Key(h).Clone(), v: t.Value(h).Clone(), y: t.Output(h).Clone(),
					logZ: append([]float32(nil), t.LogC(h)...), seqs: r.batch.Sequences,
				})
			}
			r.progress(float64(l+1) / float64(net.Layers()))
		},
	})
	return cmp.Or(err, failed)
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
	out, err := scaling(r.ctx, r.cfg.Pool, r.chosen.activations(), at.Calibration, fitted, r.cfg.Draws, r.cfg.Seed)
	if err != nil {
		return err
	}
	out.Layer, out.Head = l, h
	r.report.Scaling = out
	return nil
}
