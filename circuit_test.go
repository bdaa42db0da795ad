package tripartite_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/tuning"
)

// compare fails unless got and want have one length and agree, element by
// element, within tolerance times max(1, the largest magnitude of want).
func compare[A, B tripartite.Float](t *testing.T, what string, got []A, want []B, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	scale := 1.0
	for _, w := range want {
		scale = max(scale, math.Abs(float64(w)))
	}
	for i := range want {
		if off := math.Abs(float64(got[i]) - float64(want[i])); !(off <= tolerance*scale) {
			t.Errorf("%s: value %d is %v, want %v (off by %.2g, allowed %.2g)", what, i, got[i], want[i], off, tolerance*scale)
			return
		}
	}
}

// compareRelative fails unless every value of got is within tolerance of its own
// value of want, relative to it: for numbers whose scales differ widely.
func compareRelative[A, B tripartite.Float](t *testing.T, what string, got []A, want []B, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if w := float64(want[i]); !(math.Abs(float64(got[i])-w) <= tolerance*math.Abs(w)) {
			t.Errorf("%s: value %d is %v, want %v within a fraction of %.2g", what, i, got[i], want[i], tolerance)
			return
		}
	}
}

func narrow[F tripartite.Float](x []float64) []F {
	out := make([]F, len(x))
	for i, v := range x {
		out[i] = F(v)
	}
	return out
}

// gaussian returns n seeded values ~ N(mean, std²).
func gaussian[F tripartite.Float](seed uint64, n int, mean, std float64) []F {
	rng := tuning.NewRand(seed, 99)
	x := make([]F, n)
	for i := range x {
		x[i] = F(mean + std*rng.NormFloat64())
	}
	return x
}

