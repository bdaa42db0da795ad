package report

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/pieces"
	"github.com/tripartite-go/tripartite/transfer"
)

// attendedRow is what is said of one input whose attention is shown.
type attendedRow struct {
	Name, Truth             string
	Exact, Circuit, Uniform string // answers with their probability
	Correlation             string
}

// attendedRows returns a row for each input that is shown, none where no
// attention was kept.
func attendedRows(r *transfer.Report) []attendedRow {
	var out []attendedRow
	for _, in := range r.Attended.Inputs {
		row := attendedRow{
			Name: in.Name, Truth: in.Truth, Correlation: fixed(3, in.Correlation),
			Exact: answer(in.ExactAnswer), Circuit: answer(in.CircuitAnswer), Uniform: answer(in.UniformAnswer),
		}
		if row.Name == "" {
			row.Name = fmt.Sprintf("%s %s", map[bool]string{true: "text", false: "input"}[in.Patches == nil], counts.Format(in.Input+1))
		}
		if row.Truth != "" {
			row.Truth = pieces.One(row.Truth)
		}
		out = append(out, row)
	}
	return out
}

// answer is "" for a model without one.
func answer(a *transfer.Answer) string {
	if a == nil {
		return ""
	}
	return pieces.One(a.Text) + " " + percent(a.Probability)
}

// attention is what a page shows of it.
type attention struct {
	Rows               []attendedRow
	Figure, Heads      template.HTML
	HasTruth, Answered bool // whether rows have a truth, and answers
	Text, Sound        bool // what it is shown on; pictures otherwise
	Guessed            bool // whether texts end before what is guessed
	Overlapping        bool // whether patches overlap
}

// newAttention returns all but the figures, or nil where no attention was kept.
func newAttention(r *transfer.Report) *attention {
	a := &attention{Rows: attendedRows(r)}
	if len(a.Rows) == 0 {
		return nil
	}
	for _, row := range a.Rows {
		a.HasTruth = a.HasTruth || row.Truth != ""
		a.Answered = a.Answered || row.Exact != ""
	}
	a.Guessed = r.Network.Task != nil && r.Network.Task.Name == transfer.Next
	p := r.Attended.Inputs[0].Patches
	if a.Text = p == nil; !a.Text {
		a.Sound = p.Channels == 1
		a.Overlapping = p.StrideHeight < p.PatchHeight || p.StrideWidth < p.PatchWidth
	}
	return a
}

// attended lists what the networks answer to the inputs whose attention is shown.
func (t *terminal) attended(r *transfer.Report) {
	rows := attendedRows(r)
	if len(rows) == 0 {
		return
	}
	t.line("")
	heading := "r: correlation of attention, layer " + counts.Format(r.Attended.Layer)
	if rows[0].Exact != "" {
		heading = "answers: exact | circuit | uniform; " + heading
	}
	t.line(t.styled(bold, heading))
	for _, row := range rows {
		s := "r " + row.Correlation
		if row.Exact != "" {
			s = strings.Join([]string{row.Exact, row.Circuit, row.Uniform}, " | ") + "; " + s
		}
		if row.Truth != "" {
			s += "; truth: " + row.Truth
		}
		t.wrap(fmt.Sprintf("  %-18s ", short(printable(row.Name), 18)), s)
	}
}

// short cuts s to n letters.
func short(s string, n int) string {
	letters := []rune(s)
	if len(letters) <= n {
		return s
	}
	return string(letters[:n-1]) + "…"
}
