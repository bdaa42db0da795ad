package transfer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// masks are the three ways in which keys are seen.
var masks = map[string]activations.Mask{"all": {}, "causal": {Causal: true}, "ALiBi": {Causal: true, Slope: 0.3}}

// random returns the activations of one sequence of n tokens, each of that scale.
func random(m activations.Mask, n, d int, scale float64) activations.Head {
	rng := rand.New(rand.NewPCG(1, 2))
	matrix := func() tensor.Matrix {
		x := tensor.New(n, d)
		for i := range x.Data {
			x.Data[i] = float32(scale * rng.NormFloat64())
		}
		return x
	}
	x := activations.Head{Mask: m, Q: matrix(), K: matrix(), V: matrix(), Y: tensor.New(n, d), LogZ: make([]float32, n), Seqs: tensor.NewSequences(n)}
	attention.Softmax{Causal: m.Causal, Slope: float32(m.Slope)}.Forward(x.Y, x.LogZ, x.Q, x.K, x.V, x.Seqs, nil, nil, nil)
	return x
}

// weight is that of key u for query t, 0 where it is not seen.
func weight(m activations.Mask, t, u int) float64 {
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

func dot(a, b []float64) float64 {
	var s float64
	for i, x := range a {
		s += x * b[i]
	}
	return s
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

// A head compared with itself is off by nothing, and a circuit of many neurons by
// as much as the law says, causal or not.
func TestCausalHeadsAreComparedAsTheyRun(t *testing.T) {
	const n, d, neurons, draws = 40, 4, 64, 200
	for name, m := range masks {
		x := random(m, n, d, 0.3)
		h, points := compare(&x, attention.Softmax{Causal: m.Causal, Slope: float32(m.Slope)}, nil, nil)
		if len(points) != n || h.LogCalciumError != 0 || !(h.OutputCosine > 1-1e-9) {
			t.Errorf("%s: exact against itself: %+v", name, h)
		}
		law := make([]float64, 0, n)
		for _, r := range activations.LogRatios(x.Sequences(), nil, nil) {
			law = append(law, math.Sqrt(math.Expm1(r)/neurons))
		}
		square := make([]float64, n)
		for draw := range draws {
			curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d,
				W: tuning.Weights(tuning.IID, neurons, d, tuning.NewRand(4, draw))})
			if err != nil {
				t.Fatal(err)
			}
			head, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: m.Causal, Forget: -math.Expm1(-m.Slope)})
			if err != nil {
				t.Fatal(err)
			}
			_, points := compare(&x, head, nil, nil)
			for i, p := range points {
				e := math.Expm1(float64(p.LogCorrected - p.LogNormalizer))
				square[i] += e * e / draws
			}
		}
		for i := range square {
			square[i] = math.Sqrt(square[i])
		}
		// Two hundred draws know a root mean square to a few percent where |q+k| is as
		// small as here, and tails are light.
		if ratio := stats.Median(square) / stats.Median(law); !(ratio > 0.8 && ratio < 1.25) {
			t.Errorf("%s: the median error is %.2f of what the law says", name, ratio)
		}
	}
}
