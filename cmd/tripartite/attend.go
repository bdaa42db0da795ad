package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/internal/npz"
)

// attendFlags are the flags of attend.
type attendFlags struct {
	activationFlags
	output, memory, saveMemory string
}

func newAttend(e *env) *cobra.Command {
	f := &attendFlags{activationFlags: newActivationFlags()}
	c := &cobra.Command{
		Use:   "attend IN.npz -o OUT.npz",
		Short: "Run one attention head on your own activations",
		Long: `Attend runs one head as a circuit of neurons and astrocytes and as exact softmax
attention, and compares the two.

Arrays of IN.npz, in any numeric type and order:
  q, k [N,d]     queries and keys, scaled so that q.k is the attention logit
                 (for a transformer's head: both divided by d^(1/4))
  v [N,dv]       values
  W [m,d]        input weights of the hidden neurons; drawn when absent
  b [m]          their phases in radians; drawn when absent
  gerf_A         gerf's parameter, one number or [d]; when absent, and always
                 with --calibrate, the one of least variance
Other arrays are ignored. Save them with np.savez("head.npz", q=q, k=k, v=v).

Arrays of OUT.npz, in the precision asked for:
  y [N,dv]                         output of the circuit
  normalizer, log_normalizer [N]   astrocyte calcium c at true scale, without
                                   sigma; log c is NaN where c is below zero
  corrected_normalizer,            with --calibrate: calcium times the query's
  log_corrected_normalizer [N]     factor, comparable to exact_normalizer
  exact_y, exact_normalizer,       plain softmax, causal or not, without
  exact_log_normalizer             forgetting and sigma; left out with --memory
  hebb [dv,m], gain [m]            the memory after the last token at true
                                   scale, 0 or inf where the type cannot hold it`,
		Example: `  tripartite attend head.npz -o out.npz
  tripartite attend head.npz --tuning gerf --calibrate --neurons 256 --draw orthogonal -o out.npz
  tripartite attend head.npz --causal --forget 0.05 --save-memory memory.safetensors -o out.npz
  tripartite attend head.npz --causal --forget 0.05 --memory memory.safetensors -o more.npz`,
		Args:              f.arguments,
		ValidArgsFunction: pathCompletions("npz"),
		RunE:              func(c *cobra.Command, args []string) error { return runAttend(e, c, f, args[0]) },
	}
	flags := c.Flags()
	f.neurons(c)
	f.causal(c)
	floatVar(flags, &f.opt.Forget, "forget", func(x float64) bool { return x >= 0 && x < 1 },
		"a fraction in [0, 1)", "fraction of the memory lost at every write, in [0, 1) (default 0)")
	f.sigma(c)
	choiceVar(c, &f.opt.Precision, "precision", "arithmetic of the circuit: float64 or float32", attend.Float64, attend.Float32)
	flags.StringVar(&f.memory, "memory", "", "saved memory to start from, a `FILE` of the same circuit")
	flags.StringVar(&f.saveMemory, "save-memory", "", "`FILE` (safetensors) to save the memory in after the last token, - for standard output")
	outputVar(c, &f.output, "`OUT.npz` to write the arrays to, - for standard output (required)")
	group(c, "Circuit", "causal", "forget", "sigma", "memory", "precision")
	group(c, "Output", "output", "save-memory")
	return c
}

// check refuses flags that contradict one another.
func (f *attendFlags) check(e *env, c *cobra.Command, in string) error {
	if f.output == "" {
		return usagef("attend: nowhere to write to; add -o OUT.npz")
	}
	if err := f.activationFlags.check(c); err != nil {
		return err
	}
	if err := oneStream("input", in, f.calibrate, f.memory); err != nil {
		return err
	}
	if err := oneStream("output", f.output, f.saveMemory); err != nil {
		return err
	}
	if e.json && (isStream(f.output) || isStream(f.saveMemory)) {
		return usagef("attend: --json and the file both want standard output; give -o a path")
	}
	return nil
}

// unread says which arrays of a file are not known.
func (e *env) unread(a *npz.Archive, name string, known []string) {
	for _, array := range a.Names() {
		if !slices.Contains(known, array) {
			e.logf("%s: array %s is not read", name, array)
		}
	}
}

func runAttend(e *env, c *cobra.Command, f *attendFlags, path string) error {
	if err := f.check(e, c, path); err != nil {
		return err
	}
	in, err := readArrays(e, path, func(a *npz.Archive, name string) (*attend.Input, error) {
		e.unread(a, name, attend.Arrays())
		return attend.Read(a, name, f.opt.Precision)
	})
	if err != nil {
		return err
	}
	opt, err := f.options(e, in)
	if err != nil {
		return err
	}
	if f.memory != "" {
		path, remove, err := e.seekable(f.memory)
		if err != nil {
			return err
		}
		defer remove()
		opt.Memory = path
	}
	update, end := e.progress("tokens")
	steps := 0
	opt.Step = func() {
		steps++
		update(steps, opt.Steps(in.Tokens))
	}
	result, err := attend.Run(c.Context(), in, opt)
	end()
	if err != nil {
		return fmt.Errorf("attend: %w", err)
	}
	if f.saveMemory != "" {
		if err := writeFile(c.Context(), e, f.saveMemory, result.WriteMemory); err != nil {
			return err
		}
	}
	if err := writeArrays(c.Context(), e, f.output, result.Write); err != nil {
		return err
	}
	result.Summary.Program = programVersion()
	switch {
	case e.json:
		return e.printJSON(result.Summary)
	case isStream(f.output) || isStream(f.saveMemory):
		if e.quiet {
			return nil
		}
		return result.Summary.Print(e.stderr)
	}
	return result.Summary.Print(e.stdout)
}
