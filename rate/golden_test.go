package rate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/internal/npz"
)

// goldenRun is how the independent implementation in numpy ran the dynamics: RK4
// with 4,000 steps a presentation, 6 tokens, m = 24, dv = 5.
type goldenRun struct {
	Run       int     `json:"run"`
	TauH      float64 `json:"tau_h"`
	TauOut    float64 `json:"tau_out"`
	TauAstro  float64 `json:"tau_astro"`
	Present   float64 `json:"present"`
	Window    float64 `json:"window"`
	Shunting  bool    `json:"shunting"`
	Domains   int     `json:"domains"`
	Coupling  float64 `json:"coupling"`
	Causal    bool    `json:"causal"`
	Algebraic float64 `json:"relative_error_vs_algebraic"`
}

// golden reads the runs and the arrays.
func golden(t *testing.T) ([]goldenRun, Input, func(name string) []float64) {
	t.Helper()
	text, err := os.ReadFile("testdata/rate.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []goldenRun
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	z, err := npz.Open("testdata/rate.npz", npz.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	array := func(name string) []float64 {
		a, err := z.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		return a.Float64()
	}
	return runs, Input{Keys: array("phi_k"), Queries: array("phi_q"), Values: array("v")}, array
}

func (r goldenRun) config() Config {
	c := Default(24, 5)
	c.Kinetics = Kinetics{Hidden: r.TauH, Output: r.TauOut, Astrocyte: r.TauAstro}
	c.Timing = Timing{Present: r.Present, Window: r.Window}
	c.Readout.Shunting, c.Causal = r.Shunting, r.Causal
	if r.Domains > 1 {
		c.Domains = Domains{Of: Interleaved(24, r.Domains), Coupling: Couple(AllToAll, r.Domains, r.Coupling)}
	}
	return c
}

// run runs a sequence without events.
func run(t *testing.T, c Config, in Input) *Result {
	t.Helper()
	r, err := Run(context.Background(), c, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Events) > 0 {
		t.Fatalf("events: %v", r.Events)
	}
	return r
}

// worst is the largest difference, relative to the largest value wanted; infinite
// where one is no number.
func worst(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most, largest := 0.0, 0.0
	for i, w := range want {
		d := math.Abs(got[i] - w)
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most, largest = max(most, d), max(largest, math.Abs(w))
	}
	return most / largest
}

// relative is the Frobenius norm of the difference over that of want.
func relative(got, want []float64) float64 {
	var d, n float64
	for i, w := range want {
		d += (got[i] - w) * (got[i] - w)
		n += w * w
	}
	return math.Sqrt(d / n)
}

// The closed forms are what the independent implementation integrates to. What
// differs, up to 1.1e-11 of y in run 3, is the error of its steps: RK4 with h = tau/80
// there. On the first two tokens of that run it comes within 9.0e-10, 5.5e-11 and
// 3.4e-12 of the closed forms with 1,000, 2,000 and 4,000 steps, 16 times nearer each
// time, as its order demands.
func TestGolden(t *testing.T) {
	runs, in, array := golden(t)
	for _, g := range runs {
		r := run(t, g.config(), in)
		for _, c := range []struct {
			name string
			got  []float64
		}{{"y", r.Y}, {"ca", r.Calcium}, {"H", r.Hebb}, {"g", r.Gain}} {
			e := worst(c.got, array(fmt.Sprintf("run%d_%s", g.Run, c.name)))
			t.Logf("run %2d %-2s %.1e", g.Run, c.name, e)
			if !(e < 1e-9) {
				t.Errorf("run %d (%+v): %s is off by %.2g of its largest value", g.Run, g, c.name, e)
			}
		}
		want := array("algebraic_y")
		if g.Causal {
			want = array("algebraic_causal_y")
		}
		if e := relative(r.Y, want); !(math.Abs(e-g.Algebraic) < 1e-9) {
			t.Errorf("run %d: error %v against the algebraic level, want %v", g.Run, e, g.Algebraic)
		}
	}
}
