package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/tuning"
)

// golden holds inputs and, for every map, what an independent float64
// implementation of the equations computes from them.
const golden = "../../testdata/algebraic.npz"

// goldenCases are the ways in which the golden file runs each map.
var goldenCases = []struct {
	name, y string // the keys of the result, after the map's name
	flags   []string
}{
	{"not causal", "", nil},
	{"causal", "causal_", []string{"--causal"}},
	{"causal, forgetting", "forget_", []string{"--causal", "--forget", "0.1"}},
}

func key(m tuning.Map, name string) string {
	return strings.ReplaceAll(string(m), "-", "_") + "_" + name
}

func TestAttendComputesTheGoldenArraysForEveryMap(t *testing.T) {
	want := readNpz(t, golden)
	out := filepath.Join(t.TempDir(), "out.npz")
	for _, m := range tuning.Maps() {
		for _, c := range goldenCases {
			must(t, append([]string{"attend", golden, "--tuning", string(m), "-o", out}, c.flags...)...)
			got := readNpz(t, out)
			what := fmt.Sprintf("%s, %s: ", m, c.name)
			near(t, what+"y", got["y"], want[key(m, c.y+"y")].Float64(), 1e-10)
			near(t, what+"normalizer", got["normalizer"], want[key(m, c.y+"normalizer")].Float64(), 1e-10)
			exact := "exact_"
			if c.flags == nil {
				near(t, what+"hebb", got["hebb"], want[key(m, "H")].Float64(), 1e-10)
				near(t, what+"gain", got["gain"], want[key(m, "g")].Float64(), 1e-10)
			} else {
				exact = "exact_causal_" // softmax that neither forgets nor saturates
			}
			near(t, what+"exact_y", got["exact_y"], want[exact+"y"].Float64(), 1e-12)
			near(t, what+"exact_normalizer", got["exact_normalizer"], want[exact+"normalizer"].Float64(), 1e-12)
			for t0, c := range got["normalizer"].Float64() {
				if l := got["log_normalizer"].Float64()[t0]; c > 0 && !(math.Abs(l-math.Log(c)) < 1e-12) || c < 0 && !math.IsNaN(l) {
					t.Errorf("%slog_normalizer[%d] is %v for a normalizer of %v", what, t0, l, c)
				}
			}
		}
	}
}

// near checks every element against tolerance max(1, |want|).
func near(t *testing.T, what string, got *npz.Array, want []float64, tolerance float64) {
	t.Helper()
	if got == nil || got.Len() != len(want) {
		t.Fatalf("%s: missing or not of %d elements", what, len(want))
	}
	for i, g := range got.Float64() {
		if !(math.Abs(g-want[i]) <= tolerance*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: %s is %v, want %v", what, got.Place(i), g, want[i])
			return
		}
	}
}

