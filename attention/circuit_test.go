package attention

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// reference runs one sequence through the circuit of package tripartite in
// float64. condition [N] is sum |g_i h_i| / |sigma + c|: what a relative error
// of the rates is multiplied by.
func reference(t *testing.T, c *tuning.Curves[float64], cfg CircuitConfig, in input) (y []float64, calcium []tripartite.Calcium, condition []float64) {
	t.Helper()
	head, err := tripartite.New(tripartite.Config[float64]{
		Tuning: c, Outputs: in.v.Cols, HalfSaturation: cfg.HalfSaturation, Forget: cfg.Forget})
	if err != nil {
		t.Fatal(err)
	}
	n, m := in.q.Rows, c.Neurons()
	a := head.Attend(wide(in.q.Data), wide(in.k.Data), wide(in.v.Data), cfg.Causal)
	condition = make([]float64, n)
	logq, logk, sign := make([]float64, m), make([]float64, m*n), make([]float64, m)
	for u := range n {
		c.Log(logk[u*m:(u+1)*m], sign, tuning.Writing, wide(in.k.Row(u)))
	}
	for s := range n {
		c.Log(logq, sign, tuning.Reading, wide(in.q.Row(s)))
		last := n - 1
		if cfg.Causal {
			last = s
		}
		// log(sigma + c), by Calcium's own log when sigma is 0.
		logTotal := a.Calcium[s].Log
		if cfg.HalfSaturation > 0 {
			logTotal = math.Log(math.Abs(cfg.HalfSaturation + a.Calcium[s].Value()))
		}
		for u := range last + 1 {
			decay := float64(last-u) * math.Log1p(-cfg.Forget)
			for i := range m {
				condition[s] += math.Exp(logq[i] + logk[u*m+i] + decay - logTotal)
			}
		}
	}
	return a.Y, a.Calcium, condition
}

// epsilon is the rounding of float32.
const epsilon = 1. / (1 << 24)

func compareWithReference(t *testing.T, what string, single *tuning.Curves[float32], double *tuning.Curves[float64], cfg CircuitConfig, in input, allowed float64) {
	t.Helper()
	cfg.Tuning = single
	got := run(newCircuit(t, cfg), in)
	y, calcium, condition := reference(t, double, cfg, in)
	var logC []float64
	zero, nonPositive := 0, 0
	for _, c := range calcium {
		logC = append(logC, c.LogValue())
		if c.Sign == 0 {
			zero++
		}
		if c.Sign <= 0 {
			nonPositive++
		}
	}
	dv := in.v.Cols
	near(t, what+": y", got.y.Data, y, func(i int) float64 {
		return allowed * condition[i/dv] * (3 + math.Abs(y[i])) // values lie within 3 or so
	})
	near(t, what+": log c", got.logC, logC, func(i int) float64 {
		// c itself, without sigma, may be smaller than sigma + c.
		own := condition[i]
		if cfg.HalfSaturation > 0 {
			own *= math.Abs(cfg.HalfSaturation/calcium[i].Value() + 1)
		}
		return allowed*own + epsilon*math.Abs(logC[i])
	})
	if got.trace.Tokens != in.q.Rows || got.trace.Zero != zero || got.trace.NonPositive != nonPositive {
		t.Errorf("%s: counted %d tokens, %d at zero, %d at or below, want %d, %d, %d", what,
			got.trace.Tokens, got.trace.Zero, got.trace.NonPositive, in.q.Rows, zero, nonPositive)
	}
	for s, f := range got.trace.LogFactor {
		if want := double.LogFactor(wide(in.q.Row(s))); !(math.Abs(float64(f)-want) <= 1e-5*max(1, math.Abs(want))) {
			t.Errorf("%s: the log factor of token %d is %v, want %v", what, s, f, want)
		}
	}
}

func TestFusedCircuitEqualsTheCircuit(t *testing.T) {
	for _, m := range tuning.Maps() {
		for _, size := range []struct{ n, d, dv, neurons int }{{1, 1, 1, 1}, {2, 3, 1, 4}, {40, 8, 5, 24}, {150, 16, 20, 33}} {
			in := newInput(3, size.d, size.dv, 0.5, size.n)
			single, double := curves(t, m, size.neurons, size.d, nil)
			for _, causal := range []bool{false, true} {
				for _, forget := range []float64{0, 0.1, 0.9} {
					for _, sigma := range []float64{0, 0.3} {
						what := fmt.Sprintf("%s, %+v, causal %v, forget %g, sigma %g", m, size, causal, forget, sigma)
						cfg := CircuitConfig{Causal: causal, Forget: forget, HalfSaturation: sigma}
						compareWithReference(t, what, single, double, cfg, in, 100*epsilon)
					}
				}
			}
		}
	}
}

