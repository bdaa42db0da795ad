package figure

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/transfer"
)

// figures is every figure, of ordinary results and of hard ones.
func figures() map[string]*Figure {
	nan, inf := transfer.Number(math.NaN()), transfer.Number(math.Inf(1))
	out := map[string]*Figure{
		"circuit":         Circuit(),
		"calcium":         Calcium(sample(4, 4, 300).Chosen),
		"calcium empty":   Calcium(transfer.Chosen{}),
		"calcium 1 token": Calcium(transfer.Chosen{Points: sample(1, 1, 1).Chosen.Points}),
		"scaling":         Scaling(sampleScaling()),
		"scaling empty":   Scaling(transfer.Scaling{}),
		"heads":           Heads(sample(6, 4, 1).Layers),
		"heads empty":     Heads(nil),
		"heads 1":         Heads(sample(1, 1, 1).Layers),
		"heads 72":        Heads(sample(6, 12, 1).Layers),
		"overview":        Overview(sample(6, 12, 300)),
		"overview empty":  Overview(&transfer.Report{}),
	}
	after := fitted(sample(4, 8, 300))
	out["heads fitted"] = Heads(after.Layers)
	out["heads fitted 72"] = Heads(fitted(sample(6, 12, 1)).Layers)
	out["heads fitted 384"] = Heads(fitted(sample(24, 16, 1)).Layers)
	some := fitted(sample(3, 4, 1)).Layers
	some[0].Heads[0].Calibrated, some[0].Heads[1].LogCalciumError, some[0].Heads[2].Calibrated.LogCalciumError = nil, nan, 40
	out["heads fitted in part"] = Heads(some)
	short := allocated(sample(4, 8, 1)).Layers
	short[2].Heads[3].Allocated.Law, short[1].Heads[1].Allocated.Law = 4.16, 1e30
	out["heads allocated"] = Heads(short)
	out["heads allocated 72"] = Heads(allocated(sample(6, 12, 1)).Layers)
	few := allocated(sample(2, 3, 1)).Layers
	few[0].Heads[0].Allocated, few[0].Heads[1].Allocated.Error = nil, nan
	out["heads allocated in part"] = Heads(few)
	out["fidelity"] = Fidelity(after.Fidelity)
	out["fidelity empty"] = Fidelity(transfer.Fidelity{})
	alone := after.Fidelity
	alone.Answers, alone.Curves = 0, alone.Curves[2:]
	out["fidelity of fitted curves alone"] = Fidelity(alone)
	undefined := after.Fidelity
	undefined.HiddenUniform, undefined.AgreementUniform = nan, nan
	undefined.Curves = []transfer.FidelityCurve{{Name: "exp", Draw: "iid", Neurons: []transfer.Number{16, 32}, Hidden: []transfer.Number{nan, 0.5}, Agreement: []transfer.Number{nan, nan}}}
	out["fidelity not defined"] = Fidelity(undefined)
	out["overview fitted"] = Overview(after)
	out["scaling fitted"] = Scaling(after.Scaling)
	negative := sample(12, 16, 300)
	for i := range negative.Chosen.Points {
		switch p := &negative.Chosen.Points[i]; i % 4 {
		case 0:
			p.LogCorrected = nan
		case 1:
			p.LogNormalizer, p.LogNull = inf, -inf
		}
	}
	plain := sample(1, 1, 300).Chosen
	for i := range plain.Points {
		plain.Points[i].LogCalcium = plain.Points[i].LogCorrected
	}
	out["calcium not calibrated"] = Calcium(plain)
	out["calcium not positive"] = Calcium(negative.Chosen)
	out["overview not positive"] = Overview(negative)

	constant := transfer.Chosen{Layer: 11, Head: 11}
	for range 20 {
		constant.Points = append(constant.Points, transfer.Point{LogNormalizer: 700.0001, LogCorrected: 700, LogNull: 699.9999})
	}
	out["calcium constant"] = Calcium(constant)

	out["scaling extreme"] = Scaling(transfer.Scaling{Curves: []transfer.Curve{
		{Name: "exp", Estimator: true, Neurons: []int{64, 256, 1024}, Error: []transfer.Number{1, .99, .98}, Law: []transfer.Number{1e13, 5e12, 2e12}},
		{Name: "a <script>*_{file}^{x}\\ of a long name", Neurons: []int{64, 256, 1024}, Error: []transfer.Number{nan, 3e7, inf}},
		{Name: "none", Neurons: []int{64}, Error: []transfer.Number{nan}},
		{Name: "no points"},
		{Name: "short", Neurons: []int{1, 2}, Error: []transfer.Number{0}, Law: []transfer.Number{1e-300, 1e300}},
	}})
	out["scaling of rows"] = Scaling(transfer.Scaling{Curves: []transfer.Curve{
		{Name: "exp", Estimator: true, Neurons: []int{16, 128, 1024}, Error: []transfer.Number{0.9, 0.8, 0.7}, Law: []transfer.Number{800, 280, 99}},
		{Name: "gerf", Estimator: true, Neurons: []int{16, 128, 1024}, Error: []transfer.Number{1, 0.8, 0.6}, Law: []transfer.Number{80, 28, 10}},
		{Name: "trig", Estimator: true, Neurons: []int{32, 256, 2048}, Error: []transfer.Number{9, 3, 1.1}},
	}})
	many := transfer.Scaling{}
	for i := range 30 {
		many.Curves = append(many.Curves, transfer.Curve{Name: fmt.Sprint("map ", i), Neurons: []int{8, 16}, Error: []transfer.Number{1, 1}})
	}
	out["scaling 30 maps at one place"] = Scaling(many)

	maps.Copy(out, charts())
	out["traces"] = Traces(sampleTrace(6, 24, 5, 4, 400, false))
	out["traces causal"] = Traces(sampleTrace(3, 2, 1, 1, 50, true))
	out["traces of many tokens"] = Traces(sampleTrace(500, 3, 2, 1, 3000, true))
	out["traces empty"] = Traces(&rate.Trace{})
	hard := sampleTrace(2, 3, 2, 2, 40, false)
	hard.Window = 1
	for i := range hard.Output {
		if i > 40 {
			hard.Output[i] = math.NaN()
		}
		hard.Gain[i], hard.HebbNorm[i/2] = 1e-300, 1e250
	}
	out["traces that end"] = Traces(hard)

	layers := sample(24, 16, 1).Layers
	layers[2].Heads = layers[2].Heads[:3]
	layers[3].Heads[1].BudgetLog10 = 400
	layers[3].Heads[2].OutputCosine, layers[3].Heads[3].BudgetLog10 = nan, inf
	out["heads ragged"] = Heads(layers)
	maps.Copy(out, attentionFigures())
	maps.Copy(out, timescaleFigures())
	return out
}

