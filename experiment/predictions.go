package experiment

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
)

const predictionsAbout = `Predictions for a laboratory, with what would falsify them
Runs silencing, coverage, load and domains, and turns what they measured into
predictions: the manipulation, its counterpart in a laboratory, the effect with its interval,
what would falsify it, what is known for and against, with references, and whose
prediction it is. What would falsify a prediction follows from the effect: where none
was shown, none is predicted, and a change beyond the interval counts against that.`

// PredictionsConfig is the config of Predictions: of the experiments that it reads.
type PredictionsConfig struct {
	Silencing SilencingConfig `json:"silencing"`
	Coverage  CoverageConfig  `json:"coverage"`
	Load      LoadConfig      `json:"load"`
	Domains   DomainsConfig   `json:"domains"`
}

// DefaultPredictions returns the defaults of all of them, but of domains only with and
// without exchange.
func DefaultPredictions() PredictionsConfig {
	d := DefaultDomains()
	d.Domains, d.Coupling = []int{}, []float64{0, 100}
	return PredictionsConfig{DefaultSilencing(), DefaultCoverage(), DefaultLoad(), d}
}

// PredictionsResult is the table of predictions.
type PredictionsResult struct {
	Curves      Curves       `json:"curves"` // of silencing and coverage
	Task        string       `json:"task,omitempty"`
	Predictions []Prediction `json:"predictions"`
}

// Prediction is one row.
type Prediction struct {
	Manipulation string `json:"manipulation"`
	Experiment   string `json:"experiment"` // that it was measured by
	Laboratory   string `json:"laboratory"` // counterpart
	// Measure names what the effect is a change of, and Better says whether more of it
	// is better: 1, or -1.
	Measure string   `json:"measure"`
	Better  int      `json:"better"`
	Effect  Estimate `json:"effect"`
	// Nats is the change of -log p of the right answer, where answers are what is
	// measured: it can change before any answer does.
	Nats Estimate `json:"nats"`
	// Predicted and Falsified are in words, from the effect.
	Predicted string   `json:"predicted"`
	Falsified string   `json:"falsified_by"`
	For       []string `json:"known_for"`
	Against   []string `json:"known_against"`
	Whose     string   `json:"whose"`

	points bool   // the effect is a difference of shares
	takes  string // what an experiment must do to tell
}

// Predictions runs the experiments that predictions come from, one after another, each
// in a folder of its own below the lab's.
func Predictions(ctx context.Context, lab *Lab, cfg PredictionsConfig) (*PredictionsResult, error) {
	within := func(name string, begin, end float64) *Lab {
		part := *lab
		if lab.Dir != "" {
			part.Dir = filepath.Join(lab.Dir, name)
		}
		part.Progress = func(stage string, done float64) { lab.progress(stage, begin+(end-begin)*done) }
		return &part
	}
	silencing, err := Silencing(ctx, within("silencing", 0, 0.35), cfg.Silencing)
	if err != nil {
		return nil, err
	}
	coverage, err := Coverage(ctx, within("coverage", 0.35, 0.7), cfg.Coverage)
	if err != nil {
		return nil, err
	}
	load, err := Load(ctx, within("load", 0.7, 0.75), cfg.Load)
	if err != nil {
		return nil, err
	}
	domains, err := Domains(ctx, within("domains", 0.75, 1), cfg.Domains)
	if err != nil {
		return nil, err
	}
	return predictions(silencing, coverage, load, domains), nil
}

