package experiment

import (
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticCoverage makes up seeds: what the conditions, intact first, do to the distance
// of outputs and to right answers.
func syntheticCoverage(of func(condition int) (distance, right float64)) []silencingSeed {
	const seeds, inputs, tokens = 5, 14, 20
	out := make([]silencingSeed, seeds)
	for s := range out {
		for c := range 5 { // intact, and two fractions of two kinds
			d, right := of(c)
			var head, task [][]float64
			for i := range inputs {
				rng := tuning.NewRand(6, s, c, i)
				x := make([]float64, headSums)
				x[headTokens], x[headDefined], x[headCosines] = tokens, tokens, tokens/2
				x[headDistance] = tokens * (d + 0.05*rng.NormFloat64())
				y := make([]float64, examSums)
				y[examTokens], y[examAsked], y[examKnown], y[examNats] = tokens, 10, 10, 20
				y[examRight] = 10 * (right + 0.02*rng.NormFloat64())
				head, task = append(head, x), append(task, y)
			}
			out[s].Heads, out[s].Task = append(out[s].Heads, [][][]float64{head}), append(out[s].Task, task)
		}
	}
	return out
}

func TestCoverageClaimsNoMoreThanItsNumbersShow(t *testing.T) {
	result := func(of func(int) (float64, float64)) []Statement {
		r := coverageResult([]float64{1, 0.5}, syntheticCoverage(of))
		r.Task = answers.Fill
		return r.Statements()
	}
	none := result(func(int) (float64, float64) { return 0.3, 0.4 })
	for _, s := range none {
		if strings.Contains(s.Text, "more by") || strings.Contains(s.Text, "fewer by") || strings.Contains(s.Text, "a loss of") {
			t.Errorf("without an effect: %q", s.Text)
		}
	}
	if !says(none, "predicts no loss that is shown of right answers where synapses without contact fall silent, and no loss that is shown") {
		t.Errorf("without an effect the interpretation is another: %v", none)
	}
	some := result(func(c int) (float64, float64) {
		if c == 4 { // half of them, undivided
			return 0.5, 0.2
		}
		return 0.3, 0.4
	})
	if !says(some, "50% reached, others undivided: distance of outputs 0.5") || !says(some, "predicts no loss that is shown of right answers where synapses without contact fall silent, and a loss of 2") {
		t.Errorf("the loss is not found: %v", some)
	}
}

func TestCoverageRefusesFractionsThatAreNone(t *testing.T) {
	for _, f := range [][]float64{nil, {0.5, 1}, {1, 0}, {1.5}, {-1}} {
		c := DefaultCoverage()
		c.Fractions = f
		if err := c.check(); err == nil {
			t.Errorf("fractions %v are accepted", f)
		}
	}
}
