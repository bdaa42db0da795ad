package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/tuning"
)

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

// The input's gerf_A was made for queries and keys that calibration moves.
func TestCalibrationComputesGerfsParameterAnew(t *testing.T) {
	dir := t.TempDir()
	var without []array
	for name, a := range readNpz(t, golden) {
		if slices.Contains([]string{"q", "k", "v", "W", "b"}, name) {
			without = append(without, array{name, a.Shape, a.Float64()})
		}
	}
	in, out, same := writeNpz(t, filepath.Join(dir, "in.npz"), without...), filepath.Join(dir, "out.npz"), filepath.Join(dir, "same.npz")
	o := must(t, "attend", golden, "--tuning", "gerf", "--calibrate", "-o", out)
	if !strings.Contains(o.stderr, "note: gerf_A of the input is not used") {
		t.Errorf("no note: %q", o.stderr)
	}
	if o := must(t, "attend", in, "--tuning", "gerf", "--calibrate", "-o", same); o.stderr != "" {
		t.Errorf("a note about what is not there: %q", o.stderr)
	}
	got := readNpz(t, out)
	near(t, "with and without gerf_A", got["y"], readNpz(t, same)["y"].Float64(), 0)
	must(t, "attend", golden, "--tuning", "gerf", "-o", same)
	calibrated, plain := relative(got["y"].Float64(), got["exact_y"].Float64()), relative(readNpz(t, same)["y"].Float64(), got["exact_y"].Float64())
	if !(calibrated < plain) {
		t.Errorf("error with calibration %.4g, without %.4g", calibrated, plain)
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
	if !strings.HasPrefix(o.stdout, "1 token, d=1, dv=3") || !strings.Contains(o.stdout, "1 hidden neuron, exp curves") || !strings.Contains(o.stdout, "memory   1 token in") {
		t.Errorf("prints\n%s", o.stdout)
	}
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
