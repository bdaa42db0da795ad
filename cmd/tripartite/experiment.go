package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/experiment"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/report"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

func newExperiment(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "experiment",
		Short: "Perturb the circuit, and say what that does, with intervals",
		Long: `An experiment perturbs circuits of neurons and astrocytes and says what that
does, with intervals: what calcium follows, what that takes, and what should be
seen in a laboratory if astrocytes compute attention. It is run for several
seeds; a seed is another animal, whose tuning curves are drawn anew. Intervals
are by a bootstrap over seeds and inputs.

The folder DIR receives report.html (self-contained), result.json, result.csv,
summary.txt and figures as PNG and SVG, and on the way a file for every finished
seed, from which --resume goes on when an experiment was interrupted.`,
		Example: `  tripartite experiment list
  tripartite experiment normalizer -o normalizer`,
		Args: subcommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newExperimentList(e))
	for _, x := range experiment.List() {
		c.AddCommand(newExperimentOf(e, x))
	}
	return c
}

func newExperimentList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the experiments",
		Long: `List prints the experiments with what each does; with --json also their
settings, which --set changes, with their defaults.`,
		Example: `  tripartite experiment list
  tripartite experiment list --json`,
		Args:              arguments(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return listExperiments(e) },
	}
}

func listExperiments(e *env) error {
	all := experiment.List()
	if e.json {
		type entry struct {
			Name    string `json:"name"`
			Summary string `json:"summary"`
			Config  any    `json:"config"`
		}
		out := struct {
			Experiments []entry `json:"experiments"`
		}{}
		for _, x := range all {
			out.Experiments = append(out.Experiments, entry{x.Name, x.Summary, x.Config()})
		}
		return e.printJSON(out)
	}
	width := 0
	for _, x := range all {
		width = max(width, len(x.Name))
	}
	for _, x := range all {
		fmt.Fprintf(e.stdout, "%-*s  %s\n", width, x.Name, x.Summary)
	}
	return nil
}

// experimentFlags are the flags of one experiment.
type experimentFlags struct {
	model, input, calibrate, fitted string
	seeds                           int
	settings                        []string
	resume                          bool
	output                          string
}

// mostSeeds keeps a slip of the pen from asking for a million.
const mostSeeds = 1000

// paragraphs wraps text, whose paragraphs are divided by empty lines, for help.
func paragraphs(text string) string {
	all := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range all {
		all[i] = strings.Join(wrap(p, helpWidth), "\n")
	}
	return strings.Join(all, "\n\n")
}

