package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const neuronsAbout = `Error of calcium by number of neurons, with the variance law
For each map of tuning curves, plain, and for calibrated curves: how far calcium
strays from the softmax normalizer with more and more hidden neurons, at heads
spread over the network, on the activations of the exact one. Beside it stands
what the variance law says before anything is run. Where a map does not estimate
exp(q.k), its calcium is first given the one factor that serves it best.`

// NeuronsConfig is the config of Neurons.
type NeuronsConfig struct {
	Maps    []string `json:"maps"` // "calibrated" or the name of a map
	Neurons []int    `json:"neurons"`
	// Heads is how many heads are looked at, spread evenly over all.
	Heads int `json:"heads"`
	// Tokens is about how many tokens are written; Queries how many of each input are
	// read.
	Tokens  int `json:"tokens"`
	Queries int `json:"queries"`
}

// DefaultNeurons returns the defaults.
func DefaultNeurons() NeuronsConfig {
	c := NeuronsConfig{Neurons: []int{16, 32, 64, 128, 256, 512, 1024, 2048}, Heads: 8, Tokens: 300, Queries: 8}
	for _, m := range tuning.Maps() {
		c.Maps = append(c.Maps, string(m))
	}
	c.Maps = append(c.Maps, network.Calibrated)
	return c
}

func (c *NeuronsConfig) check() error {
	switch {
	case len(c.Maps) == 0:
		return fmt.Errorf("neurons: no maps; give some, such as [\"exp\",\"calibrated\"]")
	case len(c.Neurons) < 2 || !grows(c.Neurons) || c.Neurons[0] < 2:
		return fmt.Errorf("neurons: numbers of neurons %v; give two or more that grow, from 2", c.Neurons)
	case c.Heads < 1 || c.Tokens < 1 || c.Queries < 1:
		return fmt.Errorf("neurons: %d heads, %d tokens and %d queries; give at least 1 of each", c.Heads, c.Tokens, c.Queries)
	}
	for _, m := range c.Maps {
		if err := network.ParseTuning(m); err != nil {
			return fmt.Errorf("neurons: %w", err)
		}
	}
	return nil
}

// NeuronsResult holds error against number of neurons.
type NeuronsResult struct {
	Inputs  int          `json:"inputs"`
	Queries int          `json:"queries"`
	Heads   []Place      `json:"heads"`
	Maps    []NeuronsMap `json:"maps"`
}

// Place is one head of a network, counted from 0.
type Place struct {
	Layer int `json:"layer"`
	Head  int `json:"head"`
}

// NeuronsMap is one kind of curves. An error is the median over queries of the root
// mean square over seeds of c f/Z - 1 (see transfer.Curve); between heads, again the
// median.
type NeuronsMap struct {
	Name      string     `json:"name"`
	Estimator bool       `json:"estimator"` // the error vanishes with the number of neurons
	Neurons   []int      `json:"neurons"`
	Error     []Estimate `json:"error"`
	// Ratio is the error with the most neurons over that with the fewest.
	Ratio Estimate `json:"ratio"`
	// Law is what the variance law predicts for Error, and LogBudget log10 of the neurons
	// that it asks for, for an error of 10%; both the median of heads, nil where there is
	// no law.
	Law       []Number `json:"law,omitempty"`
	LogBudget *Number  `json:"budget_log10,omitempty"`
	// OfHeads are the errors of every head, [heads][neurons].
	OfHeads [][]Estimate `json:"of_heads"`
}

// neuronsSeed is what one seed measures: c f/Z for every query, [maps][neurons][heads]
// [queries], in float32, which is more than enough for a ratio.
type neuronsSeed struct {
	Ratios [][][][]float32 `json:"ratios"`
}

// neuronsStream is the stream of the random numbers of this experiment's curves.
const neuronsStream = 0x6e75