func TestPNGHasTheSizeAndResolutionAskedFor(t *testing.T) {
	for _, dpi := range []int{50, 96, 300} {
		for name, f := range map[string]*Figure{"circuit": Circuit(), "calcium": Calcium(sample(1, 1, 9).Chosen)} {
			var b bytes.Buffer
			if err := f.PNG(&b, dpi); err != nil {
				t.Fatal(err)
			}
			perMetre := b.Bytes()[33+8 : 33+12]
			if got, want := int(binary.BigEndian.Uint32(perMetre)), int(math.Round(float64(dpi)/0.0254)); got != want {
				t.Errorf("%s: the file states %d dots per metre, want %d", name, got, want)
			}
			img, err := png.Decode(&b) // checks the chunks' CRCs too
			if err != nil {
				t.Fatal(err)
			}
			w, h := f.Size()
			for _, side := range []struct {
				got  int
				size float64
			}{{img.Bounds().Dx(), w}, {img.Bounds().Dy(), h}} {
				if want := side.size / 25.4 * float64(dpi); math.Abs(float64(side.got)-want) > 0.5001 {
					t.Errorf("%s at %d dpi: %d pixels for %g mm, want %.1f", name, dpi, side.got, side.size, want)
				}
			}
		}
	}
}

func TestPNGRefusesNoResolution(t *testing.T) {
	defer func() {
		if s, _ := recover().(string); !strings.HasPrefix(s, "figure: ") {
			t.Errorf("panicked with %q", s)
		}
	}()
	Circuit().PNG(io.Discard, 0)
}

func TestFiguresFitOneOrTwoColumns(t *testing.T) {
	for name, f := range figures() {
		if w, h := f.Size(); w != 87 && w != 178 || h > 230 {
			t.Errorf("%s is %g mm by %g mm", name, w, h)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	draw := func() []byte {
		var b bytes.Buffer
		f := Overview(sample(3, 4, 50))
		for _, err := range []error{f.PNG(&b, 60), f.SVG(&b), f.Inline(&b), f.SVG(&b)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	if !bytes.Equal(draw(), draw()) {
		t.Error("two drawings of the same result differ")
	}
}

// parsed is what a reader of an SVG file finds in it.
type parsed struct {
	texts []string
	ids   int
	refs  []string
}

func parse(t *testing.T, svg []byte) parsed {
	t.Helper()
	var out parsed
	d := xml.NewDecoder(bytes.NewReader(svg))
	d.Strict = true
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" {
				inText = true
				out.texts = append(out.texts, "")
			}
			for _, a := range token.Attr {
				switch {
				case a.Name.Local == "id":
					out.ids++
				case strings.Contains(a.Value, "://") && a.Name.Local != "xmlns":
					out.refs = append(out.refs, a.Value)
				}
				if strings.HasPrefix(a.Value, "data:image/png;base64,") {
					continue
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("<%s %s=%q>", token.Name.Local, a.Name.Local, a.Value)
				}
				if a.Name.Local == "d" {
					checkNumbers(t, a.Value)
				}
			}
		case xml.EndElement:
			inText = inText && token.Name.Local != "text"
		case xml.CharData:
			if inText {
				out.texts[len(out.texts)-1] += string(token)
			}
		}
	}
}

func checkNumbers(t *testing.T, path string) {
	t.Helper()
	for _, f := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("MLQCAZ ", r) }) {
		if _, err := strconv.ParseFloat(f, 64); err != nil {
			t.Fatalf("path with %q: %.80s", f, path)
		}
	}
}

