package transfer

import (
	"math"
	"strings"
	"testing"
)

// report returns one with a single replaced head and the given cosines.
func report(hidden, uniform float64) *Report {
	return &Report{
		Config:  Resolved{Tuning: "exp", Estimator: true, Attention: "algebraic"},
		Layers:  []Layer{{Heads: []Head{{Neurons: 8, OutputCosine: 0.7, CalciumCorrelation: 0.9, NullCorrelation: 0.5}}}},
		Network: Network{HiddenCosine: Number(hidden), HiddenUniform: Number(uniform)},
	}
}

// Notes claim what the numbers show and no more.
func TestNotesFollowTheNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		report     *Report
		has, lacks []string
	}{
		"good":               {report(0.99, 0.5), []string{"keeps 98%", "it works"}, []string{"loses most", "does not do"}},
		"middling":           {report(0.85, 0.5), []string{"keeps 70%", "usable for looking at single heads", "--attention algebraic,0.0=exact"}, []string{"it works"}},
		"bad":                {report(0.4, 0.5), []string{"keeps 0%", "does not do the original's work", "--tuning calibrated"}, []string{"it works"}},
		"nothing to compare": {report(1, 1), []string{"attention does no work"}, []string{"it works", "keeps"}},
		"undefined":          {report(math.NaN(), 0.5), nil, []string{"it works", "usable"}},
	} {
		text := strings.Join(notes(c.report), "\n")
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("%s: notes lack %q:\n%s", name, s, text)
			}
		}
		for _, s := range c.lacks {
			if strings.Contains(text, s) {
				t.Errorf("%s: notes claim %q:\n%s", name, s, text)
			}
		}
	}
	null := report(0.99, 0.5)
	null.Layers[0].Heads[0].NullCorrelation = 0.95
	if text := strings.Join(notes(null), "\n"); !strings.Contains(text, "no better than the null predictor") {
		t.Errorf("calcium does not beat the null predictor, and the notes are silent:\n%s", text)
	}
	signed := report(0.4, 0.5)
	signed.Layers[0].Heads[0].NonPositive = 3
	signed.Config.Estimator = false
	if text := strings.Join(notes(signed), "\n"); !strings.Contains(text, "zero or negative at 3 readings") || !strings.Contains(text, "more neurons will not help") {
		t.Errorf("notes on signed curves that are no estimator:\n%s", text)
	}
}
