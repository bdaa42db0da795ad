package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/task"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// taskName says what a model is run for.
type taskName string

const (
	taskFill   taskName = "fill"
	taskEmbed  taskName = "embed"
	taskHidden taskName = "hidden"
)

// runFlags are the flags of run.
type runFlags struct {
	task     taskName
	texts    []string
	file     string
	topK     int
	output   string
	circuits circuitFlags

	precision tensor.Precision
}

func newRun(e *env) *cobra.Command {
	f := &runFlags{task: taskFill, topK: 5}
	c := &cobra.Command{
		Use:   "run [MODEL] [IN.npz]",
		Short: "Run a pretrained network, exactly or as neurons and astrocytes",
		Long: `Run does with a pretrained network what it is for:

  fill    guess the words behind [MASK] (the default)
  embed   compute one vector per text, normalized to unit length
  hidden  compute the hidden states for arrays of token ids, images or sounds

Texts come from --text (as often as needed), from --file, one a line, or else
from standard input. Arguments are never texts: the first is MODEL, the name of
a bundled model, a folder, or the name of a model in the Hugging Face cache.
Left out, it is the bundled language model. (A folder called like a bundled
model is meant by ./language.) Texts that are too long are cut off by embed,
with a note, and refused by fill. With -o, embed writes embeddings [n,D].

The task hidden reads arrays instead, as transformers names them, from its last
argument IN.npz: input_ids [N] or [B,N], token_type_ids, attention_mask for a
model of text; pixel_values [C,H,W] or [B,C,H,W] for one of images; input_values
[time,mel] or [B,time,mel] for one of sounds. It writes float32 hidden_states
[L+1,B,N,D], last_hidden_state [B,N,D], and what the model has of logits, of
words [B,N,V] or of labels [B,labels], and pooler_output [B,D]; B is left out
when it is 1.`,
		Example: `  tripartite run --text "In the beginning God created the [MASK] and the earth."
  tripartite run --attention algebraic --neurons 2048 --text "Jesus [MASK]." --top-k 3
  tripartite run --task embed --file texts.txt -o embeddings.npz
  tripartite run --task hidden ids.npz -o states.npz --attention exact,0=algebraic --tuning exp
  tripartite run ./model --task embed --file texts.txt --json`,
		Args: func(c *cobra.Command, args []string) error {
			if f.task == taskHidden {
				if len(args) < 2 {
					return arguments("IN.npz")(c, args)
				}
				return arguments("MODEL", "IN.npz")(c, args)
			}
			if len(args) > 1 {
				return fmt.Errorf("run: unexpected argument %q after MODEL; give texts by --text or --file", args[1])
			}
			return nil
		},
		ValidArgsFunction: completeModels(".npz"),
		RunE:              func(c *cobra.Command, args []string) error { return runRun(e, c, f, args) },
	}
	flags := c.Flags()
	choiceVar(c, &f.task, "task", "what to do: fill, embed or hidden", taskFill, taskEmbed, taskHidden)
	flags.StringArrayVar(&f.texts, "text", nil, "`TEXT` to run; may be given several times")
	flags.StringVar(&f.file, "file", "", "`TEXTS` to run, one a line, - for standard input")
	intVar(flags, &f.topK, "top-k", 1, "words to print for each [MASK]")
	group(c, "Task", "task", "text", "file", "top-k")
	f.circuits.add(c, attention.KindExact)
	precisionVar(c, &f.precision)
	group(c, "Arithmetic", "precision")
	outputVar(c, &f.output, "`OUT.npz` for the arrays of embed and hidden, - for standard output")
	group(c, "Output", "output")
	return c
}

// check refuses flags that contradict one another or the task.
func (f *runFlags) check(e *env, c *cobra.Command, in string) error {
	hidden := f.task == taskHidden
	switch {
	case len(f.texts) > 0 && f.file != "":
		return usagef("run: --text and --file; give one of the two")
	case hidden && (len(f.texts) > 0 || f.file != ""):
		return usagef("run: --task hidden reads arrays, not texts; give IN.npz alone, or use --task embed or fill")
	case hidden && f.output == "":
		return usagef("run: nowhere to write to; add -o OUT.npz")
	case f.task == taskFill && f.output != "":
		return usagef("run: --task fill writes no arrays; leave out -o, and use --json for a result to be read by programs")
	case f.task != taskFill && c.Flags().Changed("top-k"):
		return usagef("run: --top-k is for --task fill; leave it out")
	case e.json && isStream(f.output):
		return usagef("run: --json and the arrays both want standard output; give -o a path")
	}
	if !hidden {
		in = f.file
		if len(f.texts) == 0 && f.file == "" {
			in = "-"
		}
	}
	f.circuits.check(e, c, "tuning", "neurons", "draw", "calibrate")
	if f.circuits.calibrate != "" && f.circuits.attention.Uses(attention.KindAlgebraic) && !f.circuits.needsCalibration() {
		e.warnf("--calibrate has no effect on %s curves; use --tuning calibrated", f.circuits.tuning)
	}
	return oneStream("input", in, f.circuits.calibrate)
}

