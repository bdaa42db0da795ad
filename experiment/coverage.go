package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/tuning"
)

const coverageAbout = `Let the astrocyte reach a fraction of the synapses alone
What the circuit computes when the astrocyte contacts only some of the synapses
from hidden to output neurons, drawn at random. That is not the paper's; what
becomes of the others is defined here, in two ways. Silent: they contribute
nothing, and neither do their processes to calcium. Undivided: they work as if
calcium were at its mean always, while the processes that are left make up for
those that are not. With no contact at all, the latter is calcium clamped at its
mean.`

// CoverageConfig is the config of Coverage.
type CoverageConfig struct {
	Curves
	// Fractions of synapses that are reached, in (0, 1].
	Fractions []float64 `json:"fractions"`
	// Tokens is on about how many tokens heads are compared, and mean calcium is taken;
	// TaskTokens on about how many whole networks run.
	Tokens     int `json:"tokens"`
	TaskTokens int `json:"task_tokens"`
}

// DefaultCoverage returns the defaults.
func DefaultCoverage() CoverageConfig {
	c := CoverageConfig{Curves: defaultCurves(512), Fractions: []float64{1, 0.9, 0.75, 0.5, 0.25, 0.1}, Tokens: 400, TaskTokens: 1500}
	c.Tuning = BestCurves
	return c
}

func (c *CoverageConfig) check() error {
	if len(c.Fractions) == 0 || !slices.IsSortedFunc(c.Fractions, func(a, b float64) int { return int(b*1e9) - int(a*1e9) }) {
		return fmt.Errorf("coverage: fractions %v; give some that fall, such as [1,0.5,0.1]", c.Fractions)
	}
	for _, f := range c.Fractions {
		if !(f > 0 && f <= 1) {
			return fmt.Errorf("coverage: a fraction of %v; give numbers above 0, up to 1", f)
		}
	}
	if c.Tokens < 2 || c.TaskTokens < 2 {
		return fmt.Errorf("coverage: %d tokens and %d of the task; give at least 2 of each", c.Tokens, c.TaskTokens)
	}
	return nil
}

// What becomes of synapses that are not reached.
const (
	Silent    = "silent"
	Undivided = "undivided"
)

// CoverageResult holds what coverage does.
type CoverageResult struct {
	Curves Curves         `json:"curves"` // that the heads had
	Inputs int            `json:"inputs"` // that heads were compared on
	Tokens int            `json:"tokens"`
	Task   string         `json:"task,omitempty"`
	Intact CoverageEffect `json:"intact"` // all synapses reached
	Kinds  []CoverageKind `json:"kinds"`
}

// CoverageKind is what becomes of the other synapses, and what that does.
type CoverageKind struct {
	Name    string           `json:"name"` // Silent or Undivided
	Effects []CoverageEffect `json:"effects"`
}

// CoverageEffect is what one coverage does: the measures of Effect.
type CoverageEffect struct {
	Fraction float64 `json:"fraction"`
	Output   Change  `json:"output_distance"`
	Hidden   Change  `json:"hidden_cosine"`
	Right    Change  `json:"right_answers"`
	Nats     Change  `json:"nats"`
}

// coverageStream is the stream of the random numbers of contacts.
const coverageStream = 0xc0

// Coverage lets the astrocyte reach a fraction of the synapses alone.
func Coverage(ctx context.Context, lab *Lab, cfg CoverageConfig) (*CoverageResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if lab.Calibration.Len() == 0 {
		return nil, errors.New("coverage needs inputs other than those that are run, for mean calcium; give some by which curves are calibrated")
	}
	rec, err := lab.record(ctx, cfg.Tokens)
	if err != nil {
		return nil, err
	}
	curves := lab.settled(cfg.Curves)
	seeds, err := eachSeed(ctx, lab, "coverage", cfg, 0.05, func(seed uint64, progress func(float64)) (*silencingSeed, error) {
		return lab.coverageSeed(ctx, rec, cfg, curves, seed, progress)
	})
	if err != nil {
		return nil, err
	}
	x, err := lab.newExam(ctx, cfg.TaskTokens, lab.Seeds[0])
	if err != nil {
		return nil, err
	}
	r := coverageResult(cfg.Fractions, seeds)
	r.Curves, r.Inputs, r.Tokens, r.Task = curves, len(rec.which), rec.batch.Tokens(), x.task
	return r, nil
}

