package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/counts"
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
	taskFill     taskName = "fill"
	taskEmbed    taskName = "embed"
	taskGenerate taskName = "generate"
	taskClassify taskName = "classify"
	taskHidden   taskName = "hidden"
)

func newRun(e *env) *cobra.Command {
	f := &runFlags{top: 5, tokens: 50, sampling: task.Sampling{TopP: 1}}
	c := &cobra.Command{
		Use:   "run [MODEL] [IN...]",
		Short: "Run a pretrained network, exactly or as neurons and astrocytes",
		Long: `Run does with a pretrained network what it is for:

  fill      guess the words behind [MASK] (BERT, ALBERT)
  generate  go on with a text (GPT-2, BLOOM)
  classify  name what is in pictures (ViT, DeiT) or sounds (AST)

and, where --task asks for it:

  embed     compute one vector per text, normalized to unit length
  hidden    compute the hidden states for arrays, a picture or a sound

MODEL is the name of a bundled model, a folder, or the name of a model in the
Hugging Face cache. Left out, it is the bundled language model, which fills;
bundled too are causal, which generates, and vision and audition, which classify
clothes and spoken digits. (A folder called like a bundled model is meant by
./language.) Texts come from --text (as often as needed), from --file, one a
line, or else from standard input; arguments are never texts. Texts that are too
long are cut off by embed, with a note, and refused by fill and generate. With
-o, embed writes embeddings [n,D].

Generate prints prompt and answer as they come, and ends at the token that ends
texts (generation_config.json, config.json or the tokenizer say which), after
--max-new-tokens, or where the model has no more positions. It takes the
likeliest token each time, since that needs no seed and can be checked; with
--temperature it draws, from the --top-k likeliest, and of these from the
likeliest that --top-p needs. With --attention algebraic all that is carried
from token to token are memories, whose size does not change.

With --attention rate heads run in time, in float64: every token is presented to
be written, and again to be read, with the time constants below. What that takes
in seconds of the circuit is said on standard error, and so are readings whose
calcium passes through zero, which only signed curves let it do.

Classify takes files IN, or folders of them: PNG, JPEG, WebP; WAV, FLAC. A file
that cannot be read is named, the others are classified, and the exit code is 1.
With -o, it writes CSV: file, rank, id, label, probability.

Hidden reads IN as one picture or sound, or as arrays IN.npz named as in
transformers: input_ids [N] or [B,N], token_type_ids, attention_mask for a model
of text; pixel_values [C,H,W] or [B,C,H,W] for one of images; input_values
[time,mel] or [B,time,mel] for one of sounds. It writes float32 hidden_states
[L+1,B,N,D], last_hidden_state [B,N,D], and what the model has of logits, of
words [B,N,V] or of labels [B,labels], and pooler_output [B,D]; B is left out
when it is 1. Pictures and sounds are prepared as preprocessor_config.json says.`,
		Example: `  tripartite run --text "In the beginning God created the [MASK] and the earth."
  tripartite run --attention algebraic --tuning calibrated --neurons 2048 --text "Jesus [MASK]." --top-k 3
  tripartite run --attention rate --tau-astrocyte 7 --text "Jesus [MASK]."
  tripartite run causal --text "And God said" --max-new-tokens 200
  tripartite run causal --text "And God said" --temperature 0.8 --top-p 0.95 --seed 7
  tripartite run causal --text "And God said" --attention algebraic
  tripartite run vision zoo/vision/samples --top 3
  tripartite run audition zoo/audition/samples/seven.wav
  tripartite run audition zoo/audition/samples -o labels.csv
  tripartite run ./model --task embed --file texts.txt -o embeddings.npz
  tripartite run causal --text "And God said," --max-new-tokens 60
  tripartite run ./gpt2 --text "And God said" --max-new-tokens 20
  tripartite run --task hidden ids.npz -o states.npz --attention exact,0=algebraic --tuning exp`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case f.task == taskHidden && len(args) < 2:
				return arguments("IN")(c, args)
			case f.task == taskHidden:
				return arguments("MODEL", "IN")(c, args)
			case f.task == taskClassify && len(args) < 2:
				return arguments("MODEL", "IN")(c, args)
			case f.task != taskClassify && f.task != "" && len(args) > 1:
				return surplus(args)
			}
			return nil
		},
		ValidArgsFunction: completeModels(".npz"),
		RunE:              func(c *cobra.Command, args []string) error { return runRun(e, c, f, args) },
	}
	flags := c.Flags()
	choiceVar(c, &f.task, "task", "what to do: fill, generate, classify, embed or hidden (default what MODEL is for)", taskFill, taskGenerate, taskClassify, taskEmbed, taskHidden)
	flags.StringArrayVar(&f.texts, "text", nil, "`TEXT` to run; may be given several times")
	flags.StringVar(&f.file, "file", "", "`TEXTS` to run, one a line, - for standard input")
	intVar(flags, &f.topK, "top-k", 1, fmt.Sprintf("fill: words to print for each [MASK] (default %d); generate: how many of the likeliest tokens to draw from (default all)", defaultWords))
	group(c, "Task", "task", "text", "file", "top-k")
	intVar(flags, &f.top, "top", 1, "labels to print for each file")
	group(c, "Classify", "top")
	intVar(flags, &f.tokens, "max-new-tokens", 1, "tokens to go on for")
	floatVar(flags, &f.sampling.Temperature, "temperature", func(x float64) bool { return x >= 0 }, "a finite number of at least 0",
		"draw tokens with probability ~ exp(logit / `X`); 0, the default, takes the likeliest")
	floatVar(flags, &f.sampling.TopP, "top-p", func(x float64) bool { return x > 0 && x <= 1 }, "a number above 0, to 1",
		"draw from the fewest likeliest tokens whose probabilities sum to X")
	group(c, "Generate", "max-new-tokens", "temperature", "top-p")
	f.circuits.add(c, attention.KindExact)
	f.circuits.addTime(c)
	precisionVar(c, &f.precision)
	group(c, "Arithmetic", "precision")
	outputVar(c, &f.output, "`OUT`, .npz for the arrays of embed and hidden, .csv for labels, - for standard output")
	group(c, "Output", "output")
	return c
}

