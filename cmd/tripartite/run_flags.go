package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/task"
	"github.com/tripartite-go/tripartite/tensor"
)

// runFlags are the flags of run.
type runFlags struct {
	task     taskName // "" for what the model is for
	texts    []string
	file     string
	topK     int
	top      int
	sampling task.Sampling
	tokens   int
	output   string
	circuits circuitFlags

	precision tensor.Precision
}

// defaultWords is how many words are named for each [MASK].
const defaultWords = 5

// surplus refuses arguments where texts are expected.
func surplus(args []string) error {
	return fmt.Errorf("run: unexpected argument %q after MODEL; give texts by --text or --file", args[1])
}

// flagsOf says which tasks a flag is for; those that are not listed are for all.
var flagsOf = []struct {
	flag  string
	tasks []taskName
}{
	{"text", []taskName{taskFill, taskEmbed, taskGenerate}},
	{"file", []taskName{taskFill, taskEmbed, taskGenerate}},
	{"top-k", []taskName{taskFill, taskGenerate}},
	{"top", []taskName{taskClassify}},
	{"max-new-tokens", []taskName{taskGenerate}},
	{"temperature", []taskName{taskGenerate}},
	{"top-p", []taskName{taskGenerate}},
}

// suits refuses a task that a model for another cannot do, before any input is
// read. What depends on the weights shows when they are loaded.
func (f *runFlags) suits(model string, purpose taskName) error {
	switch {
	case f.readsTexts() && purpose == taskClassify:
		return fmt.Errorf("%s classifies pictures or sounds and reads no texts, as %s does; leave out --task, or take a model of texts", model, f.task)
	case f.task == taskClassify && purpose != taskClassify:
		return fmt.Errorf("%s reads texts, and classify is for pictures and sounds; leave out --task, or take a model such as vision", model)
	case f.task == taskFill && purpose == taskGenerate:
		return fmt.Errorf("%s is causal: it knows what comes before a [MASK] and not what follows; take a masked language model, such as language, or --task generate", model)
	case f.task == taskGenerate && purpose == taskFill:
		return fmt.Errorf("%s fills in words of a text and does not go on with one; take a causal model, such as causal, or --task fill", model)
	}
	return nil
}

// check refuses flags that contradict one another or the task.
func (f *runFlags) check(e *env, c *cobra.Command, in []string) error {
	changed := c.Flags().Changed
	hidden := f.task == taskHidden
	switch {
	case len(f.texts) > 0 && f.file != "":
		return usagef("run: --text and --file; give one of the two")
	case hidden && (len(f.texts) > 0 || f.file != ""):
		return usagef("run: --task hidden reads arrays, a picture or a sound, not texts; give IN alone, or use --task embed or fill")
	case hidden && f.output == "":
		return usagef("run: nowhere to write to; add -o OUT.npz")
	case (f.task == taskFill || f.task == taskGenerate) && f.output != "":
		return usagef("run: --task %s writes no arrays; leave out -o, and use --json for a result to be read by programs", f.task)
	case e.json && isStream(f.output):
		return usagef("run: --json and -o both want standard output; give -o a path")
	}
	for _, x := range flagsOf {
		if changed(x.flag) && !slices.Contains(x.tasks, f.task) {
			return usagef("run: --%s is for --task %s, and this is %s; leave it out", x.flag, list(x.tasks), f.task)
		}
	}
	if f.task == taskGenerate && f.sampling.Temperature == 0 {
		for _, name := range []string{"top-k", "top-p"} {
			if changed(name) {
				e.warnf("--%s has no effect: the likeliest token is taken each time; add --temperature 1 to draw", name)
			}
		}
	}
	if f.task == taskFill && f.topK == 0 {
		f.topK = defaultWords
	}
	if f.readsTexts() {
		in = []string{f.file}
		if len(f.texts) == 0 && f.file == "" {
			in = []string{"-"}
		}
	}
	f.circuits.check(e, c, "tuning", "neurons", "draw", "calibrate")
	if err := f.circuits.apart("run", in...); err != nil {
		return err
	}
	return oneStream("input", append(in, f.circuits.calibrate)...)
}

func (f *runFlags) readsTexts() bool { return f.task != taskHidden && f.task != taskClassify }

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
