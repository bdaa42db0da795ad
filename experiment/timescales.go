package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const timescalesAbout = `Give the circuit more and more time, for slow and fast astrocytes
The whole network runs in seconds: every token is presented to be written and
again to be read, and calcium follows with a time constant of its own. How long
must a presentation be until the network answers as the algebraic circuit that
the dynamics settle to, and how long does a sentence take then? Slow calcium, as
IP3 drives it, comes first.`

// TimescalesConfig is the config of Timescales. Times are seconds.
type TimescalesConfig struct {
	Curves
	// Tokens is on about how many tokens networks are compared.
	Tokens int `json:"tokens"`
	// Astrocyte are the time constants of calcium, Present the lengths of a
	// presentation.
	Astrocyte []float64 `json:"tau_astrocyte_s"`
	Present   []float64 `json:"present_s"`
	// Membrane is the time constant of hidden and output neurons, Window the last
	// fraction of a presentation in which synapses are plastic.
	Membrane float64 `json:"tau_membrane_s"`
	Window   float64 `json:"window"`
}

// decayOfIP3 is the time constant of IP3 in NEST's astrocyte_lr_1994, which decays by
// 0.14/s, after Wang et al. (1995).
const decayOfIP3 = 7

// DefaultTimescales returns the defaults.
func DefaultTimescales() TimescalesConfig {
	d := rate.Default(1, 1)
	return TimescalesConfig{
		Curves: defaultCurves(128), Tokens: 250,
		Astrocyte: []float64{decayOfIP3, 1, 0.2}, Present: []float64{0.1, 0.3, 1, 3, 10, 30, 100},
		Membrane: d.Kinetics.Hidden, Window: d.Timing.Window,
	}
}

func (c *TimescalesConfig) check() error {
	switch {
	case c.Tokens < 2:
		return fmt.Errorf("timescales: %d tokens; give at least 2", c.Tokens)
	case len(c.Astrocyte) == 0 || len(c.Present) < 2 || !grows(c.Present):
		return fmt.Errorf("timescales: time constants %v and presentations %v; give one or more, and two or more that grow", c.Astrocyte, c.Present)
	case !(c.Window > 0 && c.Window <= 1):
		return fmt.Errorf("timescales: window is %v; give a fraction above 0, up to 1", c.Window)
	}
	if err := cmp.Or(checkTimes("tau_astrocyte_s", c.Astrocyte...), checkTimes("present_s", c.Present...), checkTimes("tau_membrane_s", c.Membrane)); err != nil {
		return fmt.Errorf("timescales: %w", err)
	}
	return nil
}

// dynamics are those of every head.
func (c *TimescalesConfig) dynamics(astrocyte, present float64) func(int, int, *tuning.Curves[float32]) (rate.Config, error) {
	return func(int, int, *tuning.Curves[float32]) (rate.Config, error) {
		d := rate.Default(1, 1) // sizes come with the curves
		d.Kinetics = rate.Kinetics{Hidden: c.Membrane, Output: c.Membrane, Astrocyte: astrocyte}
		d.Timing = rate.Timing{Present: present, Window: c.Window}
		return d, nil
	}
}

// TimescalesResult holds what networks in time keep.
type TimescalesResult struct {
	Inputs         int    `json:"inputs"`
	Tokens         int    `json:"tokens"`
	TokensPerInput Number `json:"tokens_per_input"`
	Layers         int    `json:"layers"`
	Answers        int    `json:"answers"` // that a seed asks for
	// Mean cosine of the last hidden states to the exact network's, and share of answers
	// that are the exact network's: of uniform attention, the floor, and of the algebraic
	// circuit, the goal. Normalizer is the correlation of log calcium with the log softmax
	// normalizer, mean over heads.
	Uniform   Reached `json:"uniform"`
	Algebraic Reached `json:"algebraic"`
	// Astrocytes, in the order of the config.
	Astrocytes []TimescalesAstrocyte `json:"astrocytes"`
	// Exponent of Needed as a power of the time constant; 1 is proportion. NaN where some
	// astrocyte needs more than the longest presentation.
	Exponent Estimate `json:"exponent"`
	// NormalizerLost is by how much the first astrocyte, given about a second for a token,
	// follows the normalizer less closely than the algebraic circuit.
	NormalizerLost Estimate `json:"normalizer_r_lost"`
	// Lost counts readings without a value, of all seeds.
	Lost int `json:"lost"`
}

