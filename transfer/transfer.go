// Package transfer runs a pretrained transformer exactly and as a network of
// neurons and astrocytes, and reports what astrocyte calcium computes: head by
// head against the softmax normalizer, and for the network as a whole.
//
// Every head is compared on the exact network's activations, so that errors do
// not pile up from layer to layer; the network is compared as it runs. Uniform
// attention is the floor of every comparison. Results are plain data (Report);
// packages figure and report draw from them.
package transfer

import (
	"context"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Config says what to transfer.
type Config struct {
	// Network is the pretrained transformer with its tokenizer.
	Network *network.Network
	// Texts are run; Calibration texts, others than these, set the constants of
	// calibrated tuning curves.
	Texts, Calibration []string
	// Selection says how each head runs, algebraic by default.
	Selection attention.Selection
	// Tuning is "calibrated" or the name of a map.
	Tuning string
	Draw   tuning.Draw
	// Neurons is the number of hidden neurons of a head. If Error is above 0,
	// every head gets instead the number that the variance law asks for to keep
	// the relative error of calcium at Error, within NeuronLimits.
	Neurons int
	Error   float64
	Seed    uint64
	// Draws is how many independent draws the error against the number of neurons
	// is the root mean square of; 0 means 8.
	Draws int
	// Layer and Head choose the head that is shown token by token; -1 chooses the
	// one whose calcium has the median error.
	Layer, Head int
	// Program is the version that the report names.
	Program string
	Pool    *tensor.Pool
	// Progress, if not nil, is told what is being done and how far it is, 0 to 1.
	Progress func(stage string, done float64)
}

// NeuronLimits bounds what Config.Error may ask for in one head.
var NeuronLimits = [2]int{16, 16384}

// maskShare is the share of words that are masked to be filled, as in training.
const maskShare = 0.15

// Run transfers a network. It stops early, with the context's error, when the
// context is done.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	r := &run{cfg: cfg, ctx: ctx, work: nn.NewWorkspace(cfg.Pool)}
	for _, step := range []struct {
		stage string
		share float64 // of the whole time, roughly
		do    func() error
	}{
		{"reading texts", 0.01, r.tokenize},
		{"calibrating", 0.30, r.build},
		{"running exactly", 0.10, r.exact},
		{"comparing heads", 0.15, r.heads},
		{"running neurons and astrocytes", 0.20, r.networks},
		{"filling masked words", 0.14, r.fill},
		{"counting neurons", 0.10, r.scaling},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.stage, r.share = step.stage, step.share
		r.progress(0)
		if err := step.do(); err != nil {
			return nil, err
		}
		r.before += step.share
	}
	r.notes()
	return &r.report, nil
}