// In float32, rounding grows by the condition of the sums: what the terms of
// H h and of c add up to without their signs, over |c|. Curves that are never
// negative have condition 1 in c; signed ones cancel, trig down to the fourth
// digit on these data.
func TestAttendInFloat32IsAsGoodAsConditioningAllows(t *testing.T) {
	// Roundings in sequence, in units of 2^-24: the drive w.x of up to 6 adds its
	// absolute error to the exponent, N=24 writes and m <= 192 terms are summed.
	const roundings = 32
	in := readNpz(t, golden)
	out := filepath.Join(t.TempDir(), "out.npz")
	v := in["v"].Float64()
	n, dv := in["v"].Shape[0], in["v"].Shape[1]
	for _, m := range tuning.Maps() {
		must(t, "attend", golden, "--tuning", string(m), "--precision", "float32", "-o", out)
		got := readNpz(t, out)
		if d := got["y"].DType(); d != "float32" {
			t.Fatalf("y is %s", d)
		}
		phiQ, phiK := in[key(m, "phi_q")].Float64(), in[key(m, "phi_k")].Float64()
		neurons := len(phiQ) / n
		y, c := in[key(m, "y")].Float64(), in[key(m, "normalizer")].Float64()
		gotY, gotC := got["y"].Float64(), got["normalizer"].Float64()
		worst := 0.0
		for i := range n {
			kernel := make([]float64, n) // sum of |phi(q)| |phi(k)|
			for u := range n {
				for j := range neurons {
					kernel[u] += math.Abs(phiQ[i*neurons+j] * phiK[u*neurons+j])
				}
			}
			total := 0.0
			for _, k := range kernel {
				total += k
			}
			condition := total / math.Abs(c[i])
			worst = max(worst, condition)
			allowed := roundings * 0x1p-24
			if e := math.Abs(gotC[i]/c[i] - 1); !(e <= allowed*condition) {
				t.Errorf("%s: normalizer[%d] is off by %.2g, condition %.3g allows %.2g", m, i, e, condition, allowed*condition)
			}
			for j := range dv {
				terms := math.Abs(y[i*dv+j]) * condition
				for u := range n {
					terms += math.Abs(v[u*dv+j]) * kernel[u] / math.Abs(c[i])
				}
				if e := math.Abs(gotY[i*dv+j] - y[i*dv+j]); !(e <= allowed*terms) {
					t.Errorf("%s: y[%d,%d] is off by %.2g, conditioning allows %.2g", m, i, j, e, allowed*terms)
				}
			}
		}
		if !m.Signed() && worst > 1+1e-9 {
			t.Errorf("%s is never negative, but its condition is %.3g", m, worst)
		}
	}
}

