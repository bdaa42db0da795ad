package report

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/transfer"
)

func TestTextAsATerminalShowsIt(t *testing.T) {
	r := sample(2, 2, 40)
	r.Layers[1].Heads[1] = transfer.Head{Head: 1, Attention: "algebraic", Neurons: 4096, MeanSquaredNorm: 75.3,
		BudgetLog10: 400, BudgetCalibratedLog10: 12.46, LogCalciumError: 0.00004, CalciumCorrelation: nan, CorrectedCorrelation: 0.25,
		NullCorrelation: -0.5, OutputCosine: 1, NonPositive: 3, MemoryBytes: 500}
	const want = `model     kjv-albert (albert), 2 layers of 2 heads, d = 32, 1,234,567 parameters
input     40 texts, 40 tokens; constants from 200 texts, 6,000 tokens of other
          text
circuit   attention algebraic, tuning curves calibrated, orthogonal draw, 256
          neurons per head, seed 1 (pcg-v1)

             mean  neurons for 10%   hidden  error ── r with ln Z ─── output
layer head |q+k|²  plain calibrated neurons  ln cf  ln c ln cf   null cosine
────────────────────────────────────────────────────────────────────────────
    0    0   13.2    3e7      9,436     256   0.26 0.737 0.868  0.342  0.921
         1   21.3   9e10        2e5     256   0.43 0.574 0.787 −0.064  0.872
    1    0   24.7   2e12        5e5     256   0.49 0.506 0.753 −0.236  0.852
         1   75.3 >1e300       3e12   4,096 4.0e-5     – 0.250 −0.500  1.000
c: astrocyte calcium; Z: softmax normalizer; f: factor of a query that a
calibrated circuit leaves out because it cancels in the output, so that c stands
for Z/f, and cf, corrected calcium, for Z; r: Pearson's correlation over tokens;
null: ln N + q·mean(k), which needs no circuit; error: median |ln cf − ln Z|;
neurons for 10%: hidden neurons for that relative error of calcium at the median
query, by the variance law.
Calcium was zero or negative for 3 tokens in 1 of 4 heads; these have no
logarithm and are left out of its error and correlation.
Memory of one sequence of any length, all heads: 102 KiB.

whole network                                      exact  circuit  uniform
cosine of the last hidden states                       1    0.953    0.412
cosine of the texts' embeddings, mean                  1    0.981    0.350
  two different texts: 0.100
cosine of the texts' embeddings, 5th percentile        1    0.953
the same without what all share, mean                  1    0.942
rank correlation of similarities of all pairs          1    0.931
masked tokens filled as by exact attention          100%    87.5%    12.0%
  of 128 masked tokens
masked tokens found                                45.3%    43.8%     8.1%
hidden-state cosine after each layer: 0.990 0.980

- With 24 of 24 heads replaced by neurons and astrocytes the network keeps 92%
  of what attention does beyond its uniform floor: it works.
- The head that loses most is layer 3, head 1; give it more neurons with
  --neurons, or allocate them by error with --error.
`
	got := text(t, r, TextOptions{})
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("line %d:\n%s\nwant:\n%s", i+1, g, w)
		}
	}
}

func TestCorrectedCalciumIsShownOnlyWhereItIsNotCalcium(t *testing.T) {
	calibrated, plain := sample(2, 2, 40), sample(2, 2, 40)
	for i := range plain.Layers {
		for j := range plain.Layers[i].Heads {
			h := &plain.Layers[i].Heads[j]
			h.CorrectedCorrelation, h.TargetCorrelation = h.CalciumCorrelation, h.CalciumCorrelation
		}
	}
	plain.Layers[0].Heads[0].CalciumCorrelation, plain.Layers[0].Heads[0].CorrectedCorrelation = nan, nan
	for i := range plain.Chosen.Points {
		p := &plain.Chosen.Points[i]
		p.LogCalcium = p.LogCorrected
	}
	for name, pages := range map[string][2]string{
		"text": {text(t, calibrated, TextOptions{}), text(t, plain, TextOptions{})},
		"page": {html(t, calibrated), html(t, plain)},
	} {
		for _, word := range []string{"cancels in the output", "corrected calcium"} {
			if !strings.Contains(pages[0], word) {
				t.Errorf("%s of a calibrated circuit does not speak of a %s", name, word)
			}
			if strings.Contains(pages[1], word) {
				t.Errorf("%s of a circuit without calibration speaks of a %s", name, word)
			}
		}
	}
	if s := text(t, plain, TextOptions{}); strings.Contains(s, "cf") || !strings.Contains(s, "error: median |ln c − ln") {
		t.Errorf("without calibration:\n%s", s)
	}
	one := calibrated // its tokens alone tell them apart
	one.Layers = nil
	if !strings.Contains(html(t, one), "<th>ln <i>c f</i></th>") {
		t.Error("tokens are listed without corrected calcium")
	}
}

