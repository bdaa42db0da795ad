package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const noiseAbout = `Make rates and calcium noisy, and let rates saturate
The circuit runs in time while what drives hidden neurons, output neurons or the
astrocyte fluctuates, or while hidden neurons have a largest rate. How far are the
outputs of heads off, and what does the network lose?`

// NoiseConfig is the config of Noise. Times are seconds.
type NoiseConfig struct {
	Curves
	// Tokens is on about how many tokens networks are compared.
	Tokens int `json:"tokens"`
	// Amplitude are the standard deviations of the logarithm of a drive.
	Amplitude []float64 `json:"amplitude"`
	// Above are the shares of a head's rates, over tokens and hidden neurons, that lie
	// above the rate at which hidden neurons saturate.
	Above []float64 `json:"rates_above_saturation"`
	// Correlation and Hold are the times over which noise forgets itself, and for which a
	// value of it is held.
	Correlation float64 `json:"noise_time_s"`
	Hold        float64 `json:"noise_hold_s"`
	// Tau is the time constant of everything, Present the length of a presentation.
	Tau     float64 `json:"tau_s"`
	Present float64 `json:"present_s"`
}

// DefaultNoise returns the defaults.
func DefaultNoise() NoiseConfig {
	return NoiseConfig{
		Curves: defaultCurves(128), Tokens: 200, Amplitude: []float64{0.1, 0.3, 1}, Above: []float64{0.001, 0.01, 0.1, 0.5},
		Correlation: 0.1, Hold: 0.05, Tau: 0.02, Present: 0.3,
	}
}

func (c *NoiseConfig) check() error {
	grow := func(x []float64, lo, hi float64) bool {
		return len(x) > 0 && grows(x) && x[0] > lo && x[len(x)-1] < hi
	}
	switch {
	case c.Tokens < 1:
		return fmt.Errorf("noise: %d tokens; give at least 1", c.Tokens)
	case !grow(c.Amplitude, 0, 10):
		return fmt.Errorf("noise: amplitudes %v; give one or more that grow, above 0 and below 10", c.Amplitude)
	case !grow(c.Above, 0, 1):
		return fmt.Errorf("noise: shares of rates above saturation %v; give one or more that grow, between 0 and 1", c.Above)
	}
	if err := cmp.Or(checkTimes("tau_s", c.Tau), checkTimes("present_s", c.Present), checkTimes("noise_time_s", c.Correlation), checkTimes("noise_hold_s", c.Hold)); err != nil {
		return fmt.Errorf("noise: %w", err)
	}
	return nil
}

// The sources of error.
const (
	onHidden     = "hidden neurons"
	onOutput     = "output neurons"
	onAstrocyte  = "astrocyte"
	bySaturation = "saturation"
)

// disturbance is one way to disturb a circuit: noise on a source of that amplitude, or
// saturation at the rate that the share of rates lies above.
type disturbance struct {
	source string
	level  float64
}

func (c *NoiseConfig) disturbances() []disturbance {
	var all []disturbance
	for _, source := range []string{onHidden, onOutput, onAstrocyte} {
		for _, a := range c.Amplitude {
			all = append(all, disturbance{source, a})
		}
	}
	for _, q := range c.Above {
		all = append(all, disturbance{bySaturation, q})
	}
	return all
}

// dynamics are those of every head; limit returns the rate that a share of a head's
// rates lie above.
func (c *NoiseConfig) dynamics(x disturbance, limit func(layer, head int, share float64) float64) func(int, int, *tuning.Curves[float32]) (rate.Config, error) {
	return func(layer, head int, _ *tuning.Curves[float32]) (rate.Config, error) {
		d := rate.Default(1, 1) // sizes come with the curves
		d.Kinetics = rate.Kinetics{Hidden: c.Tau, Output: c.Tau, Astrocyte: c.Tau}
		d.Timing.Present = c.Present
		d.Noise.Correlation, d.Noise.Hold = c.Correlation, c.Hold
		switch x.source {
		case onHidden:
			d.Noise.Hidden = x.level
		case onOutput:
			d.Noise.Output = x.level
		case onAstrocyte:
			d.Noise.Astrocyte = x.level
		case bySaturation:
			d.Saturation.Hidden = limit(layer, head, x.level)
		}
		return d, nil
	}
}

// NoiseResult holds what disturbances do.
type NoiseResult struct {
	Inputs  int `json:"inputs"`
	Tokens  int `json:"tokens"`
	Answers int `json:"answers"` // that a seed asks for
	// Mean cosine of the last hidden states to the exact network's: of uniform attention
	// and of the circuit without noise, with the share of its answers that are the exact
	// network's.
	Uniform      Estimate `json:"uniform_cosine"`
	Calm         Estimate `json:"undisturbed_cosine"`
	CalmAnswers  Estimate `json:"undisturbed_answers_as_exact"`
	Disturbances []Noisy  `json:"disturbances"`
	// HiddenOverAstrocyte is by how much noise on hidden neurons of the largest amplitude
	// loses more of the way than as much on the astrocyte.
	HiddenOverAstrocyte Estimate `json:"hidden_lose_more_than_astrocyte"`
	Lost                int      `json:"lost"` // readings without a value
}

