package transfer

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

const (
	// timescaleTokens is on about how many tokens networks in time are compared for
	// every length of a presentation.
	timescaleTokens = 300
	// slowAstrocyte is the time constant of calcium, s, that the first curve has: that
	// of IP3 in NEST's astrocyte_lr_1994 (0.14/s, after Wang et al. 1995).
	slowAstrocyte = 7
)

// presentations are lengths in units of the slowest time constant of any head: while
// a token is presented, transients fall by as many e-foldings.
var presentations = []float64{0.1, 0.3, 1, 3, 5, 9, 15, 30}

// timescales runs the network in time with tokens that are presented for longer and
// longer: first with an astrocyte as slow as IP3, then as configured.
func (r *run) timescales() error {
	if !r.cfg.Selection.Uses(attention.KindRate) {
		return nil
	}
	t := &Timescales{}
	f, err := r.newFaithful(timescaleTokens)
	if err != nil {
		return err
	}
	t.Texts, t.Tokens, t.Task, t.Answers = f.texts, f.batch.Tokens(), f.task, len(f.answers)
	t.HiddenUniform, t.AgreementUniform, err = f.of(r.cfg.Network.Model.Uniform())
	if err != nil {
		return err
	}
	settled, err := r.inTime(r.cfg.Selection.Settled(), *r.cfg.Dynamics)
	if err != nil {
		return err
	}
	goal, err := f.run(settled.Heads())
	if err != nil {
		return err
	}
	t.HiddenAlgebraic, t.AgreementAlgebraic = f.compare(goal)

	slow := *r.cfg.Dynamics
	slow.Astrocyte = attention.Everywhere(float64(slowAstrocyte))
	kinds := []network.Dynamics{slow}
	if slow.Astrocyte.String() != r.cfg.Dynamics.Astrocyte.String() {
		kinds = append(kinds, *r.cfg.Dynamics)
	}
	sentence := float64(t.Tokens) / float64(max(t.Texts, 1))
	for i, d := range kinds {
		c := TimescaleCurve{Astrocyte: d.Astrocyte.String()}
		unit := slowest(r.cfg.Network.Model, d)
		for j, x := range presentations {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			longer := d
			longer.Present = d.Present.Map(func(p float64) float64 { return p * x * unit })
			heads, err := r.inTime(r.cfg.Selection, longer)
			if err != nil {
				return err
			}
			got, err := f.run(heads.Heads())
			if err != nil {
				return err
			}
			if err := heads.Incidents().Err; err != nil {
				return err
			}
			hidden, agreement := f.compare(got)
			layers := r.layersInTime()
			c.Present = append(c.Present, Number(heads.Seconds(1)/2/float64(layers)))
			c.Seconds = append(c.Seconds, Number(heads.Seconds(1)*sentence))
			c.Hidden = append(c.Hidden, hidden)
			if len(f.answers) > 0 {
				c.Agreement = append(c.Agreement, agreement)
				c.Logits = append(c.Logits, largestDifference(got.logits, goal.logits))
			}
			r.progress((float64(i) + float64(j+1)/float64(len(presentations))) / float64(len(kinds)))
		}
		t.Curves = append(t.Curves, c)
	}
	t.Layers, t.TokensPerText = r.layersInTime(), Number(sentence)
	r.report.Timescales = t
	return nil
}

// inTime builds the network's heads for a selection, with these dynamics.
func (r *run) inTime(sel attention.Selection, d network.Dynamics) (*network.Circuits, error) {
	o := r.options
	o.Selection, o.Dynamics = sel, d.At
	return network.Build(r.cfg.Network.Model, o)
}

// slowest returns the largest ratio of a time constant to the presentation, of any
// head.
func slowest(m *model.Model, d network.Dynamics) float64 {
	most := 0.0
	for l := range m.Layers() {
		for h := range m.Heads() {
			tau := max(d.Astrocyte.At(l, h), d.Hidden.At(l, h), d.Output.At(l, h))
			most = max(most, tau/d.Present.At(l, h))
		}
	}
	return most
}

// layersInTime counts the layers with a head in time.
func (r *run) layersInTime() int {
	n, m := 0, r.cfg.Network.Model
	for l := range m.Layers() {
		for h := range m.Heads() {
			if r.cfg.Selection.At(l, h) == attention.KindRate {
				n++
				break
			}
		}
	}
	return n
}

// largestDifference returns the largest of |a - b|, NaN where any is.
func largestDifference(a, b tensor.Matrix) Number {
	most := 0.0
	for i := range a.Rows {
		for j, x := range a.Row(i) {
			most = max(most, math.Abs(float64(x)-float64(b.At(i, j)))) // max is NaN where one is
		}
	}
	return Number(most)
}

// settles returns the first presentation of a curve from which on the cosine stays
// within near of the goal, and its place, or -1.
func (c *TimescaleCurve) settles(goal Number, near Number) int {
	at := -1
	for i, x := range c.Hidden {
		switch {
		case !(x >= goal-near):
			at = -1
		case at < 0:
			at = i
		}
	}
	return at
}

// settled is how near to the algebraic level's cosine counts as settled.
const settled = 0.01

// timescaleNotes say how long a sentence takes.
func timescaleNotes(r *Report, say func(string, ...any)) {
	t := r.Timescales
	if t == nil {
		return
	}
	d := r.Config.Dynamics
	say("In time: every token is presented twice, to be written and to be read, for %s s each, in %s, one after another. That is %s of the circuit's time for every token. All dynamics are this project's: the paper gives the algebraic circuit that they settle to.",
		d.Present, counts.Plural(t.Layers, "layer"), seconds(r.Config.SecondsPerToken))
	for i, c := range t.Curves {
		if len(c.Hidden) == 0 {
			continue
		}
		what := fmt.Sprintf("With calcium of %s s", c.Astrocyte)
		if i == 0 {
			what += ", as slow as IP3 in models of astrocytes,"
		}
		if math.IsNaN(float64(c.Hidden[0])) {
			say("%s presentations of %s s for a token leave no hidden states that are numbers: somewhere calcium vanished. Use curves that are positive everywhere.", what, significantly(c.Present[0]))
			continue
		}
		first := fmt.Sprintf("%s s for a token leave a cosine of %.2f of the last hidden states (uniform attention: %.2f; the algebraic level: %.3f)",
			significantly(c.Present[0]), float64(c.Hidden[0]), float64(t.HiddenUniform), float64(t.HiddenAlgebraic))
		if at := c.settles(t.HiddenAlgebraic, settled); at >= 0 {
			say("%s presentations of %s. It stays within %.2f of the algebraic level's from %s s on, which make %s for a %s of %s tokens.",
				what, first, settled, significantly(c.Present[at]), seconds(c.Seconds[at]), input(r), significantly(t.TokensPerText))
		} else {
			say("%s presentations of %s. No length that was tried, up to %s s, comes within %.2f of the algebraic level's.",
				what, first, significantly(c.Present[len(c.Present)-1]), settled)
		}
	}
}

// significantly writes a number with two or three digits.
func significantly(x Number) string { return fmt.Sprintf("%.3g", float64(x)) }

// seconds writes a time, in minutes or hours where these are easier to grasp.
func seconds(x Number) string {
	switch {
	case x < 180:
		return significantly(x) + " s"
	case x < 3*3600:
		return significantly(x/60) + " minutes"
	}
	return significantly(x/3600) + " hours"
}
