package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tuning"
)

// circuitFlags say how the heads of a network are computed.
type circuitFlags struct {
	attention attention.Selection
	tuning    string // name of curves, or the path of a file, "" for the model's own; settle leaves a name
	fitted    *fittedCurves
	neurons   int
	draw      tuning.Draw
	calibrate string
	time      *dynamicsFlags // nil for a command without heads in time
}

// defaultNeurons is the number of rows of W of a head: of hidden neurons, with
// most curves.
const defaultNeurons = 512

// add adds the flags to a command, whose heads are of the given kind unless the
// user says otherwise.
func (f *circuitFlags) add(c *cobra.Command, kind attention.Kind) {
	f.attention, _ = attention.ParseSelection(kind.String()) // a kind is a selection
	f.neurons, f.draw = defaultNeurons, tuning.Orthogonal
	flags := c.Flags()
	flags.Var(&value[attention.Selection]{&f.attention, f.attention, "RULE", parseAttention}, "attention",
		"how heads are computed: exact, algebraic (neurons and astrocytes), rate (the same in time) or uniform, then exceptions for LAYER or LAYER.HEAD from 0, as in exact,2=algebraic,3.5=rate")
	tuningVar(c, &f.tuning)
	intVar(flags, &f.neurons, "neurons", 1, "hidden neurons of an algebraic or rate head whose curves are not fitted; trig and hyperbolic have twice as many, two for each row of weights")
	choiceVar(c, &f.draw, "draw", "how their input weights are drawn: iid or orthogonal", tuning.IID, tuning.Orthogonal)
	flags.StringVar(&f.calibrate, "calibrate", "", "`INPUTS` to compute the constants of calibrated and gerf curves from: a file with one text a line, or a file or folder of pictures or sounds (default what a bundled model brings)")
	group(c, "Heads", "attention", "tuning", "neurons", "draw", "calibrate")
}

// addTime adds the flags of heads in time.
func (f *circuitFlags) addTime(c *cobra.Command) {
	f.time = new(dynamicsFlags)
	f.time.add(c)
}

// needsCalibration reports whether any head depends on calibration texts.
func (f *circuitFlags) needsCalibration() bool {
	return f.attention.UsesCircuits() && network.NeedsCalibration(f.tuning)
}

// parseAttention reads a selection. Its errors do not repeat the whole value,
// which those of flags name.
func parseAttention(s string) (attention.Selection, error) {
	sel, err := attention.ParseSelection(s)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), fmt.Sprintf("attention %q: ", s))
		return sel, errors.New(strings.TrimPrefix(reason, fmt.Sprintf("%q: ", s)))
	}
	return sel, nil
}

// check notes those of the flags that have no effect on heads that are not
// circuits.
func (f *circuitFlags) check(e *env, c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if c.Flags().Changed(name) && !f.attention.UsesCircuits() {
			e.warnf("--%s has no effect: no head has neurons; add --attention algebraic", name)
		}
	}
	if f.time != nil {
		f.time.check(e, c, f.attention)
	}
}

// apart refuses to calibrate on what is run: a circuit would know its input before
// it comes, and be measured on what it was made for.
func (f *circuitFlags) apart(command string, inputs ...string) error {
	return apart(command, f.calibrate, inputs...)
}

func apart(command, calibrate string, inputs ...string) error {
	for _, in := range inputs {
		if calibrate != "" && in != "" && !isStream(in) && (inside(in, calibrate) || inside(calibrate, in)) {
			return usagef("%s: --calibrate %s holds what is run (%s); constants come from other inputs of the same kind: give some", command, calibrate, in)
		}
	}
	return nil
}

// inside reports whether a path is a folder's, or of something below it.
func inside(path, folder string) bool {
	path, folder = absolute(path), absolute(folder)
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// absolute names a file as all paths to it do, where it is there.
func absolute(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// resolvedCircuits is the configuration of the heads with every default filled
// in, as results carry it.
type resolvedCircuits struct {
	Attention string      `json:"attention"`
	Tuning    string      `json:"tuning,omitempty"`  // of heads with neurons, as all that follows
	Neurons   int         `json:"neurons,omitempty"` // of a head; of fitted curves, all heads have numbers of their own
	Draw      tuning.Draw `json:"draw,omitempty"`
	// TotalNeurons are those of all heads together.
	TotalNeurons int `json:"total_neurons,omitempty"`
	// Curves is the fingerprint of fitted curves.
	Curves string `json:"curves,omitempty"`
	// CalibrationInputs counts texts, pictures or sounds.
	CalibrationInputs int `json:"calibration_texts,omitempty"`
	// Dynamics are those of heads in time, nil where there are none.
	Dynamics *resolvedDynamics `json:"dynamics,omitempty"`
}

// build makes the heads of a network, calibrated where the curves need it.
func (f *circuitFlags) build(ctx context.Context, e *env, m modelFiles, net *network.Network, work *nn.Workspace) (*network.Circuits, resolvedCircuits, error) {
	resolved := resolvedCircuits{Attention: f.attention.String()}
	if err := f.attention.Check(net.Model.Layers(), net.Model.Heads()); err != nil {
		return nil, resolved, err // before the work of calibration
	}
	options := network.Options{
		Selection: f.attention, Tuning: f.tuning, Draw: f.draw, Seed: e.seed,
		Neurons: func(int, int) int { return f.neurons },
	}
	if f.time != nil {
		if err := f.time.Check(net.Model.Layers(), net.Model.Heads()); err != nil {
			return nil, resolved, err
		}
		options.Dynamics = f.time.At
	}
	switch {
	case !f.attention.UsesCircuits():
	case f.fitted != nil:
		checkpoint, err := network.Checkpoint(m.files)
		if err == nil {
			err = f.fitted.serves(net, checkpoint)
		}
		if err != nil {
			return nil, resolved, err
		}
		options.Fitted = f.fitted.Tuning
		resolved.Tuning, resolved.Curves = f.tuning, f.fitted.Fingerprint()
	default:
		resolved.Tuning, resolved.Neurons, resolved.Draw = f.tuning, f.neurons, f.draw
	}
	if f.needsCalibration() {
		in, err := e.inputsFor(ctx, m, net, calibrating(f.calibrate))
		if err != nil {
			return nil, resolved, err
		}
		batch, n, err := net.CalibrationBatch(ctx, in, work.Pool())
		if err != nil {
			return nil, resolved, err
		}
		const parts = 100
		update, end := e.progress("calibrating")
		options.Calibration, err = network.Calibrate(ctx, net.Model, batch, work, func(done float64) { update(int(parts*done), parts) })
		end()
		if err != nil {
			return nil, resolved, err
		}
		resolved.CalibrationInputs = n
	}
	circuits, err := network.Build(net.Model, options)
	if err != nil {
		return nil, resolved, err
	}
	resolved.TotalNeurons = circuits.Neurons()
	if f.attention.Uses(attention.KindRate) {
		resolved.Dynamics = &resolvedDynamics{f.time.Dynamics, circuits.Seconds(1)}
	}
	return circuits, resolved, nil
}
