package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The dynamics as an independent implementation integrates them: see package rate.
const goldenRates = "../../rate/testdata/rate.npz"

// rateInput writes the arrays of the golden file that simulate takes.
func rateInput(t *testing.T, path string, domains bool) string {
	t.Helper()
	z := readNpz(t, goldenRates)
	var arrays []array
	for _, name := range []string{"q", "k", "v", "W", "domains"} {
		if name != "domains" || domains {
			arrays = append(arrays, array{name, z[name].Shape, z[name].Float64()})
		}
	}
	return writeNpz(t, path, arrays...)
}

func TestSimulateComputesTheGoldenArrays(t *testing.T) {
	text, err := os.ReadFile("../../rate/testdata/rate.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []struct {
		Run       int
		TauH      float64 `json:"tau_h"`
		TauOut    float64 `json:"tau_out"`
		TauAstro  float64 `json:"tau_astro"`
		Present   float64
		Window    float64
		Shunting  bool
		Domains   int
		Coupling  float64
		Causal    bool
		Algebraic float64 `json:"relative_error_vs_algebraic"`
	}
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	want := readNpz(t, goldenRates)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.npz")
	one, split := rateInput(t, filepath.Join(dir, "one.npz"), false), rateInput(t, filepath.Join(dir, "split.npz"), true)
	for _, r := range runs {
		flags := fmt.Sprintf("--tau-hidden %v --tau-output %v --tau-astrocyte %v --present %v --window %v --coupling %v",
			r.TauH, r.TauOut, r.TauAstro, r.Present, r.Window, r.Coupling)
		if r.Shunting {
			flags += " --shunting"
		}
		if r.Causal {
			flags += " --causal"
		}
		inputs := []string{one}
		if r.Domains > 1 { // as an array, and as a flag
			inputs = []string{split, one + " --domains 4"}
		}
		for _, in := range inputs {
			must(t, append([]string{"simulate", "-o", out}, strings.Fields(in+" "+flags)...)...)
			got := readNpz(t, out)
			what := fmt.Sprintf("run %d: ", r.Run)
			for name, key := range map[string]string{"y": "y", "calcium": "ca", "hebb": "H", "gain": "g"} {
				near(t, what+name, got[name], want[fmt.Sprintf("run%d_%s", r.Run, key)].Float64(), 1e-9)
			}
			algebraic := "algebraic_y"
			if r.Causal {
				algebraic = "algebraic_causal_y"
			}
			near(t, what+"algebraic_y", got["algebraic_y"], want[algebraic].Float64(), 1e-12)
			near(t, what+"relative_error", got["relative_error"], []float64{r.Algebraic}, 1e-9)
			if k := got["calcium"].Shape; len(k) != 2 || k[1] != r.Domains || len(got["relative_error"].Shape) != 0 {
				t.Errorf("%scalcium is %v, relative_error %v", what, k, got["relative_error"].Shape)
			}
		}
	}
}

func TestSimulateRecordsTracesThatChangeNothing(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(3)...)
	run := func(name string, flags ...string) string {
		out := filepath.Join(dir, name)
		must(t, append([]string{"simulate", in, "--neurons", "8", "--domains", "2", "--coupling", "1", "-o", out}, flags...)...)
		return out
	}
	plain, traced := readNpz(t, run("plain.npz")), readNpz(t, run("traced.npz", "--record", "0.5"))
	for name, a := range plain {
		near(t, name, traced[name], a.Float64(), 0)
	}
	for name, shape := range map[string]string{
		"time": "[13]", "phase": "[13]", "token": "[13]", "hidden": "[13 8]", "output": "[13 2]", "hebb_norm": "[13]", "gain": "[13 8]", "calcium": "[13 2]",
	} {
		if a := traced["trace_"+name]; a == nil || fmt.Sprint(a.Shape) != shape {
			t.Errorf("trace_%s is not %s", name, shape)
		}
		if plain["trace_"+name] != nil {
			t.Errorf("trace_%s is there without --record", name)
		}
	}
	if phase := fmt.Sprint(traced["trace_phase"].Float64(), traced["trace_token"].Float64()); phase != "[0 0 0 0 0 0 0 1 1 1 1 1 1] [0 0 0 1 1 2 2 0 0 1 1 2 2]" {
		t.Errorf("phases and tokens: %s", phase)
	}
	y, l := traced["y"].Float64(), traced["trace_output"].Float64()
	for i, at := range []int{8, 10, 12} { // the ends of readings
		for o := range 2 {
			if want, got := y[2*i+o], l[2*at+o]; !(math.Abs(got-want) < 1e-11*max(1, math.Abs(want))) {
				t.Errorf("the trace ends reading %d at %v, y is %v", i, got, want)
			}
		}
	}
	for _, figure := range []string{"traces.png", "traces.svg"} {
		run("out.npz", "--figure", filepath.Join(dir, figure))
		data, err := os.ReadFile(filepath.Join(dir, figure))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(figure, "svg") {
			if !bytes.Contains(data, []byte("<svg ")) {
				t.Errorf("%s is no SVG", figure)
			}
		} else if img, err := png.Decode(bytes.NewReader(data)); err != nil || img.Bounds().Dx() < 1000 {
			t.Errorf("%s: %v", figure, err)
		}
	}
}

