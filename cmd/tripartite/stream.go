package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/tensor"
)

type streamFlags struct {
	ids          bool
	every        int
	save, resume string
	saveEvery    int
	output       string
	circuits     circuitFlags
	precision    tensor.Precision
}

func newStream(e *env) *cobra.Command {
	f := &streamFlags{every: 1, saveEvery: 1000}
	c := &cobra.Command{
		Use:   "stream MODEL [INPUT]",
		Short: "Run a causal network on text without end",
		Long: `Stream reads text from INPUT, or standard input, and runs a causal network of
neurons and astrocytes on it, token by token. For every token it prints a line
of JSON: its position, id and spelling, the log probability that the network
gave it before it came, the bits per byte so far, and the logarithm of calcium,
the mean of each layer's heads.

What the network keeps of the input, the memories (H, g) of all heads, does not
grow. Models that count positions, such as GPT-2, end where their positions do;
those with ALiBi, such as BLOOM, go on. Text is read as it comes, without the
tokens that a tokenizer puts around it; a word is held back until it is whole
or the input ends.
With --ids, the input is token ids instead, with spaces or commas between.

With --save, the memory is kept in a file: every --save-every tokens, at the
end, and on Ctrl-C. After a crash, --resume goes on from it, and the lines and
memory to come are those of a stream that never stopped. INPUT is read on from
the byte where the memory ends; standard input is taken to go on there, at the
byte that "tripartite memory info" tells. Lines and states that were written
after the last save are written again.

With -o, the last hidden states of the tokens that have a line are appended to
an array [tokens,D], which can be read at any time.`,
		Example: `  tripartite stream ./bloom ids.txt --ids --tuning exp --neurons 64
  tripartite stream ./bloom ids.txt --ids --tuning exp --save memory -o states.npy
  tripartite memory info memory
  echo "3 1 4" | tripartite stream ./bloom --ids --tuning exp --resume memory`,
		Args:              arguments("MODEL", "[INPUT]"),
		ValidArgsFunction: completeModels(".txt"),
		RunE:              func(c *cobra.Command, args []string) error { return runStream(e, c, f, args) },
	}
	flags := c.Flags()
	flags.BoolVar(&f.ids, "ids", false, "the input is token ids, not text")
	group(c, "Input", "ids")
	f.circuits.add(c, attention.KindAlgebraic)
	precisionVar(c, &f.precision)
	group(c, "Arithmetic", "precision")
	flags.StringVar(&f.save, "save", "", "`FILE` to keep the memory in (safetensors)")
	intVar(flags, &f.saveEvery, "save-every", 1, "tokens between two saves")
	flags.StringVar(&f.resume, "resume", "", "`FILE` with the memory to go on from; may be that of --save")
	group(c, "Memory", "save", "save-every", "resume")
	intVar(flags, &f.every, "every", 1, "tokens for one line")
	outputVar(c, &f.output, "`OUT.npy` for the last hidden states")
	group(c, "Output", "every", "output")
	return c
}

// check refuses flags that contradict one another.
func (f *streamFlags) check(e *env, c *cobra.Command, input string) error {
	switch {
	case f.save == "" && c.Flags().Changed("save-every"):
		return usagef("stream: --save-every without --save; say where to, by --save FILE")
	case isStream(f.output) || isStream(f.save) || isStream(f.resume):
		return usagef("stream: standard streams are for the input and the lines; give paths to -o, --save and --resume")
	}
	f.circuits.check(e, c, "tuning", "neurons", "draw", "calibrate")
	return oneStream("input", input, f.circuits.calibrate)
}

func runStream(e *env, c *cobra.Command, f *streamFlags, args []string) error {
	input := "-"
	if len(args) > 1 {
		input = args[1]
	}
	if err := f.check(e, c, input); err != nil {
		return err
	}
	files, err := findModel(args[0])
	if err != nil {
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
	r, name, err := openInput(c.Context(), e, input, s.Status().Offset, f.resume != "")
	if err != nil {
		return err
	}
	defer r.Close()
	var src stream.Source
	if f.ids {
		src = stream.NewIDs(r, name, s.Status().Offset)
	} else if src, err = net.Tokenizer.NewStream(r); err != nil {
		return fmt.Errorf("%s: %w", files.name, err)
	}
	out := stream.Output{Lines: lineWriter{e}, Save: f.save}
	if f.save != "" {
		out.SaveEvery = f.saveEvery
	}
	if f.output != "" {
		if out.States, err = stream.OpenStates(f.output, net.Model.Width(), s.Rows()); err != nil {
			return err
		}
	}
	var end func()
	out.Live, end = e.live(time.Now)
	err = s.Run(c.Context(), src, out)
	end()
	if out.States != nil {
		if closing := out.States.Close(); err == nil {
			err = closing
		}
	}
	if stopped := c.Context().Err(); stopped != nil && err != nil && err != stopped {
		e.complain(err) // beside having been interrupted
	}
	return err
}

// load loads a causal model. Ids run without a tokenizer.
func (f *streamFlags) load(e *env, files modelFiles) (*network.Network, error) {
	e.arithmetic(f.precision)
	precision := model.Precision(f.precision)
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
		return nil, fmt.Errorf("%s is not causal: its tokens see those that follow, and a stream has no end; use a causal model, such as BLOOM", files.name)
	} else if m.Positions > 0 {
		e.warnf("%s has %d positions and takes no more tokens; a model that counts none, such as BLOOM, goes on without end", files.name, m.Positions)
	}
	return net, nil
}