func TestTextKeepsToTheTerminal(t *testing.T) {
	for name, r := range hard() {
		r.Notes = append(r.Notes, strings.Repeat("wörter über ", 40))
		for _, width := range []int{80, 100, 200} {
			lines := strings.Split(text(t, r, TextOptions{Width: width}), "\n")
			longest := 0
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n > width {
					t.Errorf("%s: %d columns at width %d: %s", name, n, width, l)
				} else {
					longest = max(longest, n)
				}
				if strings.HasSuffix(l, " ") || strings.ContainsRune(l, '\x1b') {
					t.Errorf("%s: %q", name, l)
				}
			}
			if longest < width-12 {
				t.Errorf("%s: sentences use %d columns of %d", name, longest, width)
			}
			if len(lines) > 150 {
				t.Errorf("%s: %d lines", name, len(lines))
			}
		}
	}
}

func TestTextListsAllHeadsOrMediansOfMany(t *testing.T) {
	rows := func(s string) int {
		n := 0
		for _, l := range strings.Split(s, "\n") {
			if strings.Contains(l, " 256 ") && strings.Contains(l, "0.") {
				n++
			}
		}
		return n
	}
	if n := rows(text(t, sample(6, 12, 1), TextOptions{})); n != 72 {
		t.Errorf("%d rows for 72 heads", n)
	}
	many := text(t, sample(24, 16, 1), TextOptions{})
	if n := rows(many); n != 24 {
		t.Errorf("%d rows for 24 layers of 16 heads", n)
	}
	if !strings.Contains(many, "Medians over the heads of each layer; all 384 heads are in report.json") {
		t.Error("medians are not called medians")
	}
}

func TestMediansLeaveOutWhatIsNotDefined(t *testing.T) {
	l := transfer.Layer{Layer: 7}
	for _, x := range []transfer.Number{0.5, nan, 0.1, 0.2, 0.3} {
		l.Heads = append(l.Heads, transfer.Head{OutputCosine: x, CalciumCorrelation: nan})
	}
	row := medians(columns(false, false), l)
	if row[0] != "7" || row[1] != "all" || row[len(row)-1] != "0.250" || row[len(row)-3] != undefined {
		t.Errorf("%q", row)
	}
}

func TestColourIsOnlyAddedWhereAsked(t *testing.T) {
	r := sample(2, 2, 5)
	plain, coloured := text(t, r, TextOptions{}), text(t, r, TextOptions{Color: true})
	if !strings.Contains(coloured, bold) {
		t.Error("no colour where it was asked for")
	}
	if stripped := strings.NewReplacer(bold, "", dim, "", "\x1b[0m", "").Replace(coloured); stripped != plain {
		t.Errorf("colour changes the text:\n%s", stripped)
	}
}

func TestTextCannotSteerTheTerminal(t *testing.T) {
	r := sample(1, 1, 2)
	r.Model.Name = "a\x1b[31m\x07\nb\u202e"
	r.Notes = []string{"one\x1b]0;title\x07 two"}
	got := text(t, r, TextOptions{})
	for _, steering := range []string{"\x1b", "\x07", "\u202e"} {
		if strings.Contains(got, steering) {
			t.Errorf("%q reaches the terminal", steering)
		}
	}
	if !strings.Contains(got, "a\ufffd[31m\ufffd b\ufffd (albert)") {
		t.Errorf("the name is not shown:\n%s", got)
	}
}

