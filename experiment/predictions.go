package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

const predictionsAbout = `Predictions for a laboratory, with what would falsify them
Runs silencing, coverage, load and domains, and turns what they measured into
predictions: the manipulation, its counterpart in a laboratory, the effect with its interval,
what would falsify it, what is known for and against, with references, and whose
prediction it is. Where no effect was measured, none is predicted.`

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
	Measure   string   `json:"measure"`
	Better    int      `json:"better"`
	Effect    Estimate `json:"effect"`
	Predicted string   `json:"predicted"` // in words, from the effect
	Falsified string   `json:"falsified_by"`
	For       []string `json:"known_for"`
	Against   []string `json:"known_against"`
	Whose     string   `json:"whose"`

	points bool // the effect is a difference of shares
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
	for _, p := range laboratory() {
		p.Measure, p.Better, p.points = measure, 1, r.Task != ""
		switch p.Experiment {
		case "silencing":
			e := silencing.named(p.Manipulation)
			p.Effect = effect(e.Hidden, e.Right)
		case "coverage":
			e := coverage.least(p.Manipulation)
			p.Effect = effect(e.Hidden, e.Right)
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
		p.Predicted = p.predicted()
		r.Predictions = append(r.Predictions, p)
	}
	return r
}

// predicted says what the effect predicts, and nothing where none was shown.
func (p *Prediction) predicted() string {
	effect := p.Effect.String()
	if p.points {
		effect = shareOf(p.Effect) + " percentage points"
	}
	switch {
	case !p.shown():
		return fmt.Sprintf("nothing, since no effect was shown (%s: %s)", p.Measure, effect)
	case p.Better > 0 == p.Effect.Above(0):
		return fmt.Sprintf("an improvement, %s by %s", p.Measure, effect)
	}
	return fmt.Sprintf("a deficit, %s by %s", p.Measure, effect)
}

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

// shown reports whether there is an effect to predict.
func (p *Prediction) shown() bool { return p.Effect.Above(0) || p.Effect.Below(0) }

// Statements implements Findings.
func (r *PredictionsResult) Statements() []Statement {
	var s statements
	shown := 0
	for _, p := range r.Predictions {
		if p.shown() {
			shown++
		}
	}
	s.add(Measured, "%d of %d manipulations have an effect that is shown.", shown, len(r.Predictions))
	for _, p := range r.Predictions {
		s.add(Interpretation, "%s; in a laboratory: %s. Predicted: %s. Falsified if %s. For: %s. Against: %s. Whose: %s.",
			p.Manipulation, p.Laboratory, p.Predicted, p.Falsified, listed(p.For), listed(p.Against), p.Whose)
	}
	s.add(Mathematics, "What calcium does to a single head is to scale its output. The circuit predicts that calcium sets the gain of a response and leaves untouched what it is selective for; that holds whatever numbers are measured, and a change of selectivity under a pure manipulation of calcium speaks against the model.")
	s.add(Caution, "Effects are those of a small trained network on a task of its own: their signs and their order are the predictions, more than their sizes. Manipulations in a laboratory are never as pure as here; what else they change is named where it is known.")
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
	t := newTable("manipulation", "laboratory", "measure", "effect±", "predicted", "falsified_by", "known_for", "known_against", "whose", "experiment")
	for _, p := range r.Predictions {
		t.add(p.Manipulation, p.Laboratory, p.Measure, p.Effect, p.Predicted, p.Falsified, strings.Join(p.For, "; "), strings.Join(p.Against, "; "), p.Whose, p.Experiment)
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
		About:  "What every manipulation is predicted to change, with intervals; the line is no change.",
		Panels: []Panel{p},
	}}
}