func runRun(e *env, c *cobra.Command, f *runFlags, args []string) error {
	arg, in := "", ""
	if f.task == taskHidden {
		in, args = args[len(args)-1], args[:len(args)-1]
	}
	if len(args) > 0 {
		arg = args[0]
	}
	if err := f.check(e, c, in); err != nil {
		return err
	}
	files, err := findModel(arg)
	if err != nil {
		return err
	}
	j := &job{e: e, ctx: c.Context(), flags: f, files: files}
	if f.task != taskHidden { // cheap mistakes are reported before the model is loaded
		if j.texts, err = f.readTexts(c.Context(), e); err != nil {
			return err
		}
	}
	pool := tensor.NewPool(e.cores())
	defer pool.Close()
	j.work = nn.NewWorkspace(pool)
	if err := j.load(); err != nil {
		return err
	}
	switch f.task {
	case taskEmbed:
		return j.embed()
	case taskHidden:
		return j.hidden(in)
	default:
		return j.fill()
	}
}

// readTexts returns the texts to run.
func (f *runFlags) readTexts(ctx context.Context, e *env) ([]string, error) {
	switch {
	case len(f.texts) > 0:
		return f.texts, nil
	case f.file != "":
		return readTexts(ctx, e, f.file)
	}
	if e.interactive {
		e.warnf("reading texts from standard input, one a line; Ctrl-D ends it")
	}
	return readTexts(ctx, e, "-")
}

// job is one run of a model.
type job struct {
	e     *env
	ctx   context.Context
	flags *runFlags
	files modelFiles
	texts []string
	work  *nn.Workspace

	net   *network.Network // its tokenizer is nil where nothing needs one
	heads resolvedCircuits
	opt   task.Options
}

// load loads the model and builds its heads. Arrays of token ids run without a
// tokenizer.
func (j *job) load() error {
	j.opt.Work = j.work
	j.e.arithmetic(j.flags.precision)
	precision := model.Precision(j.flags.precision)
	if j.flags.task == taskHidden && !j.flags.circuits.needsCalibration() {
		m, err := model.Load(j.files.files, j.files.name, precision)
		if err != nil {
			return err
		}
		j.net = &network.Network{Model: m}
	} else {
		net, err := network.Load(j.files.files, j.files.name, precision)
		if err != nil {
			return err
		}
		j.net = net
	}
	j.e.logf("%s: %d layers, %d heads, %d parameters", j.files.name, j.net.Model.Layers(), j.net.Model.Heads(), j.net.Model.Parameters())
	for _, name := range j.net.Model.Ignored() {
		j.e.logf("%s: tensor %s is not used", j.files.name, name)
	}
	var err error
	j.opt.Heads, j.heads, err = j.flags.circuits.build(j.ctx, j.e, j.files, j.net, j.work)
	return err
}

// describe begins the result of a task.
func (j *job) describe() runResult {
	return runResult{
		Schema: "tripartite.run/1", Program: programVersion(), Kernel: tensor.Kernel(),
		Arithmetic: j.flags.precision.Arithmetic(),
		Task:       j.flags.task, Model: j.files.name, Seed: j.e.seed, Generator: tuning.Generator, Config: j.heads,
	}
}

// runResult is what `tripartite run --json` prints; what follows depends on the
// task.
type runResult struct {
	Schema  string `json:"schema"`
	Program string `json:"program"` // version of the program
	Kernel  string `json:"kernel"`
	tensor.Arithmetic
	Task      taskName         `json:"task"`
	Model     string           `json:"model"`
	Seed      uint64           `json:"seed"`
	Generator string           `json:"generator"`
	Config    resolvedCircuits `json:"config"`

	Filled     []task.Filled    `json:"filled,omitempty"`
	Embeddings *task.Embeddings `json:"embeddings,omitempty"`
	Arrays     []arrayInfo      `json:"arrays,omitempty"` // of hidden
}

// arrayInfo is an array that was written.
type arrayInfo struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// inputArrays reads the arrays of the task hidden.
func inputArrays(a *npz.Archive, name string) (task.Arrays, error) {
	var in task.Arrays
	ints := []struct {
		name string
		to   **task.Ints
	}{{"input_ids", &in.InputIDs}, {"token_type_ids", &in.TokenTypeIDs}, {"attention_mask", &in.AttentionMask}}
	floats := []struct {
		name string
		to   **task.Floats
	}{{"pixel_values", &in.PixelValues}, {"input_values", &in.InputValues}}
	for _, x := range ints {
		if !a.Has(x.name) {
			continue
		}
		array, err := a.Array(x.name)
		if err != nil {
			return in, err
		}
		data, err := array.Int64()
		if err != nil {
			return in, err
		}
		*x.to = &task.Ints{Shape: array.Shape, Data: data}
	}
	for _, x := range floats {
		if !a.Has(x.name) {
			continue
		}
		array, err := a.Array(x.name)
		if err != nil {
			return in, err
		}
		data, err := array.Float32()
		if err != nil {
			return in, err
		}
		*x.to = &task.Floats{Shape: array.Shape, Data: data}
	}
	if in.InputIDs == nil && in.PixelValues == nil && in.InputValues == nil {
		return in, fmt.Errorf("%s: there is no array input_ids, pixel_values or input_values (it has %s); save what the model reads, such as the tokens of a text: np.savez(path, input_ids=ids)", name, list(a.Names()))
	}
	return in, nil
}
