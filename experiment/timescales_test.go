package experiment

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticTimescales makes up what seeds measure: of the way from uniform attention
// to the algebraic circuit a network goes what way says, and its calcium correlates
// with the normalizer as r says.
func syntheticTimescales(cfg TimescalesConfig, way func(tau, present float64) float64, r func(tau, present float64) float64) []timescalesSeed {
	const seeds, inputs, tokens, heads = 4, 10, 20, 3
	out := make([]timescalesSeed, seeds)
	for s := range out {
		rng := tuning.NewRand(1, s)
		cell := func(cosine, r float64) [][]float64 {
			var rows [][]float64
			for range inputs {
				noise := 0.01 * rng.NormFloat64()
				row := []float64{tokens, tokens * (cosine + noise), 5, math.Round(5 * cosine), 0, 0, 0}
				for range heads { // of normal variables: n, x, y, xx, yy, xy
					row = append(row, tokens, 0, 0, tokens, tokens, tokens*(r+5*noise))
				}
				rows = append(rows, row)
			}
			return rows
		}
		out[s].Uniform, out[s].Algebraic = cell(0.5, 0), cell(0.9, 0.8)
		for _, tau := range cfg.Astrocyte {
			var row [][][]float64
			for _, p := range cfg.Present {
				row = append(row, cell(0.5+0.4*way(tau, p), r(tau, p)))
			}
			out[s].InTime = append(out[s].InTime, row)
		}
	}
	return out
}

func TestTimescalesClaimNoMoreThanTheirNumbersShow(t *testing.T) {
	const slower, notSlower, less, notLess, never = "A slower astrocyte needs a longer presentation", "It is not shown that a slower astrocyte", "less than calcium of the algebraic circuit", "It is not shown that calcium of 7 s", "no presentation that was tried"
	const tooSlow, tells, unknown = "is too slow for 1 s a token", "nothing follows about how fast", "stays open"
	settling := func(tau, present float64) float64 { return 1 - math.Exp(-present/tau) }
	for name, c := range map[string]struct {
		way, r  func(tau, present float64) float64
		yes, no []string
	}{
		"settling": {settling, func(tau, present float64) float64 { return 0.8 * settling(tau, present) }, []string{slower, less, "to the power 0.9", tooSlow, "is fast enough"}, []string{notSlower, notLess, never, tells, unknown}},
		"no effect of the astrocyte": {func(_, present float64) float64 { return settling(1, present) },
			func(_, _ float64) float64 { return 0.8 }, []string{notSlower, notLess, tells}, []string{slower, less, never, tooSlow, "prediction is ours", "IP3 decays in models of astrocytes (", "fast enough", "Stobart"}},
		"there at once": {func(_, _ float64) float64 { return 1 }, func(_, _ float64) float64 { return 0.8 }, []string{notSlower, notLess}, []string{slower, less, never, "then takes", tooSlow, "prediction is ours", "fast enough", "Stobart"}},
		"never there":   {func(_, _ float64) float64 { return 0.3 }, func(_, _ float64) float64 { return 0.8 }, []string{notSlower, never, tells}, []string{slower, "go 90% of the way", tooSlow, "fast enough", "undefined"}},
		"slow calcium is never there": {func(tau, present float64) float64 {
			if tau == 7 {
				return 0.4
			}
			return settling(tau, present)
		}, func(_, _ float64) float64 { return 0.8 }, []string{slower, unknown, never, tooSlow, "is fast enough"}, []string{notSlower, tells, "undefined"}},
		"only in time, and all too slow": {func(tau, present float64) float64 {
			return 0.5 * settling(tau, present)
		}, func(_, _ float64) float64 { return 0.8 }, []string{notSlower, never, tells}, []string{slower, tooSlow, "undefined"}},
	} {
		r := timescalesOf(DefaultTimescales(), syntheticTimescales(DefaultTimescales(), c.way, c.r), 4, 20)
		s := r.Statements()
		checkText(t, name, s, c.yes, c.no)
	}
}

func TestWhatIsNeededIsWhereALineReachesTheLevel(t *testing.T) {
	x := []float64{1, 10, 100}
	for _, c := range []struct {
		y    []float64
		want float64
	}{
		{[]float64{0.8, 1, 1}, math.Sqrt(10)}, // evenly in logarithms
		{[]float64{0.9, 1, 1}, 1},
		{[]float64{1, 0.5, 0.9}, 100}, // it has to stay
		{[]float64{0, 0, 0.89}, math.NaN()},
		{[]float64{0, math.NaN(), 1}, math.NaN()},
	} {
		got := reaches(c.y, x, 0.9)
		if !(math.Abs(got-c.want) < 1e-9) && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%v reaches 0.9 at %v, want %v", c.y, got, c.want)
		}
	}
	if got := exponent([]float64{1, 2, 4}, []float64{3, 12, 48}); !(math.Abs(got-2) < 1e-12) {
		t.Errorf("the exponent of a square is %v", got)
	}
	if got := exponent([]float64{2, 2}, []float64{3, 12}); !math.IsNaN(got) {
		t.Errorf("the exponent of one time constant is %v", got)
	}
}

func TestBadTimescalesAreRefused(t *testing.T) {
	for words, set := range map[string][2]string{
		"give at least 2":            {"tokens", "1"},
		"two or more":                {"present_s", "[1]"},
		"that grow":                  {"present_s", "[1,1]"},
		"one or more":                {"tau_astrocyte_s", "[]"},
		"window is 0":                {"window", "0"},
		"tau_astrocyte_s is 0; ":     {"tau_astrocyte_s", "[7,0]"},
		"present_s is -1; ":          {"present_s", "[-1,1]"},
		"tau_membrane_s is 0; ":      {"tau_membrane_s", "0"},
		"timescales: neurons is 0; ": {"neurons", "0"},
		"timescales: tuning: ":       {"tuning", "none"},
	} {
		x := small(t, "timescales")
		if err := x.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Run(t.Context(), newLab(t, setup(t, 1))); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s=%s: %v, want %q", set[0], set[1], err, words)
		}
	}
}
