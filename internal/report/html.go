package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/tripartite-go/tripartite/figure"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

//go:embed page.html
var pageSource string

// styleSource is how all pages look, as the template "style".
//
//go:embed style.html
var styleSource string

// page is the data of page.html.
type page struct {
	*transfer.Report
	BudgetError string
	Wanted      transfer.Number // the error that heads got neurons for
	Least, Most int             // of these
	Contexts    string          // how far calcium is off by the keys that a query sees
	Circuit     string          // how the heads were replaced
	Noun        string          // of one input
	Mixed       bool            // whether heads attend in different ways
	Calibrated  bool            // whether corrected calcium is not just calcium
	Signed      bool            // whether any calcium was zero or negative
	Allocated   bool            // whether heads got neurons for an error
	Fitted      bool            // whether fitted curves have calibrated ones beside them
	Compared    bool            // whether networks were compared by their neurons
	HasFitted   bool            // with fitted curves among them
	Figures     struct{ Circuit, Calcium, Scaling, Heads, Fidelity, Timescales template.HTML }
	Attention   *attention // nil where no attention was kept
	Summary     []summary
	Tokens      []transfer.Point // of the chosen head's first text
}

// mostTokens is how many tokens are listed.
const mostTokens = 60

// HTML writes the result as one page without any other file: figures are drawn
// in it, nothing is loaded. It prints, and follows the reader's choice of a
// light or a dark page.
func HTML(w io.Writer, r *transfer.Report) error {
	p := page{Report: r, BudgetError: budgetError(), Wanted: transfer.Number(r.Config.Error), Least: transfer.LeastNeurons, Most: transfer.MostNeurons, Circuit: circuitLine(r.Config), Noun: noun(r), Summary: summaries(r), Contexts: contexts(r, calibrated(r)), Calibrated: calibrated(r), Allocated: wasAllocated(r)}
	kinds := map[string]bool{}
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			kinds[h.Attention] = true
			p.Signed = p.Signed || h.NonPositive > 0
			p.Fitted = p.Fitted || h.Calibrated != nil
		}
	}
	p.Mixed = len(kinds) > 1
	type drawn struct {
		to *template.HTML
		*figure.Figure
	}
	figures := []drawn{
		{&p.Figures.Circuit, figure.Circuit()},
		{&p.Figures.Calcium, figure.Calcium(r.Chosen)},
		{&p.Figures.Scaling, figure.Scaling(r.Scaling)},
		{&p.Figures.Heads, figure.Heads(r.Layers)},
	}
	if p.Compared = len(r.Fidelity.Curves) > 0; p.Compared {
		figures = append(figures, drawn{&p.Figures.Fidelity, figure.Fidelity(r.Fidelity)})
	}
	if r.Timescales != nil {
		figures = append(figures, drawn{&p.Figures.Timescales, figure.Timescales(*r.Timescales)})
	}
	for _, c := range r.Fidelity.Curves {
		p.HasFitted = p.HasFitted || c.Draw == ""
	}
	if p.Attention = newAttention(r); p.Attention != nil {
		figures = append(figures,
			drawn{&p.Attention.Figure, figure.Attention(r.Attended)},
			drawn{&p.Attention.Heads, figure.AttentionHeads(r.Attended)})
	}
	for _, f := range figures {
		var b bytes.Buffer
		if err := f.Inline(&b); err != nil {
			return fmt.Errorf("draw a figure of the report: %w", err)
		}
		*f.to = template.HTML(b.String()) // the figure escapes its texts itself
	}
	for _, t := range r.Chosen.Points {
		if t.Text != r.Chosen.Points[0].Text || len(p.Tokens) == mostTokens {
			break
		}
		p.Tokens = append(p.Tokens, t)
	}
	page, err := template.New("page").Funcs(template.FuncMap{
		"count":       counts.Format[int],
		"count64":     counts.Format[int64],
		"plural":      counts.Plural[int],
		"fixed":       fixed,
		"significant": significant,
		"percent":     percent,
		"relative":    relative,
		"law":         lawError,
		"found":       foundError,
		"asked":       askedNeurons,
		"neurons":     neurons,
		"size":        size,
		"printable":   printable,
		"defined":     defined,
		"seconds":     seconds,
	}).Parse(styleSource + pageSource)
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	if err := page.Execute(w, &p); err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}
