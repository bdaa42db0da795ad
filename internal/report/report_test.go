package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/transfer"
)

var nan = transfer.Number(math.NaN())

// hard are results that a writer could stumble over.
func hard() map[string]*transfer.Report {
	undefined := sample(2, 2, 5)
	for i := range undefined.Layers {
		for j := range undefined.Layers[i].Heads {
			h := &undefined.Layers[i].Heads[j]
			h.BudgetLog10, h.Budget, h.LogCalciumError, h.CalciumCorrelation, h.NullCorrelation = nan, nan, nan, nan, nan
			h.NonPositive, h.Attention = i, []string{"exact", "algebraic"}[j]
		}
	}
	undefined.Network.EmbeddingOther, undefined.Network.Task = nan, nil
	for i := range undefined.Chosen.Points {
		undefined.Chosen.Points[i].LogCorrected = nan
	}
	undefined.Scaling.Curves[0].Error[0] = nan

	huge := sample(1, 3, 5)
	huge.Layers[0].Heads[0].BudgetLog10, huge.Layers[0].Heads[0].Budget = 400, transfer.FromLog10(400)
	huge.Layers[0].Heads[1].BudgetLog10, huge.Layers[0].Heads[1].MeanSquaredNorm = 299.99, 1e9
	huge.Config.Estimator = false

	empty := sample(2, 1, 0)
	empty.Layers[0].Heads = nil
	empty.Notes = nil
	pictures, sounds, texts, none := sample(1, 1, 1), sample(1, 1, 1), sample(1, 1, 1), sample(1, 1, 1)
	pictures.Attended, sounds.Attended, texts.Attended = attended(patches(3), 2), attended(patches(1), 6), attended(nil, 2)
	none.Attended = transfer.Attended{Layer: 3}
	pictures.Attended.Inputs[1].Circuit[0][3], pictures.Attended.Inputs[1].Correlation = nan, nan
	silent := fitted(sample(2, 2, 5))
	silent.Fidelity.Task, silent.Fidelity.Answers, silent.Fidelity.Curves = "", 0, silent.Fidelity.Curves[:1]
	silent.Fidelity.Curves[0].Hidden[0], silent.Fidelity.Curves[0].Agreement = nan, nil
	mute := inTime(sample(2, 2, 5))
	mute.Timescales.Task, mute.Timescales.Answers, mute.Timescales.HiddenAlgebraic = "", 0, nan
	for i := range mute.Timescales.Curves {
		mute.Timescales.Curves[i].Agreement, mute.Timescales.Curves[i].Logits = nil, nil
	}
	return map[string]*transfer.Report{
		"allocated": allocatedHeads(sample(4, 4, 60)),
		"in time":   inTime(sample(4, 4, 60)), "in time, no answers": mute,
		"fitted": fitted(sample(4, 4, 60)), "fitted, no answers": silent,
		"pictures": pictures, "sounds": sounds, "texts": texts, "no attention": none,
		"ordinary": sample(4, 4, 60), "72 heads": sample(6, 12, 60), "384 heads": sample(24, 16, 60),
		"one head": sample(1, 1, 1), "undefined": undefined, "huge": huge, "empty layer": empty, "zero": {},
	}
}