// coverageSeed runs one seed: the intact circuit, then the fractions of each kind.
func (l *Lab) coverageSeed(ctx context.Context, rec *recording, cfg CoverageConfig, curves Curves, seed uint64, progress func(float64)) (*silencingSeed, error) {
	b, err := l.bench(ctx, curves, cfg.Tokens, seed)
	if err != nil {
		return nil, err
	}
	x, err := l.newExam(ctx, cfg.TaskTokens, seed)
	if err != nil {
		return nil, err
	}
	out, dv := &silencingSeed{}, l.Network.Model.HeadWidth()
	measure := func(of func(at *prepared) manipulation) error {
		heads, err := b.heads(of)
		if err != nil {
			return err
		}
		sums, err := l.headSums(ctx, rec, heads)
		if err != nil {
			return err
		}
		taken, err := x.take(ctx, heads)
		out.Heads, out.Task = append(out.Heads, sums), append(out.Task, taken)
		progress(float64(len(out.Task)) / float64(1+2*len(cfg.Fractions)))
		return err
	}
	if err := measure(func(*prepared) manipulation { return manipulation{} }); err != nil {
		return nil, err
	}
	for _, undivided := range []bool{false, true} {
		for i, f := range cfg.Fractions {
			err := measure(func(at *prepared) manipulation {
				rng := tuning.NewRand(seed, coverageStream, i, at.layer, at.head)
				return manipulation{Rest: at.mean, Contacts: drawContacts(b.circuits.At(at.layer, at.head).Neurons(), dv, f, undivided, rng)}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// coverageResult summarizes seeds.
func coverageResult(fractions []float64, seeds []silencingSeed) *CoverageResult {
	n := 1 + 2*len(fractions)
	heads, task := make([][][][]float64, n), make([][][][]float64, n)
	for i := range n {
		for s := range seeds {
			heads[i] = append(heads[i], flatten(seeds[s].Heads[i]))
			task[i] = append(task[i], seeds[s].Task[i])
		}
	}
	ofHeads, ofTask := changes(heads, headsNumbers, n-1, headsMean), changes(task, taskNumbers, n-1, taskNumbersOf)
	effect := func(i int, f float64) CoverageEffect {
		return CoverageEffect{f, ofHeads[i][numberOutput], ofTask[i][numberHidden], ofTask[i][numberRight], ofTask[i][numberNats]}
	}
	r := &CoverageResult{Intact: effect(0, 1), Kinds: []CoverageKind{{Name: Silent}, {Name: Undivided}}}
	for k := range r.Kinds {
		for i, f := range fractions {
			r.Kinds[k].Effects = append(r.Kinds[k].Effects, effect(1+k*len(fractions)+i, f))
		}
	}
	return r
}

// Statements implements Findings.
func (r *CoverageResult) Statements() []Statement {
	var s statements
	what := asked(r.Task)
	text := fmt.Sprintf("With all synapses reached, %s curves: outputs of heads have the distance %s from those of exact attention", r.Curves.Tuning, r.Intact.Output.Value)
	if r.Task != "" {
		text += fmt.Sprintf("; %s right %s", what, percent(r.Intact.Right.Value))
	}
	s.add(Measured, "%s.", text)
	for _, k := range r.Kinds {
		for _, e := range k.Effects {
			if e.Fraction == 1 {
				continue
			}
			text := fmt.Sprintf("%.0f%% reached, others %s: distance of outputs %s, %s", 100*e.Fraction, k.Name,
				digits(float64(e.Output.Value.Value)), verdict(e.Output.Change, "more", "less"))
			if r.Task != "" {
				text += fmt.Sprintf("; %s right %s, %s.", what, percent(exactly(float64(e.Right.Value.Value))), shareVerdict(e.Right.Change, "more", "fewer"))
			} else {
				text += fmt.Sprintf("; cosine of the last hidden states with the exact ones %s, %s.", digits(float64(e.Hidden.Value.Value)), verdict(e.Hidden.Change, "more", "less"))
			}
			s.add(Measured, "%s", text)
		}
	}
	s.add(Mathematics, "Synapses that are silent together with their processes are left out of H h and of c alike, which lose the same share in the mean over draws of the contacts: their ratio loses precision, as with fewer neurons. Undivided synapses lose the division itself, and with it the bound that division sets to the size of an output.")
	if r.Task != "" {
		r.interpret(&s)
	}
	s.add(Caution, "Both definitions are ours: the paper has every synapse wrapped. In rodent hippocampus and cortex a part of the synapses is in contact with an astrocyte, and it differs between regions; which of the two definitions, if any, holds for the others is not known from this.")
	return s
}

// interpret compares the two kinds at the least coverage.
func (r *CoverageResult) interpret(s *statements) {
	last := func(k int) CoverageEffect { return r.Kinds[k].Effects[len(r.Kinds[k].Effects)-1] }
	silent, undivided := last(0), last(1)
	lost := func(e CoverageEffect) string {
		if e.Right.Change.Below(0) {
			return "a loss of " + shareOf(negative(e.Right.Change)) + " percentage points"
		}
		return "no loss that is shown"
	}
	s.add(Interpretation, "If the model holds, withdrawal of astrocyte processes from all but %.0f%% of synapses predicts %s of right answers where synapses without contact fall silent, and %s where they go on without division.",
		100*silent.Fraction, lost(silent), lost(undivided))
}

// Table implements Findings.
func (r *CoverageResult) Table() Table {
	t := newTable("others", "fraction", "measure", "value±", "change±")
	for _, k := range r.Kinds {
		for _, e := range k.Effects {
			for _, m := range []struct {
				name string
				Change
			}{{"output_distance", e.Output}, {"hidden_cosine", e.Hidden}, {"right_answers", e.Right}, {"nats", e.Nats}} {
				if finite(float64(m.Value.Value)) {
					t.add(k.Name, e.Fraction, m.name, m.Value, m.Change.Change)
				}
			}
		}
	}
	return t
}

// Charts implements Findings.
func (r *CoverageResult) Charts() []Chart {
	panel := func(title, label string, of func(CoverageEffect) Estimate) Panel {
		p := Panel{Title: title, X: Axis{Label: "fraction of synapses reached"}, Y: Axis{Label: label},
			Levels: []Guide{{At: of(r.Intact).Value}}}
		for _, k := range r.Kinds {
			s := Series{Name: "others " + k.Name, Style: Curve}
			for _, e := range k.Effects {
				s.Dots = append(s.Dots, Dot{exactly(e.Fraction), of(e)})
			}
			p.Series = append(p.Series, s)
		}
		return p
	}
	c := Chart{
		Name:   "coverage",
		About:  fmt.Sprintf("Distance of the outputs of heads from exact attention, and what the network still does, against the fraction of synapses that the astrocyte reaches, from %s tokens; the lines are the intact circuit.", counts.Format(r.Tokens)),
		Panels: []Panel{panel("heads", "distance of outputs", func(e CoverageEffect) Estimate { return e.Output.Value })},
	}
	if r.Task != "" {
		c.Panels = append(c.Panels, panel("network", asked(r.Task)+" right", func(e CoverageEffect) Estimate { return e.Right.Value }))
	} else {
		c.Panels = append(c.Panels, panel("network", "cosine of hidden states", func(e CoverageEffect) Estimate { return e.Hidden.Value }))
	}
	return []Chart{c}
}
