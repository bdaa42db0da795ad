package experiment

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/tuning"
)

const loadAbout = `Read the present out of a memory that also holds the past
How many tokens a memory of fixed size bears. Before an input is written, tokens
of other inputs are, more and more of them; then it is read. It is measured how
far calcium and output are from what exact attention over all that was written
gives, which is the circuit's error, and how far the output is from exact
attention over the present input alone, which is what the past costs, exact
attention too. Forgetting lets the past fade.`

// LoadConfig is the config of Load.
type LoadConfig struct {
	Curves
	// Earlier are numbers of tokens of other inputs that are written before.
	Earlier []int `json:"earlier"`
	// Forget are fractions of H and g that are lost with every token, beside what the
	// network's own heads forget; the first is what others are compared with.
	Forget []float64 `json:"forget"`
	// Heads is how many heads are looked at, spread evenly over all; Probes how many
	// inputs are read, and Queries how many tokens of each.
	Heads   int `json:"heads"`
	Probes  int `json:"probes"`
	Queries int `json:"queries"`
}

// DefaultLoad returns the defaults.
func DefaultLoad() LoadConfig {
	return LoadConfig{Curves: defaultCurves(256), Earlier: []int{0, 16, 64, 256, 1024}, Forget: []float64{0, 0.01, 0.05}, Heads: 8, Probes: 12, Queries: 6}
}

func (c *LoadConfig) check() error {
	switch {
	case len(c.Earlier) < 2 || c.Earlier[0] < 0:
		return fmt.Errorf("load: %v earlier tokens; give two numbers or more, from 0 up", c.Earlier)
	case len(c.Forget) == 0:
		return fmt.Errorf("load: no rates of forgetting; give some, the first to compare with, such as [0,0.05]")
	case c.Heads < 1 || c.Probes < 1 || c.Queries < 1:
		return fmt.Errorf("load: %d heads, %d probes and %d queries; give at least 1 of each", c.Heads, c.Probes, c.Queries)
	}
	for i, n := range c.Earlier {
		if i > 0 && n <= c.Earlier[i-1] {
			return fmt.Errorf("load: %v earlier tokens; give numbers that grow", c.Earlier)
		}
	}
	for _, f := range c.Forget {
		if !(f >= 0 && f < 1) {
			return fmt.Errorf("load: forgetting %v; give fractions from 0 up, below 1", f)
		}
	}
	return nil
}

// LoadResult holds what a loaded memory gives.
type LoadResult struct {
	Curves Curves     `json:"curves"`
	Heads  []Place    `json:"heads"`
	Probes int        `json:"probes"` // inputs that were read
	Rates  []LoadRate `json:"rates"`
}

// LoadRate is one rate of forgetting.
type LoadRate struct {
	Forget float64     `json:"forget"`
	Points []LoadPoint `json:"points"`
}

// LoadPoint is one load. Numbers are means over heads and queries, changes those from
// the least load at the same rate of forgetting.
type LoadPoint struct {
	Earlier int `json:"earlier"` // tokens
	// Normalizer is |log(c f) - log Z|, Own the distance |y-y*|/(|y|+|y*|) of outputs,
	// both from exact attention over all that was written, weighed as forgetting does.
	Normalizer Change `json:"log_normalizer_error"`
	Own        Change `json:"output_distance"`
	// Present is the distance of outputs from exact attention over the present input
	// alone, as the network has it; PresentExact that of exact attention over all.
	Present      Change `json:"present_distance"`
	PresentExact Change `json:"exact_present_distance"`
	// Gained is Present less that at the first rate of forgetting: below zero where
	// forgetting brings outputs closer to the present.
	Gained Estimate `json:"gained"`
}

// loadSeed is what one seed measures: sums over heads and queries, [rates][loads]
// [probes].
type loadSeed struct {
	Sums [][][][]float64 `json:"sums"`
}

// Sums over the queries of a probe, at all heads.
const (
	loadQueries = iota
	loadNormalizer
	loadOwn
	loadPresent
	loadPresentExact
	loadSums
)

// loadTokens is on about how many tokens, at least, heads are recorded. Where there are
// fewer than are to be written, they are written again.
const loadTokens = 4096

// loadStream is the stream of the order of earlier inputs.
const loadStream = 0x10ad

