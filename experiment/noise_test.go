package experiment

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticNoise makes up what seeds measure: a disturbance loses what loss says of the
// way, and outputs are off by as much.
func syntheticNoise(cfg NoiseConfig, loss func(source string, level float64) float64) []noiseSeed {
	const seeds, inputs, tokens = 4, 10, 20
	out := make([]noiseSeed, seeds)
	for s := range out {
		rng := tuning.NewRand(1, s)
		cell := func(cosine float64, more ...float64) [][]float64 {
			var rows [][]float64
			for range inputs {
				row := []float64{tokens, tokens * (cosine + 0.01*rng.NormFloat64()), 5, math.Round(5 * cosine), 0, 0, 0}
				rows = append(rows, append(row, more...))
			}
			return rows
		}
		out[s].Uniform, out[s].Calm = cell(0.5), cell(0.9)
		for _, d := range cfg.disturbances() {
			l := loss(d.source, d.level)
			out[s].Disturbed = append(out[s].Disturbed, cell(0.9-0.4*l, l*l, 1))
		}
	}
	return out
}

func TestNoiseClaimsNoMoreThanItsNumbersShow(t *testing.T) {
	const loses, notShown, hidden, astrocyte, neither, better = "The network then loses", "loses anything by it is not shown", "costs more on hidden neurons than", "costs more on the astrocyte than", "A difference between noise", "makes the network better"
	const drugs, noDrugs = "should worsen attention", "nothing is predicted of drugs"
	for name, c := range map[string]struct {
		loss    func(source string, level float64) float64
		yes, no []string
	}{
		"no effect": {func(string, float64) float64 { return 0 }, []string{notShown, neither, noDrugs}, []string{loses, hidden, astrocyte, better, drugs, "should", "prediction is ours"}},
		"a little saturation helps": {func(source string, level float64) float64 {
			if source == bySaturation && level < 0.01 {
				return -0.2
			}
			return 0
		}, []string{"At a level of 0.001, saturation makes the network better, by", notShown, noDrugs}, []string{loses, "noise on the", drugs}},
		"all alike": {func(_ string, level float64) float64 { return level / 2 }, []string{loses, neither, "from a standard deviation of 0.1 on", "from a share of 0.1 on", drugs, "that 10% of rates lie above"}, []string{notShown, hidden, astrocyte, noDrugs}},
		"hidden neurons alone": {func(source string, level float64) float64 {
			if source == onHidden && level == 1 {
				return 0.5
			}
			return 0
		}, []string{loses, notShown, hidden, "from a standard deviation of 1 on"}, []string{astrocyte, neither, "a share of"}},
		"the astrocyte alone": {func(source string, level float64) float64 {
			if source == onAstrocyte {
				return 0.5
			}
			return 0
		}, []string{loses, astrocyte}, []string{hidden, neither}},
	} {
		s := noiseOf(DefaultNoise(), syntheticNoise(DefaultNoise(), c.loss)).Statements()
		checkText(t, name, s, c.yes, c.no)
	}
}

func TestErrorsOfNoiseFollowFromSums(t *testing.T) {
	cfg := DefaultNoise()
	r := noiseOf(cfg, syntheticNoise(cfg, func(_ string, level float64) float64 { return level / 2 }))
	for _, d := range r.Disturbances {
		for i, l := range d.Level {
			if !(math.Abs(float64(d.Error[i].Value-l/2)) < 1e-12) || !(math.Abs(float64(d.Loss[i].Value-l/2)) < 0.02) {
				t.Errorf("%s, %v: error %v and loss %v, want %v", d.Source, l, d.Error[i], d.Loss[i], l/2)
			}
		}
	}
}

func TestBadNoiseIsRefused(t *testing.T) {
	for words, set := range map[string][2]string{
		"give at least 1":       {"tokens", "0"},
		"below 10":              {"amplitude", "[0.1,11]"},
		"one or more":           {"amplitude", "[]"},
		"above 0":               {"amplitude", "[0]"},
		"between 0 and 1":       {"rates_above_saturation", "[0.5,1]"},
		"that grow":             {"rates_above_saturation", "[0.5,0.1]"},
		"noise_hold_s is 0; ":   {"noise_hold_s", "0"},
		"noise_time_s is -1; ":  {"noise_time_s", "-1"},
		"noise: neurons is 0; ": {"neurons", "0"},
	} {
		x := small(t, "noise")
		if err := x.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Run(t.Context(), newLab(t, setup(t, 1))); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s=%s: %v, want %q", set[0], set[1], err, words)
		}
	}
}
