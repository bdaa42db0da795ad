package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/bench"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/tensor"
)

// Time to measure for, in seconds.
const (
	quickSeconds = 20
	fullSeconds  = 400
	mostSeconds  = 24 * 3600
)

// benchFlags are the flags of bench.
type benchFlags struct {
	full    bool
	seconds float64
	work    []string

	precision tensor.Precision
}

func newBench(e *env) *cobra.Command {
	f := &benchFlags{seconds: quickSeconds}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed of the engine on this machine",
		Long: fmt.Sprintf(`Bench measures how fast the engine is here: matrix products, an encoder of
MiniLM's shape (6 layers of width 384, 12 heads) with softmax and with circuits
of 128 neurons, the largest head of the paper's notebooks (197 tokens, 100,000
neurons), and a training step of a small language model (4 layers of width 128)
with softmax and with circuits of 64 neurons, on one thread and on all cores.

All work is repeated in turns, and before every repetition the peak is measured:
what multiply-adds in registers alone reach at that moment. Read the shares of
the peak ("of peak") and the ratios to exact attention of the same round
("x exact"); times alone mean little on a machine that others use too.

With --precision fast, all but training is measured in float32 and in fast
products; the error of a product is its largest, beside one in float64, of the
root mean square of its elements.

It takes about %d seconds and leaves out what would take too long, such as the
longest sequences; --full takes about %d minutes and leaves out less.`, quickSeconds, fullSeconds/60),
		Example: `  tripartite bench
  tripartite bench --full
  tripartite bench --work product --json
  tripartite bench --work product,encoder --precision fast`,
		Args: arguments(),
		RunE: func(c *cobra.Command, _ []string) error { return runBench(e, c, f) },
	}
	flags := c.Flags()
	flags.BoolVar(&f.full, "full", false, fmt.Sprintf("measure for %d seconds, long sequences included", fullSeconds))
	floatVar(flags, &f.seconds, "seconds", func(x float64) bool { return x > 0 && x <= mostSeconds },
		fmt.Sprintf("a number above 0, up to %d", mostSeconds), "about how long to measure; every piece of work is repeated at least three times")
	flags.Var(&value[[]string]{&f.work, f.work, "LIST", parseWork}, "work",
		"what to measure, of "+strings.Join(bench.Kinds(), ", ")+", separated by commas (default all)")
	precisionVar(c, &f.precision)
	_ = c.RegisterFlagCompletionFunc("work", cobra.FixedCompletions(bench.Kinds(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func parseWork(s string) ([]string, error) {
	kinds := strings.Split(s, ",")
	for _, k := range kinds {
		if !slices.Contains(bench.Kinds(), k) {
			return nil, fmt.Errorf("want one or more of %s, separated by commas", strings.Join(bench.Kinds(), ", "))
		}
	}
	return kinds, nil
}

func runBench(e *env, c *cobra.Command, f *benchFlags) error {
	if f.full && c.Flags().Changed("seconds") {
		return usagef("bench: --full and --seconds; give one of the two")
	}
	if f.full {
		f.seconds = fullSeconds
	}
	threads := []int{1}
	if n := e.cores(); n > 1 {
		threads = append(threads, n)
	}
	e.arithmetic(f.precision)
	update, end := e.stages()
	r, err := bench.Run(c.Context(), bench.Config{
		Kinds: f.work, Threads: threads, Precision: f.precision, Time: time.Duration(f.seconds * float64(time.Second)), Seed: e.seed,
		Program: programVersion(), Features: cpuFeatures(), Progress: update,
	})
	end()
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	return printBench(e.stdout, r)
}

func printBench(w io.Writer, r *bench.Result) error {
	features := strings.Join(r.Features, " ")
	if features == "" {
		features = "none that kernels use"
	}
	fmt.Fprintf(w, "tripartite %s, kernel %s, %s/%s, %d cores\ncpu: %s\n", r.Program, r.Kernel, r.OS, r.Arch, r.Cores, features)
	switch {
	case r.Reason != "":
		fmt.Fprintf(w, "fast products: none, since %s\n", r.Reason)
	case r.Products != r.Kernel:
		fmt.Fprintf(w, "fast products: %s\n", r.Products)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "peak, threads\tmedian GFLOPS\thighest\t")
	for _, p := range r.Peaks {
		fmt.Fprintf(t, "%d\t%.1f\t%.1f\t\n", p.Threads, p.Median, p.Highest)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "work\tshape\tattention\tprecision\tthreads\truns\tmin ms\tmedian ms\tof peak\ttokens/s\tx exact\terror\t")
	for _, m := range r.Measurements {
		tokens, exact, largest := "", "", ""
		if m.TokensPerSecond > 0 {
			tokens = fmt.Sprintf("%.0f", m.TokensPerSecond)
		}
		if m.TimesExact > 0 {
			exact = fmt.Sprintf("%.2f", m.TimesExact)
		}
		if m.Error > 0 {
			largest = fmt.Sprintf("%.1e", m.Error)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%.2f\t%s\t%s\t%s\t\n", m.Kind, m.Shape, attentionOf(m.Work), m.Precision, m.Threads, m.Repetitions,
			milliseconds(m.Minimum), milliseconds(m.Median), m.OfPeak, tokens, exact, largest)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.Measurements {
		if m.Memory > 0 {
			fmt.Fprintf(w, "\nmemory of the %s's head on %s: %.0f MB\n", m.Kind, counts.Plural(m.Threads, "thread"), float64(m.Memory)/1e6)
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "left out: %s %s %s on %s, about %.1f s each; see --full and --seconds\n",
			s.Kind, s.Shape, attentionOf(s.Work), counts.Plural(s.Threads, "thread"), s.Expected/1e3)
	}
	return nil
}

func attentionOf(w bench.Work) string {
	if w.Neurons > 0 {
		return fmt.Sprintf("%s, %d neurons", w.Attention, w.Neurons)
	}
	return w.Attention
}

// milliseconds shows three digits at least.
func milliseconds(x float64) string {
	if x < 1 {
		return fmt.Sprintf("%.3f", x)
	}
	return fmt.Sprintf("%.1f", x)
}
