package tuning_test

import (
	"fmt"
	"log"
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// correlated returns n rows of d values with a mean and with correlated axes of
// very different width, as heads of trained networks have them.
func correlated(seed uint64, n, d int, shift float64) []float64 {
	z := gaussian(seed, n*d, 0, 1)
	mix := gaussian(seed+1000, d*d, 0, 0.4)
	x := make([]float64, n*d)
	for t := range n {
		for i := range d {
			s := shift * math.Sin(float64(i))
			for j := range d {
				s += mix[i*d+j] * z[t*d+j] / float64(1+j)
			}
			x[t*d+i] = s
		}
	}
	return x
}

func softmax(q, k []float64, d int, weight func(k []float64) float64) (p []float64, logZ float64) {
	n := len(k) / d
	p = make([]float64, n)
	top := math.Inf(-1)
	for t := range n {
		p[t] = dot(q, k[t*d:(t+1)*d]) + weight(k[t*d:(t+1)*d])
		top = max(top, p[t])
	}
	var z float64
	for t := range p {
		p[t] = math.Exp(p[t] - top)
		z += p[t]
	}
	for t := range p {
		p[t] /= z
	}
	return p, top + math.Log(z)
}

func none([]float64) float64 { return 0 }

func TestCalibrationLeavesSoftmaxAttentionUnchanged(t *testing.T) {
	for _, d := range []int{1, 2, 7, 32} {
		const n = 40
		cal, err := tuning.Calibrate(correlated(1, 300, d, 2), correlated(2, 250, d, -1), d)
		if err != nil {
			t.Fatal(err)
		}
		// Another sequence than the calibration set.
		q, k := correlated(3, n, d, 2), correlated(4, n, d, -1)
		k2 := make([]float64, len(k))
		excite := map[*float64]float64{}
		for t := range n {
			cal.Key(k2[t*d:(t+1)*d], k[t*d:(t+1)*d])
			excite[&k2[t*d]] = cal.LogExcitability(k[t*d : (t+1)*d])
		}
		q2 := make([]float64, d)
		for i := range n {
			qi := q[i*d : (i+1)*d]
			cal.Query(q2, qi)
			want, logZ := softmax(qi, k, d, none)
			got, logC := softmax(q2, k2, d, func(k []float64) float64 { return excite[&k[0]] })
			for j := range want {
				if !(math.Abs(got[j]-want[j]) <= 1e-12) {
					t.Fatalf("d=%d: attention from %d to %d is %.15f, was %.15f", d, i, j, got[j], want[j])
				}
			}
			if back := logC + cal.LogFactor(qi); !(math.Abs(back-logZ) <= 1e-12*max(1, math.Abs(logZ))) {
				t.Fatalf("d=%d: log normalizer of query %d is %.15f after the factor is put back, was %.15f", d, i, back, logZ)
			}
		}
	}
}

func TestCalibrationMakesBothCovariancesTheSameDiagonal(t *testing.T) {
	const d, n = 6, 4000
	q, k := correlated(1, n, d, 2), correlated(2, n, d, -1)
	cal, err := tuning.Calibrate(q, k, d)
	if err != nil {
		t.Fatal(err)
	}
	z := make([]float64, d)
	for name, apply := range map[string]func(i int){
		"queries": func(i int) { cal.Query(z, q[i*d:(i+1)*d]) },
		"keys":    func(i int) { cal.Key(z, k[i*d:(i+1)*d]) },
	} {
		cov := make([]float64, d*d)
		for i := range n {
			apply(i)
			for a := range d {
				for b := range d {
					cov[a*d+b] += z[a] * z[b] / n
				}
			}
		}
		for a := range d {
			for b := range d {
				want := 0.0
				if a == b {
					want = cal.Variance[a]
				}
				// The ridge on the covariances shows in the narrowest axes.
				if !(math.Abs(cov[a*d+b]-want) <= 0.01*math.Sqrt(cal.Variance[a]*cal.Variance[b])+2e-3) {
					t.Errorf("%s: covariance of axes %d and %d is %.4f, want %.4f", name, a, b, cov[a*d+b], want)
				}
			}
		}
	}
}

func TestCalibrationShrinksTheSquaredNorm(t *testing.T) {
	const d, n = 16, 500
	// Rows of the same law: the first half to calibrate on, the other to measure.
	q, k := correlated(1, 2*n, d, 1), correlated(2, 2*n, d, -2)
	cal, err := tuning.Calibrate(q[:n*d], k[:n*d], d)
	if err != nil {
		t.Fatal(err)
	}
	q, k = q[n*d:], k[n*d:]
	q2, k2 := make([]float64, len(q)), make([]float64, len(k))
	for t := range n {
		cal.Query(q2[t*d:(t+1)*d], q[t*d:(t+1)*d])
		cal.Key(k2[t*d:(t+1)*d], k[t*d:(t+1)*d])
	}
	before, after := tuning.MeanSquaredNorm(q, k, d), tuning.MeanSquaredNorm(q2, k2, d)
	if !(after < before) {
		t.Errorf("mean |q+k|² is %.3f after calibration, %.3f before", after, before)
	}
	var want float64
	for _, l := range cal.Variance {
		want += 2 * l
	}
	// Means of 500 rows of 16 axes know |q'|² to a few percent.
	if !(math.Abs(after-want) <= 0.1*want) {
		t.Errorf("mean |q'+k'|² is %.4f, want twice the sum of the variances %.4f", after, want)
	}
}

// Curves with a calibration are the map at q', k', times the excitability.
func TestCalibratedCurvesAreTheMapAtTheNewVariables(t *testing.T) {
	const d = 5
	cal, err := tuning.Calibrate(correlated(1, 300, d, 2), correlated(2, 300, d, -1), d)
	if err != nil {
		t.Fatal(err)
	}
	q, k := correlated(5, 1, d, 2), correlated(6, 1, d, -1)
	q2, k2 := make([]float64, d), make([]float64, d)
	cal.Query(q2, q)
	cal.Key(k2, k)
	for _, m := range tuning.Maps() {
		cfg := tuning.Config{Map: m, Inputs: d, A: cal.GerfA()}
		plain := kernel(build[float64](t, cfg, tuning.IID, 31, 2), q2, k2)
		cfg.Calibration = cal
		curves := build[float64](t, cfg, tuning.IID, 31, 2)
		got, want := kernel(curves, q, k), plain*math.Exp(cal.LogExcitability(k))
		if !(math.Abs(got-want) <= 1e-10*math.Abs(want)) {
			t.Errorf("%s: calibrated kernel %v, want %v", m, got, want)
		}
		if f := curves.LogFactor(q); !(math.Abs(f-cal.LogFactor(q)) <= 1e-12) || !curves.Calibrated() {
			t.Errorf("%s: log factor %v, want %v", m, f, cal.LogFactor(q))
		}
	}
}

func TestDegenerateCalibrationDataStayExact(t *testing.T) {
	const d = 4
	one := []float64{1, -2, 0.5, 3}
	repeated := append(append([]float64{}, one...), one...)
	for name, x := range map[string][]float64{"one token": one, "one repeated token": repeated, "all zero": make([]float64, 8)} {
		cal, err := tuning.Calibrate(x, x, d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		q, k := gaussian(1, d, 0, 1), gaussian(2, d, 0, 1)
		q2, k2 := make([]float64, d), make([]float64, d)
		cal.Query(q2, q)
		cal.Key(k2, k)
		got := dot(q2, k2) + cal.LogExcitability(k) + cal.LogFactor(q)
		if want := dot(q, k); !(math.Abs(got-want) <= 1e-11) {
			t.Errorf("%s: logit %v, want %v", name, got, want)
		}
	}
}

// The mean of one token repeated rounds, so that its variance is 1e-32 and not
// 0: nothing that M may stretch to unit size.
func TestConstantQueriesOrKeysKeepUnseenTokensAtAnOrdinarySize(t *testing.T) {
	t.Run("float64", constantTokens[float64])
	t.Run("float32", constantTokens[float32])
}

func constantTokens[F tuning.Float](t *testing.T) {
	const d = 3
	one := []F{0.1, 0.7, -1.3}
	var many []F
	for _, x := range gaussian(3, 50*d, 0.2, 1) {
		many = append(many, F(x))
	}
	for _, n := range []int{1, 3, 7, 10} {
		var constant []F
		for range n {
			constant = append(constant, one...)
		}
		almost := append([]F{}, constant...)
		almost[0] = F(math.Nextafter32(float32(one[0]), 1))
		for name, c := range map[string]struct{ q, k []F }{
			"both": {constant, constant}, "queries": {constant, many}, "keys": {many, constant}, "almost": {almost, many},
		} {
			cal, err := tuning.Calibrate(c.q, c.k, d)
			if err != nil {
				t.Fatal(err)
			}
			q, k := gaussian(1, d, 0, 1), gaussian(2, d, 0, 1)
			q2, k2 := make([]float64, d), make([]float64, d)
			cal.Query(q2, q)
			cal.Key(k2, k)
			if a, b := dot(q2, q2), dot(k2, k2); !(a < 100 && b < 100) {
				t.Errorf("%d times one token, %s constant: |q'|² is %.3g and |k'|² %.3g for values ~ N(0, 1)", n, name, a, b)
			}
			got, want := dot(q2, k2)+cal.LogExcitability(k)+cal.LogFactor(q), dot(q, k)
			if !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%d times one token, %s constant: logit %v, want %v", n, name, got, want)
			}
		}
	}
}

func ExampleCalibrate() {
	// Queries and keys of a calibration set, width 2, far from 0 and from one another.
	q := []float64{3, 0, 3.5, 0.5, 2.5, 0.5, 3, 1}
	k := []float64{-2, 1, -2.5, 1.5, -1.5, 1, -2, 2}
	cal, err := tuning.Calibrate(q, k, 2)
	if err != nil {
		log.Fatal(err)
	}
	q2, k2 := make([]float64, 2), make([]float64, 2)
	cal.Query(q2, q[:2])
	cal.Key(k2, k[:2])
	logit := q2[0]*k2[0] + q2[1]*k2[1] + cal.LogExcitability(k[:2]) + cal.LogFactor(q[:2])
	fmt.Printf("logit %.2f, was %.2f\n", logit, q[0]*k[0]+q[1]*k[1])

	var after float64
	for _, l := range cal.Variance {
		after += 2 * l
	}
	fmt.Printf("mean |q+k|² %.2f, was %.2f\n", after, tuning.MeanSquaredNorm(q, k, 2))
	// Output:
	// logit -6.00, was -6.00
	// mean |q+k|² 0.53, was 5.06
}

func TestCalibrateNamesWhatIsWrong(t *testing.T) {
	x := gaussian(1, 12, 0, 1)
	bad := append([]float64{}, x...)
	bad[5] = math.NaN()
	for name, c := range map[string]struct {
		q, k []float64
		want string
	}{
		"no keys": {x, nil, "0 key values are not rows of d=4"},
		"ragged":  {x[:11], x, "11 query"},
		"NaN":     {x, bad, "key 1 holds NaN on axis 1"},
	} {
		if _, err := tuning.Calibrate(c.q, c.k, 4); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
