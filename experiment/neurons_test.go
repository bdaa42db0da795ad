package experiment

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// syntheticNeurons makes up seeds for 16 and 1,024 neurons at three heads: c f/Z is 1
// and noise of the given sizes.
func syntheticNeurons(few, many float64) []NeuronsMap {
	const seeds, inputs, queries, heads = 5, 10, 6, 3
	cfg := NeuronsConfig{Maps: []string{"exp"}, Neurons: []int{16, 1024}}
	var input []int
	for i := range inputs {
		for range queries {
			input = append(input, i)
		}
	}
	all := make([]neuronsSeed, seeds)
	for s := range all {
		rng := tuning.NewRand(1, s)
		all[s].Ratios = [][][][]float32{make([][][]float32, 2)}
		for j, size := range []float64{few, many} {
			all[s].Ratios[0][j] = make([][]float32, heads)
			for h := range heads {
				for range input {
					all[s].Ratios[0][j][h] = append(all[s].Ratios[0][j][h], float32(1+size*rng.NormFloat64()))
				}
			}
		}
	}
	return neuronsMaps(nil, cfg, all, input)
}

func TestNeuronsClaimsNoMoreThanItsNumbersShow(t *testing.T) {
	const falls, not = "the error of calcium falls, to a share", "it is not shown that the error of calcium falls"
	const larger, nothing = "more precise in larger populations", "Nothing follows from this run"
	for name, c := range map[string]struct {
		few, many float64
		says, no  string
	}{
		"an eighth of it is left":     {0.8, 0.1, falls, not},
		"as large with more neurons":  {0.4, 0.4, not, falls},
		"larger with more neurons":    {0.1, 0.8, not, falls},
		"no error at all, and always": {0, 0, not, falls},
	} {
		maps := syntheticNeurons(c.few, c.many)
		budget := Number(3)
		maps[0].LogBudget, maps[0].Law = &budget, []Number{1, 1}
		r := &NeuronsResult{Heads: make([]Place, 3), Maps: maps}
		if s := r.Statements(); !says(s, c.says) || says(s, c.no) {
			t.Errorf("%s: the ratio is %v, and the text %v", name, maps[0].Ratio, s)
		} else if shown := c.says == falls; says(s, larger) != shown || says(s, nothing) == shown || says(s, "|q + k|^2") != shown || says(s, "prediction is ours") != shown {
			t.Errorf("%s: what it would mean does not follow: %v", name, s)
		}
	}
	m := syntheticNeurons(0.8, 0.1)[0]
	for j, want := range []float64{0.8, 0.1} {
		// The root mean square of five normal numbers is low by 5%, its median less.
		if got := float64(m.Error[j].Value); !(math.Abs(got-want) < 0.15*want) {
			t.Errorf("an error of %v is measured as %v", want, got)
		}
	}
}

// At one head the errors are what the variance law says, where the law is small, so
// that a few draws see all of it.
func TestErrorsOfCalciumAreThoseOfTheLaw(t *testing.T) {
	const d, tokens, seeds = 4, 24, 40
	rng := tuning.NewRand(3)
	matrix := func() tensor.Matrix {
		x := tensor.New(tokens, d)
		for i := range x.Data {
			x.Data[i] = float32(0.4 * rng.NormFloat64())
		}
		return x
	}
	x := activations.Head{Q: matrix(), K: matrix(), Seqs: tensor.NewSequences(tokens)}
	h := neuronsHead{texts: x.Sequences(), curves: []tuning.Config{{Map: tuning.Exp, Inputs: d}}}
	h.logZ = [][]float64{h.texts[0].LogNormalizers()}
	cfg := NeuronsConfig{Maps: []string{"exp"}, Neurons: []int{64, 256}}
	var all []neuronsSeed
	for seed := range uint64(seeds) {
		s, err := neuronsOf(t.Context(), nil, cfg, []neuronsHead{h}, seed, func(float64) {})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *s)
	}
	m := neuronsMaps(nil, cfg, all, make([]int, tokens))[0]
	m.law([]neuronsHead{h}, 0)
	for j := range cfg.Neurons {
		// 40 draws tell a root mean square to about 11%.
		if got, want := float64(m.Error[j].Value), float64(m.Law[j]); !(math.Abs(got-want) < 0.25*want) {
			t.Errorf("%d neurons: error %v, the law says %v", cfg.Neurons[j], got, want)
		}
	}
}

func TestTheWeightedMedianCountsRepetitions(t *testing.T) {
	for _, c := range []struct{ values, weights []float64 }{
		{[]float64{3, 1, 2}, []float64{1, 1, 1}},
		{[]float64{3, 1, 2, 5}, []float64{1, 1, 1, 1}},
		{[]float64{3, 1, 2}, []float64{0, 2, 2}},
		{[]float64{9, 1, 4}, []float64{3, 1, 1}},
	} {
		var x []weighted
		var repeated []float64
		for i, v := range c.values {
			x = append(x, weighted{v, c.weights[i]})
			for range int(c.weights[i]) {
				repeated = append(repeated, v)
			}
		}
		if got, want := weightedMedian(x), stats.Median(repeated); got != want {
			t.Errorf("%v with weights %v: %v, want %v", c.values, c.weights, got, want)
		}
	}
}

func TestNeuronsRefusesWhatItCannotMeasure(t *testing.T) {
	for what, change := range map[string]func(*NeuronsConfig){
		"no maps":    func(c *NeuronsConfig) { c.Maps = nil },
		"of a name":  func(c *NeuronsConfig) { c.Maps = []string{"bell"} },
		"one number": func(c *NeuronsConfig) { c.Neurons = []int{64} },
		"that fall":  func(c *NeuronsConfig) { c.Neurons = []int{64, 16} },
		"no head":    func(c *NeuronsConfig) { c.Heads = 0 },
	} {
		c := DefaultNeurons()
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
