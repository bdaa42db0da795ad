package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/experiment"
)

// found are findings that a writer could stumble over.
type found struct {
	Value experiment.Estimate `json:"value"`
}

func (f found) Statements() []experiment.Statement {
	return []experiment.Statement{
		{Kind: experiment.Caution, Text: "last"},
		{Kind: experiment.Measured, Text: "first, \x1b[31m and " + strings.Repeat("long ", 40)},
		{Kind: experiment.Mathematics, Text: "second"},
	}
}

func (f found) Table() experiment.Table {
	return experiment.Table{Columns: []string{"name", "value"}, Rows: [][]string{{"a, \"quoted\"", "0.5"}, {"b", ""}}}
}

func (f found) Charts() []experiment.Chart {
	return []experiment.Chart{{Name: "figure-a", About: "a", Panels: []experiment.Panel{{}}}, {Name: "figure-b", About: "b"}}
}

func experimentReport() *experiment.Report {
	nan := experiment.Number(math.NaN())
	f := found{experiment.Estimate{Value: 1, Low: nan, High: nan}}
	return &experiment.Report{
		Schema: experiment.Schema, Experiment: "sample", Seeds: []uint64{3, 4}, Generator: "g", Intervals: experiment.Intervals,
		Model: &experiment.Model{Name: "m", Architecture: "albert", Layers: 4, Heads: 8, HeadWidth: 32}, Result: f, Text: f.Statements(),
	}
}

func TestAnExperimentsFolderHoldsAllOfIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := WriteExperiment(t.Context(), dir, experimentReport()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"result.json", "result.csv", "summary.txt", "report.html", "figure-a.png", "figure-a.svg", "figure-b.png", "figure-b.svg"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		switch filepath.Ext(name) {
		case ".json":
			if !json.Valid(data) || !bytes.Contains(data, []byte(`"low": null`)) {
				t.Errorf("%s is not the result as JSON: %s", name, data)
			}
		case ".csv":
			rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			if err != nil || len(rows) != 3 || rows[1][0] != `a, "quoted"` || rows[2][1] != "" {
				t.Errorf("%s holds %q, %v", name, rows, err)
			}
		}
	}
}

// The page stands by itself, escapes what comes from outside, and rounds for readers.
func TestTheExperimentsPageStandsByItself(t *testing.T) {
	var b bytes.Buffer
	r := experimentReport()
	r.Text = append(r.Text, experiment.Statement{Kind: experiment.Measured, Text: "<script>alert(1)</script>"})
	if err := ExperimentHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, words := range []string{"<svg", headings[experiment.Measured], "first,", "&lt;script&gt;", "<td>0.5000</td>", "a, &#34;quoted&#34;", "3 to 4"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not hold %q", words)
		}
	}
	for _, words := range []string{"<script", "http://", "https://", "src=", "\x1b", headings[experiment.Interpretation]} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org", ""), words) {
			t.Errorf("the page holds %q", words)
		}
	}
}

// What is measured, what is mathematics and what is not shown stand apart, in this
// order, and nothing steers the terminal.
func TestTheTextKeepsKindsOfStatementsApart(t *testing.T) {
	var b bytes.Buffer
	if err := ExperimentText(&b, experimentReport(), TextOptions{Width: 60}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	at := -1
	for _, words := range []string{"seeds       2, 3 to 4", headings[experiment.Measured], "- first", headings[experiment.Mathematics], "- second", headings[experiment.Caution], "- last"} {
		i := strings.Index(text, words)
		if i <= at {
			t.Errorf("%q is not where it belongs in\n%s", words, text)
		}
		at = i
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, headings[experiment.Interpretation]) {
		t.Errorf("the text holds an escape, or a heading with nothing below\n%s", text)
	}
	for _, line := range strings.Split(text, "\n") {
		if len([]rune(line)) > 60 {
			t.Errorf("%q is wider than 60", line)
		}
	}
}
