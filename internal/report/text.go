package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/transfer"
)

// TextOptions says what the terminal can do.
type TextOptions struct {
	Width int  // columns; 0 means 80. Sentences are wrapped; the table needs 80.
	Color bool // bold and dim letters by ANSI escapes
}

// mostRows is how many heads are listed one by one; of more, each layer's medians
// are.
const mostRows = 100

// Text writes the result as a table for the terminal: every head, then the whole
// network and its answers, then the notes.
func Text(w io.Writer, r *transfer.Report, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = 80
	}
	t := &terminal{w: bufio.NewWriter(w), opts: opts}
	t.title(r)
	t.heads(r)
	t.network(r)
	t.fidelity(r)
	t.timescales(r)
	t.attended(r)
	t.notes(r.Notes)
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write report as text: %w", err)
	}
	return nil
}

// terminal writes lines; its writer keeps the first error until it is flushed.
type terminal struct {
	w    *bufio.Writer
	opts TextOptions
}

const (
	bold = "\x1b[1m"
	dim  = "\x1b[2m"
)

func (t *terminal) styled(style, s string) string {
	if !t.opts.Color || s == "" {
		return s
	}
	return style + s + "\x1b[0m"
}

func (t *terminal) line(s string) { fmt.Fprintln(t.w, strings.TrimRight(s, " ")) }

// wrap writes words at most to the terminal's width, after first on the first
// line and as many spaces on the others.
func (t *terminal) wrap(first, s string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(first))
	line := first
	column := utf8.RuneCountInString(first)
	start := true
	for _, word := range strings.Fields(printable(s)) {
		n := utf8.RuneCountInString(word)
		if !start && column+1+n > t.opts.Width {
			t.line(line)
			line, column, start = indent, len(indent), true
		}
		if !start {
			line += " "
			column++
		}
		line += word
		column += n
		start = false
	}
	t.line(line)
}

func (t *terminal) title(r *transfer.Report) {
	m, c := r.Model, r.Config
	const label = "%-9s "
	row := func(name, s string) { t.wrap(fmt.Sprintf(label, name), s) }
	row("model", fmt.Sprintf("%s (%s), %s of %s, d = %d, %s parameters",
		m.Name, m.Architecture, counts.Plural(m.Layers, "layer"), counts.Plural(m.Heads, "head"), m.HeadWidth, counts.Format(m.Parameters)))
	row("input", inputLine(r))
	row("circuit", circuitLine(c))
	t.line("")
}

// circuitLine says how the heads were replaced.
func circuitLine(c transfer.Resolved) string {
	return curvesLine(c) + timeLine(c)
}

// timeLine says what time constants heads in time have, and nothing of others.
func timeLine(c transfer.Resolved) string {
	d := c.Dynamics
	if d == nil {
		return ""
	}
	s := fmt.Sprintf("; in time: presentations of %s s, synapses plastic in the last %s of one, membranes of %s and %s s, calcium of %s s", d.Present, d.Window, d.Hidden, d.Output, d.Astrocyte)
	if d.Domains > 1 {
		s += fmt.Sprintf(" in %s, %s, coupling %v, %s", counts.Plural(d.Domains, "domain"), d.Assign, d.Coupling, d.Graph)
	}
	return s
}

// curvesLine says what curves the heads have.
func curvesLine(c transfer.Resolved) string {
	if c.Curves != "" {
		return fmt.Sprintf("attention %s, tuning curves %s (%.8s), %s in all", c.Attention, c.Tuning, c.Curves, counts.Plural(c.TotalNeurons, "neuron"))
	}
	s := fmt.Sprintf("attention %s, tuning curves %s, %s draw, ", c.Attention, c.Tuning, c.Draw)
	if c.Neurons > 0 {
		s += counts.Plural(c.Neurons, "neuron") + " per head"
	} else {
		s += fmt.Sprintf("neurons by the budget for an error of %s", percent(transfer.Number(c.Error)))
	}
	s += fmt.Sprintf(", seed %d (%s)", c.Seed, c.Generator)
	if !c.Estimator {
		s += "; these curves are no estimator of exp(q·k): the error does not vanish with more neurons"
	}
	return s
}

