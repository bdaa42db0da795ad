package transfer

import (
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// A circuit's weights are phi(q).phi(k)/c, each with what was forgotten of it,
// and c that of the root package's circuit.
func TestWeightsOfACircuitAreItsKernel(t *testing.T) {
	const n, d, neurons = 19, 4, 48
	for name, m := range masks {
		x := random(m, n, d, 0.6)
		w := tuning.Weights(tuning.Orthogonal, neurons, d, tuning.NewRand(7))
		curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d, W: w})
		if err != nil {
			t.Fatal(err)
		}
		head, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: m.Causal, Forget: -math.Expm1(-m.Slope)})
		if err != nil {
			t.Fatal(err)
		}
		got := weightsOf(head, x.Q, x.K, x.Seqs, 0)
		wide, err := tuning.New[float64](tuning.Config{Map: tuning.Exp, Inputs: d, W: w})
		if err != nil {
			t.Fatal(err)
		}
		circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: wide, Outputs: n, Forget: -math.Expm1(-m.Slope)})
		if err != nil {
			t.Fatal(err)
		}
		a := &x.Sequences()[0]
		written, oneHot, y := 0, make([]float64, n), make([]float64, n)
		for i := range n {
			for ; written < a.Seen(i); written++ {
				clear(oneHot)
				oneHot[written] = 1
				circuit.Write(a.Key(written), oneHot)
			}
			c := circuit.Read(y, a.Query(i)).Value()
			var sum float64
			for u := range n {
				g := float64(got.Row(i)[u])
				sum += g
				near(t, name+": weight", g, y[u], 1e-5) // float32
				near(t, name+": weight as kernel", g, weight(m, i, u)*kernel(wide, a.Query(i), a.Key(u))/c, 1e-5)
			}
			near(t, name+": sum of weights", sum, 1, 1e-5)
		}
		exact := weightsOf(attention.Softmax{Causal: m.Causal, Slope: float32(m.Slope)}, x.Q, x.K, x.Seqs, 0)
		for i := range n {
			for u := range n {
				want := weight(m, i, u) * math.Exp(dot(a.Query(i), a.Key(u))-a.LogNormalizer(i))
				near(t, name+": softmax", float64(exact.Row(i)[u]), want, 1e-5)
			}
		}
	}
}

func TestInputsThatAreShown(t *testing.T) {
	for name, c := range map[string]struct{ lengths, want []int }{
		"all":             {[]int{9, 50, 3}, []int{0, 1, 2}},
		"moderate first":  {[]int{9, 50, 3, 70, 8, 40, 41, 5, 6}, []int{0, 2, 4, 5, 7, 8}},
		"spread":          {slices.Repeat([]int{30}, 12), []int{0, 2, 4, 6, 8, 10}},
		"long, all alike": {slices.Repeat([]int{197}, 12), []int{0, 2, 4, 6, 8, 10}},
		"the shortest":    {[]int{90, 80, 70, 60, 50, 45, 200, 300}, []int{0, 1, 2, 3, 4, 5}},
	} {
		if got := shown(c.lengths); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTokensPredictTheirSuccessors(t *testing.T) {
	logits := []float32{1, 3, -2}
	var sum float64
	for i := range logits {
		sum += math.Exp(answers.LogProbability(logits, i))
	}
	near(t, "sum of probabilities", sum, 1, 1e-12)
	near(t, "log odds", answers.LogProbability(logits, 1)-answers.LogProbability(logits, 2), 5, 1e-12)
	if got := agreement([]int{1, 2, 3}, []int{1, -1, 4}); got != 0.5 {
		t.Errorf("of two known answers one agrees: %v", got)
	}
	if got := agreement([]int{1}, []int{-1}); !math.IsNaN(float64(got)) {
		t.Errorf("of no known answers %v agree", got)
	}
	if b := tensor.NewSequences(2, 3); !slices.Equal(lengths(b), []int{2, 3}) {
		t.Errorf("lengths %v", lengths(b))
	}
}
