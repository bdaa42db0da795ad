package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

type streamFlags struct {
	file         string
	ids          bool
	every        int
	save, resume string
	saveEvery    int
	output       string
	circuits     circuitFlags
	precision    streamPrecision
	single       headFlags
}

// streamPrecision is tensor.Precision of a network or attend.Precision of a head,
// "" for what that has by default.
type streamPrecision string

func newStream(e *env) *cobra.Command {
	f := &streamFlags{every: 1, saveEvery: 1000}
	c := &cobra.Command{
		Use:   "stream [MODEL] [INPUT]",
		Short: "Run a causal network, or one head, on input without end",
		Long: `Stream reads text from INPUT, or standard input, and runs a causal network of
neurons and astrocytes on it, token by token. For every token it prints a line
of JSON: its position, id, spelling in the vocabulary and text (where it is not
a part of a character), the log probability that the network gave it before it
came, the bits per byte so far, and the logarithm of calcium, the mean of each
layer's heads. Without MODEL it is the bundled model "causal", whose tokens are
bytes. A single argument is MODEL; --file names the input of
the model that is left out.

Tuning curves are as for transfer, fitted ones by --tuning FILE among them. What
the network keeps of the input, the memories (H, g) of all heads, does not grow.
Models that count positions, such as GPT-2, end where their positions do; those
with ALiBi, such as causal and BLOOM, go on. Text is read as it comes, without
the tokens that a tokenizer puts around it; a word is held back until it is
whole or the input ends. With --ids, the input is token ids instead, with spaces
or commas between.

With --head, one causal head runs on rows x of numbers instead, and the single
argument is INPUT: an array [N,D] in .npy format, whose header need not know how
many rows follow, or a sound (WAV, FLAC), of any length, as log-mel frames of 10
ms, 128 bins each, as for AST. Queries, keys and values are W_Q x / d^(1/4),
W_K x / d^(1/4) and W_V x. The arrays W_Q, W_K [d,D], W_V [dv,D] and biases b_Q,
b_K, b_V, and W, b and gerf_A of the tuning curves as for attend, are those of
HEAD.npz; weights that are absent are the identity, and --head identity has
none: rows attend to those before that resemble them. Every row is written, then
read. Its line of JSON has log_calcium, and log_mean_kernel: the estimated
logarithm of the mean exp(q.k) over all rows so far, itself among them, which
grows with how like them it is, and with the length of q. Curves, neurons, draw,
sigma and precision are as for attend unless a flag says otherwise (exp, 1024
rows of W, iid, 0, float64). Random curves need |q+k| to be small, as in attend;
--calibrate takes rows of the same kind, in .npy or a sound.

With --save, the memory is kept in a file: every --save-every tokens or rows, at
the end, and on Ctrl-C. After a crash, --resume goes on from it, and the lines
and memory to come are those of a stream that never stopped. INPUT is read on
from where the memory ends; standard input is taken to go on there, at the byte
that "tripartite memory info" tells, or, with --head, with an array or a sound
that follows. Lines and states that were written after the last save are written
again. A memory of a head is like that of attend, and merges.

With -o, the last hidden states of the tokens that have a line, or the outputs y
of the rows, are appended to an array [tokens,D] or [rows,dv], which can be read
at any time.`,
		Example: `  echo "In the beginning God created the heaven" | tripartite stream
  tripartite stream causal texts.txt --every 10 --save memory -o states.npy
  tripartite memory info memory
  echo "And God said" | tripartite stream causal --resume memory
  tripartite stream ./bloom ids.txt --ids --tuning exp --neurons 64
  tripartite stream --head identity rows.npy --forget 0.01 --save memory -o y.npy
  tripartite stream --head identity speech.wav --calibrate more.wav --tuning gerf`,
		Args: func(c *cobra.Command, args []string) error {
			if f.single.path != "" {
				return arguments("[INPUT]")(c, args)
			}
			return arguments("[MODEL]", "[INPUT]")(c, args)
		},
		ValidArgsFunction: completeModels(".txt"),
		RunE: func(c *cobra.Command, args []string) error {
			input, err := f.check(e, c, args)
			if err != nil {
				return err
			}
			if f.save != "" { // rather than when much is to be saved
				if err := atomicfile.Check(f.save); err != nil {
					return fmt.Errorf("save memory: %w", err)
				}
			}
			if f.single.path != "" {
				return runStreamHead(e, c, f, input)
			}
			return runStream(e, c, f, args, input)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.file, "file", "", "`INPUT` to read, in place of the argument, - for standard input")
	flags.BoolVar(&f.ids, "ids", false, "the input is token ids, not text")
	group(c, "Input", "file", "ids")
	f.circuits.add(c, attention.KindAlgebraic)
	flags.Lookup("attention").Usage = "how heads are computed: exact, algebraic (neurons and astrocytes) or uniform, then exceptions for LAYER or LAYER.HEAD from 0, as in exact,2=algebraic,3.5=uniform"
	flags.Lookup("calibrate").Usage = "`INPUT` to compute the constants of calibrated and gerf curves from: a file with one text a line (default what a bundled model brings) or, with --head, rows of the same kind, in .npy or a sound"
	choiceVar(c, &f.precision, "precision", "arithmetic: of a network, products in float32, or fast, which takes Intel's AMX where the CPU has it (default float32); of a head, float64 or float32 (default float64)",
		streamPrecision(tensor.Float32.String()), streamPrecision(tensor.Fast.String()), streamPrecision(attend.Float64))
	group(c, "Arithmetic", "precision")
	f.single.add(c)
	flags.StringVar(&f.save, "save", "", "`FILE` to keep the memory in (safetensors)")
	intVar(flags, &f.saveEvery, "save-every", 1, "tokens or rows between two saves")
	flags.StringVar(&f.resume, "resume", "", "`FILE` with the memory to go on from; may be that of --save")
	group(c, "Memory", "save", "save-every", "resume")
	intVar(flags, &f.every, "every", 1, "tokens or rows for one line")
	outputVar(c, &f.output, "`OUT.npy` for the last hidden states, or the outputs of a head")
	group(c, "Output", "every", "output")
	return c
}

// check refuses flags that contradict one another, and returns the path of the
// input.
func (f *streamFlags) check(e *env, c *cobra.Command, args []string) (input string, err error) {
	if f.single.path == "" && len(args) > 0 {
		args = args[1:] // behind MODEL
	}
	input = "-"
	switch {
	case f.file != "" && len(args) > 0:
		return "", usagef("stream: two inputs, %s and --file %s; give one of the two", args[0], f.file)
	case f.file != "":
		input = f.file
	case len(args) > 0:
		input = args[0]
	}
	switch {
	case f.save == "" && c.Flags().Changed("save-every"):
		return "", usagef("stream: --save-every without --save; say where to, by --save FILE")
	case isStream(f.output) || isStream(f.save) || isStream(f.resume):
		return "", usagef("stream: standard streams are for the input and the lines; give paths to -o, --save and --resume")
	}
	if f.single.path != "" {
		err = f.single.check(c, f)
	} else {
		err = f.checkNetwork(e, c)
		if err == nil {
			err = f.circuits.apart("stream", input)
		}
	}
	if err != nil {
		return "", err
	}
	return input, oneStream("input", input, f.circuits.calibrate, f.single.path)
}

func (f *streamFlags) checkNetwork(e *env, c *cobra.Command) error {
	for _, name := range headOnly {
		if c.Flags().Changed(name) {
			return usagef("stream: --%s is for --head; a network's heads are as its checkpoint says: leave it out", name)
		}
	}
	if f.precision == streamPrecision(attend.Float64) {
		return usagef("stream: --precision float64 is for --head; a network computes in float32 or fast")
	}
	if f.circuits.attention.Uses(attention.KindRate) {
		return usagef("stream: --attention %s: a stream keeps memories of algebraic heads; in time, run a text: tripartite run causal --attention rate", f.circuits.attention)
	}
	f.circuits.check(e, c, "tuning", "neurons", "draw", "calibrate")
	return nil
}

func runStream(e *env, c *cobra.Command, f *streamFlags, args []string, input string) error {
	name := causal.Name
	if len(args) > 0 {
		name = args[0]
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return usagef("stream: %s is a file, and a single argument is MODEL; to read it with the bundled model: tripartite stream %s %s", name, causal.Name, name)
		}
	}
	files, err := findModel(name)
	if err != nil {
		return err
	}
	switch what := map[bool]string{false: "text", true: "token ids"}[f.ids]; {
	case isStream(input) && e.interactive:
		e.warnf("reading %s from standard input with %s; Ctrl-D ends it", what, files.name)
	case len(args) == 0:
		e.warnf("reading %s from %s with %s, the bundled causal model", what, inputName(input), files.name)
	}
	if err := f.circuits.settleForUse(e, c, files); err != nil {
		return err
	}
	net, err := f.load(e, files)
	if err != nil {
		return err
	}
	pool := tensor.NewPool(e.cores())
	defer pool.Close()
	s, err := f.begin(c.Context(), e, files, net, nn.NewWorkspace(pool))
	if err != nil {
		return err
	}
	if f.resume != "" {
		if err := s.Resume(f.resume); err != nil {
			return err
		}
	}
	r, inputName, err := openInput(c.Context(), e, input, s.Status().Offset, f.resume != "")
	if err != nil {
		return err
	}
	defer r.Close()
	var src stream.Source
	if f.ids {
		src = stream.NewIDs(r, inputName, s.Status().Offset)
	} else if src, err = net.Tokenizer.NewStream(r); err != nil {
		return fmt.Errorf("%s: %w", files.name, err)
	}
	out := stream.Output{Lines: lineWriter{e}, Save: f.save, SaveEvery: f.between()}
	if f.output != "" {
		if out.States, err = stream.OpenStates[float32](f.output, net.Model.Width(), s.Rows()); err != nil {
			return err
		}
	}
	var end func()
	out.Live, end = e.live("tokens", time.Now)
	err = s.Run(c.Context(), src, out)
	end()
	return ended(c.Context(), e, err, out.States)
}

