package main

import (
	"fmt"
	"math"
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
