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

	"github.com/tripartite-go/tripartite/tuning"
)

func TestAttendPrintsASummary(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.npz")
	for _, c := range []struct{ name, flags, want string }{
		{"exp", "", `24 tokens, d=16, dv=12, all tokens written, then read, float64
96 hidden neurons, exp curves, W given
output   relative error against softmax     0.9367
calcium  median |log c - log Z|             0.2584
         correlation of log c and log Z     0.3011
         of the null predictor and log Z    0.6662
         tokens with calcium <= 0           0
memory   24 tokens in 10,752 bytes
note: The error of random tuning curves grows exponentially with |q+k|², whose mean is 6.28 here: calibrate (--calibrate), or leave out W to have more neurons drawn (--neurons, --draw orthogonal).
`},
		{"signed", "--tuning linear --causal --forget 0.1 --precision float32", `24 tokens, d=16, dv=12, causal, float32
96 hidden neurons, linear curves, W given
output   relative error against softmax     0.5161
calcium  median |log c - log Z|             5.717
         correlation of log c and log Z     0.9489
         of the null predictor and log Z    0.9962
         tokens with calcium <= 0           0
memory   24 tokens in 5,760 bytes
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
		Schema, Program, Kernel, Generator string
		Seed                               uint64
		Config                             struct {
			Tuning, Weights, Calibration, Precision string
			GerfA                                   []float64 `json:"gerf_a"`
			Rows                                    int
			Estimator                               bool
		}
		Tokens, Neurons int
		Error           float64 `json:"relative_error"`
		Raw             float64 `json:"calcium_correlation"`
		Corrected       float64 `json:"corrected_correlation"`
		Notes           []string
	}
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "tripartite.attend/1" || s.Program == "" || s.Generator != tuning.Generator || s.Seed != 7 ||
		s.Config.Tuning != "gerf" || s.Config.Weights != "input" || s.Config.Calibration != "input" || s.Config.Precision != "float64" ||
		!s.Config.Estimator || s.Config.Rows != 96 || len(s.Config.GerfA) != 16 || s.Kernel != "sequential, float64" || s.Raw == 0 || s.Corrected == 0 || s.Raw == s.Corrected || s.Tokens != 24 || s.Neurons != 96 || !(s.Error > 0) || s.Notes == nil {
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