// between is how many tokens or rows lie between two saves, 0 for none.
func (f *streamFlags) between() int {
	if f.save == "" {
		return 0
	}
	return f.saveEvery
}

// ended closes the states of a stream and says what went wrong beside its having
// been interrupted.
func ended[F tripartite.Float](ctx context.Context, e *env, err error, states *stream.States[F]) error {
	if states != nil {
		if closing := states.Close(); err == nil {
			err = closing
		}
	}
	if stopped := ctx.Err(); stopped != nil && err != nil && err != stopped {
		e.complain(err)
	}
	return err
}

// products is the precision of a network.
func (f *streamFlags) products() tensor.Precision {
	p, _ := tensor.ParsePrecision(cmp.Or(string(f.precision), tensor.Float32.String())) // a choice of the flag
	return p
}

// load loads a causal model. Ids run without a tokenizer.
func (f *streamFlags) load(e *env, files modelFiles) (*network.Network, error) {
	products := f.products()
	e.arithmetic(products)
	precision := model.Precision(products)
	net := &network.Network{}
	var err error
	if f.ids && !f.circuits.needsCalibration() {
		net.Model, err = model.Load(files.files, files.name, precision)
	} else {
		net, err = network.Load(files.files, files.name, precision)
	}
	if err != nil {
		return nil, err
	}
	if m := net.Model.Config(); !m.Causal { // before the work of calibration
		return nil, fmt.Errorf("%s is not causal: its tokens see those that follow, and a stream has no end; use a causal model: the bundled one, %s, or any BLOOM", files.name, causal.Name)
	} else if m.Positions > 0 {
		e.warnf("%s has %d positions and takes no more tokens; a model that counts none, such as the bundled %s or any BLOOM, goes on without end", files.name, m.Positions, causal.Name)
	}
	return net, nil
}