func newExperimentOf(e *env, x experiment.Experiment) *cobra.Command {
	f := &experimentFlags{seeds: 5, output: "experiment-" + x.Name}
	c := &cobra.Command{
		Use:   x.Name,
		Short: x.Summary,
		Long:  paragraphs(x.About),
		Example: fmt.Sprintf("  tripartite experiment %s\n  tripartite experiment %s --seeds 2 -o %s",
			x.Name, x.Name, x.Name),
		Args:              arguments(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return runExperiment(e, c, x, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "`MODEL`: the name of a bundled model, a folder, or the name of a model in the Hugging Face cache (default the bundled language model)")
	_ = c.RegisterFlagCompletionFunc("model", completeModels("")) // the flag is there, and once
	flags.StringVarP(&f.input, "input", "i", "", "`INPUTS` to run: a file of texts, one a line, or a file or folder of pictures or sounds (default what a bundled model brings)")
	flags.StringVar(&f.calibrate, "calibrate", "", "`INPUTS` to compute the constants of calibrated curves from, others than those that are run (default what a bundled model brings)")
	flags.StringVar(&f.fitted, "fitted", "", "`FILE` of fitted curves of the model (default those that a bundled model brings)")
	_ = c.MarkFlagFilename("fitted", "safetensors") // the flag is there
	group(c, "Network", "model", "input", "calibrate", "fitted")
	rangeVar(flags, &f.seeds, "seeds", 1, mostSeeds, fmt.Sprintf("from 1 to %d", mostSeeds), "how many seeds to run, from --seed up")
	flags.StringArrayVar(&f.settings, "set", nil, "change a setting of the experiment, as `NAME=VALUE`; may be given several times; \"tripartite experiment list --json\" shows them all")
	flags.BoolVar(&f.resume, "resume", false, "take the seeds that are finished in DIR already")
	group(c, "Experiment", "seeds", "set", "resume")
	outputVar(c, &f.output, "`DIR` for the result and its figures")
	group(c, "Output", "output")
	return c
}

func runExperiment(e *env, c *cobra.Command, x experiment.Experiment, f *experimentFlags) error {
	setup, err := f.check(e, c, x)
	if err != nil {
		return err
	}
	m, err := findModel(f.model)
	if err != nil {
		return err
	}
	if setup.Network, err = network.Load(m.files, m.name); err != nil {
		return err
	}
	if setup.Weights, err = network.Checkpoint(m.files); err != nil {
		return err
	}
	if err := f.inputs(c.Context(), e, m, &setup); err != nil {
		return err
	}
	pool := tensor.NewPool(e.cores())
	defer pool.Close()
	update, end := e.stages()
	setup.Pool, setup.Progress = pool, update
	lab, err := experiment.NewLab(setup)
	var r *experiment.Report
	if err == nil {
		r, err = x.Run(c.Context(), lab)
	}
	end()
	if err != nil {
		return f.ended(err)
	}
	if err := report.WriteExperiment(c.Context(), f.output, r); err != nil {
		return err
	}
	if e.json {
		return report.ExperimentJSON(e.stdout, r)
	}
	if err := report.ExperimentText(e.stdout, r, report.TextOptions{Width: 100}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "\nThe report is in %s, all numbers in result.csv beside it\n", filepath.Join(f.output, "report.html"))
	return err
}

// check refuses what cannot be meant, and finds out before a long job whether its
// result can be written. It applies the settings.
func (f *experimentFlags) check(e *env, c *cobra.Command, x experiment.Experiment) (experiment.Setup, error) {
	s := experiment.Setup{Dir: f.output, Resume: f.resume, Program: programVersion()}
	if f.output == "" || isStream(f.output) {
		return s, usagef("experiment %s: -o %q is no folder; give the path of one", x.Name, f.output)
	}
	for _, set := range f.settings {
		name, value, ok := strings.Cut(set, "=")
		if !ok {
			return s, usagef("experiment %s: --set %q: want NAME=VALUE, such as tokens=500", x.Name, set)
		}
		if err := x.Set(name, value); err != nil {
			return s, usagef("--set %q: %w", set, err)
		}
	}
	if err := x.Check(); err != nil {
		return s, usagef("experiment %w", err)
	}
	if err := oneStream("input", f.input, f.calibrate); err != nil {
		return s, err
	}
	if err := apart("experiment "+x.Name, f.calibrate, f.input); err != nil {
		return s, err
	}
	for i := range f.seeds {
		s.Seeds = append(s.Seeds, e.seed+uint64(i))
	}
	return s, writableFolder(c.Name(), f.output)
}

// inputs fills in what is run, what is calibrated on, and fitted curves.
func (f *experimentFlags) inputs(ctx context.Context, e *env, m modelFiles, s *experiment.Setup) (err error) {
	in := tested(f.input)
	if s.Inputs, err = e.inputsFor(ctx, m, s.Network, in); err != nil {
		return err
	}
	if s.Network.Preprocessor != nil {
		s.Truth = truth(s.Inputs.Files, m, in, s.Network.Model.Config().Labels)
	}
	others := calibrating(f.calibrate)
	if s.Network.Tokenizer != nil || others.path != "" || m.bundled != nil {
		if s.Calibration, err = e.inputsFor(ctx, m, s.Network, others); err != nil {
			return err
		}
	}
	var t *fittedCurves
	switch {
	case f.fitted != "":
		t, err = openTuning(f.fitted)
	case m.bundled != nil && len(m.tunings()) > 0 && m.tunings()[0] == network.TuningFile:
		t, err = m.openTuning(network.TuningFile)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	s.Fitted = t.Tuning
	return t.serves(s.Network, s.Weights)
}

// ended says of an experiment that was interrupted how it goes on.
func (f *experimentFlags) ended(err error) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	kept, _ := filepath.Glob(filepath.Join(f.output, "seed-*.json")) // the pattern is right
	if _, there := os.Stat(f.output); there != nil || len(kept) == 0 {
		return err
	}
	return interruptedError{fmt.Errorf("interrupted; %s kept in %s, and the same command with --resume goes on from there", counts.Plural(len(kept), "finished seed"), f.output)}
}
