package transfer

import (
	"math"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tuning"
)

// build calibrates, where there are inputs to calibrate on, and makes the heads:
// beside fitted ones also calibrated ones with as many neurons.
func (r *run) build() error {
	var cal *network.Calibration
	if r.calibration.Tokens() > 0 {
		var err error
		if cal, err = network.Calibrate(r.ctx, r.cfg.Network.Model, r.calibration, r.work, r.progress); err != nil {
			return err
		}
	}
	neurons := func(int, int) int { return r.cfg.Neurons }
	if r.cfg.Error > 0 {
		var err error
		if neurons, err = r.allocate(cal); err != nil {
			return err
		}
	}
	options := network.Options{
		Selection: r.cfg.Selection, Tuning: r.cfg.Tuning, Fitted: r.cfg.Fitted, Draw: r.cfg.Draw,
		Neurons: neurons, Calibration: cal, Seed: r.cfg.Seed,
	}
	if d := r.cfg.Dynamics; d != nil {
		options.Dynamics = d.At
	}
	r.options = options
	var err error
	if r.circuits, err = network.Build(r.cfg.Network.Model, options); err != nil {
		return err
	}
	r.calibrated = cal
	r.report.Config.TotalNeurons = r.circuits.Neurons()
	r.report.Config.SecondsPerToken = Number(r.circuits.Seconds(1))
	if r.cfg.Fitted == nil || cal == nil {
		return nil
	}
	options.Tuning, options.Fitted = network.Calibrated, nil
	options.Neurons = func(l, h int) int { return r.cfg.Fitted.At(l, h).Neurons() }
	r.unfitted, err = network.Build(r.cfg.Network.Model, options)
	return err
}

// allocationTokens is about how many calibration tokens the allocation of neurons
// looks at; the variance law grows with the square of an input's length.
const allocationTokens = 1500

// allocate gives every head the neurons that the variance law asks for, at the
// median query of the calibration inputs, to keep the relative error of calcium
// at Config.Error.
func (r *run) allocate(cal *network.Calibration) (func(layer, head int) int, error) {
	net := r.cfg.Network.Model
	some := r.calibration
	if some.Tokens() == 0 {
		some = r.batch
	}
	some = subset(some, network.Spread(lengths(some.Sequences), allocationTokens))
	wanted := make([][]float64, net.Layers())
	_, err := net.Forward(r.ctx, some, model.Run{Work: r.work, Trace: func(l int, t *nn.Trace) {
		wanted[l] = make([]float64, net.Heads())
		r.cfg.Pool.For(net.Heads(), func(_, h int) {
			x := activations.Head{Mask: activations.MaskOf(net, h), Q: t.Query(h), K: t.Key(h), Seqs: some.Sequences}
			var a []float64
			var c *tuning.Calibration
			switch r.cfg.Tuning {
			case network.Calibrated:
				c = cal.At(l, h)
				a = c.GerfA()
			case string(tuning.Gerf):
				a = []float64{cal.GerfA(l, h)}
			}
			wanted[l][h] = math.Ceil(math.Pow(10, budget(x.Sequences(), a, c, r.cfg.Error)))
		})
	}})
	if err != nil {
		return nil, err
	}
	for l, heads := range wanted {
		for h, m := range heads {
			if m > MostNeurons && r.cfg.Selection.At(l, h).IsCircuit() {
				r.limited++
			}
		}
	}
	return func(l, h int) int { return int(min(max(wanted[l][h], LeastNeurons), MostNeurons)) }, nil
}