// Neurons measures the error of calcium against the number of neurons. The curves of a
// seed are iid, since the law holds for these.
func Neurons(ctx context.Context, lab *Lab, cfg NeuronsConfig) (*NeuronsResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	rec, err := lab.record(ctx, cfg.Tokens)
	if err != nil {
		return nil, err
	}
	m := lab.Network.Model
	r := &NeuronsResult{Inputs: len(rec.which), Heads: places(m.Layers(), m.Heads(), cfg.Heads)}
	var cal *network.Calibration
	if slices.ContainsFunc(cfg.Maps, network.NeedsCalibration) {
		if cal, err = lab.calibration(ctx); err != nil {
			return nil, err
		}
	}
	heads := make([]neuronsHead, len(r.Heads))
	for i, p := range r.Heads {
		h := &heads[i]
		h.texts = activations.Sample(rec.heads[p.Layer][p.Head].Sequences(), cfg.Queries)
		for j := range h.texts {
			h.logZ = append(h.logZ, h.texts[j].LogNormalizers())
		}
		for _, name := range cfg.Maps {
			h.curves = append(h.curves, curvesOf(name, cal, p, m.HeadWidth()))
		}
	}
	var input []int // of every query
	for i := range heads[0].texts {
		for range heads[0].texts[i].Queries() {
			input = append(input, i)
		}
	}
	r.Queries = len(input)
	seeds, err := eachSeed(ctx, lab, "neurons", cfg, 0.02, func(seed uint64, progress func(float64)) (*neuronsSeed, error) {
		return neuronsOf(ctx, lab.Pool, cfg, heads, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	r.Maps = neuronsMaps(lab.Pool, cfg, seeds, input)
	lab.progress("variance law", 1)
	for i := range r.Maps {
		r.Maps[i].law(heads, i)
	}
	return r, nil
}

// neuronsHead is a head that is looked at.
type neuronsHead struct {
	texts  []activations.Sequence
	logZ   [][]float64     // [inputs][queries]
	curves []tuning.Config // of every map, without weights
}

// curvesOf returns curves by name, without weights.
func curvesOf(name string, cal *network.Calibration, p Place, d int) tuning.Config {
	cfg := tuning.Config{Map: tuning.Map(name), Inputs: d}
	switch name {
	case network.Calibrated:
		c := cal.At(p.Layer, p.Head)
		cfg.Map, cfg.Calibration, cfg.A = tuning.Gerf, c, c.GerfA()
	case string(tuning.Gerf):
		cfg.A = []float64{cal.GerfA(p.Layer, p.Head)}
	}
	return cfg
}

// neuronsOf runs one seed.
func neuronsOf(ctx context.Context, pool *tensor.Pool, cfg NeuronsConfig, heads []neuronsHead, seed uint64, progress func(float64)) (*neuronsSeed, error) {
	out := &neuronsSeed{Ratios: make([][][][]float32, len(cfg.Maps))}
	for i := range out.Ratios {
		out.Ratios[i] = make([][][]float32, len(cfg.Neurons))
		for j := range out.Ratios[i] {
			out.Ratios[i][j] = make([][]float32, len(heads))
		}
	}
	total := 0
	for _, n := range cfg.Neurons {
		total += n
	}
	done := 0
	for j := len(cfg.Neurons) - 1; j >= 0; j-- { // the largest first
		parts := len(cfg.Maps) * len(heads)
		errs := make([]error, parts)
		pool.For(parts, func(_, part int) {
			if errs[part] = ctx.Err(); errs[part] != nil {
				return
			}
			i, h := part/len(heads), part%len(heads)
			out.Ratios[i][j][h], errs[part] = heads[h].ratios(i, h, cfg.Neurons[j], seed)
		})
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		done += cfg.Neurons[j]
		progress(float64(done) / float64(total))
	}
	return out, nil
}

// largestRatio bounds c f/Z, so that its square has a place in a sum.
const largestRatio = 1e15

// ratios returns c f/Z of every query for one draw.
func (h *neuronsHead) ratios(which, head, neurons int, seed uint64) ([]float32, error) {
	cfg := h.curves[which]
	rows := max(1, neurons/cfg.Map.FeaturesPerRow())
	rng := tuning.NewRand(seed, neuronsStream, rows, head)
	cfg.W = tuning.Weights(tuning.IID, rows, cfg.Inputs, rng)
	cfg.B = tuning.Phases(rows, rng)
	curves, err := tuning.New[float64](cfg)
	if err != nil {
		return nil, err
	}
	var out []float32
	for i := range h.texts {
		all, err := activations.RelativeCalcium(curves, &h.texts[i], h.logZ[i])
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			out = append(out, float32(max(-largestRatio, min(r, largestRatio))))
		}
	}
	return out, nil
}

// neuronsMaps summarizes seeds, given the input of every query.
func neuronsMaps(pool *tensor.Pool, cfg NeuronsConfig, seeds []neuronsSeed, input []int) []NeuronsMap {
	b := newBootstrap(len(seeds), input[len(input)-1]+1)
	out := make([]NeuronsMap, len(cfg.Maps))
	pool.For(len(out), func(_, i int) {
		name := cfg.Maps[i]
		m := &out[i]
		*m = NeuronsMap{Name: name, Estimator: name == network.Calibrated || tuning.Map(name).Estimates(), Neurons: cfg.Neurons}
		sizes, heads := len(cfg.Neurons), len(seeds[0].Ratios[i][0])
		work := &calciumErrors{input: input, estimator: m.Estimator}
		atHead := make([]float64, heads)
		// The errors of every head, then the medians between heads, then their ratio.
		e := b.ofMany(sizes*heads+sizes+1, func(dst, ws, wi []float64) {
			for j := range sizes {
				for h := range heads {
					draws := make([][]float32, len(seeds))
					for s := range seeds {
						draws[s] = seeds[s].Ratios[i][j][h]
					}
					atHead[h] = work.median(draws, ws, wi)
					dst[h*sizes+j] = atHead[h]
				}
				dst[heads*sizes+j] = stats.Median(atHead)
			}
			dst[heads*sizes+sizes] = dst[heads*sizes+sizes-1] / dst[heads*sizes]
		})
		for h := range heads {
			m.OfHeads = append(m.OfHeads, e[h*sizes:(h+1)*sizes])
		}
		m.Error, m.Ratio = e[heads*sizes:heads*sizes+sizes], e[heads*sizes+sizes]
	})
	return out
}

// calciumErrors computes the median over queries of the root mean square over draws of
// the error of calcium, with weights of draws and inputs.
type calciumErrors struct {
	input     []int
	estimator bool
	errors    []weighted
}

type weighted struct{ value, weight float64 }

func (c *calciumErrors) median(draws [][]float32, ws, wi []float64) float64 {
	scale := 1.0
	if !c.estimator {
		scale = c.scale(draws, ws, wi)
	}
	total := 0.0
	for _, w := range ws {
		total += w
	}
	c.errors = c.errors[:0]
	for t, i := range c.input {
		if wi[i] == 0 {
			continue
		}
		square := 0.0
		for s, w := range ws {
			e := scale*float64(draws[s][t]) - 1
			square += w * e * e
		}
		c.errors = append(c.errors, weighted{math.Sqrt(square / total), wi[i]})
	}
	return weightedMedian(c.errors)
}

// scale returns the factor that serves calcium best, by least squares.
func (c *calciumErrors) scale(draws [][]float32, ws, wi []float64) float64 {
	var sum, squares float64
	for t, i := range c.input {
		for s, w := range ws {
			r := float64(draws[s][t])
			sum += w * wi[i] * r
			squares += w * wi[i] * r * r
		}
	}
	if squares == 0 {
		return 1
	}
	return sum / squares
}

// weightedMedian sorts x and returns the median of values that come as often as their
// weights say.
func weightedMedian(x []weighted) float64 {
	slices.SortFunc(x, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, v := range x {
		total += v.weight
	}
	below := 0.0
	for i, v := range x {
		below += v.weight
		switch {
		case below > total/2:
			return v.value
		case below == total/2 && i+1 < len(x):
			return (v.value + x[i+1].value) / 2
		}
	}
	return math.NaN()
}

// wantedError is what budgets are for.
const wantedError = 0.1

// law fills in what the variance law says of map i.
func (m *NeuronsMap) law(heads []neuronsHead, i int) {
	if cfg := heads[0].curves[i]; cfg.Map != tuning.Exp && cfg.Map != tuning.Gerf {
		return
	}
	budgets := make([]float64, len(heads))
	laws := make([][]float64, len(m.Neurons))
	for h := range heads {
		cfg := heads[h].curves[i]
		ratios := activations.LogRatios(heads[h].texts, cfg.A, cfg.Calibration)
		r := stats.Median(ratios)
		budgets[h] = tuning.Log10Budget(r, wantedError)
		for j, n := range m.Neurons {
			laws[j] = append(laws[j], min(math.Sqrt(math.Expm1(r)/float64(n)), math.MaxFloat64))
		}
	}
	for j := range laws {
		m.Law = append(m.Law, Number(stats.Median(laws[j])))
	}
	b := Number(stats.Median(budgets))
	m.LogBudget = &b
}

// Statements implements Findings.
func (r *NeuronsResult) Statements() []Statement {
	var s statements
	falls, not := []string{}, []string{}
	for _, m := range r.Maps {
		words := m.Name + " " + percent(m.Ratio)
		if m.Ratio.Below(1) {
			falls = append(falls, words)
		} else {
			not = append(not, words)
		}
	}
	last := len(r.Maps[0].Neurons) - 1
	few, many := counts.Format(r.Maps[0].Neurons[0]), counts.Format(r.Maps[0].Neurons[last])
	if len(falls) > 0 {
		s.add(Measured, "From %s to %s neurons the error of calcium falls, to a share of what it was: %s.", few, many, strings.Join(falls, ", "))
	}
	if len(not) > 0 {
		s.add(Measured, "From %s to %s neurons it is not shown that the error of calcium falls: %s of what it was.", few, many, strings.Join(not, ", "))
	}
	best := slices.MinFunc(r.Maps, func(a, b NeuronsMap) int {
		return cmp.Compare(float64(a.Error[last].Value), float64(b.Error[last].Value))
	})
	s.add(Measured, "With %s neurons, %s curves have the least error, %s: the median of %s, over the median query of %s.", many, best.Name, best.Error[last],
		counts.Plural(len(r.Heads), "head"), counts.Format(r.Queries))
	for _, m := range r.Maps {
		if m.LogBudget == nil {
			continue
		}
		s.add(Measured, "Variance law for %s curves: error %s with %s neurons, where %s was measured; for an error of %.0f%% it asks for 10^%.1f neurons at the median head.",
			m.Name, digits(float64(m.Law[last])), many, m.Error[last], 100*wantedError, float64(*m.LogBudget))
	}
	s.add(Mathematics, "The law is exact for the mean square over all draws of iid curves. Where it is large, most of it comes from draws that are rare, and a few seeds see less than that: the measured error then lies below the law.")
	s.add(Mathematics, "For maps that do not estimate exp(q.k) the error tends to a number above zero, however many neurons there are.")
	s.add(Caution, "Of intervals for many maps, 1 in 20 misses by chance. Heads are weighed alike, though their errors cost the network differently.")
	precise, law := []string{}, false
	for _, m := range r.Maps {
		if m.Estimator && m.Ratio.Below(1) {
			precise = append(precise, m.Name)
			law = law || m.LogBudget != nil
		}
	}
	if len(precise) == 0 {
		s.add(Interpretation, "Nothing follows from this run about the size of populations.")
		return s
	}
	s.add(Interpretation, "If calcium is the normalizer, it should be more precise in larger populations of hidden neurons; that is shown for %s curves. This prediction is ours.", strings.Join(precise, ", "))
	if law {
		s.add(Interpretation, "By the law, how many neurons a population needs grows exponentially with |q + k|^2 for exp curves; that this holds was not measured, since keys and queries were taken as they are.")
	}
	return s
}

// Table implements Findings.
func (r *NeuronsResult) Table() Table {
	t := newTable("curves", "estimator", "neurons", "layer", "head", "error±", "law")
	for _, m := range r.Maps {
		for j, n := range m.Neurons {
			law := Number(math.NaN())
			if m.Law != nil {
				law = m.Law[j]
			}
			t.add(m.Name, m.Estimator, n, "median", "median", m.Error[j], law)
			for h, p := range r.Heads {
				t.add(m.Name, m.Estimator, n, p.Layer, p.Head, m.OfHeads[h][j], Number(math.NaN()))
			}
		}
	}
	return t
}

// Charts implements Findings.
func (r *NeuronsResult) Charts() []Chart {
	panel := func(title string, estimator bool) Panel {
		p := Panel{
			Title: title, X: Axis{Label: "hidden neurons, *m*", Log: true}, Y: Axis{Label: "relative error of calcium", Log: true},
			Levels: []Guide{{At: wantedError, Name: "10%"}},
		}
		for _, m := range r.Maps {
			if m.Estimator != estimator {
				continue
			}
			s, law := Series{Name: m.Name, Style: Curve}, Series{Name: "law, " + m.Name, Style: Dashes}
			highest := 0.0
			for j, n := range m.Neurons {
				s.Dots = append(s.Dots, Dot{exactly(float64(n)), m.Error[j]})
				highest = max(highest, float64(m.Error[j].High))
			}
			for j, n := range m.Neurons { // as far as the measured errors reach
				if m.Law != nil && float64(m.Law[j]) < 10*highest {
					law.Dots = append(law.Dots, Dot{exactly(float64(n)), exactly(float64(m.Law[j]))})
				}
			}
			p.Series = append(p.Series, s)
			if len(law.Dots) > 0 {
				p.Series = append(p.Series, law)
			}
		}
		return p
	}
	c := Chart{Name: "neurons", About: fmt.Sprintf("Relative error of calcium against the number of hidden neurons, the median of %d heads, for every map, with the variance law dashed.", len(r.Heads))}
	for _, p := range []Panel{panel("estimators of exp(*q·k*)", true), panel("no estimators, scaled for the best", false)} {
		if len(p.Series) > 0 {
			c.Panels = append(c.Panels, p)
		}
	}
	return []Chart{c}
}
