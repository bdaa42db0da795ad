package tuning_test

import (
	"fmt"
	"log"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// build makes curves with drawn weights, failing the test on error.
func build[F tuning.Float](t *testing.T, cfg tuning.Config, draw tuning.Draw, rows int, seed uint64) *tuning.Curves[F] {
	t.Helper()
	rng := tuning.NewRand(seed)
	cfg.W = tuning.Weights(draw, rows, cfg.Inputs, rng)
	cfg.B = tuning.Phases(rows, rng)
	c, err := tuning.New[F](cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kernel returns phi(q).phi(k).
func kernel(c *tuning.Curves[float64], q, k []float64) float64 {
	m := c.Neurons()
	lq, sq, lk, sk := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	c.Log(lq, sq, tuning.Reading, q)
	c.Log(lk, sk, tuning.Writing, k)
	var sum float64
	for i := range m {
		if s := sq[i] * sk[i]; s != 0 {
			sum += s * math.Exp(lq[i]+lk[i])
		}
	}
	return sum
}

func dot(a, b []float64) float64 {
	var s float64
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// gaussian returns n values ~ N(mean, std²).
func gaussian(seed uint64, n int, mean, std float64) []float64 {
	rng := tuning.NewRand(seed, 77)
	x := make([]float64, n)
	for i := range x {
		x[i] = mean + std*rng.NormFloat64()
	}
	return x
}

// Estimators converge on exp(q.k) as the average over many neurons; the other
// maps settle somewhere else, however many neurons there are.
func TestOnlyEstimatorsConvergeOnTheKernel(t *testing.T) {
	const d, rows, draws = 4, 4000, 60
	for _, m := range tuning.Maps() {
		q := []float64{0.3, -0.5, 0.2, 0.4}
		k := []float64{0.5, -0.1, -0.3, 0.6}
		if m == tuning.TruncatedExp { // below exp(w.x) = 150 it is exp
			for i := range q {
				q[i], k[i] = 3*q[i], 3*k[i]
			}
		}
		want := math.Exp(dot(q, k))
		var sum, squares float64
		for s := range uint64(draws) {
			x := kernel(build[float64](t, tuning.Config{Map: m, Inputs: d, A: []float64{-0.1}}, tuning.IID, rows, s+1), q, k)
			sum += x
			squares += x * x
		}
		mean := sum / draws
		// Four standard errors of the mean: a false alarm once in 16,000 draws, and
		// the draw is seeded.
		tolerance := 4 * math.Sqrt((squares/draws-mean*mean)/draws)
		if off := math.Abs(mean - want); m.Estimates() != (off <= tolerance) {
			t.Errorf("%s: mean %.5f of phi(q).phi(k) over %d neurons, exp(q.k) = %.5f, tolerance %.5f; Estimates() is %v",
				m, mean, rows*draws, want, tolerance, m.Estimates())
		}
	}
}

func TestSignedSaysWhetherRatesCanBeNegative(t *testing.T) {
	for _, m := range tuning.Maps() {
		c := build[float64](t, tuning.Config{Map: m, Inputs: 3}, tuning.IID, 50, 3)
		log, sign := make([]float64, c.Neurons()), make([]float64, c.Neurons())
		negative := false
		for s := range uint64(50) {
			c.Log(log, sign, tuning.Writing, gaussian(s, 3, 0, 1))
			for i := range sign {
				negative = negative || sign[i] < 0
				if math.IsNaN(log[i]) {
					t.Fatalf("%s: rate %d is NaN", m, i)
				}
			}
		}
		if negative != m.Signed() {
			t.Errorf("%s: negative rates seen %v, Signed() is %v", m, negative, m.Signed())
		}
	}
}

func TestTwoFeaturesPerRowDoubleTheNeurons(t *testing.T) {
	for _, m := range tuning.Maps() {
		c := build[float32](t, tuning.Config{Map: m, Inputs: 5}, tuning.Orthogonal, 7, 1)
		if got, want := c.Neurons(), 7*m.FeaturesPerRow(); got != want {
			t.Errorf("%s: %d neurons, want %d", m, got, want)
		}
	}
}

func TestGerfWithZeroAIsExp(t *testing.T) {
	q, k := gaussian(1, 6, 0, 0.6), gaussian(2, 6, 0, 0.6)
	for _, a := range [][]float64{nil, {0}, make([]float64, 6)} {
		g := kernel(build[float64](t, tuning.Config{Map: tuning.Gerf, Inputs: 6, A: a}, tuning.IID, 64, 9), q, k)
		e := kernel(build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 6}, tuning.IID, 64, 9), q, k)
		if !(math.Abs(g-e) <= 1e-14*e) {
			t.Errorf("A = %v: gerf %v, exp %v", a, g, e)
		}
	}
}

func TestFingerprintTellsCurvesApart(t *testing.T) {
	seen := map[string]string{}
	add := func(name string, c *tuning.Curves[float64]) {
		f := c.Fingerprint()
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s share the fingerprint %s", name, other, f)
		}
		seen[f] = name
	}
	for _, m := range tuning.Maps() {
		add(string(m), build[float64](t, tuning.Config{Map: m, Inputs: 4, A: []float64{-1}}, tuning.IID, 8, 1))
	}
	add("other seed", build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 4}, tuning.IID, 8, 2))
	add("other draw", build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 4}, tuning.Orthogonal, 8, 1))
	x := gaussian(1, 400, 0.5, 1)
	cal, err := tuning.Calibrate(x, x, 4)
	if err != nil {
		t.Fatal(err)
	}
	add("calibrated", build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 4, Calibration: cal}, tuning.IID, 8, 1))
	for name, change := range map[string]func(*tuning.Calibration){
		"other a":    func(c *tuning.Calibration) { c.QueryMean = gaussian(9, 4, 0, 1) },
		"other mu":   func(c *tuning.Calibration) { c.KeyMean = gaussian(9, 4, 0, 1) },
		"other M":    func(c *tuning.Calibration) { c.M = gaussian(9, 16, 0, 1) },
		"other M^-T": func(c *tuning.Calibration) { c.MInvT = gaussian(9, 16, 0, 1) },
	} {
		changed := *cal
		change(&changed)
		add(name, build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 4, Calibration: &changed}, tuning.IID, 8, 1))
	}
	// The same numbers in other places: the last of many, one row or one column.
	w := make([]float64, 4000)
	for name, at := range map[string]int{"none": 0, "first": 0, "last": len(w) - 1} {
		x := append([]float64{}, w...)
		if name != "none" {
			x[at] = 1
		}
		for _, d := range []int{1, 2} {
			c, err := tuning.New[float64](tuning.Config{Map: tuning.Exp, Inputs: d, W: x})
			if err != nil {
				t.Fatal(err)
			}
			add(fmt.Sprintf("%s of %d", name, d), c)
		}
	}
	again := build[float64](t, tuning.Config{Map: tuning.Exp, Inputs: 4}, tuning.IID, 8, 2)
	if seen[again.Fingerprint()] != "other seed" {
		t.Error("the same curves have two fingerprints")
	}
}