func TestNumbersForReaders(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{neurons(nan), "–"}, {neurons(-3), "1"}, {neurons(0), "1"}, {neurons(transfer.Number(math.Log10(100))), "100"},
		{neurons(transfer.Number(math.Log10(12345.2))), "12,346"}, {neurons(5), "1e5"}, {neurons(12.5), "3e12"},
		{neurons(11.99), "1e12"}, {neurons(300), "1e300"}, {neurons(300.1), ">1e300"}, {neurons(transfer.Number(math.Inf(1))), ">1e300"},
		{fixed(3, 0.98765), "0.988"}, {fixed(2, -0.001), "0.00"}, {fixed(1, -2.55), "−2.5"}, {fixed(1, nan), "–"}, {fixed(1, transfer.Number(math.Inf(1))), "–"},
		{significant(3, 13.24), "13.2"}, {significant(3, 0), "0"}, {significant(2, 0.074), "0.074"}, {significant(2, 1.53), "1.5"},
		{significant(3, 5000), "5000"}, {significant(2, 4e-5), "4.0e-5"}, {significant(3, 1.234e9), "1.23e9"}, {significant(2, -3e-7), "−3.0e-7"},
		{percent(0.875), "87.5%"}, {percent(1), "100.0%"}, {percent(nan), "–"}, {budgetError(), "10%"},
		{size(1), "1 byte"}, {size(1023), "1,023 bytes"}, {size(34816), "34.0 KiB"}, {size(5 << 20), "5.00 MiB"}, {size(3 << 40), "3072 GiB"},
		{printable("a\tb\x00c\u200bé"), "a b\ufffdc\ufffdé"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

// Where neurons were asked for by an error, what the law says of it stands beside
// what was found.
func TestAllocatedNeuronsAsATerminalShowsThem(t *testing.T) {
	r := allocatedHeads(sample(2, 2, 40))
	r.Contexts = []transfer.Context{{Shortest: 1, Longest: 9, LogCalciumError: 0.25}, {Shortest: 10, Longest: 10, LogCalciumError: 0.31}, {Shortest: 11, Longest: 1024, LogCalciumError: nan}}
	r.Layers[0].Heads[1].Allocated.Law = 123
	r.Layers[1].Heads[0].Allocated, r.Layers[1].Heads[0].Neurons = nil, 0
	got := text(t, r, TextOptions{})
	for _, words := range []string{
		"neurons by the budget for an error of 10.0%",
		`
             mean  neurons for 10%   hidden ─ error ── ── r with ln Z ─── output
layer head |q+k|²  plain calibrated neurons   law   cf  ln c ln cf   null cosine
`,
		"  11,878  8.9% 5.3% 0.737", "  16,384 >999%", "       0     –    – 0.506",
		"Median |ln cf − ln Z| of the median head by the number of keys that a query\nsees: 1–9: 0.25; 10: 0.31; 11–1,024: –.\n",
		"error: of cf/Z − 1, under law\nthe root mean square over draws",
	} {
		if !strings.Contains(got, words) {
			t.Errorf("lacks %q:\n%s", words, got)
		}
	}
	if strings.Contains(got, "median |ln cf − ln Z|") {
		t.Errorf("speaks of another error:\n%s", got)
	}
	page := html(t, r)
	for _, words := range []string{"What an error takes.", "keys that a query sees: 1–9: 0.25", "for an error of 10%", "of which the head has 16 to 16,384", "<td>11,879</td><td>8.9%</td><td>5.3%</td>"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if page := html(t, sample(2, 2, 40)); strings.Contains(page, "For an error of") {
		t.Error("a page of heads with as many neurons speaks of an error asked for")
	}
}

// Fitted curves have no draw, no number of neurons for all heads, and no factor of
// calcium.
func TestFittedCurvesAsATerminalShowsThem(t *testing.T) {
	got := text(t, fitted(sample(2, 2, 40)), TextOptions{})
	for _, words := range []string{
		"circuit   attention algebraic, tuning curves fitted (01234567), 1,536 neurons in",
		"error  r with ln Z  output",
		`
neurons a head           16     32     64    128    256    512  1,024  2,048
exp, cosine           0.700  0.730`,
		"\ncalibrated, answers   40.0%",
		"\nfitted, 48 neurons a head: cosine 0.970, answers 90.0%\nfitted, 96 neurons a head: cosine 0.985, answers 95.0%\n",
		"on 41 texts, 1,433 tokens; uniform attention: 0.670;",
	} {
		if !strings.Contains(got, words) {
			t.Errorf("lacks %q:\n%s", words, got)
		}
	}
	for _, words := range []string{"ln cf", "draw", "does not vanish", "0 neurons per head"} {
		if strings.Contains(got, words) {
			t.Errorf("has %q:\n%s", words, got)
		}
	}
	page := html(t, fitted(sample(2, 2, 40)))
	for _, words := range []string{"What whole networks keep, against the neurons of a head", "Before and after fitting.", "Fitted curves are one point"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if page := html(t, sample(2, 2, 40)); strings.Contains(page, "Before and after") || strings.Contains(page, "What whole networks keep") {
		t.Error("a page without fitted curves speaks of them")
	}
}
