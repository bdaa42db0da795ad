package experiment

import (
	"fmt"

	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/internal/counts"
)

// verdict says what an interval of a difference shows.
func verdict(d Estimate, more, less string) string { return verdictIn("", d, more, less) }

// shareVerdict is verdict for a difference of shares, in percentage points.
func shareVerdict(d Estimate, more, less string) string {
	return verdictIn(" points", Estimate{100 * d.Value, 100 * d.Low, 100 * d.High}, more, less)
}

func verdictIn(unit string, d Estimate, more, less string) string {
	switch {
	case d.Above(0):
		return more + " by " + d.String() + unit
	case d.Below(0):
		return less + " by " + negative(d).String() + unit
	case d == Estimate{}:
		return "with no change at all"
	}
	return "no change is shown (" + d.String() + unit + ")"
}

// fewAnswers is below how many answers, of all seeds, the text warns of their number.
const fewAnswers = 200

// Statements implements Findings.
func (r *SilencingResult) Statements() []Statement {
	var s statements
	what := asked(r.Task)
	intact := r.Effects[0]
	if r.Task != "" {
		s.add(Measured, "Intact circuits, %s curves: %s right %s, as exact attention has them %s (%s in all); exact attention has %s right, uniform attention %s.",
			r.Curves.Tuning, what, percent(intact.Right.Value), percent(intact.Same.Value), counts.Format(r.Asked), percent(r.named(Exact).Right.Value), percent(r.named(Uniform).Right.Value))
	}
	s.add(Measured, "Intact circuits, head by head: what divides is off by %s in its logarithm, and outputs have the distance %s from those of exact attention (0 for the same, 1 for the opposite or nothing).", intact.Normalizer.Value, intact.Output.Value)
	for _, e := range r.Effects[1:] {
		if e.Name == Exact || e.Name == Uniform {
			continue
		}
		text := fmt.Sprintf("With %s, what divides is off by %s, %s; distance of outputs %s, %s", e.Name,
			digits(float64(e.Normalizer.Value.Value)), verdict(e.Normalizer.Change, "more", "less"),
			digits(float64(e.Output.Value.Value)), verdict(e.Output.Change, "more", "less"))
		if r.Task != "" {
			text += fmt.Sprintf("; %s right %s, %s; nats of the right one %s, %s.", what, percent(exactly(float64(e.Right.Value.Value))),
				shareVerdict(e.Right.Change, "more", "fewer"), digits(float64(e.Nats.Value.Value)), verdict(e.Nats.Change, "more", "less"))
		} else {
			text += fmt.Sprintf("; cosine of the last hidden states with the exact ones %s, %s.", digits(float64(e.Hidden.Value.Value)), verdict(e.Hidden.Change, "more", "less"))
		}
		s.add(Measured, "%s", text)
	}
	s.add(Mathematics, "Calcium divides every output of a head by one number. Holding it, slowing it, freezing g, and half-saturation therefore change how large a token's output is and never its direction, nor which tokens it is made of, relative to one another; what they do to answers they do through sizes alone.")
	s.add(Mathematics, "With H frozen, outputs are made of values of an earlier input: a head can carry nothing of the present one, whatever calcium does.")
	if r.Task != "" && r.Asked < fewAnswers {
		s.add(Caution, "Only %s were asked for. Where few all agree, an interval has no width, and says nothing of others; give more inputs.", counts.Plural(r.Asked, "answer"))
	}
	if r.Curves.Tuning == "fitted" {
		s.add(Caution, "All animals have the same fitted curves: seeds differ in what was learned before%s.", map[bool]string{true: " and in which words are masked"}[r.Task == answers.Fill])
	}
	r.interpret(&s)
	s.add(Caution, "Manipulations are of all heads at once and at full strength, in a small network that was trained with softmax attention and has not adapted to them. Brains compensate.")
	return s
}

// interpret says what the effects would mean, where there are any.
func (r *SilencingResult) interpret(s *statements) {
	if r.Task == "" {
		return
	}
	hebb, clamp := r.named(FrozenHebb), r.named(ClampedMean)
	switch {
	case hebb.Right.Change.Below(0) && clamp.Right.Change.Below(0):
		s.add(Interpretation, "If the model holds, blocking plasticity of neuronal synapses and holding astrocyte calcium both cost the task: %s and %s percentage points of right answers.",
			shareOf(negative(hebb.Right.Change)), shareOf(negative(clamp.Right.Change)))
	case hebb.Right.Change.Below(0):
		s.add(Interpretation, "If the model holds, blocking plasticity of neuronal synapses costs the task (%s percentage points of right answers), while no loss by holding astrocyte calcium at its mean is shown here.", shareOf(negative(hebb.Right.Change)))
	case clamp.Right.Change.Below(0):
		s.add(Interpretation, "If the model holds, holding astrocyte calcium at its mean costs the task (%s percentage points of right answers), while no loss by blocking plasticity of neuronal synapses is shown here.", shareOf(negative(clamp.Right.Change)))
	default:
		s.add(Interpretation, "Neither blocking plasticity of neuronal synapses nor holding astrocyte calcium is shown to cost the task here: these data predict no deficit.")
	}
}

func shareOf(e Estimate) string {
	return Estimate{100 * e.Value, 100 * e.Low, 100 * e.High}.String()
}

// named returns the effect of that name, one without numbers if there is none.
func (r *SilencingResult) named(name string) Effect {
	for _, e := range r.Effects {
		if e.Name == name {
			return e
		}
	}
	return Effect{Name: name}
}

// Table implements Findings.
func (r *SilencingResult) Table() Table {
	t := newTable("manipulation", "measure", "value±", "change±")
	for _, e := range r.Effects {
		for _, m := range []struct {
			name string
			Change
		}{
			{"log_normalizer_error", e.Normalizer}, {"output_distance", e.Output}, {"output_cosine", e.Direction},
			{"hidden_cosine", e.Hidden}, {"same_answers", e.Same}, {"right_answers", e.Right}, {"nats", e.Nats},
		} {
			if finite(float64(m.Value.Value)) {
				t.add(e.Name, m.name, m.Value, m.Change.Change)
			}
		}
	}
	return t
}

// Charts implements Findings.
func (r *SilencingResult) Charts() []Chart {
	panel := func(title, label string, of func(Effect) Estimate) Panel {
		p := Panel{Title: title, X: Axis{Label: label}, Marks: []Guide{{At: of(r.Effects[0]).Value}}, Series: []Series{{Name: "value", Style: Dots}}}
		for i, e := range r.Effects {
			p.Rows = append(p.Rows, e.Name)
			p.Series[0].Dots = append(p.Series[0].Dots, Dot{X: of(e), Y: exactly(float64(i))})
		}
		return p
	}
	c := Chart{
		Name:  "silencing",
		About: "What each manipulation does, with intervals: to what divides the output of heads, to these outputs, and to the answers of the whole network; the lines are the intact circuit.",
		Panels: []Panel{
			panel("heads", "error of log divisor", func(e Effect) Estimate { return e.Normalizer.Value }),
			panel("heads", "distance of outputs", func(e Effect) Estimate { return e.Output.Value }),
		},
	}
	if r.Task != "" {
		c.Panels = append(c.Panels, panel("network", asked(r.Task)+" right", func(e Effect) Estimate { return e.Right.Value }))
	} else {
		c.Panels = append(c.Panels, panel("network", "cosine of hidden states", func(e Effect) Estimate { return e.Hidden.Value }))
	}
	return []Chart{c}
}
