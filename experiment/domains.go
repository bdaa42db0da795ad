package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

const domainsAbout = `Divide the astrocyte into domains, and let them exchange calcium
An astrocyte whose calcium is not one pool divides every neuron's synapses by the
calcium of their own domain. What does a network lose, by how many domains there
are and which neurons share one, and what does exchange repair: diffusion within
an astrocyte, gap junctions between two?`

// DomainsConfig is the config of Domains.
type DomainsConfig struct {
	Curves
	// Tokens is on about how many tokens networks are compared.
	Tokens int `json:"tokens"`
	// Domains are the numbers of domains of one astrocyte, neurons assigned in turn and
	// every two domains coupled. Detailed is the number for which other assignments and a
	// chain are run, too, and half of which two astrocytes have each.
	Domains  []int `json:"domains"`
	Detailed int   `json:"detailed"`
	// Coupling are the strengths of exchange, 0 first; 1 is as fast as calcium decays.
	Coupling []float64 `json:"coupling"`
	// Tau is the time constant of everything and Present the length of a presentation, s:
	// by default long enough for what is lost not to be a matter of time.
	Tau     float64 `json:"tau_s"`
	Present float64 `json:"present_s"`
}

// DefaultDomains returns the defaults.
func DefaultDomains() DomainsConfig {
	return DomainsConfig{
		Curves: defaultCurves(128), Tokens: 150, Domains: []int{2, 4, 16}, Detailed: 8,
		Coupling: []float64{0, 1, 10, 100}, Tau: 0.02, Present: 1,
	}
}

func (c *DomainsConfig) check() error {
	switch n := len(c.Coupling); {
	case c.Tokens < 1:
		return fmt.Errorf("domains: %d tokens; give at least 1", c.Tokens)
	case n < 2 || c.Coupling[0] != 0 || !grows(c.Coupling) || !finite(c.Coupling[n-1]):
		return fmt.Errorf("domains: couplings %v; give 0, then one or more that grow", c.Coupling)
	case c.Detailed < 4 || c.Detailed%2 != 0:
		return fmt.Errorf("domains: %d domains in detail; give an even number from 4", c.Detailed)
	case slices.ContainsFunc(c.Domains, func(k int) bool { return k < 2 }):
		return fmt.Errorf("domains: %v domains; give numbers from 2", c.Domains)
	}
	if err := cmp.Or(checkTimes("tau_s", c.Tau), checkTimes("present_s", c.Present)); err != nil {
		return fmt.Errorf("domains: %w", err)
	}
	return nil
}

// arm is one way to divide an astrocyte, whose strength of exchange is varied.
type arm struct {
	name       string
	group      string // what it is compared with
	domains    int
	assign     rate.Assignment
	graph      rate.Shape
	astrocytes int // 2: the strength is that of a gap junction, and diffusion is the strongest
}

func (c *DomainsConfig) arms() []arm {
	var all []arm
	for _, k := range c.Domains {
		all = append(all, arm{counts.Plural(k, "domain"), "number", k, rate.ByTurns, rate.AllToAll, 1})
	}
	d := c.Detailed
	all = append(all,
		arm{fmt.Sprintf("%d domains, interleaved", d), "which", d, rate.ByTurns, rate.AllToAll, 1},
		arm{fmt.Sprintf("%d domains, contiguous", d), "which", d, rate.ByPlace, rate.AllToAll, 1},
		arm{fmt.Sprintf("%d domains, of similar tuning", d), "which", d, rate.ByLikeness, rate.AllToAll, 1},
		arm{fmt.Sprintf("%d domains in a chain", d), "which", d, rate.ByTurns, rate.Chain, 1},
		arm{fmt.Sprintf("2 astrocytes of %d domains, of similar tuning", d/2), "gap", d, rate.ByLikeness, rate.AllToAll, 2})
	return all
}

