package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Setup is what experiments are run on and with.
type Setup struct {
	// Network is the pretrained transformer, with the hash of its weights
	// (network.Checkpoint).
	Network *network.Network
	Weights string
	// Inputs are run; Calibration, others than these, set the constants of calibrated
	// curves.
	Inputs, Calibration network.Inputs
	// Truth holds the right label of every input of a classifier, by id, -1 where it is
	// not known; nil if none is.
	Truth []int
	// Fitted curves of the network, nil if it has none.
	Fitted *network.Tuning
	// Seeds, one animal each.
	Seeds []uint64
	// Dir is the folder where finished seeds are kept, "" for nowhere; Resume takes
	// those that are there.
	Dir    string
	Resume bool
	// Program is the version that reports name.
	Program string
	Pool    *tensor.Pool
	// Progress, if not nil, is told what is being done and how far it is, 0 to 1.
	Progress func(stage string, done float64)
}

// Lab is where experiments are run. It keeps what several of them need. It is not
// safe for concurrent use.
type Lab struct {
	Setup
	work       *nn.Workspace
	inputs     *network.Prepared
	inputsHash string
	calibrated *network.Calibration
	// The last recordings, of inputs and of those to calibrate on.
	recorded, others *recording
}

// NewLab prepares inputs. It reports what no experiment could be run on.
func NewLab(s Setup) (*Lab, error) {
	l := &Lab{Setup: s, work: nn.NewWorkspace(s.Pool)}
	switch n := s.Inputs.Len(); {
	case len(s.Seeds) == 0:
		return nil, errors.New("no seed to run; give at least one")
	case n == 0:
		return nil, errors.New("there are no inputs to run; give some")
	case s.Truth != nil && len(s.Truth) != n:
		panic(fmt.Sprintf("experiment: %d right labels for %d inputs", len(s.Truth), n))
	}
	for _, in := range []*network.Inputs{&l.Inputs, &l.Calibration} {
		if in.What == "" {
			in.What = "input"
		}
	}
	var err error
	if l.inputs, err = s.Network.Prepare(l.Inputs); err != nil {
		return nil, err
	}
	l.inputsHash, err = hashInputs(l.Inputs, l.Calibration)
	return l, err
}