// Reached is what a network keeps of the exact one.
type Reached struct {
	Cosine     Estimate `json:"hidden_cosine"`
	Answers    Estimate `json:"answers_as_exact"`
	Normalizer Estimate `json:"normalizer_r"`
}

// TimescalesAstrocyte is one time constant of calcium.
type TimescalesAstrocyte struct {
	Tau     Number    `json:"tau_astrocyte_s"`
	Present []Number  `json:"present_s"`
	Reached []Reached `json:"reached"`
	// Way is the share of the way from uniform attention to the algebraic circuit, by
	// cosine.
	Way []Estimate `json:"way"`
	// Needed is the presentation from which on Way stays at 90% or more, s, between two
	// that were measured; NaN where the longest is too short.
	Needed Estimate `json:"needed_s"`
	// Sentence is what an input of mean length then takes, s: two presentations of every
	// token in every layer, one after another.
	Sentence Estimate `json:"needed_for_input_s"`
}

// wantedWay is the share of the way that counts as there. The word and the number are
// ours.
const wantedWay = 0.9

// timescalesSeed is what one seed measures: sums over the tokens of every input, as
// timescalesCell lists them.
type timescalesSeed struct {
	Uniform   [][]float64     `json:"uniform"`
	Algebraic [][]float64     `json:"algebraic"`
	InTime    [][][][]float64 `json:"in_time"` // [astrocytes][presentations][inputs][sums]
	Lost      int             `json:"lost"`
}

// A cell holds examSums, then for every head,
// on the exact network's activations, what correlates log calcium with the
// normalizer: n, x, y, xx, yy, xy.
const correlationSums = 6