// begin begins a stream.
func (f *streamFlags) begin(ctx context.Context, e *env, files modelFiles, net *network.Network, work *nn.Workspace) (*stream.Stream, error) {
	if f.circuits.attention.Uses(attention.KindExact) {
		e.warnf("exact heads keep the keys and values of all tokens, and grow without end; algebraic ones do not")
	}
	heads, resolved, err := f.circuits.build(ctx, e, files, net, work)
	if err != nil {
		return nil, err
	}
	cfg := stream.Config{Model: net.Model, Heads: heads, Work: work, Every: f.every, Identity: stream.Identity{
		Model: files.name, Arithmetic: f.precision.String(), Input: stream.Text,
		Tuning: resolved.Tuning, Neurons: resolved.Neurons, Draw: string(resolved.Draw), Seed: e.seed,
	}}
	if f.ids {
		cfg.Identity.Input = stream.IDNumbers
	}
	if net.Tokenizer != nil {
		cfg.Token = net.Tokenizer.Token
	}
	if f.save != "" || f.resume != "" {
		if cfg.Identity.Checkpoint, err = stream.Checkpoint(files.files); err != nil {
			return nil, err
		}
	}
	s, err := stream.New(cfg)
	if err == nil && (f.save != "" || f.resume != "") {
		err = s.CanSave()
	}
	return s, err
}

// openInput opens a file at an offset, or takes standard input to be there.
func openInput(ctx context.Context, e *env, path string, offset int64, resumed bool) (io.ReadCloser, string, error) {
	if isStream(path) {
		if resumed {
			e.warnf("standard input is taken to go on at byte %d", offset)
		}
		return io.NopCloser(e.stdin), standardInput, nil
	}
	r, name, err := openText(e, path)
	if err != nil {
		return nil, "", err
	}
	f := r.(*os.File)
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("%s: %w; check that it can be read", path, cause(err))
	}
	if !info.Mode().IsRegular() { // a pipe, which can wait
		if resumed {
			e.warnf("%s is taken to go on at byte %d", path, offset)
		}
		return struct {
			io.Reader
			io.Closer
		}{&interruptible{ctx: ctx, r: f}, f}, name, nil
	}
	if info.Size() < offset {
		err = fmt.Errorf("%s: it has %d bytes, and the memory that is resumed has taken in %d; give the same input", path, info.Size(), offset)
	} else if _, err = f.Seek(offset, io.SeekStart); err != nil {
		err = fmt.Errorf("%s: %w; check that it can be read", path, cause(err))
	}
	if err != nil {
		f.Close()
		return nil, "", err
	}
	return f, name, nil
}

// lineWriter brings lines to standard output as they come, since somebody may wait
// for them.
type lineWriter struct{ e *env }

func (w lineWriter) Write(p []byte) (int, error) {
	n, _ := w.e.stdout.Write(p) // flush says what went wrong
	if err := w.e.flush(); err != nil {
		return n, err
	}
	return n, nil
}

// live shows on a terminal how fast a stream runs and what it carries. It returns
// nil where stderr is none, or with --quiet, and a function to call at the end.
func (e *env) live(now func() time.Time) (update func(stream.Status), end func()) {
	if !e.terminal || e.quiet {
		return nil, func() {}
	}
	const interval = 250 * time.Millisecond
	shown, before, tokens := false, now(), -1
	return func(s stream.Status) {
			if tokens < 0 {
				tokens = s.Tokens - 1
			}
			t := now()
			passed := t.Sub(before)
			if passed < interval {
				return
			}
			line := fmt.Sprintf("%d tokens, %.0f tokens/s, %d bytes of memory, log calcium %.3f",
				s.Tokens, float64(s.Tokens-tokens)/passed.Seconds(), s.Bytes, s.LogCalcium)
			fmt.Fprintf(e.stderr, "\r%-78s", line) // over what was there
			shown, before, tokens = true, t, s.Tokens
		}, func() {
			if shown {
				fmt.Fprintf(e.stderr, "\r%78s\r", "")
			}
		}
}