// column is one column of the table of heads.
type column struct {
	group, name string // two lines of heading; a group spans its columns
	of          func(l transfer.Layer, h transfer.Head) string
	value       func(h transfer.Head) transfer.Number // for medians; nil for labels
	format      func(x transfer.Number) string
}

func number(group, name string, format func(transfer.Number) string, value func(transfer.Head) transfer.Number) column {
	return column{group: group, name: name, format: format, value: value,
		of: func(_ transfer.Layer, h transfer.Head) string { return format(value(h)) }}
}

func decimals(n int) func(transfer.Number) string {
	return func(x transfer.Number) string { return fixed(n, x) }
}

func digits(n int) func(transfer.Number) string {
	return func(x transfer.Number) string { return significant(n, x) }
}

// columns of the table; calibrated says whether corrected calcium is not just
// calcium, allocated whether heads got neurons for an error.
func columns(calibrated, allocated bool) []column {
	budget := "neurons for " + budgetError()
	calcium := "ln c"
	if calibrated {
		calcium = "ln cf"
	}
	out := []column{
		{name: "layer", of: func(l transfer.Layer, _ transfer.Head) string { return counts.Format(l.Layer) }},
		{name: "head", of: func(_ transfer.Layer, h transfer.Head) string { return counts.Format(h.Head) }},
		number("mean", "|q+k|²", digits(3), func(h transfer.Head) transfer.Number { return h.MeanSquaredNorm }),
		number(budget, "plain", neurons, func(h transfer.Head) transfer.Number { return h.BudgetLog10 }),
		number(budget, "calibrated", neurons, func(h transfer.Head) transfer.Number { return h.BudgetCalibratedLog10 }),
		number("hidden", "neurons", hiddenNeurons, func(h transfer.Head) transfer.Number { return transfer.Number(h.Neurons) }),
	}
	if allocated {
		out = append(out,
			number("error", "law", relative, lawError),
			number("error", strings.TrimPrefix(calcium, "ln "), relative, foundError))
	} else {
		out = append(out, number("error", calcium, digits(2), func(h transfer.Head) transfer.Number { return h.LogCalciumError }))
	}
	out = append(out, number("r with ln Z", "ln c", decimals(3), func(h transfer.Head) transfer.Number { return h.CalciumCorrelation }))
	if calibrated {
		out = append(out, number("r with ln Z", "ln cf", decimals(3), func(h transfer.Head) transfer.Number { return h.CorrectedCorrelation }))
	}
	return append(out,
		number("r with ln Z", "null", decimals(3), func(h transfer.Head) transfer.Number { return h.NullCorrelation }),
		number("output", "cosine", decimals(3), func(h transfer.Head) transfer.Number { return h.OutputCosine }),
	)
}

// calibrated reports whether corrected calcium differs from calcium at any head
// or token, so that both have to be shown.
func calibrated(r *transfer.Report) bool {
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			if differ(h.CalciumCorrelation, h.CorrectedCorrelation) {
				return true
			}
		}
	}
	return slices.ContainsFunc(r.Chosen.Points, func(t transfer.Point) bool { return differ(t.LogCalcium, t.LogCorrected) })
}

func differ(a, b transfer.Number) bool { return defined(a) && defined(b) && a != b }

// wasAllocated reports whether heads got neurons for an error.
func wasAllocated(r *transfer.Report) bool {
	return slices.ContainsFunc(r.Layers, func(l transfer.Layer) bool {
		return slices.ContainsFunc(l.Heads, func(h transfer.Head) bool { return h.Allocated != nil })
	})
}