func TestSimulateMechanismsDoWhatTheySay(t *testing.T) {
	dir := t.TempDir()
	in := rateInput(t, filepath.Join(dir, "in.npz"), false)
	run := func(flags string) []float64 {
		out := filepath.Join(dir, "out.npz")
		must(t, append([]string{"simulate", in, "-o", out}, strings.Fields(flags)...)...)
		return readNpz(t, out)["y"].Float64()
	}
	plain := run("")
	same := func(flags string) bool {
		most := 0.0
		for i, y := range run(flags) {
			most = max(most, math.Abs(y-plain[i]))
		}
		return most < 1e-12
	}
	for _, flags := range []string{
		"--sigma 1", "--saturation 1", "--forget-hebb 0.1", "--forget-gain 0.1", "--noise-hidden 0.1", "--noise-output 0.1", "--noise-astrocyte 0.1",
		"--domains 3", "--astrocytes 2", "--shunting", "--causal", "--window 1", "--present 0.3", "--tau-hidden 0.1", "--tau-output 0.1", "--tau-astrocyte 1",
		"--calibrate --tuning gerf", "--tuning hyperbolic --domains 2 --assign similar",
	} {
		if same(flags) {
			t.Errorf("%s changes nothing", flags)
		}
	}
	for _, flags := range []string{"--dale", "--domains 1", "--coupling 5", "--noise-time 3 --noise-hold 0.5", "--seed 9", "--threads 1"} {
		if !same(flags) {
			t.Errorf("%s changes the output", flags)
		}
	}
	base := "--domains 4 --coupling 2 --tau-astrocyte 0.05"
	plain = run(base)
	for _, flags := range []string{" --graph ring", " --graph chain", " --assign contiguous", " --assign similar", " --coupling 3"} {
		if same(base + flags) {
			t.Errorf("%s changes nothing", flags)
		}
	}
	plain = run("--domains 2 --astrocytes 2 --coupling 2")
	if same("--domains 2 --astrocytes 2 --coupling 2 --gap 1") || same("--domains 4 --coupling 2") {
		t.Error("astrocytes and their gap junctions change nothing")
	}
	plain = run("--domains 3 --coupling 2 --graph chain")
	chain := array{"coupling", []int{3, 3}, []float64{0, 2, 0, 2, 0, 2, 0, 2, 0}}
	z := readNpz(t, in)
	with := []array{chain}
	for name, a := range z {
		with = append(with, array{name, a.Shape, a.Float64()})
	}
	in = writeNpz(t, filepath.Join(dir, "coupled.npz"), with...)
	if !same("--domains 3") {
		t.Error("strengths in an array are not those of a chain")
	}
	if text := must(t, "simulate", in, "--domains", "3", "-o", filepath.Join(dir, "out.npz")).stdout; !strings.Contains(text, "coupling given") {
		t.Error(text)
	}
	in = rateInput(t, filepath.Join(dir, "in.npz"), false)
	plain = run("--noise-hidden 0.2")
	if !same("--noise-hidden 0.2") || same("--noise-hidden 0.2 --seed 2") || same("--noise-hidden 0.2 --noise-time 1") || same("--noise-hidden 0.2 --noise-hold 0.1") {
		t.Error("noise does not follow its seed, time and hold")
	}
}

