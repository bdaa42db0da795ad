package experiment

import (
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/answers"
)

// made are predictions from made-up results.
func made(of func(name string) effect, coverage, right float64, load func(rate, load int) float64, divided float64) *PredictionsResult {
	c := coverageResult([]float64{1, 0.5}, syntheticCoverage(func(condition int) (float64, float64) {
		if condition == 4 {
			return coverage, right
		}
		return 0.3, 0.4
	}))
	c.Task = answers.Fill
	cfg := DefaultPredictions().Domains
	return predictions(silencingOf(0.05, of), c, syntheticLoad(load), domainsOf(cfg, syntheticDomains(cfg, func(a arm, coupling float64) float64 {
		if coupling > 0 || a.group != "gap" {
			return 0
		}
		return divided
	})))
}

// From results without effects follow no predictions, and the text says of each that
// there is none.
func TestNoEffectPredictsNothing(t *testing.T) {
	r := made(func(string) effect { return effect{0.5, 0.3, 0.4} }, 0.3, 0.4, func(int, int) float64 { return 0.4 }, 0)
	if len(r.Predictions) != len(laboratory()) {
		t.Fatalf("%d predictions, want %d", len(r.Predictions), len(laboratory()))
	}
	for _, p := range r.Predictions {
		if p.shown() || !strings.HasPrefix(p.Predicted, "nothing, since no effect was shown") {
			t.Errorf("%s: %q", p.Manipulation, p.Predicted)
		}
	}
	s := r.Statements()
	if !says(s, "0 of 11 manipulations have an effect") {
		t.Errorf("the text does not count none: %v", s)
	}
	for _, x := range s {
		if strings.Contains(x.Text, "a deficit") || strings.Contains(x.Text, "an improvement") {
			t.Errorf("the text predicts: %q", x.Text)
		}
	}
}

// Effects are read from the results, with their signs.
func TestPredictionsAreReadFromResults(t *testing.T) {
	r := made(func(name string) effect {
		switch name {
		case FrozenHebb:
			return effect{0.5, 0.7, 0.1}
		case HalfSaturated:
			return effect{0.5, 0.3, 0.6}
		}
		return effect{0.5, 0.3, 0.4}
	}, 0.5, 0.2, func(rate, load int) float64 { return []float64{0.3, 0.6, 0.3, 0.4}[2*rate+load] }, 0.5)
	want := map[string]string{
		FrozenHebb: "a deficit", HalfSaturated: "an improvement", ClampedMean: "nothing", SlowCalcium: "nothing",
		"50% of synapses reached, others undivided": "a deficit", "50% of synapses reached, others silent": "nothing",
		"forgetting of 0.1 a token blocked, 100 earlier tokens in memory":     "a deficit",
		"gap junctions blocked, 2 astrocytes of 4 domains, of similar tuning": "a deficit",
		"diffusion within an astrocyte blocked, 8 domains, of similar tuning": "nothing",
	}
	for _, p := range r.Predictions {
		if beginning, checked := want[p.Manipulation]; checked {
			delete(want, p.Manipulation)
			if !strings.HasPrefix(p.Predicted, beginning) {
				t.Errorf("%s: %q, want %s", p.Manipulation, p.Predicted, beginning)
			}
		}
	}
	for name := range want {
		t.Errorf("no prediction of %s", name)
	}
}

// Every row says all that a reviewer asks for, and references say where they are from.
func TestEveryPredictionCanBeFalsified(t *testing.T) {
	for _, p := range laboratory() {
		if p.Laboratory == "" || p.Falsified == "" || p.Whose == "" || p.Experiment == "" {
			t.Errorf("%+v leaves something out", p)
		}
	}
}
