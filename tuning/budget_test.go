package tuning_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// The law is exact: over 1,000 draws the variance of the calcium agrees with it
// within the error of such an estimate.
func TestVarianceLawAgainstDraws(t *testing.T) {
	const d, n, rows, draws = 5, 7, 16, 1000
	q, k := gaussian(1, d, 0.1, 0.25), gaussian(2, n*d, -0.1, 0.25)
	cal, err := tuning.Calibrate(gaussian(3, 200*d, 0.1, 0.25), gaussian(4, 200*d, -0.1, 0.25), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  tuning.Config
	}{
		{"exp", tuning.Config{Map: tuning.Exp}},
		{"gerf", tuning.Config{Map: tuning.Gerf, A: []float64{-0.15}}},
		{"gerf per axis", tuning.Config{Map: tuning.Gerf, A: []float64{-0.3, 0, -0.1, -0.02, -0.2}}},
		{"calibrated exp", tuning.Config{Map: tuning.Exp, Calibration: cal}},
		{"calibrated gerf", tuning.Config{Map: tuning.Gerf, A: cal.GerfA(), Calibration: cal}},
	} {
		c.cfg.Inputs = d
		// The law sees the variables that the map sees.
		lq, lk := append([]float64{}, q...), append([]float64{}, k...)
		var weight []float64
		a := c.cfg.A
		if c.cfg.Map == tuning.Exp {
			a = nil
		}
		if cal := c.cfg.Calibration; cal != nil {
			cal.Query(lq, q)
			for t := range n {
				cal.Key(lk[t*d:(t+1)*d], k[t*d:(t+1)*d])
				weight = append(weight, cal.LogExcitability(k[t*d:(t+1)*d]))
			}
		}
		law := math.Expm1(tuning.NewLaw(lk, d, a, weight).LogRatio(lq)) / rows
		var s1, s2, s4 float64
		_, logZ := softmax(q, k, d, none)
		for s := range uint64(draws) {
			curves := build[float64](t, c.cfg, tuning.IID, rows, s)
			var calcium float64
			for t := range n {
				calcium += kernel(curves, q, k[t*d:(t+1)*d])
			}
			e := calcium/math.Exp(logZ-curves.LogFactor(q)) - 1
			s1 += e / draws
			s2 += e * e / draws
			s4 += e * e * e * e / draws
		}
		// Five standard errors of the mean square.
		tolerance := 5 * math.Sqrt((s4-s2*s2)/draws)
		if !(math.Abs(s2-law) <= tolerance) {
			t.Errorf("%s: relative variance %.5f over %d draws, the law says %.5f, tolerance %.5f", c.name, s2, draws, law, tolerance)
		}
		if tolerance > law/2 {
			t.Errorf("%s: the estimate cannot tell: tolerance %.4f of %.4f", c.name, tolerance, law)
		}
		if !(math.Abs(s1) <= 5*math.Sqrt(law/draws)) {
			t.Errorf("%s: calcium is off by %.4f on average", c.name, s1)
		}
	}
}

func TestLawForOneKeyIsTheKernelsVariance(t *testing.T) {
	q, k := gaussian(1, 8, 0, 0.7), gaussian(2, 8, 0, 0.7)
	var norm float64
	for i := range q {
		norm += (q[i] + k[i]) * (q[i] + k[i])
	}
	if r := tuning.NewLaw(k, 8, nil, nil).LogRatio(q); !(math.Abs(r-norm) <= 1e-12*norm) {
		t.Errorf("log ratio %v, want |q+k|² = %v", r, norm)
	}
	for _, x := range []float64{1e-9, 0.5, 1, 30, 700, 1e5} {
		want := math.Log10(math.Expm1(x)) + 2
		if x >= 700 {
			want = x/math.Ln10 + 2
		}
		want = max(0, want) // one neuron is the least
		if got := tuning.Log10PairBudget(x, 0.1); !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
			t.Errorf("log10 of the neurons for |q+k|² = %g: %v, want %v", x, got, want)
		}
	}
}

func TestLawRefusesWhatIsNoSetOfKeys(t *testing.T) {
	k := make([]float64, 6)
	for want, f := range map[string]func(){
		"tuning: 6 key values are not rows of d=4": func() { tuning.NewLaw(k, 4, nil, nil) },
		"tuning: 2 values of A, want none, one":    func() { tuning.NewLaw(k, 3, []float64{0, 0}, nil) },
		"tuning: A is 0.1":                         func() { tuning.NewLaw(k, 3, []float64{0.1}, nil) },
		"tuning: A is NaN":                         func() { tuning.NewLaw(k, 3, []float64{0, 0, math.NaN()}, nil) },
		"tuning: 1 weights for 2 keys":             func() { tuning.NewLaw(k, 3, nil, []float64{0}) },
		"tuning: a query of width 2, want d=3":     func() { tuning.NewLaw(k, 3, nil, nil).LogRatio(k[:2]) },
		"tuning: budget for an error of 0":         func() { tuning.Log10Budget(1, 0) },
	} {
		panics(t, want, f)
	}
}

// The optimal A of gerf never needs more neurons than exp, and no neighbour of
// it needs fewer.
func TestOptimalGerfIsOptimal(t *testing.T) {
	const d = 3
	for _, x := range []float64{0.1, 1, 4} {
		norm := x * x * d
		k := make([]float64, d)
		q := make([]float64, d)
		for i := range q {
			q[i], k[i] = x/2, x/2
		}
		at := func(a float64) float64 { return tuning.NewLaw(k, d, []float64{a}, nil).LogRatio(q) }
		best := tuning.GerfA(norm, d)
		for _, a := range []float64{0, best * 1.05, best * 0.95} {
			if at(a) < at(best)-1e-12 {
				t.Errorf("|q+k|² = %g: A = %g gives %g, the optimal A = %g gives %g", norm, a, at(a), best, at(best))
			}
		}
	}
}

func ExampleLog10PairBudget() {
	// One query and one key at |q+k|² = 9, and an error of 10%.
	fmt.Printf("%.0f neurons\n", math.Pow(10, tuning.Log10PairBudget(9, 0.1)))
	// Output: 810208 neurons
}

// What a causal head has written by then is a prefix of the keys; and weights that
// all keys have in common, such as the age of the last one, cancel.
func TestTheLawOfAPrefixIsThatOfItsKeys(t *testing.T) {
	const d, n, slope = 3, 9, 0.4
	q, k := gaussian(5, d, 0.1, 0.5), gaussian(6, n*d, 0, 0.5)
	rising, aged := make([]float64, n), func(n int) []float64 {
		w := make([]float64, n)
		for u := range w {
			w[u] = -slope * float64(n-1-u)
		}
		return w
	}
	for u := range rising {
		rising[u] = slope * float64(u)
	}
	for _, a := range [][]float64{nil, {-0.2}} {
		law := tuning.NewLaw(k, d, a, rising)
		for seen := 1; seen <= n; seen++ {
			got, want := law.LogRatioOfFirst(q, seen), tuning.NewLaw(k[:seen*d], d, a, aged(seen)).LogRatio(q)
			if !(math.Abs(got-want) <= 1e-12*max(1, want)) { // float64, of numbers of up to 10
				t.Errorf("A %v, %d keys: log ratio %v, want %v", a, seen, got, want)
			}
		}
		if law.LogRatio(q) != law.LogRatioOfFirst(q, n) {
			t.Error("all keys are not the first of as many")
		}
	}
}