// lawError and foundError are what the variance law says of the error of a head's
// calcium and what was found, askedNeurons the logarithm of the neurons that it asks
// for; not defined where neurons were not allocated by it.
func lawError(h transfer.Head) transfer.Number     { return allocated(h).Law }
func foundError(h transfer.Head) transfer.Number   { return allocated(h).Error }
func askedNeurons(h transfer.Head) transfer.Number { return allocated(h).AskedLog10 }

func allocated(h transfer.Head) transfer.Allocated {
	if h.Allocated != nil {
		return *h.Allocated
	}
	nan := transfer.Number(math.NaN())
	return transfer.Allocated{AskedLog10: nan, Law: nan, Error: nan}
}

func hiddenNeurons(m transfer.Number) string { return counts.Format(int64(m)) }

func (t *terminal) heads(r *transfer.Report) {
	total, memory, silent, where := 0, 0, 0, 0
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			total++
			memory += h.MemoryBytes
			silent += h.NonPositive
			if h.NonPositive > 0 {
				where++
			}
		}
	}
	factor, allocated := calibrated(r), wasAllocated(r)
	cols := columns(factor, allocated)
	var cells [][]string
	for _, l := range r.Layers {
		if total > mostRows {
			cells = append(cells, medians(cols, l))
			continue
		}
		for i, h := range l.Heads {
			row := make([]string, len(cols))
			for j, c := range cols {
				row[j] = c.of(l, h)
			}
			if i > 0 {
				row[0] = "" // the layer is named once
			}
			cells = append(cells, row)
		}
	}
	if total == 0 {
		t.line("no heads")
		t.line("")
		return
	}
	t.table(cols, cells)
	t.wrap("", legend(factor, allocated, r.Model))
	if s := contexts(r, factor); s != "" {
		t.wrap("", s)
	}
	if total > mostRows {
		t.wrap("", fmt.Sprintf("Medians over the heads of each layer; all %s heads are in report.json and report.html.", counts.Format(total)))
	}
	if silent > 0 {
		t.wrap("", fmt.Sprintf("Calcium was zero or negative for %s in %s of %s; these have no logarithm and are left out of its error and correlation.",
			counts.Plural(silent, "token"), counts.Format(where), counts.Plural(total, "head")))
	}
	if memory > 0 {
		t.wrap("", fmt.Sprintf("Memory of one sequence of any length, all heads: %s.", size(memory)))
	}
	t.line("")
}

// legend explains the table.
func legend(calibrated, allocated bool, m transfer.Model) string {
	s := "c: astrocyte calcium; Z: softmax normalizer; "
	calcium := "ln c"
	if calibrated {
		s += "f: factor of a query that a calibrated circuit leaves out because it cancels in the output, so that c stands for Z/f, and cf, corrected calcium, for Z; "
		calcium = "ln cf"
	}
	off := "error: median |" + calcium + " − ln Z|"
	if allocated {
		calcium = strings.TrimPrefix(calcium, "ln ")
		off = "error: of " + calcium + "/Z − 1, under law the root mean square over draws that the variance law predicts for the head's neurons at the median query, under " + calcium + " the median of its size as measured"
	}
	return s + "r: Pearson's correlation over tokens; null: ln N + q·mean(k), which needs no circuit" + seen(m) + "; " + off +
		"; neurons for " + budgetError() + ": hidden neurons for that relative error of calcium at the median query, by the variance law."
}

// contexts says how far calcium is off where queries see more and fewer keys, ""
// where all see as many.
func contexts(r *transfer.Report, calibrated bool) string {
	if len(r.Contexts) < 2 {
		return ""
	}
	calcium := "ln c"
	if calibrated {
		calcium = "ln cf"
	}
	var parts []string
	for _, c := range r.Contexts {
		keys := counts.Format(c.Shortest)
		if c.Longest > c.Shortest {
			keys += "–" + counts.Format(c.Longest)
		}
		parts = append(parts, fmt.Sprintf("%s: %s", keys, significant(2, c.LogCalciumError)))
	}
	return "Median |" + calcium + " − ln Z| of the median head by the number of keys that a query sees: " + strings.Join(parts, "; ") + "."
}

