package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/tripartite-go/tripartite/experiment"
	"github.com/tripartite-go/tripartite/figure"
)

//go:embed experiment.html
var experimentSource string

// experimentPage is the data of experiment.html.
type experimentPage struct {
	Experiment, Run, Seeds, Intervals, Settings, Program, Kernel string

	Figures []experimentFigure
	Parts   []experimentPart
	Table   experiment.Table
}

type experimentFigure struct {
	Drawing template.HTML
	About   string
}

// experimentPart holds the statements of one kind.
type experimentPart struct {
	Heading string
	Texts   []string
}

// ExperimentHTML writes the result as one page without any other file, as HTML does a
// transfer's.
func ExperimentHTML(w io.Writer, r *experiment.Report) error {
	settings, err := json.Marshal(r.Config)
	if err != nil {
		return fmt.Errorf("write the settings of an experiment: %w", err)
	}
	p := experimentPage{
		Experiment: r.Experiment, Run: experimentRun(r), Seeds: experimentSeeds(r), Intervals: r.Intervals,
		Settings: string(settings), Program: r.Program, Kernel: r.Kernel, Table: shortened(r.Result.Table()),
	}
	for _, c := range r.Result.Charts() {
		var b bytes.Buffer
		if err := figure.Chart(c).Inline(&b); err != nil {
			return fmt.Errorf("draw a figure of the experiment: %w", err)
		}
		p.Figures = append(p.Figures, experimentFigure{template.HTML(b.String()), c.About}) // the figure escapes its texts itself
	}
	for _, kind := range kinds() {
		part := experimentPart{Heading: headings[kind]}
		for _, s := range r.Text {
			if s.Kind == kind {
				part.Texts = append(part.Texts, s.Text)
			}
		}
		if part.Texts != nil {
			p.Parts = append(p.Parts, part)
		}
	}
	page, err := template.New("experiment").Funcs(template.FuncMap{"printable": printable}).Parse(styleSource + experimentSource)
	if err != nil {
		return fmt.Errorf("read the template of experiments: %w", err)
	}
	if err := page.Execute(w, &p); err != nil {
		return fmt.Errorf("write experiment as HTML: %w", err)
	}
	return nil
}

// shortened is a table for readers: numbers to four significant digits. result.csv has
// all of them.
func shortened(t experiment.Table) experiment.Table {
	out := experiment.Table{Columns: t.Columns}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = shortNumber(cell)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}