func TestAttendPrintsASummary(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.npz")
	for _, c := range []struct{ name, flags, want string }{
		{"exp", "", `24 tokens, d=16, dv=12, all tokens written, then read, float64
96 hidden neurons, exp curves, W given
output   relative error against softmax     0.9367
calcium  median |log c - log Z|             0.2584
         correlation of log c and log Z     0.3011 (null predictor 0.6662)
         tokens with calcium <= 0           0
memory   24 tokens in 10752 bytes
note: The error of random tuning curves grows exponentially with |q+k|², whose mean is 6.28 here: calibrate (--calibrate), draw orthogonal weights (--draw orthogonal) or take more neurons.
`},
		{"signed", "--tuning linear --causal --forget 0.1 --precision float32", `24 tokens, d=16, dv=12, causal, float32
96 hidden neurons, linear curves, W given
output   relative error against softmax     0.5161
calcium  median |log c - log Z|             5.717
         correlation of log c and log Z     0.9489 (null predictor 0.9962)
         tokens with calcium <= 0           0
memory   24 tokens in 5760 bytes
note: linear curves do not estimate exp(q.k): the error does not vanish however many neurons there are.
note: Exact attention neither forgets nor saturates; the differences contain what --forget and --sigma do.
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := must(t, append(strings.Fields("attend "+golden+" "+c.flags), "-o", out)...)
			if o.stdout != c.want || o.stderr != "" {
				t.Errorf("prints\n%s%s\nwant\n%s", o.stdout, o.stderr, c.want)
			}
		})
	}
}

func TestAttendJSONHoldsTheResolvedConfigurationAndNoPaths(t *testing.T) {
	dir := t.TempDir()
	in := copyOf(t, golden, filepath.Join(dir, "zebra.npz"))
	o := must(t, "attend", in, "--json", "--tuning", "gerf", "--calibrate", "-o", filepath.Join(dir, "out.npz"), "--seed", "7")
	var s struct {
		Schema, Program, Generator string
		Seed                       uint64
		Config                     struct {
			Tuning, Weights, Calibration, Precision string
			GerfA                                   []float64 `json:"gerf_a"`
			Rows                                    int
			Estimator                               bool
		}
		Tokens, Neurons int
		Error           float64 `json:"relative_error"`
		Notes           []string
	}
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "tripartite.attend/1" || s.Program == "" || s.Generator != tuning.Generator || s.Seed != 7 ||
		s.Config.Tuning != "gerf" || s.Config.Weights != "input" || s.Config.Calibration != "input" || s.Config.Precision != "float64" ||
		!s.Config.Estimator || s.Config.Rows != 96 || len(s.Config.GerfA) != 1 || s.Tokens != 24 || s.Neurons != 96 || !(s.Error > 0) || s.Notes == nil {
		t.Errorf("incomplete: %+v\n%s", s, o.stdout)
	}
	if strings.Contains(o.stdout, "zebra") || strings.Contains(o.stdout, dir) {
		t.Errorf("names a path:\n%s", o.stdout)
	}
}

func copyOf(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// head returns a small head: n tokens, d=3, dv=2, values that are not symmetric.
func head(n int) []array {
	q, k, v := make([]float64, n*3), make([]float64, n*3), make([]float64, n*2)
	for i := range q {
		q[i], k[i] = math.Sin(float64(3*i+1)), 0.5+math.Cos(float64(2*i))
	}
	for i := range v {
		v[i] = math.Sin(float64(i * i))
	}
	return []array{{"q", []int{n, 3}, q}, {"k", []int{n, 3}, k}, {"v", []int{n, 2}, v}}
}

func TestAttendGivesTheSameBytesForAnyNumberOfThreads(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(40)...)
	var stdout string
	var bytesOut []byte
	for i, threads := range []string{"1", "2"} {
		out := filepath.Join(dir, "out"+threads+".npz")
		o := must(t, "attend", in, "--tuning", "cosine", "--draw", "orthogonal", "--threads", threads, "-o", out)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && (o.stdout != stdout || !bytes.Equal(data, bytesOut)) {
			t.Error("1 and 2 threads differ")
		}
		stdout, bytesOut = o.stdout, data
	}
}

func TestAttendReadsAndWritesStandardStreams(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(5)...)
	out := filepath.Join(dir, "out.npz")
	summary := must(t, "attend", in, "-o", out).stdout
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	o := commandWith(t.Context(), bytes.NewReader(data), "attend", "-", "-o", "-")
	if o.code != exitDone || o.stdout != string(want) {
		t.Errorf("exit code %d; standard output differs from the file", o.code)
	}
	if o.stderr != summary {
		t.Errorf("the summary gave way to %q", o.stderr)
	}
	if o := commandWith(t.Context(), bytes.NewReader(data), "attend", "-", "-o", "-", "--quiet"); o.stderr != "" {
		t.Errorf("--quiet prints %q", o.stderr)
	}
}

func TestAttendSaysOnRequestWhatItDoesNotRead(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	if o := must(t, "attend", golden, "-o", out, "--verbose"); !strings.Contains(o.stderr, "array exp_H is not read") || strings.Contains(o.stderr, "array W ") {
		t.Errorf("stderr %q", o.stderr)
	}
}

func TestAttendDrawsWhatTheInputLacks(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(6)...)
	out := filepath.Join(dir, "out.npz")
	must(t, "attend", in, "--tuning", "cosine", "--neurons", "50", "--seed", "9", "-o", out)
	// The same W, then b, from one generator.
	rng := tuning.NewRand(9)
	w := tuning.Weights(tuning.IID, 50, 3, rng)
	b := tuning.Phases(50, rng)
	given := writeNpz(t, filepath.Join(dir, "given.npz"), append(head(6), array{"W", []int{50, 3}, w}, array{"b", []int{50}, b})...)
	same := filepath.Join(dir, "same.npz")
	must(t, "attend", given, "--tuning", "cosine", "-o", same)
	near(t, "drawn and given weights", readNpz(t, out)["y"], readNpz(t, same)["y"].Float64(), 0)

	must(t, "attend", in, "--tuning", "cosine", "--neurons", "50", "--seed", "10", "-o", same)
	if got := readNpz(t, same)["y"].Float64(); got[0] == readNpz(t, out)["y"].Float64()[0] {
		t.Error("another seed gives the same output")
	}
}

func TestAttendCalibrationAgainstItsOwnSetAndFile(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(30)...)
	set := writeNpz(t, filepath.Join(dir, "set.npz"), head(30)[:2]...)
	own, file := filepath.Join(dir, "own.npz"), filepath.Join(dir, "file.npz")
	must(t, "attend", in, "--tuning", "gerf", "--calibrate", "-o", own)
	must(t, "attend", in, "--tuning", "gerf", "--calibrate="+set, "-o", file)
	got := readNpz(t, own)
	near(t, "constants from a file with the same arrays", readNpz(t, file)["y"], got["y"].Float64(), 0)
	if !(relative(got["corrected_normalizer"].Float64(), got["exact_normalizer"].Float64()) < 0.2) {
		t.Errorf("corrected calcium %v, softmax normalizer %v", got["corrected_normalizer"].Float64(), got["exact_normalizer"].Float64())
	}
	if relative(got["normalizer"].Float64(), got["exact_normalizer"].Float64()) < 0.2 {
		t.Error("raw calcium is on the scale of the normalizer, so that this test shows nothing")
	}
	for i, l := range got["log_corrected_normalizer"].Float64() {
		if !(math.Abs(math.Exp(l)-got["corrected_normalizer"].Float64()[i]) < 1e-9) {
			t.Errorf("log_corrected_normalizer[%d] = %v", i, l)
		}
	}
	must(t, "attend", in, "--tuning", "gerf", "--causal", "--calibrate="+set, "-o", file) // no look-ahead
	must(t, "attend", in, "-o", file)
	if readNpz(t, file)["corrected_normalizer"] != nil {
		t.Error("corrected calcium without a calibration")
	}
}

func relative(got, want []float64) float64 {
	var diff, norm float64
	for i := range want {
		diff += (got[i] - want[i]) * (got[i] - want[i])
		norm += want[i] * want[i]
	}
	return math.Sqrt(diff / norm)
}

func TestAttendTakesTheSmallestHeadsAndAnyNumericType(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "in.npz")
	err := npz.WriteFile(path, func(w *npz.Writer) error {
		if err := w.Float32("q", []int{1, 1}, []float32{2}); err != nil {
			return err
		}
		if err := w.Int64("k", []int{1, 1}, []int64{1}); err != nil {
			return err
		}
		if err := w.Float64("W", []int{1, 1}, []float64{0.5}); err != nil {
			return err
		}
		return w.Float64("v", []int{1, 3}, []float64{1, -2, 3})
	})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.npz")
	o := must(t, "attend", path, "-o", out)
	near(t, "one token reads its own value", readNpz(t, out)["y"], []float64{1, -2, 3}, 1e-15)
	if !strings.Contains(o.stdout, "undefined") {
		t.Errorf("a correlation over one token:\n%s", o.stdout)
	}
	if o := must(t, "attend", path, "-o", out, "--json"); !strings.Contains(o.stdout, `"calcium_correlation": null`) {
		t.Errorf("a correlation over one token:\n%s", o.stdout)
	}
}

// Logits of 10^4 are far beyond any float's exponentials.
func TestAttendHugeLogitsAreFiniteAndTheMemoryIsNeverNaN(t *testing.T) {
	dir := t.TempDir()
	arrays := head(6)
	for i := range arrays[0].data {
		arrays[0].data[i] *= 60
		arrays[1].data[i] *= 60
	}
	in := writeNpz(t, filepath.Join(dir, "in.npz"), arrays...)
	out := filepath.Join(dir, "out.npz")
	for _, m := range []string{"exp", "hyperbolic", "gerf", "truncated-exp", "elu1"} {
		must(t, "attend", in, "--tuning", m, "--precision", "float32", "-o", out)
		got := readNpz(t, out)
		for _, name := range []string{"y", "log_normalizer", "exact_y", "exact_log_normalizer"} {
			if i := npz.FirstNonFinite(got[name].Float64()); i >= 0 {
				t.Errorf("%s: %s is %v", m, got[name].Place(i), got[name].Float64()[i])
			}
		}
		for _, name := range []string{"hebb", "gain", "normalizer"} {
			for i, x := range got[name].Float64() {
				if math.IsNaN(x) {
					t.Errorf("%s: %s is NaN", m, got[name].Place(i))
				}
			}
		}
	}
}

func TestAttendMemoriesAreSavedAndResumed(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	all := head(10)
	part := func(lo, hi int) []array {
		var out []array
		for _, a := range all {
			w := a.shape[1]
			out = append(out, array{a.name, []int{hi - lo, w}, a.data[lo*w : hi*w]})
		}
		return out
	}
	writeNpz(t, at("all.npz"), all...)
	writeNpz(t, at("a.npz"), part(0, 6)...)
	writeNpz(t, at("b.npz"), part(6, 10)...)
	for _, forget := range []string{"0", "0.2"} {
		must(t, "attend", at("all.npz"), "--causal", "--forget", forget, "-o", at("all-out.npz"), "--save-memory", at("all.mem"))
		must(t, "attend", at("a.npz"), "--causal", "--forget", forget, "-o", at("a-out.npz"), "--save-memory", at("a.mem"))
		o := must(t, "attend", at("b.npz"), "--causal", "--forget", forget, "--memory", at("a.mem"), "-o", at("b-out.npz"), "--save-memory", at("b.mem"))
		if !strings.Contains(o.stdout, "held 6 tokens") || !strings.Contains(o.stdout, "memory   10 tokens") {
			t.Errorf("the summary does not mention the memory:\n%s", o.stdout)
		}
		whole, resumed := readNpz(t, at("all-out.npz")), readNpz(t, at("b-out.npz"))
		near(t, "the resumed half", resumed["y"], whole["y"].Float64()[6*2:], 1e-12)
		near(t, "the memory at the end", resumed["hebb"], whole["hebb"].Float64(), 1e-12)
		if resumed["exact_y"] != nil {
			t.Error("exact attention over half of the tokens stands beside a circuit that has seen all")
		}
	}
	// From standard input, and to standard output.
	mem, err := os.ReadFile(at("a.mem"))
	if err != nil {
		t.Fatal(err)
	}
	o := commandWith(t.Context(), bytes.NewReader(mem), "attend", at("b.npz"), "--causal", "--forget", "0.2", "--memory", "-", "-o", at("c-out.npz"), "--save-memory", "-")
	want, err := os.ReadFile(at("b.mem"))
	if err != nil {
		t.Fatal(err)
	}
	if o.code != exitDone || o.stdout != string(want) {
		t.Errorf("exit code %d, %d bytes of memory, want %d: %s", o.code, len(o.stdout), len(want), o.stderr)
	}
	for _, c := range []struct{ flags, words string }{
		{"--seed 2", "tuning curves"},
		{"--tuning hyperbolic", "differ"},
		{"--forget 0.1", "forget"},
		{"--precision float32", "precision"},
	} {
		o := command(append(strings.Fields("attend "+at("b.npz")+" --causal --forget 0.2 --memory "+at("a.mem")+" -o "+at("no.npz")), strings.Fields(c.flags)...)...)
		wantFailure(t, o, exitFailed, c.words)
	}
}

func TestAttendNotesWhereCalciumDoesNotNormalize(t *testing.T) {
	dir := t.TempDir()
	in := writeNpz(t, filepath.Join(dir, "in.npz"), head(30)...)
	out := filepath.Join(dir, "out.npz")
	o := must(t, "attend", in, "--tuning", "trig", "--neurons", "2", "--seed", "3", "-o", out)
	got := readNpz(t, out)
	nonpositive := 0
	for i, c := range got["normalizer"].Float64() {
		if c <= 0 {
			nonpositive++
		}
		if l := got["log_normalizer"].Float64()[i]; math.IsNaN(l) != (c < 0) {
			t.Errorf("log_normalizer[%d] is %v for calcium %v", i, l, c)
		}
	}
	if nonpositive == 0 {
		t.Fatal("no token has calcium below zero, so that this test shows nothing")
	}
	if want := fmt.Sprintf("At %d of 30 tokens calcium is zero or below", nonpositive); !strings.Contains(o.stdout, want) {
		t.Errorf("lacks %q:\n%s", want, o.stdout)
	}
}
