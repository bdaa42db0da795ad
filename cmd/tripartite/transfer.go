package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/report"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/transfer"
)

// place is one head of a network, counted from 0; -1 leaves the choice open.
type place struct{ layer, head int }

func (p place) String() string {
	if p.layer < 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", p.layer, p.head)
}

func parsePlace(s string) (place, error) {
	l, h, ok := strings.Cut(s, ".")
	layer, err1 := strconv.Atoi(l)
	head, err2 := strconv.Atoi(h)
	if !ok || err1 != nil || err2 != nil || layer < 0 || head < 0 {
		return place{}, errors.New("want LAYER.HEAD, counted from 0, such as 2.5")
	}
	return place{layer, head}, nil
}

// transferFlags are the flags of transfer.
type transferFlags struct {
	model, input, output string
	err                  float64
	head                 place
	compare              []string
	circuits             circuitFlags
	precision            tensor.Precision
}

func newTransfer(e *env) *cobra.Command {
	f := &transferFlags{output: "report", head: place{-1, -1}}
	c := &cobra.Command{
		Use:   "transfer",
		Short: "Run a pretrained transformer as neurons and astrocytes, and report",
		Long: `Transfer runs a pretrained transformer exactly, as a network of neurons and
astrocytes, and with uniform attention, the floor below which attention is
useless. It says for every head how close astrocyte calcium comes to the softmax
normalizer, how many neurons that takes, and for the whole network what it still
does: hidden states, embeddings, and what the model is for:

  BERT, ALBERT     masked tokens filled in
  GPT-2, BLOOM     every next token guessed: accuracy, nats, bits per byte
  ViT, DeiT, AST   pictures or sounds named

Heads of a causal model become circuits that write a token, then read it; with
ALiBi they forget 1 - exp(-slope) with every token.

With no arguments it runs the bundled language model on bundled verses that the
model did not see in training. The other bundled models bring inputs, too. Their
tuning curves are the fitted ones that they bring, if they do, or else, as those
of all other models, calibrated: drawn at random, with constants from inputs
that are not those that are run. --tuning FILE takes curves that "tripartite
fit" learned, --tuning calibrated and --tuning exp show the others.

Neurons of a head come from --neurons or, for curves that are drawn, from
--error: as many as the variance law asks for to keep the relative error of
calcium there. The report then has, for every head, the neurons that were asked
for, the error that the law predicts for those that it has, and the error that
was found. The neurons of fitted curves were divided when they were fitted.

Inputs of your own come from --input and --calibrate: a file of texts, one a
line (in FILE.jsonl a line is {"text": "..."}, and texts may have lines), or a
file or folder of pictures or sounds. Where subfolders are called like the
model's labels, FOLDER/LABEL/..., those are the right answers. Other models of
text read the bundled verses where you give none. Those of pictures and sounds
need --input, and --calibrate for curves that are calibrated.

Rate heads run in time: every token is presented to be written, and again to be
read. The report then also says how answers degrade when presentations are too
short, in seconds of the circuit for one input, beginning with calcium as slow
as IP3. --tau-astrocyte and its like take exceptions for layers and heads, as in
0.2,3=7.

Whole networks are compared on all inputs, heads on about 2,000 tokens of them.

The folder DIR receives report.html (self-contained), report.json, and the
figures as PNG and SVG: calcium against softmax normalizer token by token for
one head, error against number of neurons per map with the variance law, maps of
layers and heads, what whole networks keep against the neurons of a head with
random, calibrated and fitted curves, what the last layer attends to in some of
the inputs, laid over the picture, the spectrogram or the words, an overview,
and of a network in time what it keeps against the seconds for a token.`,
		Example: `  tripartite transfer
  tripartite transfer --tuning calibrated --neurons 2048 -o report-2048
  tripartite transfer --tuning calibrated --error 0.3 --head 2.5 -o report-error
  tripartite transfer --attention algebraic,0=exact --tuning hyperbolic -o report-hyperbolic
  tripartite transfer --attention rate -o report-time
  tripartite transfer --model causal -o report-causal
  tripartite transfer --model ./model --input texts.txt --calibrate more-texts.txt
  tripartite transfer --model ./vit --input pictures --calibrate more-pictures`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("transfer: unexpected argument %q; give the model by --model and inputs by --input", args[0])
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return runTransfer(e, c, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", "`MODEL`: the name of a bundled model, a folder, or the name of a model in the Hugging Face cache (default the bundled language model)")
	_ = c.RegisterFlagCompletionFunc("model", completeModels("")) // the flag is there, and once
	flags.StringVarP(&f.input, "input", "i", "", "`INPUTS` to run: a file of texts, one a line, or a file or folder of pictures or sounds; - for standard input (default what a bundled model brings)")
	group(c, "Network", "model", "input")
	f.circuits.add(c, attention.KindAlgebraic)
	f.circuits.addTime(c)
	floatVar(flags, &f.err, "error", func(x float64) bool { return x > 0 }, "a number above 0, such as 0.1",
		fmt.Sprintf("relative error of calcium that every head gets neurons for, by the variance law, %d to %d of them; in place of --neurons, and of curves that are drawn: calibrated ones where fitted ones are the default",
			transfer.LeastNeurons, transfer.MostNeurons))
	group(c, "Heads", "error")
	flags.Var(&value[place]{&f.head, f.head, "LAYER.HEAD", parsePlace}, "head",
		"head to show token by token (default the one whose calcium has the median error)")
	flags.StringArrayVar(&f.compare, "compare", nil, "`FILE` of fitted curves to show beside the others in fidelity against neurons; may be given several times")
	_ = c.MarkFlagFilename("compare", "safetensors") // the flag is there
	precisionVar(c, &f.precision)
	group(c, "Arithmetic", "precision")
	outputVar(c, &f.output, "`DIR` for the report and its figures")
	group(c, "Output", "head", "compare", "output")
	return c
}

func runTransfer(e *env, c *cobra.Command, f *transferFlags) error {
	if c.Flags().Changed("error") && c.Flags().Changed("neurons") {
		return usagef("transfer: --neurons and --error; give one of the two")
	}
	if err := oneStream("input", f.input, f.circuits.calibrate); err != nil {
		return err
	}
	if err := f.circuits.apart("transfer", f.input); err != nil {
		return err
	}
	f.circuits.check(e, c, "tuning", "neurons", "draw", "error")
	if err := writableReport(f.output); err != nil {
		return err
	}
	m, err := findModel(f.model)
	if err != nil {
		return err
	}
	if err := f.circuits.settle(e, c, m, "neurons", "draw", "error"); err != nil {
		return err
	}
	e.arithmetic(f.precision)
	net, err := network.Load(m.files, m.name, model.Precision(f.precision), model.Threads(e.threads))
	if err != nil {
		return err
	}
	cfg := transfer.Config{
		Network: net, Selection: f.circuits.attention, Dynamics: &f.circuits.time.Dynamics, Tuning: f.circuits.tuning, Draw: f.circuits.draw,
		Neurons: f.circuits.neurons, Error: f.err, Seed: e.seed,
		Layer: f.head.layer, Head: f.head.head, Program: programVersion(),
	}
	if err := f.fitted(&cfg, m); err != nil {
		return err
	}
	in := tested(f.input)
	if cfg.Inputs, err = e.inputsFor(c.Context(), m, net, in); err != nil {
		return err
	}
	if net.Preprocessor != nil {
		cfg.Truth = truth(cfg.Inputs.Files, m, in, net.Model.Config().Labels)
	}
	// Constants are computed even where no head depends on them, for the budgets of
	// calibrated curves, but where that would ask for pictures or sounds in vain.
	others := calibrating(f.circuits.calibrate)
	if net.Tokenizer != nil || others.path != "" || m.bundled != nil || f.circuits.needsCalibration() {
		if cfg.Calibration, err = e.inputsFor(c.Context(), m, net, others); err != nil {
			return err
		}
	}
	pool := tensor.NewPool(e.cores())
	defer pool.Close()
	update, end := e.stages()
	cfg.Pool, cfg.Progress = pool, update
	r, err := transfer.Run(c.Context(), cfg)
	end()
	if err != nil {
		return err
	}
	if err := report.WriteDir(c.Context(), f.output, r); err != nil {
		return err
	}
	if e.json {
		return report.JSON(e.stdout, r)
	}
	if err := report.Text(e.stdout, r, report.TextOptions{Width: 100}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "\nThe report is in %s\n", filepath.Join(f.output, "report.html"))
	return err
}

// fitted fills in the fitted curves: those that the heads get, and those that are
// compared with them, of the user and those that lie with a bundled model.
func (f *transferFlags) fitted(cfg *transfer.Config, m modelFiles) error {
	var all []*fittedCurves
	if f.circuits.fitted != nil {
		all = append(all, f.circuits.fitted)
		cfg.Fitted = f.circuits.fitted.Tuning
	}
	for _, path := range f.compare {
		t, err := openTuning(path)
		if err != nil {
			return err
		}
		all = append(all, t)
		cfg.Compare = append(cfg.Compare, t.Tuning)
	}
	if m.bundled != nil {
		for _, name := range m.tunings() {
			t, err := m.openTuning(name)
			if err != nil {
				return err
			}
			all = append(all, t)
			cfg.Compare = append(cfg.Compare, t.Tuning)
		}
	}
	if len(all) == 0 {
		return nil
	}
	checkpoint, err := network.Checkpoint(m.files)
	for _, t := range all {
		if err == nil {
			err = t.serves(cfg.Network, checkpoint)
		}
	}
	return err
}

// writableReport finds out whether the report can be written.
func writableReport(dir string) error {
	if dir == "" || isStream(dir) {
		return usagef("transfer: -o %q is no folder; give the path of one", dir)
	}
	return writableFolder("transfer", dir)
}

// writableFolder finds out before a long job whether its results can be
// written: in the folder, or where it would be made.
func writableFolder(command, dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		if err == nil && !info.IsDir() {
			err = errors.New("it is a file")
		}
		if err == nil {
			var probe *os.File
			if probe, err = os.CreateTemp(at, ".tripartite-*"); err == nil {
				probe.Close()
				return os.Remove(probe.Name())
			}
			if errors.Is(err, fs.ErrNotExist) { // /proc says so
				err = errors.New("nothing can be created there")
			}
		}
		return fmt.Errorf("%s: cannot write into %s: %w; choose another folder with -o", command, at, cause(err))
	}
}