func TestSimulatePrintsASummaryAndJSON(t *testing.T) {
	dir := t.TempDir()
	in := rateInput(t, filepath.Join(dir, "in.npz"), false)
	out := filepath.Join(dir, "out.npz")
	text := must(t, "simulate", in, "--tau-astrocyte", "7", "-o", out).stdout
	for _, w := range []string{"6 tokens, d=8, dv=5, all tokens written, then read", "24 hidden neurons, exp curves, W given", "astrocyte 7 s", "1 domain, division",
		"12 s in all", "relative error against the algebraic level", "take 16.1 s to come within a tenth", "--present"} {
		if !strings.Contains(text, w) {
			t.Errorf("the summary does not say %q:\n%s", w, text)
		}
	}
	text = must(t, "simulate", in, "--window", "1", "--domains", "4", "--astrocytes", "2", "--gap", "0.5", "-o", out).stdout
	for _, w := range []string{"8 domains (interleaved) of 2 astrocytes, coupling 0 within, 0.5 between (all)", "plastic from 0 s on", "8 domains share"} {
		if !strings.Contains(text, w) {
			t.Errorf("the summary does not say %q:\n%s", w, text)
		}
	}
	if text := must(t, "simulate", in, "--present", "4", "-o", out).stdout; strings.Contains(text, "note:") {
		t.Errorf("a run that settles has notes:\n%s", text)
	}
	o := must(t, "simulate", in, "--json", "--domains", "2", "-o", out)
	var got struct {
		Schema, Generator string
		Tokens, Samples   int
		Seconds           float64
		RelativeError     float64 `json:"relative_error"`
		Config            map[string]any
		Events, Notes     []any
	}
	if err := json.Unmarshal([]byte(o.stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "tripartite.simulate/1" || got.Tokens != 6 || got.Seconds != 12 || got.Events == nil || got.Notes == nil || strings.Contains(o.stdout, dir) {
		t.Errorf("%+v", got)
	}
	for key, want := range map[string]any{
		"tau_hidden_s": 0.02, "tau_output_s": 0.02, "tau_astrocyte_s": 0.2, "present_s": 1.0, "window": 0.25, "domains": 2.0, "assignment": "interleaved",
		"shunting": false, "sigma": 0.0, "noise_hidden": 0.0, "forget_hebb_per_s": 0.0, "dale": false, "causal": false, "graph": "all", "weights": "input",
	} {
		if got.Config[key] != want {
			t.Errorf("config.%s is %v, want %v", key, got.Config[key], want)
		}
	}
	if again := must(t, "simulate", in, "--json", "--domains", "2", "--threads", "1", "-o", out); again.stdout != o.stdout {
		t.Error("the same command prints something else")
	}
}

// Signed curves let calcium pass through zero: that is counted, listed and said, and
// the numbers that are defined stay so.
func TestSimulateReportsCalciumThatVanishes(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(12)...)
	out := filepath.Join(dir, "out.npz")
	o := must(t, "simulate", in, "--tuning", "cosine", "--neurons", "6", "--seed", "3", "--json", "-o", out)
	var s struct {
		Vanishing, NonPositive int
		RelativeError          *float64 `json:"relative_error"`
		Events                 []struct {
			Kind  string
			Token int
			Time  float64 `json:"time_s"`
		}
		Notes []string
	}
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Vanishing == 0 || s.RelativeError == nil || len(s.Events) != s.Vanishing+s.NonPositive || len(s.Notes) == 0 || !strings.Contains(s.Notes[0], "passes through zero") {
		t.Fatalf("%+v", s)
	}
	lost := map[int]bool{}
	for _, e := range s.Events {
		lost[e.Token] = lost[e.Token] || e.Kind == "vanishing"
	}
	a := readNpz(t, out)
	for i, y := range a["y"].Float64() {
		if math.IsNaN(y) != lost[i/2] {
			t.Errorf("y[%d,%d] is %v, and the reading's value is lost: %v", i/2, i%2, y, lost[i/2])
		}
	}
	for _, name := range []string{"calcium", "hebb", "gain", "algebraic_y", "relative_error"} {
		for i, x := range a[name].Float64() {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%s has %v at %d", name, x, i)
			}
		}
	}
	text := must(t, "simulate", in, "--tuning", "cosine", "--neurons", "6", "--seed", "3", "-o", out).stdout
	if !strings.Contains(text, "readings without a value") {
		t.Error(text)
	}
}

func TestSimulateStopsAtCtrlC(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(5_000)...)
	out := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	o := commandWith(ctx, nil, "simulate", in, "--neurons", "64", "--domains", "64", "--coupling", "1", "-o", filepath.Join(out, "out.npz"), "--figure", filepath.Join(out, "t.png"))
	wantFailure(t, o, exitInterrupted, "interrupted")
	wantNoFiles(t, out)
}

func TestSimulateRefusesWhatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	good := writeNpz(t, filepath.Join(dir, "good.npz"), head(4)...)
	with := func(name string, extra ...array) string {
		return writeNpz(t, filepath.Join(dir, name), append(head(4), extra...)...)
	}
	ones := func(n int, x float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = x
		}
		return out
	}
	large := head(4)
	for i := range large[0].data {
		large[0].data[i], large[1].data[i] = 40, 40
	}
	for _, c := range []struct {
		name, in, flags string
		code            int
		words           []string
	}{
		{"tau zero", good, "--tau-hidden 0", exitUsage, []string{"--tau-hidden", "above 0"}},
		{"tau negative", good, "--tau-astrocyte -1", exitUsage, []string{"--tau-astrocyte", "above 0"}},
		{"tau NaN", good, "--tau-output NaN", exitUsage, []string{"--tau-output"}},
		{"tau too far from present", good, "--tau-output 1e-20", exitFailed, []string{"output neurons", "factor of 1e+15"}},
		{"window 0", good, "--window 0", exitUsage, []string{"--window", "(0, 1]"}},
		{"window above 1", good, "--window 1.5", exitUsage, []string{"--window"}},
		{"present 0", good, "--present 0", exitUsage, []string{"--present"}},
		{"domains 0", good, "--domains 0", exitUsage, []string{"--domains"}},
		{"more domains than neurons", good, "--neurons 3 --domains 4", exitFailed, []string{"4 domains for 3 hidden neurons", "1 to 3"}},
		{"more domains than allowed", good, "--neurons 4000 --domains 2000", exitFailed, []string{"2000 domains", "1024"}},
		{"shunting with domains", good, "--shunting --domains 2", exitUsage, []string{"--shunting with 2 domains"}},
		{"shunting with domains given", with("d.npz", array{"domains", []int{2}, []float64{0, 1}}), "--shunting --neurons 2", exitFailed, []string{"shunting with 2 domains"}},
		{"domains of other neurons", with("o.npz", array{"domains", []int{2}, []float64{0, 1}}), "--neurons 3", exitFailed, []string{"given for 2 neurons", "3 hidden neurons"}},
		{"domains with a gap", with("g.npz", array{"domains", []int{3}, []float64{0, 2, 2}}), "--neurons 3", exitFailed, []string{"domain 1 of 3 has no neurons"}},
		{"domains not whole", with("h.npz", array{"domains", []int{3}, ones(3, 0.5)}), "--neurons 3", exitFailed, []string{"h.npz", "whole number"}},
		{"domains negative", with("n.npz", array{"domains", []int{3}, ones(3, -1)}), "--neurons 3", exitFailed, []string{"domains[0] is -1"}},
		{"domains of two axes", with("a.npz", array{"domains", []int{1, 3}, ones(3, 0)}), "--neurons 3", exitFailed, []string{"a.npz", "2 axes"}},
		{"domains twice", with("t.npz", array{"domains", []int{3}, ones(3, 0)}), "--neurons 3 --domains 2", exitFailed, []string{"--domains 2", "leave out one"}},
		{"astrocytes that do not divide", with("s.npz", array{"domains", []int{3}, []float64{0, 1, 2}}), "--neurons 3 --astrocytes 2", exitFailed, []string{"3 domains", "2 astrocytes"}},
		{"coupling not square", with("c.npz", array{"coupling", []int{2, 1}, ones(2, 0)}), "--domains 2", exitFailed, []string{"c.npz", "[K,K]"}},
		{"coupling of other domains", with("k.npz", array{"coupling", []int{2, 2}, ones(4, 0)}), "--domains 3", exitFailed, []string{"4 strengths", "[3,3]"}},
		{"coupling one way", with("w.npz", array{"coupling", []int{2, 2}, []float64{0, 1, 2, 0}}), "--domains 2", exitFailed, []string{"one way"}},
		{"coupling twice", with("cc.npz", array{"coupling", []int{2, 2}, ones(4, 1)}), "--domains 2 --coupling 1", exitFailed, []string{"leave out one"}},
		{"record negative", good, "--record -1", exitUsage, []string{"--record"}},
		{"record too fine", good, "--record 1e-12", exitFailed, []string{"traces every 1e-12 s", "at least"}},
		{"figure of another kind", good, "--figure x.pdf", exitUsage, []string{"x.pdf", ".png or .svg"}},
		{"noise too large", good, "--noise-hidden 11", exitUsage, []string{"--noise-hidden"}},
		{"noise held too briefly", good, "--noise-hidden 1 --noise-hold 1e-9", exitFailed, []string{"pieces"}},
		{"graph unknown", good, "--graph star", exitUsage, []string{"--graph", "chain"}},
		{"rates beyond float64", writeNpz(t, filepath.Join(dir, "large.npz"), large...), "--tuning cosine", exitFailed, []string{"token 0", "+Inf", "calibrate"}},
		{"missing arrays", writeNpz(t, filepath.Join(dir, "m.npz"), head(4)[:1]...), "", exitFailed, []string{"arrays k, v missing"}},
		{"two inputs", good, "other.npz", exitUsage, []string{"other.npz"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			wantFailure(t, command(append([]string{"simulate", c.in, "-o", filepath.Join(out, "out.npz")}, strings.Fields(c.flags)...)...), c.code, c.words...)
			wantNoFiles(t, out)
		})
	}
	wantFailure(t, command("simulate", good), exitUsage, "-o OUT.npz")
	wantFailure(t, command("simulate", good, "--json", "-o", "-"), exitUsage, "--json")
}