// Timescales runs the network in time for longer and longer presentations.
func Timescales(ctx context.Context, lab *Lab, cfg TimescalesConfig) (*TimescalesResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	x, err := lab.newExam(ctx, cfg.Tokens, lab.Seeds[0])
	if err != nil {
		return nil, err
	}
	rec, err := lab.record(ctx, cfg.Tokens)
	if err != nil {
		return nil, err
	}
	if _, err := lab.circuits(ctx, cfg.Curves, lab.Seeds[0]); err != nil { // calibrates, or says why it cannot
		return nil, err
	}
	seeds, err := eachSeed(ctx, lab, "timescales", cfg, 0.05, func(seed uint64, progress func(float64)) (*timescalesSeed, error) {
		return lab.timescalesSeed(ctx, rec, cfg, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	m := lab.Network.Model
	inputs, tokens := x.batch.Sequences.Len(), x.batch.Tokens()
	r := timescalesOf(cfg, seeds, m.Layers(), float64(tokens)/float64(inputs))
	r.Inputs, r.Tokens, r.Answers = inputs, tokens, len(x.said)
	return r, nil
}

// timescalesSeed runs one seed.
func (l *Lab) timescalesSeed(ctx context.Context, rec *recording, cfg TimescalesConfig, seed uint64, progress func(float64)) (*timescalesSeed, error) {
	x, err := l.newExam(ctx, cfg.Tokens, seed)
	if err != nil {
		return nil, err
	}
	out := &timescalesSeed{}
	if out.Uniform, err = l.cell(ctx, x, rec, l.Network.Model.Uniform(), func(float64) {}); err != nil {
		return nil, err
	}
	settled, err := l.circuits(ctx, cfg.Curves, seed)
	if err != nil {
		return nil, err
	}
	if out.Algebraic, err = l.cell(ctx, x, rec, settled.Heads(), func(float64) {}); err != nil {
		return nil, err
	}
	done, all := 0, len(cfg.Astrocyte)*len(cfg.Present)
	for _, tau := range cfg.Astrocyte {
		var row [][][]float64
		for _, present := range cfg.Present {
			c, err := l.timed(ctx, cfg.Curves, seed, cfg.dynamics(tau, present))
			if err != nil {
				return nil, err
			}
			cell, err := l.cell(ctx, x, rec, c.Heads(), func(part float64) { progress((float64(done) + part) / float64(all)) })
			if err != nil {
				return nil, err
			}
			met := c.Incidents()
			if met.Err != nil {
				return nil, met.Err
			}
			out.Lost += met.Lost
			row = append(row, cell)
			done++
		}
		out.InTime = append(out.InTime, row)
	}
	return out, nil
}

// cell measures a network with these heads: [inputs][sums].
func (l *Lab) cell(ctx context.Context, x *exam, rec *recording, heads [][]attention.Head, progress func(float64)) ([][]float64, error) {
	out, err := x.take(ctx, heads)
	if err != nil {
		return nil, err
	}
	progress(0.5)
	n := len(rec.heads[0])
	perHead := make([][][]float64, len(rec.heads)*n)
	err = l.eachHead(ctx, rec, func(part float64) { progress(0.5 + part/2) }, func(i int, x *activations.Head, work *tensor.Arena) error {
		_, logC, trace := x.Answered(heads[i/n][i%n], work)
		for s := range x.Seqs.Len() {
			lo, hi := x.Seqs.Bounds(s)
			sums := make([]float64, correlationSums)
			for t := lo; t < hi; t++ {
				c, z := float64(logC[t])+float64(trace.LogFactor[t]), float64(x.LogZ[t])
				if !finite(c) {
					continue
				}
				for j, v := range [correlationSums]float64{1, c, z, c * c, z * z, c * z} {
					sums[j] += v
				}
			}
			perHead[i] = append(perHead[i], sums)
		}
		return nil
	})
	for i := range out {
		for _, head := range perHead {
			out[i] = append(out[i], head[i]...)
		}
	}
	return out, err
}

// Numbers that follow from the sums of a cell.
const (
	cellCosine = iota
	cellAnswers
	cellNormalizer
	cellNumbers
)

func cellOf(dst, s []float64) {
	dst[cellCosine] = s[examCosine] / s[examTokens]
	dst[cellAnswers] = s[examSame] / s[examAsked]
	sum, n := 0.0, 0
	for s = s[examSums:]; len(s) > 0; s = s[correlationSums:] {
		if r := correlation(s[0], s[1], s[2], s[3], s[4], s[5]); finite(r) { // calcium of uniform attention is constant
			sum += r
			n++
		}
	}
	dst[cellNormalizer] = sum / float64(n)
}

// timed builds every head as a circuit in time, its curves drawn by a seed.
func (l *Lab) timed(ctx context.Context, c Curves, seed uint64, dynamics func(layer, head int, curves *tuning.Curves[float32]) (rate.Config, error)) (*network.Circuits, error) {
	o, err := l.options(ctx, c, seed)
	if err != nil {
		return nil, err
	}
	if o.Selection, err = attention.ParseSelection(attention.KindRate.String()); err != nil {
		panic("experiment: " + err.Error()) // a kind is a selection
	}
	o.Dynamics = dynamics
	return network.Build(l.Network.Model, o)
}

// timescalesOf makes the result of all seeds.
func timescalesOf(cfg TimescalesConfig, seeds []timescalesSeed, layers int, tokens float64) *TimescalesResult {
	r := &TimescalesResult{Layers: layers, TokensPerInput: Number(tokens)}
	na, np := len(cfg.Astrocyte), len(cfg.Present)
	cells := 2 + na*np
	together := make([][][]float64, len(seeds)) // all cells of an input, one after another
	for s, seed := range seeds {
		r.Lost += seed.Lost
		together[s] = beside(append([][][]float64{seed.Uniform, seed.Algebraic}, slices.Concat(seed.InTime...)...)...)
	}
	width := len(together[0][0]) / cells
	b := newBootstrap(len(seeds), len(together[0]))
	ways, needed := cells*cellNumbers, cells*cellNumbers+na*np
	second := nearest(cfg.Present, 1)
	e := b.ofSums(together, needed+na+2, func(dst, sums []float64) {
		for c := range cells {
			cellOf(dst[c*cellNumbers:(c+1)*cellNumbers], sums[c*width:(c+1)*width])
		}
		floor, goal := dst[cellCosine], dst[cellNumbers+cellCosine]
		for a := range na {
			way := dst[ways+a*np : ways+(a+1)*np]
			for p := range np {
				way[p] = (dst[(2+a*np+p)*cellNumbers+cellCosine] - floor) / (goal - floor)
			}
			dst[needed+a] = reaches(way, cfg.Present, wantedWay)
		}
		dst[needed+na] = exponent(cfg.Astrocyte, dst[needed:needed+na])
		dst[needed+na+1] = dst[cellNumbers+cellNormalizer] - dst[(2+second)*cellNumbers+cellNormalizer]
	})
	reached := func(c int) Reached {
		x := e[c*cellNumbers:]
		return Reached{x[cellCosine], x[cellAnswers], x[cellNormalizer]}
	}
	r.Uniform, r.Algebraic, r.Exponent = reached(0), reached(1), e[needed+na]
	r.NormalizerLost = e[needed+na+1]
	for a, tau := range cfg.Astrocyte {
		out := TimescalesAstrocyte{Tau: Number(tau), Needed: e[needed+a], Way: e[ways+a*np : ways+(a+1)*np]}
		for p, present := range cfg.Present {
			out.Present = append(out.Present, Number(present))
			out.Reached = append(out.Reached, reached(2+a*np+p))
		}
		f := Number(2 * float64(layers) * tokens)
		out.Sentence = Estimate{f * out.Needed.Value, f * out.Needed.Low, f * out.Needed.High}
		r.Astrocytes = append(r.Astrocytes, out)
	}
	return r
}

// reaches returns the x from which on y stays at least at a level, between two values
// evenly in logarithms; the first x where all do, NaN where the last does not.
func reaches(y, x []float64, level float64) float64 {
	at := len(y)
	for at > 0 && y[at-1] >= level {
		at--
	}
	switch at {
	case len(y):
		return math.NaN()
	case 0:
		return x[0]
	}
	part := (level - y[at-1]) / (y[at] - y[at-1])
	return math.Exp(math.Log(x[at-1]) + part*(math.Log(x[at])-math.Log(x[at-1])))
}

// exponent returns the slope of log y against log x by least squares, NaN where a y
// is not defined or x does not vary.
func exponent(x, y []float64) float64 {
	mean := func(of []float64) float64 {
		sum := 0.0
		for _, v := range of {
			sum += math.Log(v)
		}
		return sum / float64(len(of))
	}
	mx, my := mean(x), mean(y)
	var sxx, sxy float64
	for i := range x {
		dx := math.Log(x[i]) - mx
		sxx += dx * dx
		sxy += dx * (math.Log(y[i]) - my)
	}
	if sxx < 1e-12 {
		return math.NaN()
	}
	const rounding = 1e-12 // a power that is none, but for it
	if s := sxy / sxx; !(math.Abs(s) < rounding) {
		return s
	}
	return 0
}

// Statements implements Findings.
func (r *TimescalesResult) Statements() []Statement {
	var s statements
	second := nearest(r.Astrocytes[0].Present, 1)
	for i, a := range r.Astrocytes {
		x := a.Reached[second]
		of := fmt.Sprintf("With calcium of %s", seconds(a.Tau))
		slow := ""
		if i == 0 && a.Tau == decayOfIP3 {
			slow = ", as slow as IP3 decays in models of astrocytes,"
		}
		answers := ""
		if finite(float64(x.Answers.Value)) {
			answers = fmt.Sprintf("; of %s for a seed %s are the exact network's", counts.Plural(r.Answers, "answer"), percent(x.Answers))
		}
		s.add(Measured, "%s%s and %s for a token, the last hidden states have a cosine of %s to the exact network's (uniform attention %s, the algebraic circuit %s)%s.",
			of, slow, seconds(a.Present[second]), x.Cosine, r.Uniform.Cosine, r.Algebraic.Cosine, answers)
		if a.Needed.Value == a.Present[0] {
			s.add(Measured, "%s, the shortest presentation that was tried, %s, goes %.0f%% of the way from uniform attention to the algebraic circuit.", of, seconds(a.Present[0]), 100*wantedWay)
		} else if finite(float64(a.Needed.Value)) {
			s.add(Measured, "%s, presentations of %s s go %.0f%% of the way from uniform attention to the algebraic circuit. An input of %s tokens then takes %s, in %s.",
				of, a.Needed, 100*wantedWay, digits(float64(r.TokensPerInput)), span(a.Sentence), counts.Plural(r.Layers, "layer"))
		} else {
			s.add(Measured, "%s, no presentation that was tried, up to %s, goes %.0f%% of the way from uniform attention to the algebraic circuit.", of, seconds(a.Present[len(a.Present)-1]), 100*wantedWay)
		}
	}
	slowest, fastest := r.ends()
	longest := slowest.Present[len(slowest.Present)-1]
	switch {
	case slowest == fastest:
	case r.Exponent.Above(0):
		s.add(Measured, "A slower astrocyte needs a longer presentation: what is needed grows as the time constant to the power %s (1 is proportion).", r.Exponent)
	case r.slowerIsNeverThere():
		s.add(Measured, "A slower astrocyte needs a longer presentation: with calcium of %s even %s goes %s of the way, where calcium of %s needs %s s. What power of the time constant that is stays open, since more than the longest presentation is needed.",
			seconds(slowest.Tau), seconds(longest), percent(slowest.Way[len(slowest.Way)-1]), seconds(fastest.Tau), fastest.Needed)
	case finite(float64(r.Exponent.Low)):
		s.add(Measured, "It is not shown that a slower astrocyte needs a longer presentation: what is needed goes as the time constant to the power %s.", r.Exponent)
	default:
		s.add(Measured, "It is not shown that a slower astrocyte needs a longer presentation: presentations of up to %s are too few, or too short, to tell.", seconds(longest))
	}
	first := r.Astrocytes[0]
	if r.NormalizerLost.Above(0) {
		s.add(Measured, "On the exact network's activations, with %s for a token, calcium of %s correlates with the softmax normalizer (logarithms, mean over heads) by %s, that is by %s less than calcium of the algebraic circuit.",
			seconds(first.Present[second]), seconds(first.Tau), first.Reached[second].Normalizer, r.NormalizerLost)
	} else {
		s.add(Measured, "It is not shown that calcium of %s, with %s for a token, follows the softmax normalizer less closely than that of the algebraic circuit: its correlation is lower by %s.",
			seconds(first.Tau), seconds(first.Present[second]), r.NormalizerLost)
	}
	if r.Lost > 0 {
		s.add(Caution, "%s had no value: calcium passed through zero while it divided.", counts.Plural(r.Lost, "reading"))
	}
	s.add(Mathematics, "During a presentation what is left of the one before falls as exp(-t/tau), so that what is needed is proportional to the slowest time constant once all others are much faster. The proportion depends on how far calcium has to move from one token to the next.")
	r.interpret(&s, second)
	s.add(Caution, "Layers are taken one after another, as where one population serves all of them: 2 x %d presentations of every token. With neurons of its own for every layer, one could write what the layer before reads, which makes %d + 1.", r.Layers, r.Layers)
	return s
}

// ends returns the slowest and the fastest astrocyte, the same where there is one.
func (r *TimescalesResult) ends() (slowest, fastest *TimescalesAstrocyte) {
	slowest, fastest = &r.Astrocytes[0], &r.Astrocytes[0]
	for i := range r.Astrocytes {
		a := &r.Astrocytes[i]
		if a.Tau > slowest.Tau {
			slowest = a
		}
		if a.Tau < fastest.Tau {
			fastest = a
		}
	}
	return slowest, fastest
}

// slowerIsNeverThere reports whether the longest presentation is shown to be too short
// for the slowest astrocyte, and long enough for the fastest. What is needed then
// differs, though there is no number for it.
func (r *TimescalesResult) slowerIsNeverThere() bool {
	slowest, fastest := r.ends()
	last := len(slowest.Way) - 1
	return slowest.Way[last].Below(wantedWay) && fastest.Needed.Below(float64(slowest.Present[last]))
}

// interpret says what it would mean for brains, as far as the astrocyte is shown to be
// what takes the time.
func (r *TimescalesResult) interpret(s *statements, second int) {
	slowest, fastest := r.ends()
	slower := slowest != fastest && (r.Exponent.Above(0) || r.slowerIsNeverThere())
	if !slower || !slowest.Way[second].Below(wantedWay) {
		s.add(Interpretation, "That slow calcium is what takes the time is not shown at %s for a token; from this run nothing follows about how fast calcium would have to be.", seconds(slowest.Present[second]))
		return
	}
	ip3 := ""
	if slowest.Tau == decayOfIP3 {
		ip3 = ", as slow as IP3 decays in models of astrocytes (0.14/s after Wang et al. 1995, as in NEST's astrocyte_lr_1994),"
	}
	goes := "it goes %s of the way"
	if slowest.Way[second].Below(0) {
		goes = "with it, the network is worse off than with uniform attention (%s of the way)"
	}
	s.add(Interpretation, "If calcium is the normalizer, then calcium of %s%s is too slow for %s a token: "+goes+".",
		seconds(slowest.Tau), ip3, seconds(slowest.Present[second]), percent(slowest.Way[second]))
	enough := "Calcium of %s goes %s of it, and is too slow as well, or not shown to be fast enough."
	if fastest.Way[second].Above(wantedWay) {
		enough = "Calcium of %s, which goes %s of it, is fast enough; calcium of fine processes rises in parts of a second (Stobart et al. 2018), and would have to do it. Were calcium at the processes found to be as slow as the slow one here, the circuit as it is here would be refuted for such times."
	}
	s.add(Interpretation, enough+" This prediction is ours.", seconds(fastest.Tau), percent(fastest.Way[second]))
}

// seconds writes a time that was chosen.
func seconds(x Number) string { return strconv.FormatFloat(float64(x), 'g', 3, 64) + " s" }

// span writes a time that was measured in the unit that is easiest to grasp.
func span(e Estimate) string {
	f, unit := Number(1), "s"
	switch {
	case e.Value >= 3*3600:
		f, unit = 3600, "hours"
	case e.Value >= 180:
		f, unit = 60, "minutes"
	}
	return Estimate{e.Value / f, e.Low / f, e.High / f}.String() + " " + unit
}

// nearest returns the place of the value nearest to x, in ratio.
func nearest[T ~float64](values []T, x float64) int {
	best, least := 0, math.Inf(1)
	for i, v := range values {
		if off := math.Abs(math.Log(float64(v) / x)); off < least {
			best, least = i, off
		}
	}
	return best
}

// Table implements Findings.
func (r *TimescalesResult) Table() Table {
	t := newTable("network", "tau_astrocyte_s", "present_s", "input_s", "hidden_cosine±", "way±", "answers_as_exact±", "normalizer_r±", "needed_s±")
	nan := Number(math.NaN())
	none := Estimate{nan, nan, nan}
	t.add("uniform", nan, nan, nan, r.Uniform.Cosine, exactly(0), r.Uniform.Answers, r.Uniform.Normalizer, none)
	t.add("algebraic", nan, nan, nan, r.Algebraic.Cosine, exactly(1), r.Algebraic.Answers, r.Algebraic.Normalizer, none)
	for _, a := range r.Astrocytes {
		for i, p := range a.Present {
			x := a.Reached[i]
			t.add("rate", a.Tau, p, 2*Number(r.Layers)*r.TokensPerInput*p, x.Cosine, a.Way[i], x.Answers, x.Normalizer, a.Needed)
		}
	}
	return t
}

// Charts implements Findings.
func (r *TimescalesResult) Charts() []Chart {
	panel := func(title, label string, floor bool, of func(Reached) Estimate) Panel {
		p := Panel{Title: title, X: Axis{Label: "presentation of a token, s", Log: true}, Y: Axis{Label: label}, Beside: true}
		for _, a := range r.Astrocytes {
			s := Series{Name: "calcium of " + seconds(a.Tau), Style: Curve}
			for i, x := range a.Reached {
				s.Dots = append(s.Dots, Dot{exactly(float64(a.Present[i])), of(x)})
			}
			p.Series = append(p.Series, s)
		}
		across := func(name string, x Reached) {
			s := Series{Name: name, Style: Dashes}
			all := r.Astrocytes[0].Present
			for _, t := range []Number{all[0], all[len(all)-1]} {
				s.Dots = append(s.Dots, Dot{exactly(float64(t)), exactly(float64(of(x).Value))})
			}
			p.Series = append(p.Series, s)
		}
		across("algebraic circuit", r.Algebraic)
		if floor {
			across("uniform attention", r.Uniform)
		}
		return p
	}
	panels := []Panel{panel("whole network", "cosine of the last hidden states", true, func(x Reached) Estimate { return x.Cosine })}
	if r.Answers > 0 {
		panels = append(panels, panel("whole network", "answers as by exact attention", true, func(x Reached) Estimate { return x.Answers }))
	}
	panels = append(panels, panel("exact activations, mean over heads", "*r*, calcium and normalizer", false, func(x Reached) Estimate { return x.Normalizer }))
	needed := Panel{
		Title: fmt.Sprintf("for %.0f%% of the way, %s", 100*wantedWay, counts.Plural(r.Layers, "layer")),
		X:     Axis{Label: "time constant of calcium, s", Log: true},
		Y:     Axis{Label: fmt.Sprintf("circuit time of %s tokens, s", digits(float64(r.TokensPerInput))), Log: true},
	}
	for _, a := range r.Astrocytes {
		if finite(float64(a.Sentence.Value)) {
			needed.Series = append(needed.Series, Series{Name: "calcium of " + seconds(a.Tau), Style: Dots,
				Dots: []Dot{{exactly(float64(a.Tau)), a.Sentence}}})
		}
	}
	if n := len(needed.Series); n > 1 {
		from, to := needed.Series[0].Dots[0], needed.Series[n-1].Dots[0]
		proportion := Dot{to.X, exactly(float64(from.Y.Value * to.X.Value / from.X.Value))}
		from.Y = exactly(float64(from.Y.Value))
		needed.Series = append(needed.Series, Series{Name: "in proportion", Style: Dashes, Dots: []Dot{from, proportion}})
		panels = append(panels, needed)
	}
	return []Chart{{Name: "timescales", Panels: panels,
		About: "What a network in time keeps of the exact one against the seconds that a token is presented, for each time constant of calcium, with the algebraic circuit and uniform attention dashed; and what an input takes."}}
}