// Noisy is one source of error at one level after another.
type Noisy struct {
	Source string   `json:"source"`
	Level  []Number `json:"level"` // amplitude of noise, or the share of rates above saturation
	// Error is |y - y0| / |y0|, y0 being the outputs of heads without noise, on the exact
	// network's activations. Loss is the share of the way from uniform attention to the
	// circuit without noise, by cosine, that is lost; Answers the share that are the exact
	// network's.
	Error   []Estimate `json:"output_error"`
	Loss    []Estimate `json:"loss"`
	Answers []Estimate `json:"answers_as_exact"`
}

// noiseSeed is what one seed measures: sums of every input, examSums and for those
// disturbed the squares of differences and of outputs.
type noiseSeed struct {
	Uniform   [][]float64   `json:"uniform"`
	Calm      [][]float64   `json:"undisturbed"`
	Disturbed [][][]float64 `json:"disturbed"` // [disturbances][inputs][sums]
	Lost      int           `json:"lost"`
}

const (
	noiseDifference = examSums + iota
	noiseNorm
	noiseSums
)

// Noise disturbs every head.
func Noise(ctx context.Context, lab *Lab, cfg NoiseConfig) (*NoiseResult, error) {
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
	seeds, err := eachSeed(ctx, lab, "noise", cfg, 0.05, func(seed uint64, progress func(float64)) (*noiseSeed, error) {
		out := new(noiseSeed)
		return out, lab.noiseSeed(ctx, out, rec, cfg, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	r := noiseOf(cfg, seeds)
	r.Inputs, r.Tokens, r.Answers = x.batch.Sequences.Len(), x.batch.Tokens(), len(x.said)
	return r, nil
}

// noiseSeed runs one seed.
func (l *Lab) noiseSeed(ctx context.Context, out *noiseSeed, rec *recording, cfg NoiseConfig, seed uint64, progress func(float64)) error {
	x, err := l.newExam(ctx, cfg.Tokens, seed)
	if err != nil {
		return err
	}
	if out.Uniform, err = x.take(ctx, l.Network.Model.Uniform()); err != nil {
		return err
	}
	settled, err := l.circuits(ctx, cfg.Curves, seed)
	if err != nil {
		return err
	}
	n := len(rec.heads[0])
	rates := make([][]float64, len(rec.heads)*n) // sorted, of every head
	if err := l.eachHead(ctx, rec, func(float64) {}, func(i int, x *activations.Head, _ *tensor.Arena) error {
		rates[i] = ratesOf(settled.At(i/n, i%n).Curves, x)
		return nil
	}); err != nil {
		return err
	}
	limit := func(layer, head int, share float64) float64 {
		return stats.Quantile(rates[layer*n+head], 1-share)
	}
	var calm []tensor.Matrix // outputs of heads
	all := append([]disturbance{{}}, cfg.disturbances()...)
	for i, d := range all {
		c, err := l.timed(ctx, cfg.Curves, seed, cfg.dynamics(d, limit))
		if err != nil {
			return err
		}
		sums, err := x.take(ctx, c.Heads())
		if err != nil {
			return err
		}
		outputs, err := l.outputs(ctx, rec, c)
		if err != nil {
			return err
		}
		met := c.Incidents()
		if met.Err != nil {
			return met.Err
		}
		out.Lost += met.Lost
		if i == 0 {
			out.Calm, calm = sums, outputs
		} else {
			differences(sums, rec, outputs, calm)
			out.Disturbed = append(out.Disturbed, sums)
		}
		progress(float64(i+1) / float64(len(all)))
	}
	return nil
}

// ratesOf returns the rates of all hidden neurons for all keys and queries, sorted.
func ratesOf(curves *tuning.Curves[float32], x *activations.Head) []float64 {
	m := curves.Neurons()
	log, sign := make([]float64, m), make([]float64, m)
	var all []float64
	for t := range x.K.Rows {
		for p, row := range [][]float32{tuning.Writing: x.K.Row(t), tuning.Reading: x.Q.Row(t)} {
			curves.Log(log, sign, tuning.Phase(p), row)
			for _, a := range log {
				all = append(all, math.Exp(a))
			}
		}
	}
	slices.Sort(all)
	return all
}

// outputs returns what all heads make of the exact network's activations.
func (l *Lab) outputs(ctx context.Context, rec *recording, c *network.Circuits) ([]tensor.Matrix, error) {
	n := len(rec.heads[0])
	out := make([]tensor.Matrix, len(rec.heads)*n)
	err := l.eachHead(ctx, rec, func(float64) {}, func(i int, x *activations.Head, work *tensor.Arena) error {
		out[i], _, _ = x.Answered(c.At(i/n, i%n).Head, work)
		return nil
	})
	return out, err
}

// differences adds the squares of y - y0 and of y0 to the sums of every input. Readings
// without a value count as if nothing came out.
func differences(sums [][]float64, rec *recording, y, y0 []tensor.Matrix) {
	for s := range sums {
		lo, hi := rec.batch.Sequences.Bounds(s)
		diff, norm := 0.0, 0.0
		for h := range y {
			for t := lo; t < hi; t++ {
				for j, v := range y0[h].Row(t) {
					got := float64(y[h].At(t, j))
					if !finite(got) {
						got = 0
					}
					diff += (got - float64(v)) * (got - float64(v))
					norm += float64(v) * float64(v)
				}
			}
		}
		sums[s] = append(sums[s], diff, norm)
	}
}

// noiseOf makes the result of all seeds.
func noiseOf(cfg NoiseConfig, seeds []noiseSeed) *NoiseResult {
	r := &NoiseResult{}
	all := cfg.disturbances()
	together := make([][][]float64, len(seeds))
	for s, seed := range seeds {
		r.Lost += seed.Lost
		together[s] = beside(append([][][]float64{seed.Uniform, seed.Calm}, seed.Disturbed...)...)
	}
	strongest := func(source string) int {
		at := -1
		for i, d := range all {
			if d.source == source {
				at = i
			}
		}
		return at
	}
	const first, each = 3, 3
	b := newBootstrap(len(seeds), len(together[0]))
	numbers := func(dst, sums []float64) {
		cosine := func(s []float64) float64 { return s[examCosine] / s[examTokens] }
		answers := func(s []float64) float64 { return s[examSame] / s[examAsked] }
		uniform, calm := sums[:examSums], sums[examSums:2*examSums]
		dst[0], dst[1], dst[2] = cosine(uniform), cosine(calm), answers(calm)
		for i := range all {
			s := sums[2*examSums+i*noiseSums:]
			dst[first+each*i] = math.Sqrt(s[noiseDifference] / s[noiseNorm])
			dst[first+each*i+1] = 1 - (cosine(s)-dst[0])/(dst[1]-dst[0])
			dst[first+each*i+2] = answers(s)
		}
		loss := func(source string) float64 { return dst[first+each*strongest(source)+1] }
		dst[first+each*len(all)] = loss(onHidden) - loss(onAstrocyte)
	}
	n := first + each*len(all) + 1
	alone := b.ofSums(together, n, numbers)
	e := b.family(len(all)+1).ofSums(together, n, numbers) // what is lost is compared with one circuit
	r.Uniform, r.Calm, r.CalmAnswers, r.HiddenOverAstrocyte = alone[0], alone[1], alone[2], e[first+each*len(all)]
	for i, d := range all {
		if n := len(r.Disturbances); n == 0 || r.Disturbances[n-1].Source != d.source {
			r.Disturbances = append(r.Disturbances, Noisy{Source: d.source})
		}
		x := &r.Disturbances[len(r.Disturbances)-1]
		x.Level = append(x.Level, Number(d.level))
		x.Error = append(x.Error, alone[first+each*i])
		x.Loss = append(x.Loss, e[first+each*i+1])
		x.Answers = append(x.Answers, alone[first+each*i+2])
	}
	return r
}

// Statements implements Findings.
func (r *NoiseResult) Statements() []Statement {
	var s statements
	s.add(Measured, "Undisturbed, the last hidden states have a cosine of %s to the exact network's (uniform attention: %s). What follows is the share of the way between the two that is lost; with more than 100%% lost, the network is worse off than with uniform attention.", r.Calm, r.Uniform)
	for _, d := range r.Disturbances {
		last := len(d.Level) - 1
		what := fmt.Sprintf("Noise on what drives the %s, of standard deviation %s in its logarithm,", d.Source, short(d.Level[last]))
		from := "standard deviation"
		if d.Source == bySaturation {
			what = fmt.Sprintf("Saturation at a rate that %s%% of a head's rates lie above", short(100*d.Level[last]))
			from = "share"
		}
		s.add(Measured, "%s changes the outputs of heads by %s of their size, on the exact network's activations.", what, percent(d.Error[last]))
		begins := d.begins()
		if begins < 0 {
			s.add(Measured, "That the network loses anything by it is not shown: %s.", percent(d.Loss[last]))
			continue
		}
		s.add(Measured, "The network then loses %s; a loss is shown from a %s of %s on (%s).", percent(d.Loss[last]), from, short(d.Level[begins]), percent(d.Loss[begins]))
	}
	for _, d := range r.Disturbances {
		for i, l := range d.Level {
			if d.Loss[i].Below(0) {
				s.add(Measured, "At a level of %s, %s makes the network better, by %s of the way.", short(l), map[bool]string{true: bySaturation, false: "noise on the " + d.Source}[d.Source == bySaturation], percent(negative(d.Loss[i])))
			}
		}
	}
	switch {
	case r.HiddenOverAstrocyte.Above(0):
		s.add(Measured, "Noise of the largest amplitude costs more on hidden neurons than on the astrocyte, by %s of the way.", percent(r.HiddenOverAstrocyte))
	case r.HiddenOverAstrocyte.Below(0):
		s.add(Measured, "Noise of the largest amplitude costs more on the astrocyte than on hidden neurons, by %s of the way.", percent(negative(r.HiddenOverAstrocyte)))
	default:
		s.add(Measured, "A difference between noise on hidden neurons and on the astrocyte is not shown: %s of the way.", percent(r.HiddenOverAstrocyte))
	}
	if r.Lost > 0 {
		s.add(Caution, "%s had no value: calcium passed through zero while it divided.", counts.Plural(r.Lost, "reading"))
	}
	s.add(Mathematics, "Noise on the calcium of one domain multiplies all outputs of a head by one number and, once rates have settled, leaves their direction; noise on hidden neurons is independent from neuron to neuron, and averages over them and over the plasticity window.")
	s.add(Mathematics, "Saturation x r / (r + |x|) lowers large rates by more than small ones, and makes none zero.")
	for _, d := range r.Disturbances {
		if d.Source != bySaturation {
			continue
		}
		if begins := d.begins(); begins >= 0 {
			s.add(Interpretation, "If the circuit is right, drugs that limit the largest rates of the presynaptic neurons should worsen attention though they silence no neuron: here by %s of the way at a limit that %s%% of rates lie above. This prediction is ours.", percent(d.Loss[begins]), short(100*d.Level[begins]))
		} else {
			s.add(Interpretation, "That limited rates cost anything is not shown, and nothing is predicted of drugs that limit them.")
		}
	}
	s.add(Caution, "Noise is independent between neurons and the same for every input of a seed; correlated noise, which would not average out, is not tried here.")
	return s
}

// begins returns the level from where on a loss is shown, to the last one, -1 where
// none is.
func (d *Noisy) begins() int {
	at := -1
	for i := len(d.Level) - 1; i >= 0 && d.Loss[i].Above(0); i-- {
		at = i
	}
	return at
}

// short writes a number that was chosen.
func short(x Number) string { return fmt.Sprintf("%.3g", float64(x)) }

// Table implements Findings.
func (r *NoiseResult) Table() Table {
	t := newTable("source", "level", "output_error±", "loss±", "answers_as_exact±")
	t.add("none", 0, exactly(0), exactly(0), r.CalmAnswers)
	for _, d := range r.Disturbances {
		for i, l := range d.Level {
			t.add(d.Source, l, d.Error[i], d.Loss[i], d.Answers[i])
		}
	}
	return t
}

// Charts implements Findings.
func (r *NoiseResult) Charts() []Chart {
	panel := func(title string, x, y Axis, saturation bool, of func(Noisy) []Estimate) Panel {
		p := Panel{Title: title, X: x, Y: y}
		for _, d := range r.Disturbances {
			if (d.Source == bySaturation) != saturation {
				continue
			}
			s := Series{Name: d.Source, Style: Curve}
			for i, l := range d.Level {
				s.Dots = append(s.Dots, Dot{exactly(float64(l)), of(d)[i]})
			}
			p.Series = append(p.Series, s)
		}
		return p
	}
	failed := func(d Noisy) []Estimate { return d.Loss }
	amplitude := Axis{Label: "amplitude of noise", Log: true}
	lost := Axis{Label: "share of the way lost"}
	c := Chart{Name: "noise", About: "Error of the outputs of heads and share of what attention does that is lost, against the amplitude of noise on hidden neurons, output neurons and astrocyte, and against the share of rates above saturation.",
		Panels: []Panel{
			panel("noise, exact activations", amplitude, Axis{Label: "relative error of outputs", Log: true}, false, func(d Noisy) []Estimate { return d.Error }),
			panel("noise, whole network", amplitude, lost, false, failed),
			panel("saturation, whole network", Axis{Label: "share of rates above it", Log: true}, lost, true, failed),
		}}
	for i := range c.Panels[1:] {
		c.Panels[1+i].Levels = []Guide{{At: 0}}
	}
	return []Chart{c}
}
