package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tuning"
)

// circuitFlags say how the heads of a network are computed.
type circuitFlags struct {
	attention attention.Selection
	tuning    string
	neurons   int
	draw      tuning.Draw
	calibrate string
}

// defaultNeurons is the number of rows of W of a head: of hidden neurons, with
// most curves.
const defaultNeurons = 512

// add adds the flags to a command, whose heads are of the given kind unless the
// user says otherwise.
func (f *circuitFlags) add(c *cobra.Command, kind attention.Kind) {
	f.attention, _ = attention.ParseSelection(kind.String()) // a kind is a selection
	f.tuning, f.neurons, f.draw = network.Calibrated, defaultNeurons, tuning.Orthogonal
	curves := []string{network.Calibrated}
	for _, m := range tuning.Maps() {
		curves = append(curves, string(m))
	}
	flags := c.Flags()
	flags.Var(&value[attention.Selection]{&f.attention, f.attention, "RULE", attention.ParseSelection}, "attention",
		"how heads are computed: exact, algebraic (neurons and astrocytes) or uniform, then exceptions for LAYER or LAYER.HEAD from 0, as in exact,2=algebraic,3.5=uniform")
	choiceVar(c, &f.tuning, "tuning", "tuning curves of algebraic heads: "+list(curves), curves...)
	intVar(flags, &f.neurons, "neurons", 1, "hidden neurons of an algebraic head; trig and hyperbolic have twice as many, two for each row of weights")
	choiceVar(c, &f.draw, "draw", "how their input weights are drawn: iid or orthogonal", tuning.IID, tuning.Orthogonal)
	flags.StringVar(&f.calibrate, "calibrate", "", "`TEXTS`, a file with one text a line, to compute the constants of calibrated and gerf curves from; the default model brings its own")
	group(c, "Heads", "attention", "tuning", "neurons", "draw", "calibrate")
}

// needsCalibration reports whether any head depends on calibration texts.
func (f *circuitFlags) needsCalibration() bool {
	return f.attention.Uses(attention.KindAlgebraic) && network.NeedsCalibration(f.tuning)
}

// check notes flags that have no effect on heads that are not circuits.
func (f *circuitFlags) check(e *env, c *cobra.Command) {
	for _, name := range []string{"tuning", "neurons", "draw", "calibrate"} {
		if c.Flags().Changed(name) && !f.attention.Uses(attention.KindAlgebraic) {
			e.warnf("--%s has no effect: no head is algebraic; add --attention algebraic", name)
		}
	}
	if f.calibrate != "" && f.attention.Uses(attention.KindAlgebraic) && !f.needsCalibration() {
		e.warnf("--calibrate has no effect on %s curves; use --tuning calibrated", f.tuning)
	}
}

// texts returns the calibration texts: those the user gave, or those that a
// bundled model brings.
func (f *circuitFlags) texts(ctx context.Context, e *env, m modelFiles) ([]string, error) {
	switch {
	case f.calibrate != "":
		return readTexts(ctx, e, f.calibrate)
	case m.bundled != nil:
		return m.bundled.Calibration(), nil
	}
	return nil, usagef("%s curves need texts to calibrate on, and %s brings none; add --calibrate TEXTS, a file with one text a line, like those that will be read (or --tuning exp, which needs none)", f.tuning, m.name)
}

// resolvedCircuits is the configuration of the heads with every default filled
// in, as results carry it.
type resolvedCircuits struct {
	Attention        string      `json:"attention"`
	Tuning           string      `json:"tuning,omitempty"` // of algebraic heads, as all that follows
	Neurons          int         `json:"neurons,omitempty"`
	Draw             tuning.Draw `json:"draw,omitempty"`
	CalibrationTexts int         `json:"calibration_texts,omitempty"`
}

// build makes the heads of a network, calibrated where the curves need it. Heads
// that are all exact are nil.
func (f *circuitFlags) build(ctx context.Context, e *env, m modelFiles, net *network.Network, work *nn.Workspace) ([][]attention.Head, resolvedCircuits, error) {
	resolved := resolvedCircuits{Attention: f.attention.String()}
	if err := f.attention.Check(net.Model.Layers(), net.Model.Heads()); err != nil {
		return nil, resolved, err // before the work of calibration
	}
	options := network.Options{
		Selection: f.attention, Tuning: f.tuning, Draw: f.draw, Seed: e.seed,
		Neurons: func(int, int) int { return f.neurons },
	}
	if f.attention.Uses(attention.KindAlgebraic) {
		resolved.Tuning, resolved.Neurons, resolved.Draw = f.tuning, f.neurons, f.draw
	}
	if f.needsCalibration() {
		texts, err := f.texts(ctx, e, m)
		if err != nil {
			return nil, resolved, err
		}
		batch, err := calibrationBatch(net, texts)
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
		resolved.CalibrationTexts = len(texts)
	}
	circuits, err := network.Build(net.Model, options)
	if err != nil {
		return nil, resolved, err
	}
	return circuits.Heads(), resolved, nil
}

// calibrationBatch encodes the calibration texts.
func calibrationBatch(net *network.Network, texts []string) (model.Batch, error) {
	ids := make([][]int, len(texts))
	for i, t := range texts {
		ids[i] = net.Tokenizer.Encode(t)
		if limit := net.Model.Config().Positions; len(ids[i]) > limit {
			return model.Batch{}, fmt.Errorf("calibration text %d has %d tokens, %s reads at most %d; shorten or split it", i+1, len(ids[i]), net.Model.Name(), limit)
		}
	}
	return model.NewBatch(ids...), nil
}
