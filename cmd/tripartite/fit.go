package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/fit"
	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

type fitFlags struct {
	model, input, validation string
	neurons, total, length   int
	minutes                  float64
	headSteps, jointSteps    int
	shared, resume, half     bool
	output                   string
}

func newFit(e *env) *cobra.Command {
	f := &fitFlags{neurons: 128, minutes: 30, length: 256, output: network.TuningFile}
	c := &cobra.Command{
		Use:   "fit",
		Short: "Fit tuning curves to a pretrained network",
		Long: `Fit learns the tuning curves of every head of a pretrained network, so that the
network does its job as neurons and astrocytes: first head by head, so that
attention and calcium come close to softmax, then all together through the whole
network, so that its hidden states and answers do. Neurons are divided among
heads by what the error of each costs the output, under one total. The curves,
for keys and for queries apart, go into a file, which transfer, run and stream
take by --tuning FILE. They belong to the weights that they were fitted to.
With --shared a neuron answers to keys and to queries by one curve, as in the
paper; transfer --compare shows what that costs.

Inputs are of the kind that will be read: a file of texts, one a line (in
FILE.jsonl a line is {"text": "..."}, and texts may have lines), or a folder of
pictures or sounds; nothing in them is labelled, and what comes twice counts
once. The more, the better curves hold for others: some thousand texts, or a
thousand pictures. What a bundled model brings to calibrate on, the default, is
a few dozen to a few hundred, enough to see how it goes. Texts should be as long
as those that will be read: a model that has embeddings of positions needs to be
fitted to all that are used. Validation is by other inputs, by default every
tenth of those given, which nothing is fitted to. Neither should be what results
are reported on. Texts that come again are varied, cut to a stretch or crossed
with others, lest curves learn them by heart: where steps are given, only if
these come back to texts; else always, but for more than 3 million tokens.

The fit takes about the minutes that are given; more improve it slowly. With
--head-steps and --joint-steps in their place, the result depends on inputs,
seed and kernel alone. Its state is kept beside the output, in FILE.state, every
half a minute, once heads have been surveyed, and on Ctrl-C; --resume goes on
from there, to the same result. It is removed when the curves have been saved.

It ends with a table: what networks keep of the exact one on validation, with
uniform attention, with as many neurons whose curves are drawn at random, plain
and calibrated, and with the fitted ones; then every head: its neurons, the
divergence of its attention from softmax, and the error of its calcium.`,
		Example: `  tripartite fit
  tripartite transfer --tuning tuning.safetensors -o report-fitted
  tripartite fit --model vision --neurons 64 --minutes 5 -o vision-64.safetensors
  tripartite fit --shared -o shared.safetensors
  tripartite transfer --compare shared.safetensors -o report-shared
  tripartite fit --model ./gpt2 --input passages.txt -o gpt2-128.safetensors
  tripartite run ./gpt2 --text "And God said" --attention algebraic --tuning gpt2-128.safetensors --max-new-tokens 20`,
		Args:              arguments(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return runFit(e, c, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "`MODEL`: the name of a bundled model, a folder, or the name of a model in the Hugging Face cache (default the bundled language model)")
	_ = c.RegisterFlagCompletionFunc("model", completeModels("")) // the flag is there, and once
	flags.StringVarP(&f.input, "input", "i", "", "`INPUTS` to fit to: a file of texts, one a line, or a file or folder of pictures or sounds (default what a bundled model brings to calibrate on)")
	flags.StringVar(&f.validation, "validation", "", "other `INPUTS` to judge the fit by (default every tenth of those to fit to)")
	rangeVar(flags, &f.length, "length", 8, 1<<16, "from 8 to 65536", "tokens of the longest text; longer ones are cut off, and shorter ones also put together")
	group(c, "Network", "model", "input", "validation", "length")
	intVar(flags, &f.neurons, "neurons", 1, "hidden neurons of a head, the mean")
	intVar(flags, &f.total, "total", 1, "hidden neurons of all heads, in place of --neurons")
	flags.BoolVar(&f.shared, "shared", false, "one tuning curve of a neuron for keys and queries, as in the paper")
	group(c, "Heads", "neurons", "total", "shared")
	floatVar(flags, &f.minutes, "minutes", func(x float64) bool { return x > 0 }, "a number above 0", "minutes that the fit may take, about")
	intVar(flags, &f.headSteps, "head-steps", 1, "steps of the fit head by head, with --joint-steps in place of --minutes")
	intVar(flags, &f.jointSteps, "joint-steps", 1, "steps of the fit through the whole network")
	flags.BoolVar(&f.resume, "resume", false, "go on with a fit that was interrupted")
	group(c, "Fit", "minutes", "head-steps", "joint-steps", "resume")
	outputVar(c, &f.output, "`FILE` for the tuning curves (safetensors)")
	flags.BoolVar(&f.half, "float16", false, "store weights as float16: half the size, rates off by about 0.02%")
	group(c, "Output", "output", "float16")
	return c
}

// check refuses flags that contradict one another, and finds out before a long job
// whether its results can be written.
func (f *fitFlags) check(c *cobra.Command) error {
	changed := c.Flags().Changed
	switch {
	case changed("neurons") && changed("total"):
		return usagef("fit: --neurons and --total; give one of the two")
	case changed("head-steps") != changed("joint-steps"):
		return usagef("fit: --head-steps and --joint-steps belong together; give both, or --minutes")
	case changed("head-steps") && changed("minutes"):
		return usagef("fit: --minutes and --head-steps; give the time or the steps")
	case f.input != "" && f.validation != "" && !isStream(f.input) && (inside(f.input, f.validation) || inside(f.validation, f.input)):
		return usagef("fit: --validation %s holds what is fitted to (%s); give other inputs of the same kind, or leave it out", f.validation, f.input)
	case isStream(f.output) || f.output == "":
		return usagef("fit: -o %q is no file; give the path of one", f.output)
	}
	if changed("head-steps") {
		f.minutes = 0
	}
	if info, err := os.Stat(f.output); err == nil && info.IsDir() {
		return usagef("fit: -o %s is a folder; give the path of a file", f.output)
	}
	if err := writableFolder(c.Name(), filepath.Dir(f.output)); err != nil {
		return err
	}
	for _, path := range []string{f.output, f.state()} {
		if err := atomicfile.Check(path); err != nil {
			return fmt.Errorf("fit: %w", err)
		}
	}
	_, err := os.Stat(f.state())
	switch there := err == nil; {
	case there && !f.resume:
		return fmt.Errorf("fit: %s is the state of a fit that was interrupted; --resume goes on with it, and to begin anew, remove it", f.state())
	case !there && f.resume:
		return fmt.Errorf("fit: there is no state of a fit to go on with, %s; leave --resume out, or give the -o of that fit", f.state())
	}
	return oneStream("input", f.input, f.validation)
}

// state is where the state of a fit is kept.
func (f *fitFlags) state() string { return f.output + ".state" }

func runFit(e *env, c *cobra.Command, f *fitFlags) error {
	if err := f.check(c); err != nil {
		return err
	}
	m, err := findModel(f.model)
	if err != nil {
		return err
	}
	net, err := network.Load(m.files, m.name)
	if err != nil {
		return err
	}
	if net.Tokenizer == nil && c.Flags().Changed("length") {
		e.warnf("--length has no effect: %s reads %s, which are all of one length", net.Model.Name(), kindOf(net))
	}
	limitMemory()
	pool := tensor.NewPool(e.cores())
	defer pool.Close()
	cfg := fit.Config{
		Network: net, Neurons: f.total, Shared: f.shared, HeadSteps: f.headSteps, JointSteps: f.jointSteps, Minutes: f.minutes,
		Settings: fit.DefaultSettings(), Seed: e.seed, Pool: pool, Checkpoint: f.state(), Program: programVersion(),
	}
	if cfg.Neurons == 0 {
		cfg.Neurons = f.neurons * net.Model.Layers() * net.Model.Heads()
	}
	if cfg.Weights, err = network.Checkpoint(m.files); err != nil {
		return err
	}
	if cfg.Corpus, cfg.Validation, err = f.corpora(c.Context(), e, m, net, pool); err != nil {
		return err
	}
	update, end := e.stages()
	var measured *fit.Fidelity
	cfg.Progress = func(p fit.Progress) {
		update(fitStage(p), fitShare(p))
		if p.Fidelity != measured && p.Fidelity != nil {
			measured = p.Fidelity
			e.logf("%s", fitStage(p))
		}
	}
	r, err := fit.Run(c.Context(), cfg)
	end()
	if err != nil {
		return f.ended(err)
	}
	dtype := safetensors.F32
	if f.half {
		dtype = safetensors.F16
	}
	if err := r.Tuning.Save(f.output, dtype); err != nil {
		return fmt.Errorf("%w; the fit is kept in %s, and goes on with --resume", err, f.state())
	}
	if err := os.Remove(f.state()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.warnf("%s is of no more use and cannot be removed: %v", f.state(), cause(err))
	}
	if e.json {
		return e.printJSON(r)
	}
	if err := printFit(e.stdout, r); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "\nThe curves are in %s; to run with them: --tuning %s\n", f.output, f.output)
	return err
}

// fitMemory is what a fit keeps to where it can: what heads see and what the exact
// network computes is thrown away and made anew all the time, and by default as much
// garbage as there is data may wait.
const fitMemory = 3 << 30

// limitMemory has garbage collected before memory exceeds fitMemory, unless
// GOMEMLIMIT says otherwise.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(fitMemory)
	}
}

