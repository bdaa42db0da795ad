package activations

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// masks are the three ways in which keys are seen.
var masks = map[string]Mask{"all": {}, "causal": {Causal: true}, "ALiBi": {Causal: true, Slope: 0.3}}

// random returns the activations of one sequence of n tokens, each of that scale.
func random(m Mask, n, d int, scale float64) Head {
	rng := rand.New(rand.NewPCG(1, 2))
	matrix := func() tensor.Matrix {
		x := tensor.New(n, d)
		for i := range x.Data {
			x.Data[i] = float32(scale * rng.NormFloat64())
		}
		return x
	}
	x := Head{Mask: m, Q: matrix(), K: matrix(), V: matrix(), Y: tensor.New(n, d), LogZ: make([]float32, n), Seqs: tensor.NewSequences(n)}
	attention.Softmax{Causal: m.Causal, Slope: float32(m.Slope)}.Forward(x.Y, x.LogZ, x.Q, x.K, x.V, x.Seqs, nil, nil, nil)
	return x
}

// weight is that of key u for query t, 0 where it is not seen.
func weight(m Mask, t, u int) float64 {
	if m.Causal && u > t {
		return 0
	}
	return math.Exp(-m.Slope * float64(t-u))
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// All that is said of a head counts the keys that a query sees, with their
// weights: held against sums over all pairs.
func TestHeadsCountTheKeysThatAQuerySees(t *testing.T) {
	const n, d = 23, 4
	for name, m := range masks {
		x := random(m, n, d, 0.6)
		all := x.Sequences()
		a := &all[0]
		var norm, pairs float64
		for i := range n {
			var z, weights, logits float64
			for u := range n {
				dot, square := 0.0, 0.0
				for j := range d {
					q, k := a.Query(i)[j], a.Key(u)[j]
					dot += q * k
					square += (q + k) * (q + k)
				}
				w := weight(m, i, u)
				z += w * math.Exp(dot)
				weights += w
				logits += w * dot
				if w > 0 {
					norm += square
					pairs++
				}
			}
			near(t, name+": log Z", a.LogNormalizer(i), math.Log(z), 1e-12)
			near(t, name+": log Z as the exact head has it", float64(x.LogZ[i]), math.Log(z), 1e-5) // float32
			near(t, name+": null predictor", a.LogNull(i), math.Log(weights)+logits/weights, 1e-12)
		}
		near(t, name+": mean |q+k|²", MeanSquaredNorm(all), norm/pairs, 1e-12)
	}
}

// The variance law, evaluated as the double sum over what is seen.
func TestTheLawCountsTheKeysThatAQuerySees(t *testing.T) {
	const n, d = 17, 4
	for name, m := range masks {
		x := random(m, n, d, 0.6)
		all := Sample(x.Sequences(), 5)
		got := LogRatios(all, nil, nil)
		a := &all[0]
		if len(got) != 5 {
			t.Fatalf("%s: %d ratios, want 5", name, len(got))
		}
		for i, token := range a.At {
			var z, second float64
			q := a.Query(i)
			for u := range n {
				wu := weight(m, token, u)
				z += wu * math.Exp(dot(q, a.Key(u)))
				for v := range n {
					var s float64
					for j := range d {
						s += (q[j] + a.Key(u)[j]) * (q[j] + a.Key(v)[j])
					}
					second += wu * weight(m, token, v) * math.Exp(dot(q, a.Key(u))+dot(q, a.Key(v))+s)
				}
			}
			near(t, name+": log ratio", got[i], math.Log(second)-2*math.Log(z), 1e-9)
		}
	}
}

func dot(a, b []float64) float64 {
	var s float64
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// What a circuit of the root package has as calcium is the sum of the kernel over
// what a query sees; calibrated or not, the law says how far it strays.
func TestCalciumSumsTheKernelOverTheKeysThatAQuerySees(t *testing.T) {
	const n, d, neurons = 11, 3, 32
	for name, m := range masks {
		x := random(m, n, d, 0.6)
		a := &x.Sequences()[0]
		cal, err := tuning.Calibrate(a.Q, a.K, d)
		if err != nil {
			t.Fatal(err)
		}
		curves, err := tuning.New[float64](tuning.Config{Map: tuning.Gerf, Inputs: d, A: cal.GerfA(), Calibration: cal,
			W: tuning.Weights(tuning.IID, neurons, d, tuning.NewRand(3))})
		if err != nil {
			t.Fatal(err)
		}
		got, err := RelativeCalcium(curves, a, a.LogNormalizers())
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			var c float64
			for u := range n {
				c += weight(m, i, u) * kernel(curves, a.Query(i), a.Key(u))
			}
			want := c * math.Exp(curves.LogFactor(a.Query(i))-a.LogNormalizer(i))
			near(t, name+": c f/Z", got[i], want, 1e-9)
		}
	}
}

// kernel is phi(q).phi(k).
func kernel(c *tuning.Curves[float64], q, k []float64) float64 {
	m := c.Neurons()
	logq, sq, logk, sk := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	c.Log(logq, sq, tuning.Reading, q)
	c.Log(logk, sk, tuning.Writing, k)
	var s float64
	for i := range m {
		s += sq[i] * sk[i] * math.Exp(logq[i]+logk[i])
	}
	return s
}
