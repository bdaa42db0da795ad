package experiment

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticNormalizer makes up what seeds measure: log Z and the null predictor
// correlate by 1/sqrt(2), and log calcium is what calcium says.
func syntheticNormalizer(calcium func(z, u, noise float64) float64) []normalizerSeed {
	const seeds, inputs, tokens, heads = 4, 12, 30, 3
	out := make([]normalizerSeed, seeds)
	for s := range out {
		out[s].Heads = make([][][]float64, heads)
		for h := range heads {
			for i := range inputs {
				rng := tuning.NewRand(1, h, i) // the same input for every seed
				noise := tuning.NewRand(2, s, h, i)
				x := activations.Head{LogZ: make([]float32, tokens), Seqs: tensor.NewSequences(tokens)}
				logC, nulls := make([]float32, tokens), make([]float64, tokens)
				for t := range tokens {
					u := rng.NormFloat64()
					z := u + rng.NormFloat64()
					x.LogZ[t], nulls[t], logC[t] = float32(z), u, float32(calcium(z, u, noise.NormFloat64()))
				}
				trace := attention.Trace{LogFactor: make([]float32, tokens)}
				out[s].Heads[h] = append(out[s].Heads[h], normalizerOf(&x, logC, trace, nulls)[0])
			}
		}
	}
	return out
}

// says reports whether a statement holds the words.
// checkText holds statements to saying some words and not saying others, and to being
// whole sentences.
func checkText(t *testing.T, name string, s []Statement, yes, no []string) {
	t.Helper()
	for _, words := range yes {
		if !says(s, words) {
			t.Errorf("%s: nothing says %q: %v", name, words, s)
		}
	}
	for _, words := range no {
		if says(s, words) {
			t.Errorf("%s: the text says %q: %v", name, words, s)
		}
	}
	for _, x := range s {
		if strings.Contains(x.Text, "%!") || strings.Contains(x.Text, "NaN") {
			t.Errorf("%s: %q", name, x.Text)
		}
	}
}

func says(s []Statement, words string) bool {
	for _, x := range s {
		if strings.Contains(x.Text, words) {
			return true
		}
	}
	return false
}

// The text claims what the numbers show: an effect where there is one, none where
// calcium is noise, and none where it is the null predictor in disguise.
func TestNormalizerClaimsNoMoreThanItsNumbersShow(t *testing.T) {
	const follows, tells, neither, notTold, farther = "more closely than the null predictor does", "it tells single keys", "no difference between calcium and the null predictor is shown", "it is not shown that calcium correlates", "The null predictor follows"
	for name, c := range map[string]struct {
		calcium func(z, u, noise float64) float64
		yes, no []string
	}{
		"calcium is the normalizer":                  {func(z, _, noise float64) float64 { return z + 0.1*noise }, []string{follows, tells}, []string{neither, notTold, farther}},
		"calcium is the null predictor":              {func(_, u, noise float64) float64 { return u + 0.001*noise }, []string{neither, notTold}, []string{follows, tells, farther}},
		"calcium is noise":                           {func(_, _, noise float64) float64 { return noise }, []string{farther, notTold}, []string{follows, tells}},
		"calcium is between null and noise, no more": {func(_, u, noise float64) float64 { return u + noise }, []string{farther, notTold}, []string{follows, tells}},
	} {
		r := &NormalizerResult{Curves: []NormalizerCurves{normalizerCurves("calibrated", 3, syntheticNormalizer(c.calcium))}}
		s := r.Statements()
		checkText(t, name, s, c.yes, c.no)
	}
}

// Sums give the correlations that they stand for.
func TestCorrelationsFollowFromSums(t *testing.T) {
	r := normalizerCurves("calibrated", 3, syntheticNormalizer(func(z, u, noise float64) float64 { return 2*u - z + noise }))
	for _, h := range r.Heads {
		// In law: u, z-u and noise are independent and of variance 1, calcium u - (z-u) + noise.
		for _, c := range []struct {
			name string
			got  Estimate
			want float64
		}{
			{"null", h.Null, math.Sqrt(0.5)},
			{"calcium", h.Calcium, 0},
			{"advantage", h.Advantage, -math.Sqrt(0.5)},
			{"beyond", h.Beyond, -math.Sqrt(0.5)}, // of z-u and -(z-u) + noise
		} {
			if !(math.Abs(float64(c.got.Value)-c.want) < 0.15) { // three standard errors of 360 points
				t.Errorf("%s: %v, want about %v", c.name, c.got, c.want)
			}
		}
	}
	if r := correlation(3, 3, 6, 3, 14, 6); !math.IsNaN(r) {
		t.Errorf("the correlation of a constant is %v", r)
	}
}

// Tokens without a logarithm of calcium are counted, not dropped in silence.
func TestCalciumThatIsNotPositiveIsCounted(t *testing.T) {
	x := activations.Head{LogZ: []float32{1, 2, 3}, Seqs: tensor.NewSequences(3)}
	inf := float32(math.Inf(-1))
	sums := normalizerOf(&x, []float32{1, inf, float32(math.NaN())}, attention.Trace{LogFactor: make([]float32, 3)}, make([]float64, 3))[0]
	if sums[sumN] != 1 || sums[sumNonPositive] != 2 {
		t.Errorf("%v tokens and %v without, want 1 and 2", sums[sumN], sums[sumNonPositive])
	}
	for _, v := range sums {
		if !finite(v) {
			t.Errorf("sums %v are not finite", sums)
		}
	}
	r := &NormalizerResult{Curves: []NormalizerCurves{{Name: "trig", Heads: []NormalizerHead{{NonPositive: 2}}}}}
	if !says(r.Statements(), "2 readings had calcium of zero or below") {
		t.Error("the text does not say so")
	}
}