// Load reads the present out of a memory that also holds the past.
func Load(ctx context.Context, lab *Lab, cfg LoadConfig) (*LoadResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	rec, err := lab.record(ctx, max(loadTokens, 2*cfg.Earlier[len(cfg.Earlier)-1]))
	if err != nil {
		return nil, err
	}
	n := rec.batch.Sequences.Len()
	probes := min(cfg.Probes, n/2)
	most := cfg.Earlier[len(cfg.Earlier)-1]
	if probes == 0 {
		return nil, fmt.Errorf("load: %d inputs; give two at least, one to read and one that was before", n)
	}
	curves := lab.settled(cfg.Curves)
	if _, err := lab.circuits(ctx, curves, lab.Seeds[0]); err != nil {
		return nil, err
	}
	m := lab.Network.Model
	r := &LoadResult{Curves: curves, Heads: places(m.Layers(), m.Heads(), cfg.Heads), Probes: probes}
	seeds, err := eachSeed(ctx, lab, "load", cfg, 0.05, func(seed uint64, progress func(float64)) (*loadSeed, error) {
		return lab.loadSeed(ctx, rec, cfg, curves, r.Heads, probes, most, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	r.Rates = loadRates(cfg, seeds)
	return r, nil
}

// places returns n heads, spread evenly over all.
func places(layers, heads, n int) []Place {
	all := layers * heads
	n = min(n, all)
	out := make([]Place, n)
	for i := range out {
		at := i * all / n
		out[i] = Place{at / heads, at % heads}
	}
	return out
}

// loadSeed runs one seed: earlier inputs come in an order that it draws, one after
// another and, where there are too few, again.
func (l *Lab) loadSeed(ctx context.Context, rec *recording, cfg LoadConfig, curves Curves, at []Place, probes, most int, seed uint64, progress func(float64)) (*loadSeed, error) {
	circuits, err := l.circuits(ctx, curves, seed)
	if err != nil {
		return nil, err
	}
	n := rec.batch.Sequences.Len()
	probe, other := probing(n, probes)
	rng := tuning.NewRand(seed, loadStream)
	rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	var before []int // rows of earlier tokens
	for i := 0; len(before) < most; i++ {
		lo, hi := rec.batch.Sequences.Bounds(other[i%len(other)])
		for t := lo; t < hi && len(before) < most; t++ {
			before = append(before, t)
		}
	}
	parts := len(at) * len(cfg.Forget)
	sums, errs := make([][][][]float64, parts), make([]error, parts)
	l.Pool.For(parts, func(_, part int) {
		p, rate := at[part/len(cfg.Forget)], part%len(cfg.Forget)
		x := &rec.heads[p.Layer][p.Head]
		if errs[part] = ctx.Err(); errs[part] != nil {
			return
		}
		var head *perturbed
		slope := x.Slope - math.Log1p(-cfg.Forget[rate])
		if head, errs[part] = newPerturbed(circuits.At(p.Layer, p.Head).Curves, x.Causal, float32(slope), manipulation{}); errs[part] != nil {
			return
		}
		sums[part] = loaded{head, x, slope}.read(cfg, before, probe)
	})
	out := &loadSeed{Sums: make([][][][]float64, len(cfg.Forget))}
	for part, s := range sums {
		if errs[part] != nil {
			return nil, errs[part]
		}
		rate := part % len(cfg.Forget)
		if out.Sums[rate] == nil {
			out.Sums[rate] = s
			continue
		}
		for i := range s {
			for j := range s[i] {
				floats.Add(out.Sums[rate][i][j], s[i][j])
			}
		}
	}
	progress(1)
	return out, nil
}

// probing divides n inputs into those that are read, spread evenly, and the others.
func probing(n, probes int) (probe, other []int) {
	for i := range n {
		if len(probe) < probes && i == len(probe)*n/probes {
			probe = append(probe, i)
		} else {
			other = append(other, i)
		}
	}
	return probe, other
}

// loaded is one head whose memory is loaded. Slope is what keys lose of their weight with
// every token, in its logarithm.
type loaded struct {
	*perturbed
	x     *activations.Head
	slope float64
}

// read returns the sums of every load and probe.
func (l loaded) read(cfg LoadConfig, before, probes []int) [][][]float64 {
	r := l.newReader(l.x.V.Cols)
	out := make([][][]float64, len(cfg.Earlier))
	written := 0
	for i, load := range cfg.Earlier {
		for ; written < load; written++ {
			r.write(l.x.K.Row(before[written]), l.x.V.Row(before[written]))
		}
		for _, p := range probes {
			out[i] = append(out[i], l.probe(r, before[:load], p, cfg.Queries))
		}
	}
	return out
}

// probe writes an input on top of what a reader holds, which stays as it is, and reads
// some of its tokens.
func (l loaded) probe(r *reader, before []int, input, queries int) []float64 {
	loaded := *r
	loaded.own = r.own.clone()
	sums := make([]float64, loadSums)
	lo, hi := l.x.Seqs.Bounds(input)
	rows := append([]int(nil), before...) // of all keys that are written
	y, want := make([]float32, l.x.V.Cols), make([]float32, l.x.V.Cols)
	n := min(queries, hi-lo)
	next := 0
	read := func(t int) {
		q := l.x.Q.Row(t)
		logC := loaded.read(y, q)
		logZ := l.exact(want, q, rows)
		present := l.x.Y.Row(t)
		sums[loadQueries]++
		sums[loadNormalizer] += math.Abs(logC + l.curves.LogFactor(q) - logZ)
		sums[loadOwn] += distance(y, want)
		sums[loadPresent] += distance(y, present)
		sums[loadPresentExact] += distance(want, present)
	}
	at := func(i int) int { return lo + i*(hi-lo)/n }
	for t := lo; t < hi; t++ {
		loaded.write(l.x.K.Row(t), l.x.V.Row(t))
		rows = append(rows, t)
		if l.causal && next < n && at(next) == t {
			read(t)
			next++
		}
	}
	for ; !l.causal && next < n; next++ {
		read(at(next))
	}
	return sums
}

// exact is exact attention of a query over all keys that were written, each with the
// weight that forgetting leaves it. It returns log Z.
func (l loaded) exact(y, q []float32, rows []int) float64 {
	logits := make([]float64, len(rows))
	for i, row := range rows {
		age := float64(len(rows) - 1 - i)
		logits[i] = -l.slope * age
		for j, k := range l.x.K.Row(row) {
			logits[i] += float64(q[j]) * float64(k)
		}
	}
	logZ := floats.LogSumExp(logits)
	sum := make([]float64, len(y))
	for i, row := range rows {
		p := math.Exp(logits[i] - logZ)
		for j, v := range l.x.V.Row(row) {
			sum[j] += p * float64(v)
		}
	}
	for j, v := range sum {
		y[j] = float32(v)
	}
	return logZ
}

// clone returns synapses that share nothing with s.
func (s *synapses) clone() *synapses {
	return &synapses{s.dv, append([]float64(nil), s.shift...), append([]float64(nil), s.gain...), append([]float64(nil), s.hebb...)}
}

// Numbers that follow from the sums of a load.
const (
	pointNormalizer = iota
	pointOwn
	pointPresent
	pointPresentExact
	pointNumbers
)

func loadNumbers(dst, sums []float64) {
	n := sums[loadQueries]
	for i, s := range []int{loadNormalizer, loadOwn, loadPresent, loadPresentExact} {
		dst[i] = sums[s] / n
	}
}

// loadRates summarizes seeds.
func loadRates(cfg LoadConfig, seeds []loadSeed) []LoadRate {
	cells := func(rate, load int) [][][]float64 {
		var out [][][]float64
		for s := range seeds {
			out = append(out, seeds[s].Sums[rate][load])
		}
		return out
	}
	out := make([]LoadRate, len(cfg.Forget))
	for rate, f := range cfg.Forget {
		out[rate].Forget = f
		conditions := make([][][][]float64, len(cfg.Earlier))
		for i := range conditions {
			conditions[i] = cells(rate, i)
		}
		all := changes(conditions, pointNumbers, len(cfg.Earlier)-1, loadNumbers)
		for i, n := range cfg.Earlier {
			gained := changes([][][][]float64{cells(0, i), cells(rate, i)}, pointNumbers, (len(cfg.Forget)-1)*len(cfg.Earlier), loadNumbers)
			c := all[i]
			out[rate].Points = append(out[rate].Points, LoadPoint{
				n, c[pointNormalizer], c[pointOwn], c[pointPresent], c[pointPresentExact], gained[1][pointPresent].Change,
			})
		}
	}
	return out
}

// Statements implements Findings.
func (r *LoadResult) Statements() []Statement {
	var s statements
	first := r.Rates[0]
	least, most := first.Points[0], first.Points[len(first.Points)-1]
	without := "Without forgetting"
	if first.Forget > 0 {
		without = fmt.Sprintf("With forgetting %v", first.Forget)
	}
	s.add(Measured, "%s, %s curves of %d neurons: from %d to %d earlier tokens in memory, the error of log calcium goes from %s to %s, %s.", without, r.Curves.Tuning, r.Curves.Neurons,
		least.Earlier, most.Earlier, digits(float64(least.Normalizer.Value.Value)), digits(float64(most.Normalizer.Value.Value)), verdict(most.Normalizer.Change, "more", "less"))
	s.add(Measured, "The distance of outputs from exact attention over all that was written goes from %s to %s, %s: so well a memory of fixed size bears them.",
		digits(float64(least.Own.Value.Value)), digits(float64(most.Own.Value.Value)), verdict(most.Own.Change, "more", "less"))
	s.add(Measured, "The distance from exact attention over the present input alone goes from %s to %s, %s; exact attention over all that was written: from %s to %s, %s.",
		digits(float64(least.Present.Value.Value)), digits(float64(most.Present.Value.Value)), verdict(most.Present.Change, "more", "less"),
		digits(float64(least.PresentExact.Value.Value)), digits(float64(most.PresentExact.Value.Value)), verdict(most.PresentExact.Change, "more", "less"))
	for _, rate := range r.Rates[1:] {
		a, b := rate.Points[0], rate.Points[len(rate.Points)-1]
		s.add(Measured, "Forgetting %v a token, compared with %v at the same load: outputs lie from the present input's, with %d earlier tokens, %s; with %d, %s.",
			rate.Forget, first.Forget, a.Earlier, verdict(a.Gained, "farther", "closer"), b.Earlier, verdict(b.Gained, "farther", "closer"))
	}
	s.add(Mathematics, "The size of the memory does not depend on the number of tokens, and tokens in it add. Without forgetting, earlier tokens take part in the softmax like any others: exact attention reads them, too. Forgetting by a fraction at every token weighs a key by its age, as ALiBi does.")
	last := r.Rates[len(r.Rates)-1]
	if end := last.Points[len(last.Points)-1]; len(r.Rates) > 1 && end.Gained.Below(0) {
		s.add(Interpretation, "If the model holds, forgetting protects the present from the past: blocking it predicts outputs that carry more of earlier inputs, by a distance of %s with %d earlier tokens. Ours.", negative(end.Gained), end.Earlier)
	} else {
		s.add(Interpretation, "That forgetting protects the present from the past is not shown here.")
	}
	s.add(Caution, "Earlier inputs are of the same kind and unrelated to the present one. Where the past matters to the task, to lose it costs what is not measured here.")
	return s
}

// Table implements Findings.
func (r *LoadResult) Table() Table {
	t := newTable("forget", "earlier", "log_normalizer_error±", "log_normalizer_error_change±", "output_distance±", "output_distance_change±",
		"present_distance±", "present_distance_change±", "exact_present_distance±", "gained_by_forgetting±")
	for _, rate := range r.Rates {
		for _, p := range rate.Points {
			t.add(rate.Forget, p.Earlier, p.Normalizer.Value, p.Normalizer.Change, p.Own.Value, p.Own.Change, p.Present.Value, p.Present.Change, p.PresentExact.Value, p.Gained)
		}
	}
	return t
}

// Charts implements Findings.
func (r *LoadResult) Charts() []Chart {
	panel := func(title, label string, of func(LoadPoint) Estimate, exact func(LoadPoint) Estimate) Panel {
		p := Panel{Title: title, X: Axis{Label: "earlier tokens in memory, + 1", Log: true}, Y: Axis{Label: label}}
		for _, rate := range r.Rates {
			s := Series{Name: fmt.Sprintf("forgetting %v", rate.Forget), Style: Curve}
			for _, point := range rate.Points {
				s.Dots = append(s.Dots, Dot{exactly(float64(point.Earlier + 1)), of(point)})
			}
			p.Series = append(p.Series, s)
		}
		if exact != nil {
			s := Series{Name: "exact attention over all, without forgetting", Style: Dashes}
			for _, point := range r.Rates[0].Points {
				s.Dots = append(s.Dots, Dot{exactly(float64(point.Earlier + 1)), exact(point)})
			}
			p.Series = append(p.Series, s)
		}
		return p
	}
	return []Chart{{
		Name:  "load",
		About: "Against the number of earlier tokens in memory: the error of log calcium, the distance of outputs from exact attention over all that was written, and that from exact attention over the present input alone.",
		Panels: []Panel{
			panel("calcium", "error of log calcium", func(p LoadPoint) Estimate { return p.Normalizer.Value }, nil),
			panel("from all that was written", "distance of outputs", func(p LoadPoint) Estimate { return p.Own.Value }, nil),
			panel("from the present input", "distance of outputs", func(p LoadPoint) Estimate { return p.Present.Value }, func(p LoadPoint) Estimate { return p.PresentExact.Value }),
		},
	}}
}