func runRun(e *env, c *cobra.Command, f *runFlags, args []string) error {
	var in []string
	arg := ""
	if f.task == taskHidden {
		in, args = args[len(args)-1:], args[:len(args)-1]
	}
	if len(args) > 0 {
		arg = args[0]
		in = append(in, args[1:]...)
	}
	files, err := findModel(arg)
	if err != nil {
		return err
	}
	purpose, err := files.purpose()
	if err != nil {
		return err
	}
	if f.task == "" {
		if f.task = purpose; f.readsTexts() && len(in) > 0 {
			return usageError{surplus(args)}
		}
	}
	if err := f.check(e, c, in); err != nil {
		return err
	}
	if err := f.circuits.settleForUse(e, c, files); err != nil {
		return err
	}
	if err := f.suits(files.name, purpose); err != nil {
		return err
	}
	if f.task == taskClassify && len(in) == 0 {
		return usagef("run: %s classifies pictures or sounds, and there are none; give files or folders after it", files.name)
	}
	j := &job{e: e, ctx: c.Context(), flags: f, files: files}
	if f.readsTexts() { // cheap mistakes are reported before the model is loaded
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
	err = j.do(in)
	if met := told(e, j.circuits.Incidents()); met != nil {
		return met // which is why err says that something is no number
	}
	return err
}

// do does the task.
func (j *job) do(in []string) error {
	switch j.flags.task {
	case taskEmbed:
		return j.embed()
	case taskGenerate:
		return j.generate()
	case taskClassify:
		return j.classify(in)
	case taskHidden:
		return j.hidden(in[0])
	default:
		return j.fill()
	}
}

// purpose is the task that a model is for.
func (m *modelFiles) purpose() (taskName, error) {
	c, err := model.ReadConfig(m.files, m.name)
	switch {
	case err != nil:
		return "", err
	case c.Input != model.Tokens:
		return taskClassify, nil
	case c.Causal:
		return taskGenerate, nil
	}
	return taskFill, nil
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

	circuits *network.Circuits
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
	if j.circuits, j.heads, err = j.flags.circuits.build(j.ctx, j.e, j.files, j.net, j.work); err != nil {
		return err
	}
	j.opt.Heads = j.circuits.Heads()
	if d := j.heads.Dynamics; d != nil {
		j.e.warnf("the circuit takes %.4g s for every token: %s, one after another, each to be written and to be read", d.SecondsPerToken, counts.Plural(j.net.Model.Layers(), "layer"))
	}
	return nil
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
	Generated  []task.Generated `json:"generated,omitempty"`
	Classified []classifiedFile `json:"classified,omitempty"`
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