// ended says of a fit that ended early what is left of it, and how it goes on.
func (f *fitFlags) ended(err error) error {
	_, missing := os.Stat(f.state())
	interrupted := errors.Is(err, context.Canceled)
	goesOn := fmt.Sprintf("kept in %s, and the same command with --resume goes on from there", f.state())
	var unsaved *fit.SaveError
	switch {
	case errors.As(err, &unsaved) && missing != nil:
		err = fmt.Errorf("%w; nothing is kept of the fit: make room, and begin anew", unsaved)
	case errors.As(err, &unsaved):
		err = fmt.Errorf("%w; make room: the state that was saved before is %s", unsaved, goesOn)
	case !interrupted:
		return err
	case missing != nil:
		err = errors.New("there was no state of the fit to keep yet; begin anew")
	default:
		err = errors.New("the state of the fit is " + goesOn)
	}
	if interrupted {
		return interruptedError{fmt.Errorf("interrupted; %w", err)}
	}
	return err
}

// fitStage says what a fit is doing, for how long still and, as soon as that was
// measured, how close the network is on validation.
func fitStage(p fit.Progress) string {
	s := p.Stage
	if p.Steps > 0 {
		s += fmt.Sprintf(", %d of %d", p.Step, p.Steps)
	}
	if p.Left >= time.Second {
		s += fmt.Sprintf(", %v left", p.Left.Round(time.Second))
	}
	if f := p.Fidelity; f != nil {
		s += fmt.Sprintf(" (cosine of hidden states %.4f)", f.Hidden)
	}
	return s
}

// fitShare returns how far the whole is, roughly.
func fitShare(p fit.Progress) float64 {
	begins := []struct {
		stage string
		at    float64
	}{{fit.StageRead, 0}, {fit.StageSurvey, 0.01}, {fit.StageAllocate, 0.06}, {fit.StageHeads, 0.08}, {fit.StageJoint, 0.14}, {fit.StageSettle, 0.97}, {"", 0.99}}
	for i, b := range begins[:len(begins)-1] {
		if b.stage == p.Stage {
			return b.at + (begins[i+1].at-b.at)*float64(p.Step)/float64(max(p.Steps, 1))
		}
	}
	return 0
}