// seen says which keys count where a query does not see all alike.
func seen(m transfer.Model) string {
	switch {
	case m.ALiBi:
		return ", over the keys up to a token, each weighted by exp(−slope·age) in Z, N and the mean"
	case m.Causal:
		return ", over the keys up to a token, as Z"
	}
	return ""
}

func medians(cols []column, l transfer.Layer) []string {
	row := make([]string, len(cols))
	for j, c := range cols {
		if c.value == nil {
			continue
		}
		var all []float64
		for _, h := range l.Heads {
			if x := c.value(h); defined(x) {
				all = append(all, float64(x))
			}
		}
		row[j] = undefined
		if len(all) > 0 {
			row[j] = c.format(transfer.Number(stats.Median(all)))
		}
	}
	row[0], row[1] = counts.Format(l.Layer), "all"
	return row
}

// table writes cells aligned to the right under two lines of heading.
func (t *terminal) table(cols []column, cells [][]string) {
	widths := make([]int, len(cols))
	for j, c := range cols {
		widths[j] = utf8.RuneCountInString(c.name)
		for _, row := range cells {
			widths[j] = max(widths[j], utf8.RuneCountInString(row[j]))
		}
	}
	var groups []string
	for j := 0; j < len(cols); {
		span, width := 1, widths[j]
		for j+span < len(cols) && cols[j].group != "" && cols[j+span].group == cols[j].group {
			width += 1 + widths[j+span]
			span++
		}
		least := utf8.RuneCountInString(cols[j].group)
		if span > 1 {
			least += 2 // spaces in the bracket
		}
		if more := least - width; more > 0 {
			widths[j] += more
			width += more
		}
		if group := cols[j].group; span == 1 {
			groups = append(groups, right(group, width))
		} else {
			groups = append(groups, bracket(group, width))
		}
		j += span
	}
	line := func(row func(j int) string) string {
		out := make([]string, len(cols))
		for j := range cols {
			out[j] = right(row(j), widths[j])
		}
		return strings.Join(out, " ")
	}
	names := line(func(j int) string { return cols[j].name })
	t.line(t.styled(bold, strings.Join(groups, " ")))
	t.line(t.styled(bold, names))
	t.line(t.styled(dim, strings.Repeat("─", utf8.RuneCountInString(names))))
	for _, row := range cells {
		t.line(line(func(j int) string { return row[j] }))
	}
}

// bracket centres the heading of several columns on a line that spans them.
func bracket(s string, width int) string {
	room := max(0, width-utf8.RuneCountInString(s)-2)
	return strings.Repeat("─", room/2) + " " + s + " " + strings.Repeat("─", room-room/2)
}

// right aligns s in width columns.
func right(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s))) + s
}

func (t *terminal) network(r *transfer.Report) {
	measures := summaries(r)
	width := 47
	for _, m := range measures {
		width = max(width, utf8.RuneCountInString(m.Name))
	}
	row := func(m summary) string {
		return fmt.Sprintf("%-*s %8s %8s %8s", width, m.Name, m.Exact, m.Circuit, m.Uniform)
	}
	t.line(t.styled(bold, row(summary{Name: "whole network", Exact: "exact", Circuit: "circuit", Uniform: "uniform"})))
	for _, m := range measures {
		t.line(row(m))
		if m.Remark != "" {
			t.line("  " + m.Remark)
		}
	}
	if len(r.Layers) > 1 {
		var each []string
		for _, l := range r.Layers {
			each = append(each, fixed(3, l.HiddenCosine))
		}
		t.wrap("hidden-state cosine after each layer: ", strings.Join(each, " "))
	}
}

func (t *terminal) notes(notes []string) {
	if len(notes) > 0 {
		t.line("")
	}
	for _, n := range notes {
		t.wrap("- ", n)
	}
}