// circuit builds a circuit with drawn weights.
func circuit[F tripartite.Float](t testing.TB, m tuning.Map, rows, d, dv int, change func(*tripartite.Config[F])) *tripartite.Circuit[F] {
	t.Helper()
	rng := tuning.NewRand(11, rows, d)
	curves, err := tuning.New[F](tuning.Config{Map: m, Inputs: d, A: []float64{-0.1},
		W: tuning.Weights(tuning.IID, rows, d, rng), B: tuning.Phases(rows, rng)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := tripartite.Config[F]{Tuning: curves, Outputs: dv}
	if change != nil {
		change(&cfg)
	}
	c, err := tripartite.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func calcium(a []tripartite.Calcium) []float64 {
	out := make([]float64, len(a))
	for i, c := range a {
		out[i] = c.Value()
	}
	return out
}

// TestGolden holds the circuit against the float64 oracle, whose arrays are in
// testdata/algebraic.npz (24 tokens, d = 16, dv = 12, 96 rows of W).
func TestGolden(t *testing.T) {
	z, err := npz.Open("testdata/algebraic.npz", npz.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	array := func(name string) []float64 {
		t.Helper()
		a, err := z.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		return a.Float64()
	}
	const d, dv = 16, 12
	q, k, v := array("q"), array("k"), array("v")
	for _, causal := range []bool{false, true} {
		name := "exact"
		if causal {
			name = "exact_causal"
		}
		a := tripartite.Softmax(q, k, v, d, dv, causal)
		compare(t, name+"_y", a.Y, array(name+"_y"), 1e-12)
		compareRelative(t, name+"_normalizer", calcium(a.Calcium), array(name+"_normalizer"), 1e-12)
	}
	for _, m := range tuning.Maps() {
		cfg := tuning.Config{Map: m, Inputs: d, W: array("W"), B: array("b"), A: array("gerf_A")}
		golden[float64](t, cfg, q, k, v, array, func(float64) float64 { return 1e-10 })
		// Float32 rounds every input, rate and sum: a few units in the last place
		// (2^-24 each), times what the division by calcium amplifies.
		golden[float32](t, cfg, q, k, v, array, func(condition float64) float64 { return 16 * condition / (1 << 24) })
	}
}

func golden[F tripartite.Float](t *testing.T, cfg tuning.Config, q, k, v []float64, array func(string) []float64, allowed func(condition float64) float64) {
	t.Helper()
	curves, err := tuning.New[F](cfg)
	if err != nil {
		t.Fatal(err)
	}
	d, dv := cfg.Inputs, len(v)*cfg.Inputs/len(q)
	prefix := ""
	for _, r := range cfg.Map {
		if r == '-' {
			r = '_'
		}
		prefix += string(r)
	}
	what := fmt.Sprintf("%s %T", cfg.Map, F(0))

	m := curves.Neurons()
	log, sign := make([]float64, m), make([]float64, m)
	for phase, x := range map[tuning.Phase][]float64{tuning.Reading: q, tuning.Writing: k} {
		var phi []float64
		for lo := 0; lo < len(x); lo += d {
			curves.Log(log, sign, phase, narrow[F](x[lo:lo+d]))
			for i := range log {
				phi = append(phi, sign[i]*math.Exp(log[i]))
			}
		}
		key := map[tuning.Phase]string{tuning.Reading: "_phi_q", tuning.Writing: "_phi_k"}[phase]
		compare(t, what+key, phi, array(prefix+key), allowed(1))
	}
	phiQ, phiK := array(prefix+"_phi_q"), array(prefix+"_phi_k")
	for _, run := range []struct {
		key           string // of the oracle's own arrays, where it ran this
		causal        bool
		forget, sigma float64
	}{
		{"", false, 0, 0}, {"_causal", true, 0, 0}, {"_forget", true, 0.1, 0},
		{"", false, 0.1, 0}, {"", false, 0, 0.5}, {"", false, 0.1, 0.5}, {"", true, 0, 0.5}, {"", true, 0.1, 0.5},
	} {
		c, err := tripartite.New(tripartite.Config[F]{Tuning: curves, Outputs: dv, Forget: run.forget, HalfSaturation: run.sigma})
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%s causal=%v forget=%g sigma=%g", what, run.causal, run.forget, run.sigma)
		wantY, wantC, worst, worstC := kernelized(phiQ, phiK, v, m, dv, run.causal, run.forget, run.sigma)
		tolerance := allowed(worst)
		t.Logf("%s: condition %.3g, of calcium %.3g, allowed error %.2g", what, worst, worstC, tolerance)
		a := c.Attend(narrow[F](q), narrow[F](k), narrow[F](v), run.causal)
		compare(t, what+" y", a.Y, wantY, tolerance)
		compareRelative(t, what+" normalizer", calcium(a.Calcium), wantC, allowed(worstC))
		plain := !run.causal && run.forget == 0 && run.sigma == 0
		if plain || run.key != "" { // the oracle's own
			compare(t, what+" y of the oracle", a.Y, array(prefix+run.key+"_y"), tolerance)
			compareRelative(t, what+" normalizer of the oracle", calcium(a.Calcium), array(prefix+run.key+"_normalizer"), allowed(worstC))
		}
		if plain {
			compare(t, what+" H", c.Memory().Hebb(), array(prefix+"_H"), allowed(1))
			compare(t, what+" g", c.Memory().Gain(), array(prefix+"_g"), allowed(1))
		}
	}
}

// kernelized attends by forming every kernel phi(q).phi(k), which the circuit
// never does, from rates in the plain domain. It returns outputs, calcium, and by
// how much the division can amplify an error of the rates: the largest, over
// tokens, of sum |phi(q)||phi(k)| over |sigma + c|, and over |c| for calcium
// itself. That is 1 for curves that are never negative; signed curves cancel.
func kernelized(phiQ, phiK, v []float64, m, dv int, causal bool, forget, sigma float64) (y, c []float64, condition, ofCalcium float64) {
	n := len(phiQ) / m
	condition, ofCalcium = 1, 1
	for t := range n {
		last := n - 1 // the token written last
		if causal {
			last = t
		}
		num := make([]float64, dv)
		var den, gross float64
		for u := range last + 1 {
			fade := math.Pow(1-forget, float64(last-u))
			var w float64
			for i := range m {
				x := phiQ[t*m+i] * phiK[u*m+i] * fade
				w += x
				gross += math.Abs(x)
			}
			den += w
			for o := range dv {
				num[o] += w * v[u*dv+o]
			}
		}
		for o := range dv {
			num[o] /= sigma + den
		}
		y, c = append(y, num...), append(c, den)
		condition = max(condition, gross/math.Abs(sigma+den))
		ofCalcium = max(ofCalcium, gross/math.Abs(den))
	}
	return y, c, condition, ofCalcium
}

// Sizes that break loops: one token, one dimension, one neuron.
func TestEdgeSizes(t *testing.T) {
	for _, s := range []struct{ n, d, dv, rows int }{{1, 1, 1, 1}, {1, 4, 3, 2}, {5, 1, 7, 1}, {6, 3, 1, 1}, {4, 2, 9, 5}} {
		for _, m := range tuning.Maps() {
			for _, causal := range []bool{false, true} {
				for _, forget := range []float64{0, 0.4} {
					for _, sigma := range []float64{0, 0.7} {
						q, k := gaussian[float64](1, s.n*s.d, 0, 0.5), gaussian[float64](2, s.n*s.d, 0, 0.5)
						v := gaussian[float64](3, s.n*s.dv, 0, 1)
						c := circuit(t, m, s.rows, s.d, s.dv, func(c *tripartite.Config[float64]) { c.Forget, c.HalfSaturation = forget, sigma })
						got := c.Attend(q, k, v, causal)
						want := direct(t, m, s.rows, q, k, v, s.d, s.dv, causal, forget, sigma)
						compare(t, fmt.Sprintf("%s %+v causal=%v forget=%g sigma=%g", m, s, causal, forget, sigma), got.Y, want, 1e-9)
						if s.n == 1 && sigma == 0 && got.Calcium[0].Sign != 0 {
							compare(t, string(m)+": one token attends to itself", got.Y, v, 1e-12)
						}
					}
				}
			}
		}
	}
}

// direct forms the whole N x N kernel, in the plain domain.
func direct(t *testing.T, m tuning.Map, rows int, q, k, v []float64, d, dv int, causal bool, forget, sigma float64) []float64 {
	t.Helper()
	rng := tuning.NewRand(11, rows, d)
	curves, err := tuning.New[float64](tuning.Config{Map: m, Inputs: d, A: []float64{-0.1},
		W: tuning.Weights(tuning.IID, rows, d, rng), B: tuning.Phases(rows, rng)})
	if err != nil {
		t.Fatal(err)
	}
	phi := func(p tuning.Phase, x []float64) []float64 {
		log, sign := make([]float64, curves.Neurons()), make([]float64, curves.Neurons())
		curves.Log(log, sign, p, x)
		for i := range log {
			log[i] = sign[i] * math.Exp(log[i])
		}
		return log
	}
	n := len(q) / d
	y := make([]float64, n*dv)
	for i := range n {
		z := sigma
		last := n - 1
		if causal {
			last = i
		}
		fq := phi(tuning.Reading, q[i*d:(i+1)*d])
		for j := range last + 1 {
			var w float64
			for h, f := range phi(tuning.Writing, k[j*d:(j+1)*d]) {
				w += fq[h] * f
			}
			w *= math.Pow(1-forget, float64(last-j))
			z += w
			for o := range dv {
				y[i*dv+o] += w * v[j*dv+o]
			}
		}
		for o := range dv {
			if y[i*dv+o] /= z; z == 0 {
				y[i*dv+o] = 0
			}
		}
	}
	return y
}

func TestEmptyMemoryReadsZero(t *testing.T) {
	for _, m := range tuning.Maps() {
		c := circuit[float32](t, m, 6, 3, 2, nil)
		y := []float32{7, 7}
		if got := c.Read(y, []float32{1, 2, 3}); got.Sign != 0 || got.Value() != 0 || y[0] != 0 || y[1] != 0 {
			t.Errorf("%s: an empty memory gives calcium %+v and output %v", m, got, y)
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	c := circuit[float32](t, tuning.Exp, 32, 8, 8, func(cfg *tripartite.Config[float32]) { cfg.Forget, cfg.HalfSaturation = 0.01, 0.1 })
	k, v, y := gaussian[float32](1, 8, 0, 1), gaussian[float32](2, 8, 0, 1), make([]float32, 8)
	if n := testing.AllocsPerRun(50, func() { c.Write(k, v); c.Read(y, k) }); n != 0 {
		t.Errorf("%v allocations per token", n)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	curves, err := tuning.New[float64](tuning.Config{Map: tuning.Exp, Inputs: 1, W: []float64{1}})
	if err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]tripartite.Config[float64]{
		"circuit: no tuning curves; build some with tuning.New":             {Outputs: 1},
		"circuit: 0 output neurons, want at least 1":                        {Tuning: curves},
		"circuit: half-saturation -1, want a finite number of at least 0":   {Tuning: curves, Outputs: 1, HalfSaturation: -1},
		"circuit: half-saturation NaN, want a finite number of at least 0":  {Tuning: curves, Outputs: 1, HalfSaturation: math.NaN()},
		"circuit: half-saturation +Inf, want a finite number of at least 0": {Tuning: curves, Outputs: 1, HalfSaturation: math.Inf(1)},
		"circuit: forgetting 1, want a fraction in [0, 1)":                  {Tuning: curves, Outputs: 1, Forget: 1},
		"circuit: forgetting -0.1, want a fraction in [0, 1)":               {Tuning: curves, Outputs: 1, Forget: -0.1},
		"circuit: forgetting NaN, want a fraction in [0, 1)":                {Tuning: curves, Outputs: 1, Forget: math.NaN()},
	} {
		if _, err := tripartite.New(cfg); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestMisshapedTokensPanic(t *testing.T) {
	c := circuit[float64](t, tuning.Exp, 3, 2, 1, nil)
	x := make([]float64, 4)
	panics(t, "value", "tripartite: value of width 4, want 1", func() { c.Write(x[:2], x) })
	panics(t, "key", "tuning: x, log, sign of length 3, 3, 3, want 2", func() { c.Write(x[:3], x[:1]) })
	panics(t, "output", "tripartite: output of width 2, want 1", func() { c.Read(x[:2], x[:2]) })
	panics(t, "rows", "tripartite: q, k, v of 4, 4, 1 values", func() { c.Attend(x, x, x[:1], true) })
	panics(t, "no width", "tripartite: d=0 and dv=1, both must be at least 1", func() { tripartite.Softmax(x, x, x, 0, 1, true) })
}

// Sign and logarithm of calcium in the cases that no exponential has.
func TestCalciumTellsZeroNegativeAndNaNApart(t *testing.T) {
	y := make([]float64, 1)
	relu, err := tuning.New[float64](tuning.Config{Map: tuning.ReLU, Inputs: 1, W: []float64{1}})
	if err != nil {
		t.Fatal(err)
	}
	cosine, err := tuning.New[float64](tuning.Config{Map: tuning.Cosine, Inputs: 1, W: []float64{1}, B: []float64{0}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		curves     *tuning.Curves[float64]
		k, q       float64
		sign       int
		value, log float64
	}{
		{"silent", relu, 1, -1, 0, 0, math.Inf(-1)},
		{"firing", relu, 1, 2, 1, 2, math.Log(2)},
		{"negative", cosine, 0, math.Pi, -1, -2 * math.Exp(math.Pi*math.Pi/2), math.NaN()},
		{"NaN", cosine, math.NaN(), 1, 0, math.NaN(), math.NaN()},
	} {
		circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: c.curves, Outputs: 1})
		if err != nil {
			t.Fatal(err)
		}
		circuit.Write([]float64{c.k}, []float64{1})
		got := circuit.Read(y, []float64{c.q})
		same := func(a, b float64) bool {
			return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-12*math.Abs(b)
		}
		if got.Sign != c.sign || !same(got.Value(), c.value) || !same(got.LogValue(), c.log) {
			t.Errorf("%s: calcium %+v of value %v and logarithm %v, want sign %d, %v and %v", c.name, got, got.Value(), got.LogValue(), c.sign, c.value, c.log)
		}
	}
}