// Curves are shared by the heads of concurrent runs, and may be copied.
func TestFingerprintIsComputedOnce(t *testing.T) {
	c := build[float32](t, tuning.Config{Map: tuning.Exp, Inputs: 8}, tuning.IID, 64, 1)
	copied := *c
	want := build[float32](t, tuning.Config{Map: tuning.Exp, Inputs: 8}, tuning.IID, 64, 1).Fingerprint()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			curves := c
			if i%2 == 1 {
				curves = &copied
			}
			if got := curves.Fingerprint(); got != want {
				t.Errorf("fingerprint %s, want %s", got, want)
			}
		})
	}
	all.Wait()
	if n := testing.AllocsPerRun(10, func() { c.Fingerprint() }); n != 0 {
		t.Errorf("%v allocations for a fingerprint that is known", n)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	calibration := func(change func(*tuning.Calibration)) func(*tuning.Config) {
		c := &tuning.Calibration{QueryMean: make([]float64, 2), KeyMean: make([]float64, 2),
			M: []float64{1, 0, 0, 1}, MInvT: []float64{1, 0, 0, 1}}
		change(c)
		return func(cfg *tuning.Config) { cfg.Calibration = c }
	}
	good := func() tuning.Config {
		return tuning.Config{Map: tuning.Cosine, Inputs: 2, W: make([]float64, 6), B: make([]float64, 3)}
	}
	for name, c := range map[string]struct {
		change func(*tuning.Config)
		want   string
	}{
		"unknown map":   {func(c *tuning.Config) { c.Map = "sine" }, `unknown tuning curves "sine": use one of exp, cosine`},
		"no inputs":     {func(c *tuning.Config) { c.Inputs = 0 }, "d is 0"},
		"ragged W":      {func(c *tuning.Config) { c.W = c.W[:5] }, "W has 5 values, want m rows of d=2"},
		"empty W":       {func(c *tuning.Config) { c.W = nil }, "W has 0 values"},
		"phases":        {func(c *tuning.Config) { c.B = c.B[:1] }, "b has 1 phases, want one for each of the 3 rows"},
		"A positive":    {func(c *tuning.Config) { c.A = []float64{0.1} }, "A is 0.1"},
		"A per axis":    {func(c *tuning.Config) { c.A = make([]float64, 3) }, "one for each of the d=2 axes"},
		"NaN in W":      {func(c *tuning.Config) { c.W[3] = math.NaN() }, "W[3] is NaN"},
		"infinite b":    {func(c *tuning.Config) { c.B[1] = math.Inf(1) }, "b[1] is +Inf"},
		"other d":       {func(c *tuning.Config) { c.Calibration = &tuning.Calibration{QueryMean: make([]float64, 3)} }, "calibrated for d=3"},
		"A not a value": {func(c *tuning.Config) { c.A = []float64{math.NaN()} }, "A is NaN"},
		"no key mean":   {calibration(func(c *tuning.Calibration) { c.KeyMean = nil }), "KeyMean has 0 values, want 2 for d=2"},
		"ragged M":      {calibration(func(c *tuning.Calibration) { c.M = c.M[:3] }), "M has 3 values, want 4 for d=2"},
		"ragged M^-T":   {calibration(func(c *tuning.Calibration) { c.MInvT = c.MInvT[:2] }), "MInvT has 2 values, want 4 for d=2"},
		"NaN in a":      {calibration(func(c *tuning.Calibration) { c.QueryMean[1] = math.NaN() }), "QueryMean[1] is NaN"},
		"infinite M^-T": {calibration(func(c *tuning.Calibration) { c.MInvT[2] = math.Inf(-1) }), "MInvT[2] is -Inf"},
		"W before b":    {func(c *tuning.Config) { c.W[0], c.B[0] = math.NaN(), math.NaN() }, "W[0] is NaN"},
		"out of range": {func(c *tuning.Config) {
			calibration(func(k *tuning.Calibration) { k.MInvT[3] = 1e300 })(c)
			c.W[1] = 1e10
		}, "W[1] is +Inf in float64"},
		"A too low": {func(c *tuning.Config) { c.Map, c.A = tuning.Gerf, []float64{-1e308} }, "W["},
	} {
		cfg := good()
		c.change(&cfg)
		if _, err := tuning.New[float64](cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := tuning.New[float64](good()); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
	large := good()
	large.W[3] = 1e39
	want := `tuning curves "cosine": W[3] is +Inf in float32: use smaller weights, or float64`
	if _, err := tuning.New[float32](large); err == nil || err.Error() != want {
		t.Errorf("a weight that float32 cannot hold: error %v, want %s", err, want)
	}
	if _, err := tuning.New[float64](large); err != nil {
		t.Errorf("a weight that float64 holds is refused: %v", err)
	}
}

func ExampleNew() {
	// Three hidden neurons for keys and queries of width 1.
	curves, err := tuning.New[float64](tuning.Config{Map: tuning.ReLU, Inputs: 1, W: []float64{-1, 1, 2}})
	if err != nil {
		log.Fatal(err)
	}
	logRate, sign := make([]float64, 3), make([]float64, 3)
	curves.Log(logRate, sign, tuning.Writing, []float64{0.5})
	for i := range sign {
		fmt.Printf("neuron %d fires at %.1f\n", i, sign[i]*math.Exp(logRate[i]))
	}
	// Output:
	// neuron 0 fires at 0.0
	// neuron 1 fires at 0.5
	// neuron 2 fires at 1.0
}

func TestLogDoesNotAllocate(t *testing.T) {
	c := build[float32](t, tuning.Config{Map: tuning.Gerf, Inputs: 16, A: []float64{-0.2}}, tuning.Orthogonal, 32, 1)
	x := make([]float32, 16)
	log, sign := make([]float64, 32), make([]float64, 32)
	if n := testing.AllocsPerRun(20, func() { c.Log(log, sign, tuning.Reading, x) }); n != 0 {
		t.Errorf("%v allocations per token", n)
	}
}
