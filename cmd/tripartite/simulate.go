package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tripartite-go/tripartite/figure"
	"github.com/tripartite-go/tripartite/internal/cli/simulate"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/rate"
)

// simulateFlags are the flags of simulate.
type simulateFlags struct {
	activationFlags
	sim            simulate.Options
	output, figure string
}

func newSimulate(e *env) *cobra.Command {
	f := &simulateFlags{activationFlags: newActivationFlags()}
	f.sim = simulate.Options{
		Dynamics: rate.Default(1, 1), // sizes come with the input
		Assign:   rate.ByTurns, Graph: rate.AllToAll, Astrocytes: 1,
	}
	c := &cobra.Command{
		Use:   "simulate IN.npz -o OUT.npz",
		Short: "Run one attention head in time, in seconds",
		Long: `Simulate runs one head as neurons and an astrocyte in time: tokens are presented
one after another to be written, then again to be read; firing rates follow
with the time constants of membranes, synapses are plastic in a window at the
end of each presentation, and calcium follows with a time constant of its own,
in one domain or in several that exchange it. It compares what comes out with
the algebraic level, to which the dynamics settle when there is time enough.

Arrays of IN.npz are those of "tripartite attend": q, k [N,d], v [N,dv] and
perhaps W, b, gerf_A, and
  domains [m]    the astrocyte domain of every hidden neuron, from 0
  coupling [K,K] strengths between domains, symmetric

Arrays of OUT.npz, float64:
  y [N,dv]            output at the end of each reading; NaN where calcium
                      passed through zero, which only signed curves let it do
  calcium [N,K]       of every domain at the end of each reading
  hebb [dv,m]         H at the end; with --dale [2 dv,m], neurons that excite
                      before those that inhibit
  gain [m]            g at the end
  algebraic_y [N,dv]  the same head at the algebraic level
  relative_error      |y - algebraic_y| / |algebraic_y|
and with --record, at S moments: trace_time [S], trace_phase [S] (0 writing, 1
reading), trace_token [S], trace_hidden [S,m], trace_output [S,dv],
trace_hebb_norm [S], trace_gain [S,m], trace_calcium [S,K].

Nothing is integrated step by step: results are closed forms and integrals to
1e-13, and --record takes samples of them, which changes nothing else.`,
		Example: `  tripartite simulate head.npz -o out.npz
  tripartite simulate head.npz --tau-astrocyte 7 --present 16 -o slow.npz
  tripartite simulate head.npz --domains 4 --coupling 10 --graph ring -o ring.npz
  tripartite simulate head.npz --causal --record 0.01 --figure traces.png -o out.npz`,
		Args:              f.arguments,
		ValidArgsFunction: pathCompletions("npz"),
		RunE:              func(c *cobra.Command, args []string) error { return runSimulate(e, c, f, args[0]) },
	}
	f.neurons(c)
	f.kinetics(c)
	f.astrocyte(c)
	f.circuit(c)
	f.fluctuations(c)
	floatVar(c.Flags(), &f.sim.Record, "record", func(x float64) bool { return x > 0 }, "a number of seconds above 0",
		"write traces, sampled every so many seconds, too")
	c.Flags().StringVar(&f.figure, "figure", "", "draw the traces into a `FILE` (.png or .svg); sampled 2,000 times without --record")
	outputVar(c, &f.output, "`OUT.npz` to write the arrays to, - for standard output (required)")
	group(c, "Output", "output", "record", "figure")
	return c
}

// seconds adds a flag for a time above zero.
func seconds(f *pflag.FlagSet, to *float64, name, usage string) {
	floatVar(f, to, name, func(x float64) bool { return x > 0 }, "a number of seconds above 0", usage)
}

// amount adds a flag for a number of at least zero.
func amount(f *pflag.FlagSet, to *float64, name, usage string) {
	floatVar(f, to, name, func(x float64) bool { return x >= 0 }, "a finite number of at least 0", usage)
}

func (f *simulateFlags) kinetics(c *cobra.Command) {
	flags, d := c.Flags(), &f.sim.Dynamics
	seconds(flags, &d.Kinetics.Hidden, "tau-hidden", "time constant of the hidden neurons, s")
	seconds(flags, &d.Kinetics.Output, "tau-output", "time constant of the output neurons, s")
	seconds(flags, &d.Kinetics.Astrocyte, "tau-astrocyte", "time constant of calcium, s; IP3, which drives slow calcium, has 7")
	seconds(flags, &d.Timing.Present, "present", "seconds that a token is presented for, to be written and again to be read")
	floatVar(flags, &d.Timing.Window, "window", func(x float64) bool { return x > 0 && x <= 1 }, "a fraction in (0, 1]",
		"last fraction of a presentation in which synapses are plastic, in (0, 1]")
	group(c, "Time", "tau-hidden", "tau-output", "tau-astrocyte", "present", "window")
}