// predictions reads effects from results.
func predictions(silencing *SilencingResult, coverage *CoverageResult, load *LoadResult, domains *DomainsResult) *PredictionsResult {
	r := &PredictionsResult{Curves: silencing.Curves, Task: silencing.Task}
	measure, effect := asked(r.Task)+" right", func(hidden, right Change) Estimate { return right.Change }
	if r.Task == "" {
		measure, effect = "cosine of the last hidden states with the exact ones", func(hidden, right Change) Estimate { return hidden.Change }
	}
	none := exactly(math.NaN())
	nats := func(e Change) Estimate {
		if r.Task == "" {
			return none
		}
		return e.Change
	}
	for _, p := range laboratory() {
		p.Measure, p.Better, p.points, p.Nats = measure, 1, r.Task != "", none
		switch p.Experiment {
		case "silencing":
			e := silencing.named(p.Manipulation)
			p.Effect, p.Nats = effect(e.Hidden, e.Right), nats(e.Nats)
		case "coverage":
			e := coverage.least(p.Manipulation)
			p.Effect, p.Nats = effect(e.Hidden, e.Right), nats(e.Nats)
			p.Manipulation = fmt.Sprintf("%.0f%% of synapses reached, others %s", 100*e.Fraction, p.Manipulation)
		case "load":
			if len(load.Rates) < 2 {
				continue // nothing was compared
			}
			rate := load.Rates[len(load.Rates)-1]
			end := rate.Points[len(rate.Points)-1]
			p.Effect = negative(end.Gained)
			p.Measure, p.Better, p.points = "distance of outputs from the present input's", -1, false
			p.Manipulation = fmt.Sprintf("forgetting of %v a token blocked, %d earlier tokens in memory", rate.Forget, end.Earlier)
		case "domains":
			a := domains.divided(p.Manipulation == GapJunctions)
			if a == nil {
				continue
			}
			p.Effect, p.Measure, p.Better, p.points = a.Repaired, "share of what attention does that is lost", -1, true
			p.Manipulation = fmt.Sprintf("%s blocked, %s", p.Manipulation, a.Name)
		}
		p.Predicted, p.Falsified = p.predicted(), p.falsified()
		r.Predictions = append(r.Predictions, p)
	}
	return r
}

// predicted says what the effect predicts, and that it predicts none where none was
// shown.
func (p *Prediction) predicted() string {
	effect := p.unit(p.Effect)
	switch {
	case p.shown():
		which := "a deficit"
		if p.Better > 0 == p.Effect.Above(0) {
			which = "an improvement"
		}
		if differs(p.Nats) {
			return fmt.Sprintf("%s, %s in %s, and the right answer %s", which, effect, p.Measure, p.likely())
		}
		return fmt.Sprintf("%s, %s in %s", which, effect, p.Measure)
	case differs(p.Nats):
		return fmt.Sprintf("no change of answers, since none was shown (%s: %s), but the right answer %s", p.Measure, effect, p.likely())
	}
	return fmt.Sprintf("nothing, since no effect was shown (%s: %s)", p.Measure, effect)
}

// likely says how nats changed.
func (p *Prediction) likely() string {
	return verdictIn(" nats", p.Nats, "less likely", "more likely")
}

// falsified says what would speak against what is predicted. An effect is refuted by
// a measurement as precise as this one that reaches zero without it, or has the other
// sign; the absence of one by a change that its interval leaves out.
func (p *Prediction) falsified() string {
	var f string
	switch {
	case p.shown():
		f = refuted(p.Measure, p.Effect, p.unit)
	case differs(p.Nats):
		f = refuted("nats of the right answer", p.Nats, func(e Estimate) string { return e.String() + " nats" })
		if beyond := p.beyond(); beyond != "" {
			f += "; or " + beyond
		}
	default:
		if f = p.beyond(); f == "" {
			return "nothing that this run could say: its interval has no width"
		}
	}
	return f + "; such a test takes " + p.takes
}

// refuted says what measurement of the same thing speaks against an effect.
func refuted(measure string, effect Estimate, unit func(Estimate) string) string {
	side := "above"
	if effect.Above(0) {
		side = "below"
	}
	return fmt.Sprintf("the change in %s, measured with an interval no wider than %s, includes zero or lies %s it, and leaves out %s",
		measure, unit(exactly(float64(effect.High-effect.Low))), side, unit(exactly(float64(effect.Value))))
}

// beyond says what change speaks against none; nothing, if the interval has no width.
func (p *Prediction) beyond() string {
	if !(p.Effect.High > p.Effect.Low) {
		return ""
	}
	return fmt.Sprintf("the interval of the change in %s lies wholly below %s or above %s",
		p.Measure, p.unit(exactly(float64(p.Effect.Low))), p.unit(exactly(float64(p.Effect.High))))
}

// unit writes a number of the row's measure.
func (p *Prediction) unit(e Estimate) string {
	if p.points {
		return shareOf(e) + " percentage points"
	}
	return e.String()
}

// differs reports whether an interval shows a difference from zero.
func differs(e Estimate) bool { return e.Above(0) || e.Below(0) }

// Exchange of calcium, by which domains are joined.
const (
	GapJunctions = "gap junctions"
	Diffusion    = "diffusion within an astrocyte"
)