// dynamics are those of every head, undivided where the arm is nil.
func (c *DomainsConfig) dynamics(a *arm, strength float64) func(int, int, *tuning.Curves[float32]) (rate.Config, error) {
	return func(_, _ int, curves *tuning.Curves[float32]) (rate.Config, error) {
		d := rate.Default(1, 1) // sizes come with the curves
		d.Kinetics = rate.Kinetics{Hidden: c.Tau, Output: c.Tau, Astrocyte: c.Tau}
		d.Timing.Present = c.Present
		if a == nil {
			return d, nil
		}
		weights := curves.Form(tuning.Writing).W
		rows := make([]float64, len(weights))
		for i, w := range weights {
			rows[i] = float64(w)
		}
		var err error
		if d.Domains.Of, err = rate.Assign(a.assign, rows, curves.Neurons(), a.domains); err != nil {
			return d, err
		}
		if a.astrocytes > 1 {
			strongest := c.Coupling[len(c.Coupling)-1]
			d.Domains.Coupling = rate.CoupleAstrocytes(a.astrocytes, a.domains/a.astrocytes, a.graph, strongest, a.graph, strength)
		} else {
			d.Domains.Coupling = rate.Couple(a.graph, a.domains, strength)
		}
		return d, nil
	}
}

// DomainsResult holds what divided astrocytes lose.
type DomainsResult struct {
	Inputs  int `json:"inputs"`
	Tokens  int `json:"tokens"`
	Answers int `json:"answers"` // that a seed asks for
	// Mean cosine of the last hidden states to the exact network's: of uniform attention
	// and of the circuit with one domain for each head.
	Uniform   Estimate `json:"uniform_cosine"`
	Undivided Estimate `json:"undivided_cosine"`
	// UndividedAnswers is the share of answers that are the exact network's.
	UndividedAnswers Estimate     `json:"undivided_answers_as_exact"`
	Arms             []DomainsArm `json:"arms"`
	// Likeness is by how much domains of neurons with similar tuning lose more than as
	// many of neurons assigned in turn, without exchange.
	Likeness Estimate `json:"similar_lose_more"`
	Lost     int      `json:"lost"` // readings without a value
}

// DomainsArm is one way to divide an astrocyte.
type DomainsArm struct {
	Name     string   `json:"name"`
	Group    string   `json:"group"`
	Domains  int      `json:"domains"`
	Coupling []Number `json:"coupling"` // of a gap junction where there are two astrocytes
	// Loss is the share of the way from uniform attention to the undivided circuit, by
	// cosine, that is lost; Answers the share that are the exact network's.
	Loss    []Estimate `json:"loss"`
	Answers []Estimate `json:"answers_as_exact"`
	// Repaired is the loss without exchange less that with the strongest.
	Repaired Estimate `json:"repaired"`
}

// domainsSeed is what one seed measures: examSums of every input.
type domainsSeed struct {
	Uniform   [][]float64     `json:"uniform"`
	Undivided [][]float64     `json:"undivided"`
	Divided   [][][][]float64 `json:"divided"` // [arms][couplings][inputs][sums]
	Lost      int             `json:"lost"`
}