func TestSVGIsWellFormedAndRefersToNothing(t *testing.T) {
	for name, f := range figures() {
		for kind, write := range map[string]func(io.Writer) error{"file": f.SVG, "inline": f.Inline} {
			t.Run(name+" "+kind, func(t *testing.T) {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				if p := parse(t, b.Bytes()); p.ids > 0 || len(p.refs) > 0 {
					t.Errorf("%d ids, references %q", p.ids, p.refs)
				}
			})
		}
	}
}

func TestFiguresSayWhatTheyShow(t *testing.T) {
	for name, want := range map[string][]string{
		"calcium":                {"softmax normalizer, ln Z", "corrected calcium, ln (c f)", "corrected calcium", "raw calcium", "null predictor", "median |error|", "r", "layer 3, head 3, 300 tokens"},
		"calcium not calibrated": {"astrocyte calcium, ln c", "calcium", "null predictor", "r"},
		"scaling":                {"hidden neurons, m", "relative error of calcium", "variance law", "estimator", "no estimator", "10%", "calibrated", "law, calibrated", "positive-cosine"},
		"scaling of rows":        {"law, exp", "law, gerf", "200", "trig"},
		"heads":                  {"output cosine", "log10 neurons for 10% error, plain", "log10 neurons for 10% error, calibrated", "layer", "head", "5"},
		"circuit":                {"Writing", "Reading", "H ← H + l hT", "g ← g + h", "c = g·h", "l = H h / c", "h = φ(k)", "h = φ(q)", "astrocyte"},
		"overview": {"A", "B", "C", "D", "softmax normalizer, ln Z", "hidden neurons, m", "output cosine",
			"Writing"},
		"calcium not positive": {"150 with c ≤ 0"},
		"calcium empty":        {"no tokens"},
		"scaling extreme":      {"variance law of exp: above, 1012 at m = 1,024", `a <script>*_{file}^{x}\…`},
		"heads ragged":         {"≥20"},
		"heads allocated":      {"output cosine", "log10 neurons", "error of calcium in %, variance law", "error of calcium in %, found", "≥100"},
		"timescales": {"calcium of 7 s", "calcium of 0.2,2=1,3.5=0.01 s", "algebraic level", "uniform attention", "presentation of a token, s",
			"circuit time of a text", "1 min", "1 h", "cosine of the last hidden states", "answers as by exact attention", "largest logit difference from algebraic"},
		"timescales empty": {"no head is in time"},
	} {
		var b bytes.Buffer
		if err := figures()[name].SVG(&b); err != nil {
			t.Fatal(err)
		}
		texts := strings.Join(parse(t, b.Bytes()).texts, "\n") + "\n"
		for _, w := range want {
			if !strings.Contains("\n"+texts, "\n"+w+"\n") {
				t.Errorf("%s does not say %q; it says:\n%s", name, w, texts)
			}
		}
	}
}

func TestInlineFollowsThePage(t *testing.T) {
	var file, inline bytes.Buffer
	f := Scaling(sampleScaling())
	if err := errors.Join(f.SVG(&file), f.Inline(&inline)); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"#1a1a1a", "#ffffff"} {
		if !strings.Contains(file.String(), own) {
			t.Errorf("the file has no %s", own)
		}
		if strings.Contains(inline.String(), own) {
			t.Errorf("the inline figure has its own %s", own)
		}
	}
	for _, page := range []string{"currentColor", "var(--paper, #fff)"} {
		if !strings.Contains(inline.String(), page) {
			t.Errorf("the inline figure has no %s", page)
		}
	}
}

func TestDescriptionIsReadToThoseWhoCannotSee(t *testing.T) {
	var b bytes.Buffer
	f := Calcium(sample(1, 1, 40).Chosen)
	if err := f.SVG(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.Description(), "40 tokens at layer 0, head 0") || !strings.Contains(b.String(), `aria-label="`+f.Description()+`"`) {
		t.Errorf("description is %q", f.Description())
	}
}

func TestCalciumIsCalledCorrectedOnlyWhereItIs(t *testing.T) {
	calibrated := figures()["calcium"]
	if d := calibrated.Description(); !strings.Contains(d, "up to this factor, which cancels in the output") || !strings.Contains(d, "of raw calcium: correlation 0.7") {
		t.Errorf("calibrated: %s", d)
	}
	plain := figures()["calcium not calibrated"]
	var b bytes.Buffer
	if err := plain.SVG(&b); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(parse(t, b.Bytes()).texts, plain.Description()) {
		if strings.Contains(s, "corrected") || strings.Contains(s, "raw") || strings.Contains(s, "factor") {
			t.Errorf("not calibrated: %s", s)
		}
	}
}