// begin begins a stream.
func (f *streamFlags) begin(ctx context.Context, e *env, files modelFiles, net *network.Network, work *nn.Workspace) (*stream.Stream, error) {
	if f.circuits.attention.Uses(attention.KindExact) {
		e.warnf("exact heads keep the keys and values of all tokens, and grow without end; algebraic ones do not")
	}
	circuits, resolved, err := f.circuits.build(ctx, e, files, net, work)
	if err != nil {
		return nil, err
	}
	cfg := stream.Config{Model: net.Model, Heads: circuits.Heads(), Work: work, Every: f.every, Identity: stream.Identity{
		Model: files.name, Arithmetic: f.products().String(), Input: stream.Text,
		Tuning: resolved.Tuning, Neurons: resolved.Neurons, Draw: string(resolved.Draw), Seed: e.seed,
	}}
	if f.circuits.fitted != nil {
		cfg.Identity.TotalNeurons, cfg.Identity.Curves = resolved.TotalNeurons, resolved.Curves
	}
	if f.ids {
		cfg.Identity.Input = stream.IDNumbers
	}
	if net.Tokenizer != nil {
		cfg.Token, cfg.Text = net.Tokenizer.Token, texts(net.Tokenizer)
	}
	if f.save != "" || f.resume != "" {
		if cfg.Identity.Checkpoint, err = network.Checkpoint(files.files); err != nil {
			return nil, err
		}
	}
	s, err := stream.New(cfg)
	if err == nil && (f.save != "" || f.resume != "") {
		err = s.CanSave()
	}
	return s, err
}
