package experiment

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticDomains makes up what seeds measure: an arm loses what loss says of the way
// from uniform attention to the undivided circuit.
func syntheticDomains(cfg DomainsConfig, loss func(a arm, coupling float64) float64) []domainsSeed {
	const seeds, inputs, tokens = 4, 10, 20
	out := make([]domainsSeed, seeds)
	for s := range out {
		rng := tuning.NewRand(1, s)
		cell := func(cosine float64) [][]float64 {
			var rows [][]float64
			for range inputs {
				rows = append(rows, []float64{tokens, tokens * (cosine + 0.01*rng.NormFloat64()), 5, math.Round(5 * cosine), 0, 0, 0})
			}
			return rows
		}
		out[s].Uniform, out[s].Undivided = cell(0.5), cell(0.9)
		for _, a := range cfg.arms() {
			var row [][][]float64
			for _, c := range cfg.Coupling {
				row = append(row, cell(0.9-0.4*loss(a, c)))
			}
			out[s].Divided = append(out[s].Divided, row)
		}
	}
	return out
}

func TestDomainsClaimNoMoreThanTheirNumbersShow(t *testing.T) {
	const lost, notLost, gone, less, notLess, alike, notAlike, fewer = "is lost. With", "that anything is lost is not shown", "no loss is shown any more", "and still some", "that it is less is not shown", "lose more of the way", "which neurons share a domain is not shown", "lose less of the way"
	const blocked, notBlocked, kept, notKept = "blocking the gap junctions between astrocytes should worsen", "nothing is predicted from blocking them", "within an astrocyte should worsen", "nothing is predicted from keeping"
	for name, c := range map[string]struct {
		loss    func(a arm, coupling float64) float64
		yes, no []string
	}{
		"no effect": {func(arm, float64) float64 { return 0 }, []string{notLost, notAlike, notBlocked, notKept}, []string{lost, gone, less, notLess, alike, fewer, blocked, kept, "should", "as much", "prediction is ours"}},
		"gap junctions alone": {func(a arm, c float64) float64 {
			if a.astrocytes > 1 {
				return 0.4 / (1 + c*c)
			}
			return 0
		}, []string{blocked, notKept}, []string{notBlocked, kept}},
		"repaired": {func(_ arm, c float64) float64 { return 0.4 / (1 + c*c) }, []string{lost, gone, notAlike, blocked, kept}, []string{notLost, notLess, less, notBlocked, notKept}},
		"in part":  {func(_ arm, c float64) float64 { return 0.2 + 0.3/(1+c*c) }, []string{lost, less}, []string{notLost, gone, notLess}},
		"not repaired": {func(a arm, _ float64) float64 {
			if a.assign == rate.ByLikeness {
				return 0.6
			}
			return 0.3
		}, []string{lost, notLess, alike, notBlocked, notKept}, []string{gone, less, notAlike, blocked, kept}},
		"similar ones are better": {func(a arm, _ float64) float64 {
			if a.assign == rate.ByLikeness {
				return 0.1
			}
			return 0.3
		}, []string{fewer}, []string{alike, notAlike}},
	} {
		s := domainsOf(DefaultDomains(), syntheticDomains(DefaultDomains(), c.loss)).Statements()
		checkText(t, name, s, c.yes, c.no)
	}
}

// Losses are shares of the way, and what is repaired is their difference.
func TestLossesAreSharesOfTheWay(t *testing.T) {
	cfg := DefaultDomains()
	r := domainsOf(cfg, syntheticDomains(cfg, func(a arm, c float64) float64 { return float64(a.domains) / 100 / (1 + c) }))
	for _, a := range r.Arms {
		for i, c := range cfg.Coupling {
			if want := float64(a.Domains) / 100 / (1 + c); !(math.Abs(float64(a.Loss[i].Value)-want) < 0.02) {
				t.Errorf("%s, coupling %g: loss %v, want %v", a.Name, c, a.Loss[i], want)
			}
		}
		if want := a.Loss[0].Value - a.Loss[len(a.Loss)-1].Value; !(math.Abs(float64(a.Repaired.Value-want)) < 1e-12) {
			t.Errorf("%s: %v is repaired, want %v", a.Name, a.Repaired, want)
		}
	}
}

func TestBadDomainsAreRefused(t *testing.T) {
	for words, set := range map[string][2]string{
		"give at least 1":         {"tokens", "0"},
		"give 0, then":            {"coupling", "[1,10]"},
		"one or more that grow":   {"coupling", "[0]"},
		"even number from 4":      {"detailed", "5"},
		"numbers from 2":          {"domains", "[1]"},
		"for 16 hidden neurons":   {"domains", "[20]"},
		"tau_s is 0; ":            {"tau_s", "0"},
		"domains: neurons is 0; ": {"neurons", "0"},
	} {
		x := small(t, "domains")
		if err := x.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Run(t.Context(), newLab(t, setup(t, 1))); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s=%s: %v, want %q", set[0], set[1], err, words)
		}
	}
}
