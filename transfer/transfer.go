// Package transfer runs a pretrained transformer exactly and as a network of
// neurons and astrocytes, and reports what astrocyte calcium computes: head by
// head against the softmax normalizer, and for the network as a whole.
//
// Every head is compared on the exact network's activations, so that errors do
// not pile up from layer to layer; the network is compared as it runs. Uniform
// attention is the floor of every comparison. Results are plain data (Report);
// packages figure and report draw from them.
//
// Inputs are texts, pictures or sounds. They pass in parts, so that there may be
// more of them than memory holds; heads are compared on one such part, spread
// evenly over all. A causal head becomes a circuit that writes a token, then reads
// it, and forgets 1 - exp(-slope) with every token where there is ALiBi; all that
// is said of it counts the keys that a query sees, each with its weight.
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Config says what to transfer.
type Config struct {
	// Network is the pretrained transformer with what prepares its inputs.
	Network *network.Network
	// Inputs are run: texts, pictures or sounds, as the network reads. Calibration,
	// others than these, set the constants of calibrated tuning curves.
	Inputs, Calibration network.Inputs
	// Truth holds the right label of every input of a classifier, by id, -1 where it
	// is not known; nil if none is.
	Truth []int
	// Selection says how each head runs. Its zero value leaves all heads exact.
	Selection attention.Selection
	// Dynamics are those of heads in time; nil means network.DefaultDynamics.
	Dynamics *network.Dynamics
	// Tuning is network.Calibrated, the name of a map, or that of tuning.Fitted.
	Tuning string
	// Fitted holds the curves of every head where Tuning is fitted. Their owner checks
	// that they serve the network (network.Tuning.Serves), as those of Compare, which
	// are shown beside them in fidelity against neurons.
	Fitted  *network.Tuning
	Compare []*network.Tuning
	Draw    tuning.Draw
	// Neurons is m, the rows of W of a head: its hidden neurons, but for trig and
	// hyperbolic, which have two for each row. Fitted curves have their own. If Error is above 0, every head
	// gets instead what the variance law asks for to keep the relative error of
	// calcium at Error, LeastNeurons to MostNeurons. The law holds for exp, gerf
	// and calibrated curves.
	Neurons int
	Error   float64
	Seed    uint64
	// Draws is how many independent draws the error against the number of neurons
	// is the root mean square of; 0 means 8.
	Draws int
	// Layer and Head choose the head that is shown token by token; -1 and -1 the
	// one whose calcium has the median error.
	Layer, Head int
	// Program is the version that the report names.
	Program string
	Pool    *tensor.Pool
	// Progress, if not nil, is told what is being done and how far it is, 0 to 1.
	Progress func(stage string, done float64)
}

// What Config.Error may ask for in one head.
const (
	LeastNeurons = 16
	MostNeurons  = 16384
)

// Run transfers a network. It stops early, with the context's error, when the
// context is done.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Dynamics == nil {
		d := network.DefaultDynamics()
		cfg.Dynamics = &d
	}
	r := &run{cfg: cfg, ctx: ctx, work: nn.NewWorkspace(cfg.Pool)}
	steps := r.steps()
	all := 0.0
	for _, step := range steps {
		all += step.share
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.stage, r.share = step.stage, step.share/all
		r.progress(0)
		if err := step.do(); err != nil {
			return nil, err
		}
		r.progress(1)
		r.before += r.share
	}
	r.report.Notes = notes(&r.report)
	return &r.report, nil
}

// step is a part of a transfer.
type step struct {
	stage string
	share float64 // of the whole time, roughly
	do    func() error
}

func (r *run) steps() []step {
	steps := []step{
		{"reading inputs", 0.01, r.read},
		{"calibrating", 0.15, r.build},
		{"running exactly", 0.03, r.exact},
		{"comparing heads", 0.12, r.heads},
		{"running neurons and astrocytes", 0.18, r.networks},
		{"looking at attention", 0.03, r.attend},
		{"counting neurons of a head", 0.10, r.scaling},
		{"counting neurons of the network", 0.38, r.fidelity},
	}
	if r.cfg.Selection.Uses(attention.KindRate) { // which are slow
		steps[3].share, steps[4].share = 0.8, 0.8
		steps = append(steps, step{"presenting tokens for longer", 2, r.timescales})
	}
	return steps
}

// check reports what cannot be run, before anything is.
func (cfg *Config) check() error {
	m := cfg.Network.Model
	switch n := cfg.Inputs.Len(); {
	case n == 0 && m.Config().Input == model.Tokens:
		return errors.New("there is no text to run; give some passages, one a line")
	case n == 0:
		return fmt.Errorf("there are no %s to run; give some files of them", kind(m.Config().Input))
	case cfg.Truth != nil && len(cfg.Truth) != n:
		panic(fmt.Sprintf("transfer: %d right labels for %d inputs", len(cfg.Truth), n))
	}
	if (cfg.Fitted != nil) != (cfg.Tuning == string(tuning.Fitted)) {
		panic("transfer: Tuning is " + cfg.Tuning + ", and only fitted curves come as Fitted")
	}
	if cfg.Fitted == nil {
		if err := network.ParseTuning(cfg.Tuning); err != nil {
			return err
		}
	}
	if _, err := tuning.ParseDraw(string(cfg.Draw)); err != nil {
		return err
	}
	if err := cfg.Selection.Check(m.Layers(), m.Heads()); err != nil {
		return err
	}
	if d := cfg.Dynamics; d != nil {
		if err := d.Check(m.Layers(), m.Heads()); err != nil {
			return err
		}
	}
	circuits := cfg.Selection.UsesCircuits()
	if circuits && network.NeedsCalibration(cfg.Tuning) && cfg.Calibration.Len() == 0 {
		return fmt.Errorf("%s curves need calibration %s; give some of the kind that will be read", cfg.Tuning, kind(m.Config().Input))
	}
	if !(cfg.Error >= 0) {
		return fmt.Errorf("a relative error of calcium of %v; give a number above 0, such as 0.5", cfg.Error)
	}
	if cfg.Error > 0 && cfg.Tuning != network.Calibrated && cfg.Tuning != string(tuning.Exp) && cfg.Tuning != string(tuning.Gerf) {
		return fmt.Errorf("neurons for an error come from the variance law, which holds for exp, gerf and calibrated curves, not for %s; give a number of neurons", cfg.Tuning)
	}
	if cfg.Error == 0 && circuits && cfg.Fitted == nil && cfg.Neurons < 1 {
		return fmt.Errorf("%d neurons a head; give at least 1", cfg.Neurons)
	}
	if cfg.Draws < 0 {
		return fmt.Errorf("%d draws for the error against the number of neurons; give at least 1, or 0 for %d", cfg.Draws, defaultDraws)
	}
	chosen := cfg.Layer >= 0 && cfg.Layer < m.Layers() && cfg.Head >= 0 && cfg.Head < m.Heads()
	if !chosen && (cfg.Layer != -1 || cfg.Head != -1) {
		return fmt.Errorf("head %d.%d does not exist: %s has layers 0 to %d with heads 0 to %d",
			cfg.Layer, cfg.Head, m.Name(), m.Layers()-1, m.Heads()-1)
	}
	return nil
}
