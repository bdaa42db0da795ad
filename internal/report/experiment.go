package report

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/tripartite-go/tripartite/experiment"
	"github.com/tripartite-go/tripartite/figure"
	"github.com/tripartite-go/tripartite/internal/counts"
)

// WriteExperiment writes result.json, result.csv, summary.txt, report.html and the
// figures, each as PNG and SVG, into the folder dir, which it creates if need be. The
// files are replaced all together or, when one cannot be written or the context is
// done, not at all.
func WriteExperiment(ctx context.Context, dir string, r *experiment.Report) error {
	files, err := newFolder(dir, "result")
	if err != nil {
		return err
	}
	files.add("result.json", func(w io.Writer) error { return ExperimentJSON(w, r) })
	files.add("result.csv", func(w io.Writer) error { return experimentCSV(w, r.Result.Table()) })
	files.add("summary.txt", func(w io.Writer) error { return ExperimentText(w, r, TextOptions{}) })
	files.add("report.html", func(w io.Writer) error { return ExperimentHTML(w, r) })
	for _, c := range r.Result.Charts() {
		files.addFigure(c.Name, figure.Chart(c))
	}
	return files.write(ctx)
}

// ExperimentJSON writes the result as one indented JSON object. Numbers that are not
// defined are null.
func ExperimentJSON(w io.Writer, r *experiment.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write result as JSON: %w", err)
	}
	return nil
}

// experimentCSV writes a table as RFC 4180 has it, but for lines that end with a line
// feed alone. Numbers that are not defined are empty.
func experimentCSV(w io.Writer, t experiment.Table) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(append([][]string{t.Columns}, t.Rows...)); err != nil {
		return fmt.Errorf("write result as CSV: %w", err)
	}
	return nil
}

// ExperimentText writes what was run and what the numbers show.
func ExperimentText(w io.Writer, r *experiment.Report, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = 80
	}
	t := &terminal{w: bufio.NewWriter(w), opts: opts}
	row := func(name, s string) { t.wrap(fmt.Sprintf("%-12s", name), s) }
	row("experiment", r.Experiment)
	if r.Model != nil {
		row("model", experimentRun(r))
	}
	row("seeds", experimentSeeds(r))
	row("intervals", r.Intervals)
	for _, kind := range kinds() {
		first := true
		for _, s := range r.Text {
			if s.Kind != kind {
				continue
			}
			if first {
				t.line("")
				t.line(t.styled(bold, headings[kind]))
			}
			first = false
			t.wrap("- ", s.Text)
		}
	}
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write result as text: %w", err)
	}
	return nil
}

// kinds are those of statements, in the order in which they are shown.
func kinds() []experiment.Kind {
	return []experiment.Kind{experiment.Measured, experiment.Mathematics, experiment.Interpretation, experiment.Caution}
}

// experimentRun says what was run.
func experimentRun(r *experiment.Report) string {
	m := r.Model
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s), %s of %s, d = %d", m.Name, m.Architecture, counts.Plural(m.Layers, "layer"), counts.Plural(m.Heads, "head"), m.HeadWidth)
}

func experimentSeeds(r *experiment.Report) string {
	return fmt.Sprintf("%s, %d to %d (%s)", counts.Format(len(r.Seeds)), r.Seeds[0], r.Seeds[len(r.Seeds)-1], r.Generator)
}

// shortNumber writes a number of a table to four significant digits, and anything else
// as it is.
func shortNumber(cell string) string {
	x, err := strconv.ParseFloat(cell, 64)
	if _, whole := strconv.Atoi(cell); err != nil || whole == nil {
		return cell
	}
	return significant(4, experiment.Number(x))
}

// headings of the kinds of statements.
var headings = map[experiment.Kind]string{
	experiment.Measured:       "Measured",
	experiment.Mathematics:    "Mathematics, true of the equations whatever brains do",
	experiment.Interpretation: "Interpretation, if brains were such circuits",
	experiment.Caution:        "Not shown",
}
