package experiment

import (
	"math"
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
		if !strings.HasPrefix(p.Falsified, "the interval of the change in ") && !strings.HasPrefix(p.Falsified, "nothing that this run could say") {
			t.Errorf("%s: no effect is falsified by %q", p.Manipulation, p.Falsified)
		}
	}
	s := r.Statements()
	if !says(s, "0 of 11 manipulations have an effect") {
		t.Errorf("the text does not count none: %v", s)
	}
	for _, x := range s {
		for _, claim := range claims {
			if strings.Contains(x.Text, claim) {
				t.Errorf("the text claims an effect, %q: %q", claim, x.Text)
			}
		}
	}
	for _, row := range r.Table().Rows {
		for _, cell := range row {
			for _, claim := range claims {
				if strings.Contains(cell, claim) {
					t.Errorf("the table claims an effect, %q: %q", claim, cell)
				}
			}
		}
	}
}

// claims are words that only an effect that was shown may bring.
var claims = []string{"a deficit", "an improvement", "less likely", "more likely", "how likely", "includes zero", "leaves out", "recall and the gain", "spread of the gains", "should lose"}

// A row in all its words, which follow from its numbers.
func TestAPredictionInWords(t *testing.T) {
	p := Prediction{
		Measure: "masked words right", Better: 1, points: true, takes: "care",
		Effect: Estimate{-0.207, -0.251, -0.163}, Nats: Estimate{0.5, 0.25, 0.75},
	}
	for _, c := range []struct {
		name                 string
		change               func(p *Prediction)
		predicted, falsified string
	}{
		{"a deficit", func(p *Prediction) {},
			"a deficit, −20.7 [−25.1, −16.3] percentage points in masked words right, and the right answer less likely by 0.500 [0.250, 0.750] nats",
			"the change in masked words right, measured with an interval no wider than 8.80 percentage points, includes zero or lies above it, and leaves out −20.7 percentage points; such a test takes care"},
		{"an improvement", func(p *Prediction) { p.Effect, p.Nats = negative(p.Effect), exactly(math.NaN()) },
			"an improvement, 20.7 [16.3, 25.1] percentage points in masked words right",
			"the change in masked words right, measured with an interval no wider than 8.80 percentage points, includes zero or lies below it, and leaves out 20.7 percentage points; such a test takes care"},
		{"more that is bad", func(p *Prediction) {
			p.Measure, p.Better, p.points, p.Effect, p.Nats = "distance", -1, false, Estimate{0.5, 0.25, 0.75}, exactly(math.NaN())
		},
			"a deficit, 0.500 [0.250, 0.750] in distance",
			"the change in distance, measured with an interval no wider than 0.500, includes zero or lies below it, and leaves out 0.500; such a test takes care"},
		{"nats alone", func(p *Prediction) { p.Effect = Estimate{-0.01, -0.03, 0.02} },
			"no change of answers, since none was shown (masked words right: −1.00 [−3.00, 2.00] percentage points), but the right answer less likely by 0.500 [0.250, 0.750] nats",
			"the change in nats of the right answer, measured with an interval no wider than 0.500 nats, includes zero or lies below it, and leaves out 0.500 nats; or the interval of the change in masked words right lies wholly below −3.00 percentage points or above 2.00 percentage points; such a test takes care"},
		{"nothing", func(p *Prediction) { p.Effect, p.Nats = Estimate{-0.01, -0.03, 0.02}, Estimate{0.1, -0.1, 0.3} },
			"nothing, since no effect was shown (masked words right: −1.00 [−3.00, 2.00] percentage points)",
			"the interval of the change in masked words right lies wholly below −3.00 percentage points or above 2.00 percentage points; such a test takes care"},
		{"nothing at all", func(p *Prediction) { p.Effect, p.Nats = Estimate{}, Estimate{} },
			"nothing, since no effect was shown (masked words right: 0 [0, 0] percentage points)",
			"nothing that this run could say: its interval has no width"},
	} {
		q := p
		c.change(&q)
		if got := q.predicted(); got != c.predicted {
			t.Errorf("%s: predicts\n%s, want\n%s", c.name, got, c.predicted)
		}
		if got := q.falsified(); got != c.falsified {
			t.Errorf("%s: is falsified by\n%s, want\n%s", c.name, got, c.falsified)
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
		if p.Laboratory == "" || p.takes == "" || len(p.For)+len(p.Against) == 0 || p.Whose == "" || p.Experiment == "" {
			t.Errorf("%+v leaves something out", p)
		}
	}
}