func (f *simulateFlags) astrocyte(c *cobra.Command) {
	flags := c.Flags()
	intVar(flags, &f.sim.Domains, "domains", 1, "domains of an astrocyte, each with calcium of its own (default those of the input, or 1)")
	choiceVar(c, &f.sim.Assign, "assign", "how neurons are assigned to domains: interleaved, contiguous, or similar (by tuning)", rate.Assignments()...)
	amount(flags, &f.sim.Coupling, "coupling", "strength of diffusion between domains of one astrocyte; 1 is as fast as calcium decays (default 0)")
	intVar(flags, &f.sim.Astrocytes, "astrocytes", 1, "astrocytes, with as many domains each")
	amount(flags, &f.sim.Gap, "gap", "strength of a gap junction between neighbouring astrocytes (default 0)")
	choiceVar(c, &f.sim.Graph, "graph", "which domains of an astrocyte are neighbours, and which astrocytes: all, chain, ring or grid", rate.Shapes()...)
	flags.BoolVar(&f.sim.Dynamics.Readout.Shunting, "shunting", false, "calcium divides as a conductance of the output neurons; one domain only")
	f.sigma(c)
	group(c, "Astrocyte", "domains", "assign", "coupling", "astrocytes", "gap", "graph", "shunting", "sigma")
}

func (f *simulateFlags) circuit(c *cobra.Command) {
	flags, d := c.Flags(), &f.sim.Dynamics
	f.causal(c)
	amount(flags, &d.Forgetting.Hebb, "forget-hebb", "rate at which H fades while writing, 1/s (default 0)")
	amount(flags, &d.Forgetting.Gain, "forget-gain", "rate at which g fades while writing, 1/s (default 0)")
	amount(flags, &d.Saturation.Hidden, "saturation", "largest rate of a hidden neuron, in units of the tuning curves; 0 for none (default 0)")
	flags.BoolVar(&d.Dale, "dale", false, "two output neurons for each output, of which one excites and one inhibits (Dale's law)")
	group(c, "Circuit", "causal", "forget-hebb", "forget-gain", "saturation", "dale")
}

func (f *simulateFlags) fluctuations(c *cobra.Command) {
	flags, n := c.Flags(), &f.sim.Dynamics.Noise
	for _, a := range []struct {
		to         *float64
		name, what string
	}{{&n.Hidden, "noise-hidden", "hidden neurons"}, {&n.Output, "noise-output", "output neurons"}, {&n.Astrocyte, "noise-astrocyte", "domains"}} {
		floatVar(flags, a.to, a.name, func(x float64) bool { return x >= 0 && x <= 10 }, "a number from 0 to 10",
			"noise on what drives "+a.what+": standard deviation of its logarithm (default 0)")
	}
	seconds(flags, &n.Correlation, "noise-time", "correlation time of noise, s")
	seconds(flags, &n.Hold, "noise-hold", "how long a value of noise is held, s")
	group(c, "Noise", "noise-hidden", "noise-output", "noise-astrocyte", "noise-time", "noise-hold")
}

// check refuses flags that contradict one another.
func (f *simulateFlags) check(e *env, c *cobra.Command, in string) error {
	if f.output == "" {
		return usagef("simulate: nowhere to write to; add -o OUT.npz")
	}
	if err := f.activationFlags.check(c); err != nil {
		return err
	}
	if n := max(f.sim.Domains, 1) * f.sim.Astrocytes; f.sim.Dynamics.Readout.Shunting && n > 1 {
		return usagef("simulate: --shunting with %d domains: the output neurons have one leak, which one calcium sets; leave out --shunting, or take one domain", n)
	}
	if ext := strings.ToLower(filepath.Ext(f.figure)); f.figure != "" && ext != ".png" && ext != ".svg" {
		return usagef("simulate: --figure %q: want a file that ends in .png or .svg", f.figure)
	}
	if err := oneStream("input", in, f.calibrate); err != nil {
		return err
	}
	if e.json && isStream(f.output) {
		return usagef("simulate: --json and the file both want standard output; give -o a path")
	}
	return nil
}

// figureSamples is how many samples are drawn when the user does not say.
const figureSamples = 2000

func runSimulate(e *env, c *cobra.Command, f *simulateFlags, path string) error {
	if err := f.check(e, c, path); err != nil {
		return err
	}
	in, err := readArrays(e, path, func(a *npz.Archive, name string) (*simulate.Input, error) {
		e.unread(a, name, simulate.Arrays())
		return simulate.Read(a, name)
	})
	if err != nil {
		return err
	}
	opt := f.sim
	if opt.Options, err = f.options(e, &in.Input); err != nil {
		return err
	}
	if f.figure != "" && opt.Record == 0 {
		opt.Record = 2 * float64(in.Tokens) * opt.Dynamics.Timing.Present / figureSamples
	}
	update, end := e.progress("presentations")
	steps := 0
	opt.Step = func() {
		steps++
		update(steps, 2*in.Tokens)
	}
	result, err := simulate.Run(c.Context(), in, opt)
	end()
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if f.figure != "" {
		if err := writeFigure(e, c, f.figure, figure.Traces(result.Run.Trace)); err != nil {
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
	case isStream(f.output):
		if e.quiet {
			return nil
		}
		return result.Summary.Print(e.stderr)
	}
	return result.Summary.Print(e.stdout)
}

// writeFigure writes a figure as the name of its file says.
func writeFigure(e *env, c *cobra.Command, path string, f *figure.Figure) error {
	const dpi = 300
	return writeFile(c.Context(), e, path, func(w io.Writer) error {
		if strings.EqualFold(filepath.Ext(path), ".svg") {
			return f.SVG(w)
		}
		return f.PNG(w, dpi)
	})
}
