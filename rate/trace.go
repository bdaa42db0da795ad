package rate

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite"
)

// Trace is the circuit's variables at equal steps of time. They are values of the
// closed forms, as exact as those at the ends of presentations, and taking them
// changes nothing.
type Trace struct {
	Step     float64            `json:"step_s"`
	Tokens   int                `json:"tokens"`    // N
	Causal   bool               `json:"causal"`    // whether each is written, then read; otherwise all are written, then all read
	Neurons  int                `json:"neurons"`   // m
	Outputs  int                `json:"outputs"`   // width of Output: dv, or 2 dv under Dale's law
	Domains  int                `json:"domains"`   // K
	Present  float64            `json:"present_s"` // length of a presentation
	Window   float64            `json:"window"`
	Time     []float64          `json:"time_s"`    // [S]
	Phase    []tripartite.Phase `json:"phase"`     // [S]
	Token    []int              `json:"token"`     // [S] presented, from 0
	Hidden   []float64          `json:"hidden"`    // [S, m] h
	Output   []float64          `json:"output"`    // [S, Outputs] l; NaN after calcium vanished
	HebbNorm []float64          `json:"hebb_norm"` // [S] Frobenius norm of H
	Gain     []float64          `json:"gain"`      // [S, m] g
	Calcium  []float64          `json:"calcium"`   // [S, K] c
}

// Samples returns S.
func (t *Trace) Samples() int { return len(t.Time) }

// Reads reports whether the i-th of 2 N presentations is for reading.
func (t *Trace) Reads(i int) bool {
	return t.Causal && i%2 == 1 || !t.Causal && i >= t.Tokens
}

// MostTraced bounds the numbers that a trace holds: 1 GB.
const MostTraced = 1 << 27

// checkTrace refuses traces that make no sense or fill the memory.
func checkTrace(step, duration float64, h *Head) error {
	if !positive(step) {
		return fmt.Errorf("rate: traces every %v s; want a finite step above 0", step)
	}
	each := float64(2*h.cfg.Neurons + h.channels + h.net.k + 4)
	if n := duration / step * each; n > MostTraced {
		return fmt.Errorf("rate: traces every %v s of %v s hold %.3g numbers, and %d are the most; take a step of at least %.2g s", step, duration, n, MostTraced, duration*each/MostTraced)
	}
	return nil
}

// tracer takes samples on the way.
type tracer struct {
	Trace
	now   float64 // when the present piece began
	token int
	// Scratch: the state at a sample.
	hidden, output, calcium []float64
}

func newTracer(h *Head, step float64, tokens int) *tracer {
	t := &tracer{Trace: Trace{Step: step, Tokens: tokens, Causal: h.cfg.Causal, Neurons: h.cfg.Neurons, Outputs: h.channels, Domains: h.net.k, Present: h.cfg.Timing.Present, Window: h.cfg.Timing.Window}}
	t.hidden, t.output, t.calcium = make([]float64, h.cfg.Neurons), make([]float64, h.channels), make([]float64, h.net.k)
	return t
}

// samples calls at for the times of a piece of t seconds that are multiples of the
// step, since the piece began, and moves on. Rounding decides in which of two
// pieces a time at their border falls, and none is left out.
func (t *tracer) samples(piece float64, at func(s float64)) {
	end := t.now + piece
	for {
		next := float64(len(t.Time)) * t.Step
		if next > end+1e-9*t.Step {
			break
		}
		at(min(max(next-t.now, 0), piece))
		t.Time = append(t.Time, next)
	}
	t.now = end
}

// put appends a sample.
func (t *tracer) put(phase tripartite.Phase, norm float64) {
	t.Phase, t.Token = append(t.Phase, phase), append(t.Token, t.token)
	t.Hidden, t.Output, t.Calcium = append(t.Hidden, t.hidden...), append(t.Output, t.output...), append(t.Calcium, t.calcium...)
	t.HebbNorm = append(t.HebbNorm, norm)
}

// writing samples a piece of writing before it happens.
func (t *tracer) writing(h *Head, piece float64, plastic bool) {
	copy(t.calcium, h.calcium)
	var norm func(s store) float64
	t.samples(piece, func(s float64) {
		if norm == nil {
			norm = h.normAfter()
		}
		relax(t.hidden, h.hidden, h.drive, s/h.cfg.Kinetics.Hidden)
		relax(t.output, h.output, h.value, s/h.cfg.Kinetics.Output)
		st := h.cfg.stored(s, plastic)
		t.put(tripartite.Writing, norm(st))
		for i, g := range h.gain {
			t.Gain = append(t.Gain, st.keepG*g+st.gh*h.hidden[i]+st.gp*h.drive[i])
		}
	})
}

// normAfter returns a function for the norm of H after a store, which takes the
// products of the terms that it sums once.
func (h *Head) normAfter() func(store) float64 {
	m := h.cfg.Neurons
	whole, hh, hp, pp := 0.0, dot(h.hidden, h.hidden), dot(h.hidden, h.drive), dot(h.drive, h.drive)
	onH, onPhi := make([]float64, h.channels), make([]float64, h.channels)
	for o := range h.output {
		row := h.hebb[o*m : (o+1)*m]
		whole += dot(row, row)
		onH[o], onPhi[o] = dot(row, h.hidden), dot(row, h.drive)
	}
	return func(s store) float64 {
		sum := s.keepH * s.keepH * whole
		for o, l := range h.output {
			a, b := s.lh*l+s.vh*h.value[o], s.lp*l+s.vp*h.value[o]
			sum += 2*s.keepH*(a*onH[o]+b*onPhi[o]) + a*a*hh + 2*a*b*hp + b*b*pp
		}
		return math.Sqrt(max(sum, 0)) // which rounding may take below 0
	}
}

// reading samples a piece of reading before it happens.
func (t *tracer) reading(h *Head, piece float64) {
	copy(t.output, h.output)
	norm := math.Sqrt(dot(h.hebb, h.hebb))
	before, lost := 0.0, false
	t.samples(piece, func(s float64) {
		relax(t.hidden, h.hidden, h.drive, s/h.cfg.Kinetics.Hidden)
		h.course.at(s, t.calcium)
		if !lost && s > before {
			w, vanish := h.read.over(before, s)
			lost = vanish != nil
			h.arrive()
			for o, l := range t.output {
				t.output[o] = w*l + h.arriving[o]
			}
		}
		if lost {
			for o := range t.output {
				t.output[o] = math.NaN()
			}
		}
		before = s
		t.put(tripartite.Reading, norm)
		t.Gain = append(t.Gain, h.gain...)
	})
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