func TestFusedCircuitEqualsTheCircuitWhenCalibrated(t *testing.T) {
	const d = 8
	in := newInput(3, d, 6, 1, 90)
	for t := range in.q.Rows { // means apart, scales apart
		for j := range d {
			in.q.Row(t)[j] = in.q.At(t, j)*float32(1+j)/4 + 1
			in.k.Row(t)[j] = in.k.At(t, j)*float32(d-j)/8 - 0.5
		}
	}
	cal, err := tuning.Calibrate(in.q.Data, in.k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tuning.Maps() {
		single, double := curves(t, m, 32, d, cal)
		for _, causal := range []bool{false, true} {
			compareWithReference(t, fmt.Sprintf("%s, causal %v", m, causal), single, double, CircuitConfig{Causal: causal}, in, 400*epsilon)
		}
	}
}

// steep returns an input whose keys repeat queries, and its largest logit.
func steep(d, n int, std float64) (in input, logit float64) {
	in = newInput(3, d, 4, std, n)
	for s := 0; s < n; s += 3 {
		copy(in.k.Row(s), in.q.Row((s+7)%n))
	}
	for s := range n {
		for u := range n {
			logit = max(logit, math.Abs(float64(tensor.Dot(in.q.Row(s), in.k.Row(u)))))
		}
	}
	return in, logit
}

func TestLogitsOfTenThousandStayFiniteAndRight(t *testing.T) {
	in, logit := steep(8, 40, 40)
	if logit < 1e4 {
		t.Fatalf("the largest logit is %v: the test tests nothing", logit)
	}
	for _, m := range tuning.Maps() {
		if m.Signed() {
			continue
		}
		allowed := 1e-4
		if m == tuning.PositiveCosine {
			allowed = 1e-3 // near a zero of the cosine, the rounding of a drive of hundreds is large
		}
		single, double := curves(t, m, 64, 8, nil)
		for _, causal := range []bool{false, true} {
			for _, forget := range []float64{0, 0.3} {
				what := fmt.Sprintf("%s, causal %v, forget %g", m, causal, forget)
				compareWithReference(t, what, single, double, CircuitConfig{Causal: causal, Forget: forget}, in, allowed)
			}
		}
	}
}

func TestErrorsThatTheDocumentationStates(t *testing.T) {
	single, double := curves(t, tuning.Exp, 128, 16, nil)
	for _, c := range []struct{ std, logits, bound float64 }{{0.5, 5, 1e-5}, {1.7, 80, 1e-5}, {10, 3e3, 1e-4}, {20, 1e4, 1e-4}} {
		in, logit := steep(16, 60, c.std)
		if logit < c.logits {
			t.Fatalf("the largest logit is %v, want at least %v", logit, c.logits)
		}
		for _, causal := range []bool{false, true} {
			got := run(newCircuit(t, CircuitConfig{Tuning: single, Causal: causal}), in)
			y, calcium, _ := reference(t, double, CircuitConfig{Causal: causal}, in)
			what := fmt.Sprintf("logits up to %.0f, causal %v", logit, causal)
			near(t, what, got.y.Data, y, constant(c.bound))
			for s, c := range calcium {
				near(t, what+": log c", got.logC[s:s+1], []float64{c.Log}, constant(1e-5+2e-7*math.Abs(c.Log)))
			}
		}
	}
}

// Keys that drive the neurons ever harder make the shifts rise again and again,
// also in the middle of a block.
func TestRisingKeysRaiseTheShifts(t *testing.T) {
	const d, n = 4, 60
	in := newInput(3, d, 4, 1, n)
	for s := range n {
		for j := range d {
			in.q.Row(s)[j] *= 8
			in.k.Row(s)[j] *= float32(s) / 4
		}
	}
	for _, m := range []tuning.Map{tuning.Exp, tuning.Hyperbolic, tuning.ReLU, tuning.PositiveCosine} {
		single, double := curves(t, m, 16, d, nil)
		for _, forget := range []float64{0, 0.5, 0.999} {
			what := fmt.Sprintf("%s, forget %g", m, forget)
			compareWithReference(t, what, single, double, CircuitConfig{Causal: true, Forget: forget}, in, 1e-4)
			compareWithReference(t, what+", not causal", single, double, CircuitConfig{Forget: forget}, in, 1e-4)
		}
	}
}

// A long forgotten key must not keep the shift up there, or what follows would
// underflow.
func TestForgettingLowersTheShifts(t *testing.T) {
	const d, n = 4, 200
	in := newInput(3, d, 4, 0.5, n)
	for j := range d {
		in.k.Row(0)[j] *= 30 // alone, drives the neurons by exp(±100)
	}
	for _, causal := range []bool{false, true} {
		single, double := curves(t, tuning.ReLU, 16, d, nil)
		compareWithReference(t, "relu", single, double, CircuitConfig{Causal: causal, Forget: 0.8}, in, 1e-4)
		single, double = curves(t, tuning.Hyperbolic, 16, d, nil)
		compareWithReference(t, "hyperbolic", single, double, CircuitConfig{Causal: causal, Forget: 0.8}, in, 1e-4)
	}
}

func TestSilentNeuronsContributeNothing(t *testing.T) {
	const d = 2
	curve := func(w ...float64) *tuning.Curves[float32] {
		c, err := tuning.New[float32](tuning.Config{Map: tuning.ReLU, Inputs: d, W: w})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	in := newInput(1, d, 3, 0, 30) // keys and queries at 0 ...
	for s := range in.q.Rows {
		in.q.Row(s)[0], in.k.Row(s)[0] = 1, 1 // ... but along the first axis
	}
	for _, causal := range []bool{false, true} {
		// The second neuron never fires, the first carries all.
		got := run(newCircuit(t, CircuitConfig{Tuning: curve(1, 0, -1, 0), Causal: causal}), in)
		want := run(Uniform{Causal: causal}, in)
		for s := range in.q.Rows {
			near(t, "one of two fires", got.y.Row(s), wide(want.y.Row(s)), constant(1e-6))
			near(t, "one of two fires", got.logC[s:s+1], wide(want.logC[s:s+1]), constant(1e-6))
		}
		if got.trace.Zero != 0 {
			t.Errorf("%d tokens without calcium", got.trace.Zero)
		}
		// None fires.
		got = run(newCircuit(t, CircuitConfig{Tuning: curve(-1, 0, -2, 0), Causal: causal}), in)
		for s := range in.q.Rows {
			near(t, "none fires", got.y.Row(s), make([]float64, 3), constant(0))
			near(t, "none fires", got.logC[s:s+1], []float64{math.Inf(-1)}, constant(0))
		}
		if got.trace.Zero != 30 || got.trace.NonPositive != 30 {
			t.Errorf("counted %d tokens without calcium, want 30", got.trace.Zero)
		}
		// With half-saturation there is still nothing to divide.
		got = run(newCircuit(t, CircuitConfig{Tuning: curve(-1, 0, -2, 0), Causal: causal, HalfSaturation: 1}), in)
		for s := range in.q.Rows {
			near(t, "none fires, sigma 1", got.y.Row(s), make([]float64, 3), constant(0))
		}
	}
}

func TestNaNIsNotHidden(t *testing.T) {
	const d, n = 4, 40
	nan := float32(math.NaN())
	for name, h := range heads(t, d) {
		if _, ok := h.(Uniform); ok {
			continue // reads values alone
		}
		in := newInput(1, d, 3, 0.5, n)
		in.q.Row(20)[1] = nan
		got := run(h, in)
		for s := range n {
			if bad := math.IsNaN(float64(got.y.At(s, 0))); bad != (s == 20) {
				t.Errorf("%s: a query that is NaN at 20 gives %v at %d", name, got.y.At(s, 0), s)
			}
		}
		in = newInput(1, d, 3, 0.5, n)
		for j := range d {
			in.k.Row(20)[j] = nan
		}
		got = run(h, in)
		for s := range n {
			if bad := math.IsNaN(float64(got.y.At(s, 0))); bad != (s >= 20 || !causal(name)) {
				t.Errorf("%s: a key that is NaN at 20 gives %v at %d", name, got.y.At(s, 0), s)
			}
		}
	}
}

func TestNewCircuitNamesWhatIsWrong(t *testing.T) {
	exp, _ := curves(t, tuning.Exp, 4, 2, nil)
	for _, c := range []struct {
		cfg  CircuitConfig
		want string
	}{
		{CircuitConfig{}, "circuit head: no tuning curves; build some with tuning.New"},
		{CircuitConfig{Tuning: exp, HalfSaturation: -1}, "circuit head: half-saturation -1, want a finite number of at least 0"},
		{CircuitConfig{Tuning: exp, HalfSaturation: math.NaN()}, "circuit head: half-saturation NaN, want a finite number of at least 0"},
		{CircuitConfig{Tuning: exp, Forget: 1}, "circuit head: forgetting 1, want a fraction in [0, 1)"},
	} {
		if _, err := NewCircuit(c.cfg); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
}

// With many neurons the circuit's output is that of softmax attention, and its
// calcium, times the factor that calibration leaves out, is the normalizer.
func TestManyNeuronsApproachExactAttention(t *testing.T) {
	const d, n = 4, 60
	in := newInput(3, d, 3, 0.4, n)
	for s := range n {
		for j := range d {
			in.q.Row(s)[j] += 0.4
			in.k.Row(s)[j] -= 0.3
		}
	}
	cal, err := tuning.Calibrate(in.q.Data, in.k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, causal := range []bool{false, true} {
		exact := run(Softmax{Causal: causal}, in)
		for _, c := range []*tuning.Calibration{nil, cal} {
			single, _ := curves(t, tuning.Exp, 20000, d, c)
			got := run(newCircuit(t, CircuitConfig{Tuning: single, Causal: causal}), in)
			// The law: (exp(|q+k|²)-1)/m for a pair, so within 5% for |q+k|² up to 3.
			what := fmt.Sprintf("causal %v, calibrated %v", causal, c != nil)
			near(t, what, got.y.Data, wide(exact.y.Data), constant(0.1))
			for s := range n {
				near(t, what+": log c", []float32{got.logC[s] + got.trace.LogFactor[s]}, []float64{float64(exact.logC[s])}, constant(0.05))
			}
			if c != nil && got.trace.LogFactor[0] == 0 {
				t.Error("a calibrated head has no factor: the test tests nothing")
			}
		}
	}
}