func html(t *testing.T, r *transfer.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(t *testing.T, r *transfer.Report, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var address = regexp.MustCompile(`[a-zA-Z]+://[^"'\s<)]*`)

func TestPageLoadsNothing(t *testing.T) {
	for name, r := range hard() {
		page := html(t, r)
		for _, a := range address.FindAllString(page, -1) {
			if !strings.HasPrefix(a, "https://doi.org/10.") && a != "http://www.w3.org/2000/svg" {
				t.Errorf("%s: the page refers to %s", name, a)
			}
		}
		for _, load := range []string{"<script", "<link", "<img", "src=", "@import", "url(", "<iframe"} {
			if strings.Contains(page, load) {
				t.Errorf("%s: the page has %s", name, load)
			}
		}
		if !strings.Contains(page, `href="https://doi.org/10.1073/pnas.2219150120"`) {
			t.Errorf("%s: the paper is not cited", name)
		}
	}
}

// TestPageIsBalanced parses the page: every element ends, no id is used twice,
// and every row of the table of heads has all its cells.
func TestPageIsBalanced(t *testing.T) {
	for name, r := range hard() {
		d := xml.NewDecoder(strings.NewReader(html(t, r)))
		d.Strict = false
		d.AutoClose = xml.HTMLAutoClose
		d.Entity = xml.HTMLEntity
		var open []string
		svgs, ids, cells := 0, 0, 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				open = append(open, token.Name.Local)
				switch token.Name.Local {
				case "svg":
					svgs++
				case "td":
					cells++
				}
				for _, a := range token.Attr {
					if a.Name.Local == "id" {
						ids++
					}
				}
			case xml.EndElement:
				last := len(open) - 1
				if last < 0 || open[last] != token.Name.Local {
					t.Fatalf("%s: </%s> ends %v", name, token.Name.Local, open)
				}
				open = open[:last]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v do not end", name, open)
		}
		want := 4
		if len(r.Attended.Inputs) > 0 {
			want = 6
		}
		if len(r.Fidelity.Curves) > 0 {
			want++
		}
		if r.Timescales != nil {
			want++
		}
		if svgs != want || ids != 0 {
			t.Errorf("%s: %d figures with %d ids, want %d with none", name, svgs, ids, want)
		}
	}
}

func TestPageEscapesWhatComesFromOutside(t *testing.T) {
	const evil = `</code></svg><script>alert("1")</script>&amp;<img src=x onerror='x'>`
	r := sample(2, 2, 4)
	r.Model.Name, r.Model.Architecture, r.Program, r.Kernel, r.Schema = evil, evil, evil, evil, evil
	r.Config.Tuning, r.Config.Attention, r.Config.Draw, r.Config.Generator = evil, evil, evil, evil
	r.Layers[0].Heads[0].Attention = evil
	r.Notes = []string{evil}
	r.Chosen.Points[0].Token = evil
	r.Scaling.Curves[0].Name = evil
	r.Attended = attended(patches(3), 1)
	in := &r.Attended.Inputs[0]
	in.Name, in.Truth, in.ExactAnswer.Text, in.CircuitAnswer.Text, in.UniformAnswer.Text = evil, evil, evil, evil, evil
	page := html(t, r)
	for _, raw := range []string{"<script", "<img", "onerror='"} {
		if strings.Contains(page, raw) {
			at := strings.Index(page, raw)
			t.Errorf("the page has %q: …%s…", raw, page[max(0, at-80):at+80])
		}
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 10 {
		t.Errorf("only %d of the texts are shown", n)
	}
}

func TestPageSaysWhatWhoseAndHow(t *testing.T) {
	r := sample(3, 4, 60)
	page := html(t, r)
	for _, want := range []string{
		"From the paper [1]:", "This project’s:", "From machine learning:", "null predictor", "variance law",
		"0.953", "0.412", "87.5%", "128 masked tokens", "the first", // the whole network
		r.Notes[0], r.Notes[1],
		`<th rowspan="4">2</th>`, "3e7", "[CLS]", "pcg-v1", "1,234,567 parameters", "v0.1.0",
		"softmax normalizer, ln ", "relative error of calcium",
	} {
		if want == "the first" {
			want = "The first tokens at layer 2, head 3"
		}
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "tokens with<br>") || strings.Contains(page, ">attention</th>") {
		t.Error("columns without news are shown")
	}
	if page := html(t, hard()["undefined"]); !strings.Contains(page, "tokens with<br>") || !strings.Contains(page, ">attention</th>") {
		t.Error("columns with news are not shown")
	}
}

func TestSameResultSameBytes(t *testing.T) {
	write := func() []byte {
		r := sample(3, 4, 60)
		var b bytes.Buffer
		if err := errors.Join(HTML(&b, r), JSON(&b, r), Text(&b, r, TextOptions{Color: true})); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(write(), write()) {
		t.Error("two reports of one result differ")
	}
}

func TestJSONReadsBackAsItWas(t *testing.T) {
	for name, r := range hard() {
		var b, again bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var back transfer.Report
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := JSON(&again, &back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("%s: read back it is written differently", name)
		}
		if name == "ordinary" && !reflect.DeepEqual(r, &back) {
			t.Errorf("%s: read back it differs", name)
		}
	}
}

func TestJSONHasTheContractsNamesAndNulls(t *testing.T) {
	r := hard()["undefined"]
	r.Network.Task = &transfer.Task{Agreement: 0.5}
	r.Chosen.Points[0].Token = "<s>"
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	head := v["layers"].([]any)[0].(map[string]any)["heads"].([]any)[0].(map[string]any)
	for _, name := range []string{"neurons", "budget", "mean_squared_norm", "log_calcium_error", "calcium_correlation", "null_correlation", "output_cosine"} {
		if _, has := head[name]; !has {
			t.Errorf("a head has no %s", name)
		}
	}
	if x := head["log_calcium_error"]; x != nil {
		t.Errorf("an error that is not defined is %v, want null", x)
	}
	network := v["network"].(map[string]any)
	if network["hidden_cosine"] != 0.9531 || network["embedding_cosine"] != 0.9812 || network["task"].(map[string]any)["agreement"] != 0.5 {
		t.Errorf("network: %v", network)
	}
	if !strings.Contains(b.String(), `"token": "<s>"`) {
		t.Error("a token is not readable")
	}
}

func TestWriteDirWritesAllAndReplaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	want := []string{"calcium.png", "calcium.svg", "circuit.png", "circuit.svg", "heads.png", "heads.svg",
		"overview.png", "overview.svg", "report.html", "report.json", "scaling.png", "scaling.svg"}
	read := func() map[string]string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = string(b)
		}
		return out
	}
	if err := WriteDir(t.Context(), dir, sample(1, 2, 10)); err != nil {
		t.Fatal(err)
	}
	first := read()
	names := make([]string, 0, len(first))
	for n, content := range first {
		names = append(names, n)
		if len(content) < 1000 {
			t.Errorf("%s has %d bytes", n, len(content))
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Fatalf("wrote %v, want %v", names, want)
	}
	if err := WriteDir(t.Context(), dir, sample(2, 2, 10)); err != nil {
		t.Fatal(err)
	}
	for n, content := range read() {
		if same := content == first[n]; same != strings.HasPrefix(n, "circuit") {
			t.Errorf("%s: unchanged %v by another result", n, same)
		}
	}
}

func TestWriteDirSaysWhatToDoWhereItCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		err := WriteDir(t.Context(), dir, sample(1, 1, 1))
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "give a folder that can be written") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteErrorsReachTheCaller(t *testing.T) {
	r := sample(1, 1, 3)
	for name, err := range map[string]error{"HTML": HTML(full{}, r), "JSON": JSON(full{}, r), "text": Text(full{}, r, TextOptions{})} {
		if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
