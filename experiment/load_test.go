package experiment

import (
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// twoTexts are a head's activations on two sequences of 9 and 7 tokens.
func twoTexts(causal bool, slope float32) *activations.Head {
	s := randomSequence(21, 16, 0.7)
	x := &activations.Head{Mask: activations.Mask{Causal: causal, Slope: float64(slope)}, Q: s.q, K: s.k, V: s.v,
		Y: tensor.New(16, valueWidth), LogZ: make([]float32, 16), Seqs: tensor.NewSequences(9, 7)}
	attention.Softmax{Causal: causal, Slope: slope}.Forward(x.Y, x.LogZ, x.Q, x.K, x.V, x.Seqs, nil, nil, nil)
	return x
}

func loadedHead(t *testing.T, x *activations.Head) loaded {
	t.Helper()
	single, _ := someCurves(t, tuning.Exp, 16, false)
	p, err := newPerturbed(single, x.Causal, float32(x.Slope), manipulation{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded{p, x, x.Slope}
}

// With nothing before, exact attention over all is that over the present: the network's
// own. With the first text before the second, it is exact attention over both.
func TestExactAttentionOverAMemoryIsThatOfItsTokens(t *testing.T) {
	for _, x := range []*activations.Head{twoTexts(false, 0), twoTexts(true, 0), twoTexts(true, 0.2)} {
		l := loadedHead(t, x)
		sums := l.probe(l.newReader(valueWidth), nil, 1, 7)
		if sums[loadQueries] != 7 || sums[loadPresentExact] > 1e-5 || sums[loadOwn] != sums[loadPresent] && sums[loadOwn]-sums[loadPresent] > 1e-5 {
			t.Errorf("nothing before: sums %v", sums)
		}
		whole := &activations.Head{Mask: x.Mask, Q: x.Q, K: x.K, V: x.V, Seqs: tensor.NewSequences(16)}
		y, logZ := tensor.New(16, valueWidth), make([]float32, 16)
		attention.Softmax{Causal: x.Causal, Slope: float32(x.Slope)}.Forward(y, logZ, x.Q, x.K, x.V, whole.Seqs, nil, nil, nil)
		rows := make([]int, 16)
		for i := range rows {
			rows[i] = i
		}
		got := make([]float32, valueWidth)
		z := l.exact(got, x.Q.Row(15), rows)
		near(t, "y over both", wide(got), wide(y.Row(15)), rounding)
		near(t, "log Z over both", []float64{z}, []float64{float64(logZ[15])}, rounding)
	}
}

// A probe reads what a circuit has that was written all of it, and leaves the memory as
// it was.
func TestProbesLeaveTheMemoryAsItWas(t *testing.T) {
	x := twoTexts(true, 0)
	l := loadedHead(t, x)
	before := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	r := l.newReader(valueWidth)
	for _, row := range before {
		r.write(x.K.Row(row), x.V.Row(row))
	}
	gain := slices.Clone(r.own.gain)
	first := l.probe(r, before, 1, 7)
	if !slices.Equal(gain, r.own.gain) {
		t.Error("a probe changes the memory")
	}
	if second := l.probe(r, before, 1, 7); !slices.Equal(first, second) {
		t.Errorf("a second probe reads %v, the first %v", second, first)
	}
	// Both texts in one sequence, through the whole head.
	y, _ := sequence{x.Q, x.K, x.V}.forward(t, l.perturbed)
	present := 0.0
	for i := 9; i < 16; i++ {
		row := make([]float32, valueWidth)
		for j := range row {
			row[j] = float32(y[i*valueWidth+j])
		}
		present += distance(row, x.Y.Row(i))
	}
	near(t, "distance from the present", []float64{first[loadPresent]}, []float64{present}, rounding)
}

// syntheticLoad makes up seeds: how far outputs lie from the present, by rate and load.
func syntheticLoad(present func(rate, load int) float64) *LoadResult {
	const seeds, probes = 5, 12
	cfg := LoadConfig{Earlier: []int{0, 100}, Forget: []float64{0, 0.1}}
	all := make([]loadSeed, seeds)
	for s := range all {
		for rate := range 2 {
			var loads [][][]float64
			for load := range 2 {
				var row [][]float64
				for p := range probes {
					rng := tuning.NewRand(8, s, rate, load, p)
					d := 10 * (present(rate, load) + 0.03*rng.NormFloat64())
					row = append(row, []float64{loadQueries: 10, loadNormalizer: d, loadOwn: d, loadPresent: d, loadPresentExact: d})
				}
				loads = append(loads, row)
			}
			all[s].Sums = append(all[s].Sums, loads)
		}
	}
	return &LoadResult{Rates: loadRates(cfg, all)}
}

func TestLoadClaimsNoMoreThanItsNumbersShow(t *testing.T) {
	none := syntheticLoad(func(int, int) float64 { return 0.4 }).Statements()
	for _, s := range none {
		for _, claim := range []string{"more by", "less by", "closer by", "farther by", "protects the present from the past:"} {
			if strings.Contains(s.Text, claim) {
				t.Errorf("without an effect: %q", s.Text)
			}
		}
	}
	if !says(none, "is not shown here") {
		t.Errorf("without an effect, nothing says so: %v", none)
	}
	some := syntheticLoad(func(rate, load int) float64 { return []float64{0.3, 0.6, 0.3, 0.4}[2*rate+load] }).Statements()
	if !says(some, "goes from 0.299 to 0.602, more by") || !says(some, "more by 0.3") || !says(some, "with 100, closer by 0.2") || !says(some, "forgetting protects the present from the past: blocking it") {
		t.Errorf("the effect is not found: %v", some)
	}
}

func TestLoadRefusesWhatItCannotRun(t *testing.T) {
	for what, change := range map[string]func(*LoadConfig){
		"one load":         func(c *LoadConfig) { c.Earlier = []int{0} },
		"loads that fall":  func(c *LoadConfig) { c.Earlier = []int{16, 0} },
		"negative":         func(c *LoadConfig) { c.Earlier = []int{-1, 5} },
		"all is forgotten": func(c *LoadConfig) { c.Forget = []float64{1} },
		"no rates":         func(c *LoadConfig) { c.Forget = nil },
		"no probes":        func(c *LoadConfig) { c.Probes = 0 },
	} {
		c := DefaultLoad()
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	s := setup(t, 1)
	s.Inputs.Texts = s.Inputs.Texts[:1]
	if _, err := small(t, "load").Run(t.Context(), newLab(t, s)); err == nil || !strings.Contains(err.Error(), "two at least") {
		t.Errorf("one input: %v", err)
	}
}