// hashInputs hashes all that inputs hold.
func hashInputs(all ...network.Inputs) (string, error) {
	sum := sha256.New()
	for _, in := range all {
		fmt.Fprintf(sum, "%d %d\n", len(in.Texts), len(in.Files))
		for _, t := range in.Texts {
			fmt.Fprintf(sum, "%d %s", len(t), t)
		}
		for _, name := range in.Files {
			f, err := in.Open(name)
			if err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			one := sha256.New()
			_, err = io.Copy(one, f)
			f.Close()
			if err != nil {
				return "", fmt.Errorf("%s: %w; check that it can be read", name, err)
			}
			sum.Write(one.Sum(nil))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

func (l *Lab) progress(stage string, done float64) {
	if l.Progress != nil {
		l.Progress(stage, done)
	}
}

// recording is what the exact network's heads received and returned on some inputs.
type recording struct {
	tokens int   // that were asked for
	which  []int // inputs, by number
	batch  model.Batch
	heads  [][]activations.Head // [L][heads]
}

// record returns what the heads of the exact network receive and return on inputs
// that hold about so many tokens, spread evenly over all.
func (l *Lab) record(ctx context.Context, tokens int) (*recording, error) {
	if l.recorded != nil && l.recorded.tokens == tokens {
		return l.recorded, nil
	}
	var err error
	l.recorded, err = l.recordOf(ctx, l.inputs, tokens)
	return l.recorded, err
}

// recordOthers is record on calibration inputs: for constants of the circuit, and for
// what it has learned before.
func (l *Lab) recordOthers(ctx context.Context, tokens int) (*recording, error) {
	if l.others != nil && l.others.tokens == tokens {
		return l.others, nil
	}
	p, err := l.Network.Prepare(l.Calibration)
	if err != nil {
		return nil, err
	}
	l.others, err = l.recordOf(ctx, p, tokens)
	return l.others, err
}

// recordOf records some of the inputs.
func (l *Lab) recordOf(ctx context.Context, p *network.Prepared, tokens int) (*recording, error) {
	l.progress("running exactly", 0)
	r := &recording{tokens: tokens, which: network.Spread(p.Lengths(), tokens)}
	var err error
	if r.batch, err = p.Batch(ctx, r.which, l.Pool); err != nil {
		return nil, err
	}
	r.heads, err = activations.Record(ctx, l.Network.Model, r.batch, l.work, nil)
	return r, err
}

// calibration returns the constants of calibrated curves.
func (l *Lab) calibration(ctx context.Context) (*network.Calibration, error) {
	if l.calibrated != nil {
		return l.calibrated, nil
	}
	if l.Calibration.Len() == 0 {
		return nil, errors.New("calibrated curves need inputs to calibrate on; give some of the kind that is run, or other curves: exp")
	}
	l.progress("calibrating", 0)
	batch, _, err := l.Network.CalibrationBatch(ctx, l.Calibration, l.Pool)
	if err != nil {
		return nil, err
	}
	l.calibrated, err = network.Calibrate(ctx, l.Network.Model, batch, l.work, nil)
	return l.calibrated, err
}

// Curves says which tuning curves the heads of a network have.
type Curves struct {
	Tuning  string      `json:"tuning"`  // "calibrated", the name of a map, "fitted", or BestCurves where an experiment has it
	Draw    tuning.Draw `json:"draw"`    // of random ones
	Neurons int         `json:"neurons"` // a head, rows of W; fitted curves have their own
}

// checkCurves refuses what makes no curves, by the names of settings.
func (c *Curves) checkCurves() error {
	if c.Neurons < 1 {
		return fmt.Errorf("neurons is %d; give at least 1", c.Neurons)
	}
	if err := network.ParseTuning(c.Tuning); err != nil && c.Tuning != string(tuning.Fitted) && c.Tuning != BestCurves {
		return fmt.Errorf("tuning: %w", err)
	}
	return nil
}

// checkTimes refuses times that are none, by the name of the setting.
func checkTimes(name string, all ...float64) error {
	for _, x := range all {
		if !(x > 0) || !finite(x) {
			return fmt.Errorf("%s is %v; give seconds, a finite number above 0", name, x)
		}
	}
	return nil
}

// defaultCurves are those that the command draws.
func defaultCurves(neurons int) Curves {
	return Curves{Tuning: network.Calibrated, Draw: tuning.Orthogonal, Neurons: neurons}
}

// circuits builds every head as a circuit, its curves drawn by a seed.
func (l *Lab) circuits(ctx context.Context, c Curves, seed uint64) (*network.Circuits, error) {
	o, err := l.options(ctx, c, seed)
	if err != nil {
		return nil, err
	}
	return network.Build(l.Network.Model, o)
}

// options are those of circuits.
func (l *Lab) options(ctx context.Context, c Curves, seed uint64) (network.Options, error) {
	o := network.Options{Selection: algebraic(), Tuning: c.Tuning, Draw: c.Draw, Seed: seed, Neurons: func(int, int) int { return c.Neurons }}
	if c.Tuning == string(tuning.Fitted) {
		if l.Fitted == nil {
			return o, fmt.Errorf("%s brings no fitted curves; give a file of them, or choose others: %s", l.Network.Model.Name(), network.Calibrated)
		}
		o.Fitted = l.Fitted
		return o, nil
	}
	var err error
	if network.NeedsCalibration(c.Tuning) {
		o.Calibration, err = l.calibration(ctx)
	}
	return o, err
}

// eachHead calls do for every head of a recording, numbered layer by layer, on all
// threads. It returns the first error, or the context's.
func (l *Lab) eachHead(ctx context.Context, rec *recording, progress func(done float64), do func(i int, x *activations.Head, work *tensor.Arena) error) error {
	heads := len(rec.heads[0])
	arenas := make([]tensor.Arena, l.Pool.Threads())
	for i := range arenas {
		arenas[i].Precision = l.Network.Model.Precision()
	}
	errs := make([]error, heads)
	for layer := range rec.heads {
		l.Pool.For(heads, func(worker, h int) {
			if errs[h] = ctx.Err(); errs[h] == nil {
				errs[h] = do(layer*heads+h, &rec.heads[layer][h], &arenas[worker])
			}
		})
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		progress(float64(layer+1) / float64(len(rec.heads)))
	}
	return nil
}

// algebraic is the selection of circuits for all heads.
func algebraic() attention.Selection {
	s, err := attention.ParseSelection(attention.KindAlgebraic.String())
	if err != nil {
		panic("experiment: " + err.Error()) // a kind is a selection
	}
	return s
}
