package experiment

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/tuning"
)

// effect is what a condition does to heads and answers in made-up data.
type effect struct{ divisor, distance, right float64 }

// syntheticSilencing makes up seeds in which conditions have the given means and every
// input a difficulty of its own, the same for all conditions. Noise is of the condition.
func syntheticSilencing(noise float64, of func(name string) effect) []silencingSeed {
	const seeds, inputs, heads, tokens = 5, 14, 2, 20
	out := make([]silencingSeed, seeds)
	for s := range out {
		for c, name := range silenced() {
			e := of(name)
			sums := make([][][]float64, heads)
			task := make([][]float64, inputs)
			for i := range inputs {
				easy := 0.3 * tuning.NewRand(1, i).NormFloat64() // of the input
				rng := tuning.NewRand(2, s, c, i)
				for h := range heads {
					x := make([]float64, headSums)
					x[headTokens], x[headDefined] = tokens, tokens
					x[headDivisor] = tokens * (e.divisor + easy + noise*rng.NormFloat64())
					x[headDistance] = tokens * (e.distance + easy + noise*rng.NormFloat64())
					x[headCosines] = tokens / 2
					sums[h] = append(sums[h], x)
				}
				x := make([]float64, examSums)
				x[examTokens], x[examAsked], x[examKnown] = tokens, 10, 10
				x[examRight] = 10 * (e.right + 0.1*easy + 0.1*noise*rng.NormFloat64())
				x[examSame], x[examNats], x[examCosine] = 5, 20*(1-e.right+noise*0.1*rng.NormFloat64()), tokens/2
				task[i] = x
			}
			out[s].Heads, out[s].Task = append(out[s].Heads, sums), append(out[s].Task, task)
		}
	}
	return out
}

func silencingOf(noise float64, of func(string) effect) *SilencingResult {
	r := silencingResult(silenced(), syntheticSilencing(noise, of))
	r.Task, r.Curves.Tuning = answers.Fill, "fitted"
	return r
}

// With no effect of anything the text says so of everything, and predicts no deficit.
func TestSilencingClaimsNoEffectWhereThereIsNone(t *testing.T) {
	for name, noise := range map[string]float64{"noise": 0.05, "not even noise": 0} {
		r := silencingOf(noise, func(string) effect { return effect{0.5, 0.3, 0.4} })
		s := r.Statements()
		for _, x := range s {
			if strings.Contains(x.Text, "more by") || strings.Contains(x.Text, "fewer by") || strings.Contains(x.Text, "less by") {
				t.Errorf("%s: %q claims an effect", name, x.Text)
			}
		}
		if !says(s, "these data predict no deficit") || says(s, "cost the task:") || says(s, "costs the task") {
			t.Errorf("%s: the interpretation is not that there is none: %v", name, s)
		}
	}
}

// Effects are found, with their signs, for what they were made for and nothing else.
func TestSilencingFindsTheEffectsThatAreThere(t *testing.T) {
	r := silencingOf(0.05, func(name string) effect {
		switch name {
		case FrozenHebb:
			return effect{0.5, 0.7, 0.1}
		case ClampedMean:
			return effect{0.9, 0.3, 0.4}
		case HalfSaturated:
			return effect{0.3, 0.3, 0.5}
		}
		return effect{0.5, 0.3, 0.4}
	})
	for _, c := range []struct {
		name                     string
		divisor, distance, right int // signs
	}{
		{FrozenHebb, 0, 1, -1}, {ClampedMean, 1, 0, 0}, {HalfSaturated, -1, 0, 1}, {SlowCalcium, 0, 0, 0}, {Intact, 0, 0, 0},
	} {
		e := r.named(c.name)
		for i, want := range []int{c.divisor, c.distance, c.right} {
			d := []Estimate{e.Normalizer.Change, e.Output.Change, e.Right.Change}[i]
			if got := map[bool]int{true: 1}[d.Above(0)] - map[bool]int{true: 1}[d.Below(0)]; got != want {
				t.Errorf("%s, measure %d: the change is %v, want of sign %d", c.name, i, d, want)
			}
		}
	}
	s := r.Statements()
	if !says(s, "With H frozen, what divides is off by 0.5") || !says(s, "blocking plasticity of neuronal synapses costs the task") || !says(s, "no loss by holding astrocyte calcium at its mean is shown") {
		t.Errorf("the text does not say what was found: %v", s)
	}
	if got := float64(r.named(FrozenHebb).Right.Change.Value); !(math.Abs(got+0.3) < 0.02) {
		t.Errorf("H frozen costs %v, want 0.3", -got)
	}
}

// An exam of the exact network's own heads is passed as it passed itself, and counts
// every answer once.
func TestTheExactNetworkAgreesWithItself(t *testing.T) {
	lab := newLab(t, setup(t, 1))
	x, err := lab.newExam(t.Context(), 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := x.take(t.Context(), lab.Network.Model.Exact())
	if err != nil {
		t.Fatal(err)
	}
	total := make([]float64, examSums)
	for _, s := range sums {
		for j, v := range s {
			total[j] += v
		}
	}
	if total[examAsked] != float64(len(x.rows)) || total[examSame] != total[examAsked] || total[examKnown] != total[examAsked] || !(math.Abs(total[examCosine]-total[examTokens]) < 1e-5*total[examTokens]) {
		t.Errorf("sums %v for %d words", total, len(x.rows))
	}
	if !slices.IsSorted(x.of) || x.of[len(x.of)-1] != len(sums)-1 {
		t.Errorf("the inputs of the answers are %v", x.of)
	}
	other, err := lab.newExam(t.Context(), 200, 2)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(other.rows, x.rows) {
		t.Error("two seeds mask the same words")
	}
}

// Conditions that are the circuit itself compute in a network what the circuit of
// package attention does.
func TestAnIntactBenchIsTheCircuitNetwork(t *testing.T) {
	lab := newLab(t, setup(t, 1))
	curves := defaultCurves(32)
	b, err := lab.bench(t.Context(), curves, 60, 1)
	if err != nil {
		t.Fatal(err)
	}
	heads, err := b.heads(func(*prepared) manipulation { return manipulation{} })
	if err != nil {
		t.Fatal(err)
	}
	circuits, err := lab.circuits(t.Context(), curves, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, err := lab.newExam(t.Context(), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := x.forward(t.Context(), heads)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := x.forward(t.Context(), circuits.Heads())
	if err != nil {
		t.Fatal(err)
	}
	near(t, "last hidden states", wide(got.Data), wide(want.Data), 1e-3) // float32 rates, through four layers
}

func TestSilencingRefusesWhatItCannotRun(t *testing.T) {
	for what, change := range map[string]func(*SilencingConfig){
		"no tokens":       func(c *SilencingConfig) { c.TaskTokens = 0 },
		"no time":         func(c *SilencingConfig) { c.Present = 0 },
		"NaN":             func(c *SilencingConfig) { c.Astrocyte = math.NaN() },
		"half-saturation": func(c *SilencingConfig) { c.HalfSaturation = -1 },
	} {
		c := DefaultSilencing()
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	x := small(t, "silencing")
	if err := x.Set("tuning", "trig"); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Run(t.Context(), newLab(t, setup(t, 1))); err == nil || !strings.Contains(err.Error(), "negative rates") {
		t.Errorf("signed curves: %v", err)
	}
	s := setup(t, 1)
	s.Calibration.Texts = nil
	if _, err := small(t, "silencing").Run(t.Context(), newLab(t, s)); err == nil || !strings.Contains(err.Error(), "mean calcium") {
		t.Errorf("no other inputs: %v", err)
	}
}