// Domains divides the astrocyte of every head.
func Domains(ctx context.Context, lab *Lab, cfg DomainsConfig) (*DomainsResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	x, err := lab.newExam(ctx, cfg.Tokens, lab.Seeds[0])
	if err != nil {
		return nil, err
	}
	if _, err := lab.circuits(ctx, cfg.Curves, lab.Seeds[0]); err != nil { // calibrates, or says why it cannot
		return nil, err
	}
	seeds, err := eachSeed(ctx, lab, "domains", cfg, 0.05, func(seed uint64, progress func(float64)) (*domainsSeed, error) {
		x, err := lab.newExam(ctx, cfg.Tokens, seed)
		if err != nil {
			return nil, err
		}
		out := new(domainsSeed)
		if out.Uniform, err = x.take(ctx, lab.Network.Model.Uniform()); err != nil {
			return nil, err
		}
		measure := func(a *arm, strength float64) ([][]float64, error) {
			sums, lost, err := lab.measureTimed(ctx, x, cfg.Curves, seed, cfg.dynamics(a, strength))
			out.Lost += lost
			return sums, err
		}
		if out.Undivided, err = measure(nil, 0); err != nil {
			return nil, err
		}
		arms := cfg.arms()
		for i := range arms {
			var row [][][]float64
			for j, strength := range cfg.Coupling {
				sums, err := measure(&arms[i], strength)
				if err != nil {
					return nil, err
				}
				row = append(row, sums)
				progress((float64(i) + float64(j+1)/float64(len(cfg.Coupling))) / float64(len(arms)))
			}
			out.Divided = append(out.Divided, row)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	r := domainsOf(cfg, seeds)
	r.Inputs, r.Tokens, r.Answers = x.batch.Sequences.Len(), x.batch.Tokens(), len(x.said)
	return r, nil
}

// measureTimed compares a network in time with the exact one, and counts the readings
// that have no value.
func (l *Lab) measureTimed(ctx context.Context, x *exam, c Curves, seed uint64, dynamics func(int, int, *tuning.Curves[float32]) (rate.Config, error)) (sums [][]float64, lost int, err error) {
	circuits, err := l.timed(ctx, c, seed, dynamics)
	if err != nil {
		return nil, 0, err
	}
	if sums, err = x.take(ctx, circuits.Heads()); err != nil {
		return nil, 0, err
	}
	met := circuits.Incidents()
	return sums, met.Lost, met.Err
}

// domainsOf makes the result of all seeds.
func domainsOf(cfg DomainsConfig, seeds []domainsSeed) *DomainsResult {
	r := &DomainsResult{}
	arms := cfg.arms()
	nc := len(cfg.Coupling)
	cells := 2 + len(arms)*nc
	together := make([][][]float64, len(seeds))
	for s, seed := range seeds {
		r.Lost += seed.Lost
		together[s] = beside(append([][][]float64{seed.Uniform, seed.Undivided}, slices.Concat(seed.Divided...)...)...)
	}
	alike := func(a rate.Assignment) int {
		return slices.IndexFunc(arms, func(x arm) bool { return x.group == "which" && x.graph == rate.AllToAll && x.assign == a })
	}
	// Numbers: of uniform attention and undivided ones, then a loss and answers for every
	// cell, what exchange repairs for every arm, and likeness.
	const first = 3
	repaired := first + 2*len(arms)*nc
	b := newBootstrap(len(seeds), len(together[0]))
	numbers := func(dst, sums []float64) {
		at := func(c int) []float64 { return sums[c*examSums : (c+1)*examSums] }
		cosine := func(c int) float64 { return at(c)[examCosine] / at(c)[examTokens] }
		answers := func(c int) float64 { return at(c)[examSame] / at(c)[examAsked] }
		dst[0], dst[1], dst[2] = cosine(0), cosine(1), answers(1)
		for c := range cells - 2 {
			dst[first+2*c] = 1 - (cosine(2+c)-dst[0])/(dst[1]-dst[0])
			dst[first+2*c+1] = answers(2 + c)
		}
		loss := func(arm, coupling int) float64 { return dst[first+2*(arm*nc+coupling)] }
		for a := range arms {
			dst[repaired+a] = loss(a, 0) - loss(a, nc-1)
		}
		dst[repaired+len(arms)] = loss(alike(rate.ByLikeness), 0) - loss(alike(rate.ByTurns), 0)
	}
	n := repaired + len(arms) + 1
	alone := b.ofSums(together, n, numbers)
	e := b.family(len(arms)*nc).ofSums(together, n, numbers) // what is lost is compared with one circuit
	r.Uniform, r.Undivided, r.UndividedAnswers = alone[0], alone[1], alone[2]
	for i, a := range arms {
		out := DomainsArm{Name: a.name, Group: a.group, Domains: a.domains, Repaired: e[repaired+i]}
		for j, strength := range cfg.Coupling {
			out.Coupling = append(out.Coupling, Number(strength))
			out.Loss = append(out.Loss, e[first+2*(i*nc+j)])
			out.Answers = append(out.Answers, alone[first+2*(i*nc+j)+1])
		}
		r.Arms = append(r.Arms, out)
	}
	r.Likeness = e[repaired+len(arms)]
	return r
}

// Statements implements Findings.
func (r *DomainsResult) Statements() []Statement {
	var s statements
	s.add(Measured, "With one domain for each head, and time enough, the last hidden states have a cosine of %s to the exact network's (uniform attention: %s). What follows is the share of the way between the two that is lost.", r.Undivided, r.Uniform)
	for _, a := range r.Arms {
		last := len(a.Loss) - 1
		without, with := "without exchange", "coupling"
		if a.Group == "gap" {
			without, with = "well mixed in themselves, without gap junctions between the two", "gap junctions of strength"
		}
		if !a.Loss[0].Above(0) {
			s.add(Measured, "%s, %s: that anything is lost is not shown (%s).", capital(a.Name), without, percent(a.Loss[0]))
			continue
		}
		left := "no loss is shown any more"
		switch {
		case !a.Repaired.Above(0):
			left = "that it is less is not shown"
		case a.Loss[last].Above(0):
			left = "less is lost, and still some"
		}
		s.add(Measured, "%s, %s: %s is lost. With %s %s %s: %s.", capital(a.Name), without, percent(a.Loss[0]),
			with, strconv.FormatFloat(float64(a.Coupling[last]), 'g', 3, 64), left, percent(a.Loss[last]))
	}
	switch {
	case r.Likeness.Above(0):
		s.add(Measured, "Domains of neurons with similar tuning lose more of the way than as many whose neurons are assigned in turn, by %s.", percent(r.Likeness))
	case r.Likeness.Below(0):
		s.add(Measured, "Domains of neurons with similar tuning lose less of the way than as many whose neurons are assigned in turn, by %s.", percent(negative(r.Likeness)))
	default:
		s.add(Measured, "That it matters which neurons share a domain is not shown: those of similar tuning lose %s more of the way than those assigned in turn.", percent(r.Likeness))
	}
	if r.Lost > 0 {
		s.add(Caution, "%s had no value: calcium passed through zero while it divided.", counts.Plural(r.Lost, "reading"))
	}
	s.add(Mathematics, "Each domain stands for the whole by K times its own part of g.h. Where parts differ from query to query, domains that exchange nothing divide by different numbers however long one waits; infinitely strong exchange makes them one.")
	if gap := r.divided(true); gap.Repaired.Above(0) {
		s.add(Interpretation, "If calcium is the normalizer, blocking the gap junctions between astrocytes should worsen attention where one computation is spread over several of them: here by %s of the way. Knocking out connexins 30 and 43 also changes the clearance of glutamate and potassium (Pannasch et al. 2011), so that an effect of it would not be evidence by itself; no effect, where a computation does spread over astrocytes, would count against the circuit. This prediction is ours.", percent(gap.Repaired))
	} else {
		s.add(Interpretation, "That gap junctions repair anything is not shown, and nothing is predicted from blocking them.")
	}
	if within := r.divided(false); within.Repaired.Above(0) {
		s.add(Interpretation, "If calcium is the normalizer, keeping calcium from spreading within an astrocyte should worsen attention, too: here by %s of the way, for domains of neurons with similar tuning. This prediction is ours.", percent(within.Repaired))
	} else {
		s.add(Interpretation, "That exchange within an astrocyte repairs anything is not shown for domains of similar tuning, and nothing is predicted from keeping calcium from spreading.")
	}
	return s
}

// capital begins a sentence.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Table implements Findings.
func (r *DomainsResult) Table() Table {
	t := newTable("astrocyte", "domains", "coupling", "loss±", "answers_as_exact±", "repaired±")
	nan := Number(math.NaN())
	none := Estimate{nan, nan, nan}
	t.add("undivided", 1, nan, exactly(0), r.UndividedAnswers, none)
	for _, a := range r.Arms {
		for i, c := range a.Coupling {
			t.add(a.Name, a.Domains, c, a.Loss[i], a.Answers[i], a.Repaired)
		}
	}
	return t
}

// Charts implements Findings.
func (r *DomainsResult) Charts() []Chart {
	panel := func(title, group, label string) Panel {
		p := Panel{Title: title, X: Axis{Label: label, Log: true}, Y: Axis{Label: "share of the way lost"}, Levels: []Guide{{At: 0}}, Beside: true}
		for _, a := range r.Arms {
			if a.Group != group {
				continue
			}
			none := a.Coupling[1] / 10 // where a logarithmic axis shows 0
			p.X.Break = Guide{none, "none"}
			s := Series{Name: a.Name, Style: Curve}
			for i, c := range a.Coupling {
				s.Dots = append(s.Dots, Dot{exactly(float64(max(c, none))), a.Loss[i]})
			}
			p.Series = append(p.Series, s)
		}
		return p
	}
	c := Chart{Name: "domains", SameY: true, About: "Share of what attention does that networks with divided astrocytes lose, against the strength of exchange between domains, for numbers of domains, for assignments of neurons, and for two astrocytes joined by a gap junction."}
	for _, p := range []Panel{
		panel("", "number", "coupling of domains"), panel("", "which", "coupling of domains"), panel("", "gap", "strength of the gap junction"),
	} {
		if len(p.Series) > 0 {
			c.Panels = append(c.Panels, p)
		}
	}
	return []Chart{c}
}
