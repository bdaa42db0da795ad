package transfer

import (
	"math"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tuning"
)

// allocationTokens is about how many calibration tokens the allocation of neurons
// looks at; the variance law grows with the square of an input's length.
const allocationTokens = 1500

// allocate asks the variance law how many neurons every head takes to keep the
// relative error of calcium at Config.Error, at the median query of the calibration
// inputs, or, where there are none, of those that are run.
func (r *run) allocate(cal *network.Calibration) error {
	net := r.cfg.Network.Model
	some := r.calibration
	if some.Tokens() == 0 {
		some = r.batch
	}
	some = subset(some, network.Spread(lengths(some.Sequences), allocationTokens))
	r.asked = make([][]float64, net.Layers())
	_, err := net.Forward(r.ctx, some, model.Run{Work: r.work, Trace: func(l int, t *nn.Trace) {
		r.asked[l] = make([]float64, net.Heads())
		r.cfg.Pool.For(net.Heads(), func(_, h int) {
			x := activations.Head{Mask: activations.MaskOf(net, h), Q: t.Query(h), K: t.Key(h), Seqs: some.Sequences}
			a, c := r.law(cal, l, h)
			r.asked[l][h] = budget(x.Sequences(), a, c, r.cfg.Error)
		})
	}})
	return err
}

// law returns what the variance law of a head's curves depends on: the parameter of
// gerf, and the constants of calibrated curves.
func (r *run) law(cal *network.Calibration, layer, head int) (a []float64, c *tuning.Calibration) {
	switch r.cfg.Tuning {
	case network.Calibrated:
		c = cal.At(layer, head)
		return c.GerfA(), c
	case string(tuning.Gerf):
		return []float64{cal.GerfA(layer, head)}, nil
	}
	return nil, nil
}

// granted returns the neurons of a head: what the law asks for, within bounds.
func (r *run) granted(layer, head int) int {
	return int(min(max(math.Ceil(math.Pow(10, r.asked[layer][head])), LeastNeurons), MostNeurons))
}

// allocated says what came of the allocation at a head with so many neurons.
func (r *run) allocated(layer, head, neurons int, points []Point) *Allocated {
	a, c := r.law(r.calibrated, layer, head)
	texts := r.exactHeads[layer][head].Sequences()
	var law, found []float64
	for _, ratio := range activations.LogRatios(activations.Sample(texts, budgetQueries), a, c) {
		law = append(law, capped(math.Sqrt(math.Expm1(ratio)/float64(neurons))))
	}
	for _, p := range points {
		if defined(p.LogCorrected) {
			found = append(found, capped(math.Abs(math.Expm1(float64(p.LogCorrected-p.LogNormalizer)))))
		}
	}
	return &Allocated{
		AskedLog10: Number(r.asked[layer][head]),
		Law:        Number(stats.Median(law)), Error: Number(stats.Median(found)),
	}
}