// divided returns the domains that gap junctions join, or those of similar tuning that
// diffusion does; nil if they were not run.
func (r *DomainsResult) divided(gap bool) *DomainsArm {
	for i := range r.Arms {
		a := &r.Arms[i]
		if gap && a.Group == "gap" || !gap && a.Group == "which" && strings.HasSuffix(a.Name, "of similar tuning") {
			return a
		}
	}
	return nil
}

// least returns what the least coverage does, of one kind.
func (r *CoverageResult) least(kind string) CoverageEffect {
	for _, k := range r.Kinds {
		if k.Name == kind {
			return k.Effects[len(k.Effects)-1]
		}
	}
	panic("experiment: no kind of coverage " + kind)
}

// shown reports whether there is an effect on the measure to predict.
func (p *Prediction) shown() bool { return differs(p.Effect) }

// Statements implements Findings.
func (r *PredictionsResult) Statements() []Statement {
	var s statements
	shown, nats := 0, 0
	for _, p := range r.Predictions {
		switch {
		case p.shown():
			shown++
		case differs(p.Nats):
			nats++
		}
	}
	s.add(Measured, "%d of %d manipulations have an effect that is shown.", shown, len(r.Predictions))
	if nats > 0 {
		s.add(Measured, "Of the others, %d change how likely the right answer is, though not, as far as is shown, which answers are right.", nats)
	}
	for _, p := range r.Predictions {
		s.add(Interpretation, "%s; in a laboratory: %s. Predicted: %s. Falsified if %s. For: %s. Against: %s. Whose: %s.",
			p.Manipulation, p.Laboratory, p.Predicted, p.Falsified, listed(p.For), listed(p.Against), p.Whose)
	}
	s.add(Mathematics, "What calcium does to a single head is to scale its output: it sets how large a response is, and not what it is selective for. That does not hold downstream. Sums of heads that are scaled differently, normalization and further layers turn what they pass on, so that a neuron fed by several heads may change what it is selective for; changed selectivity (as by Perea et al. 2014) speaks against the circuit only where one head alone drives a neuron and nothing but calcium was manipulated.")
	s.add(Caution, "Effects are those of a small trained network on a task of its own: their signs are the predictions, more than their sizes, and what is right there stands for what an animal recalls. No order of effects is predicted, since none is compared with another. Intervals are those of the experiments, of each measure by itself: of all measures of all of them together, some may exclude zero by chance. Manipulations in a laboratory are never as pure as here; what else they change is named where it is known.")
	s.add(Caution, "Astrocytes of rodents reach 20 to 120 thousand synapses, those of humans up to 2 million (Oberheim et al. 2009, Journal of Neuroscience 29:3276). A head has a synapse for every pair of a hidden and an output neuron: 4,096 with 128 and 32 of them. What a head loses is not shown to be what an astrocyte would.")
	return s
}

func listed(all []string) string {
	if len(all) == 0 {
		return "nothing that we know of"
	}
	return strings.Join(all, "; ")
}

// Table implements Findings.
func (r *PredictionsResult) Table() Table {
	t := newTable("manipulation", "laboratory", "measure", "effect±", "nats±", "predicted", "falsified_by", "known_for", "known_against", "whose", "experiment")
	for _, p := range r.Predictions {
		t.add(p.Manipulation, p.Laboratory, p.Measure, p.Effect, p.Nats, p.Predicted, p.Falsified, strings.Join(p.For, "; "), strings.Join(p.Against, "; "), p.Whose, p.Experiment)
	}
	return t
}

// Charts implements Findings.
func (r *PredictionsResult) Charts() []Chart {
	p := Panel{Marks: []Guide{{At: 0}}, Series: []Series{{Name: "effect", Style: Dots}}}
	for _, x := range r.Predictions {
		if x.Measure != r.Predictions[0].Measure { // on another scale
			continue
		}
		p.X.Label = "change of " + x.Measure
		p.Series[0].Dots = append(p.Series[0].Dots, Dot{X: x.Effect, Y: exactly(float64(len(p.Rows)))})
		p.Rows = append(p.Rows, x.Manipulation)
	}
	return []Chart{{
		Name:   "predictions",
		About:  "What manipulations are predicted to change in what the network does, with intervals; the line is no change. The others, on scales of their own, are in the table.",
		Panels: []Panel{p},
	}}
}
