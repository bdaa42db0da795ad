package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// perturbed is a circuit under a manipulation, in float64, token by token: the
// equations of package tripartite with what is done to them. Without a manipulation it
// computes what tripartite.Circuit does (a test holds it to that).
//
//	writing   H <- (1 - lambda) H + l h^T,  g <- (1 - lambda) g + h
//	reading   c = g.h,  y = H h / c'        c' is what c becomes under the manipulation
//
// It takes curves whose rates are never negative, since calcium that can vanish has
// no logarithm to be held at, and whole sequences.
type perturbed struct {
	curves *tuning.Curves[float32]
	causal bool
	decay  float64 // log(1 - lambda)
	manipulation
}

// manipulation is what is done to the circuit of one head. Calcium and what is on its
// scale are logarithms.
type manipulation struct {
	// Clamped holds calcium at Rest, whatever the processes do.
	Clamped bool
	Rest    float64
	// Sigma, where HalfSaturated, is added to calcium: y = H h / (sigma + c).
	HalfSaturated bool
	Sigma         float64
	// Retained is the fraction of calcium that is left of the reading before (at first, of
	// Rest): what the rate equations give when hidden and output neurons are fast,
	// calcium begins at Rest, and has relaxed by a factor Retained at the end of a
	// presentation.
	Retained float64
	// Hebb and Gain, unless nil, are read in the place of what the sequence writes:
	// plasticity of H or of g was blocked, and what an earlier input left is still there.
	Hebb, Gain *synapses
	// Contacts, unless nil, are the synapses that the astrocyte reaches.
	Contacts *contacts
}

// contacts are the synapses that the astrocyte reaches.
type contacts struct {
	reached []bool    // [m, dv]
	share   []float64 // [m] of the synapses of a hidden neuron that are reached
	mean    float64   // of all
	// undivided: a synapse that is not reached works as if calcium were at Rest always.
	// Otherwise it is silent.
	undivided bool
}

// newPerturbed returns a head. It refuses curves with negative rates.
func newPerturbed(curves *tuning.Curves[float32], causal bool, slope float32, m manipulation) (*perturbed, error) {
	if curves.Map().Signed() {
		return nil, fmt.Errorf("%s curves have negative rates, under which calcium can vanish and has no logarithm to be held at; choose others, such as calibrated ones or exp", curves.Map())
	}
	return &perturbed{curves: curves, causal: causal, decay: -float64(slope), manipulation: m}, nil
}

// synapses are H and g of one head, relative to one shift for each hidden neuron, as
// tripartite.Memory keeps them.
type synapses struct {
	dv    int
	shift []float64 // [m]
	gain  []float64 // [m]
	hebb  []float64 // [m, dv]
}

func newSynapses(m, dv int) *synapses {
	s := &synapses{dv: dv, shift: make([]float64, m), gain: make([]float64, m), hebb: make([]float64, m*dv)}
	for i := range s.shift {
		s.shift[i] = math.Inf(-1)
	}
	return s
}

// write is one step of plasticity: the logarithms of the rates [m], the value [dv].
func (s *synapses) write(log []float64, v []float32, decay float64) {
	for i, a := range log {
		row := s.hebb[i*s.dv : (i+1)*s.dv]
		s.shift[i] += decay
		if a > s.shift[i] {
			f := math.Exp(s.shift[i] - a)
			s.gain[i] *= f
			for j := range row {
				row[j] *= f
			}
			s.shift[i] = a
		}
		if math.IsInf(a, -1) {
			continue // silent
		}
		h := math.Exp(a - s.shift[i])
		s.gain[i] += h
		for j, x := range v {
			row[j] += h * float64(x)
		}
	}
}

// recall is what comes out of synapses before calcium divides it.
type recall struct {
	reached, rest []float64 // [dv] H h / exp(top), over reached synapses and over the others
	top           float64
	logC          float64 // log g.h
}

// read reads synapses with the logarithms of the rates [m].
func (s *synapses) read(r *recall, log []float64, c *contacts) {
	clear(r.reached)
	clear(r.rest)
	r.top = math.Inf(-1)
	for i, a := range log {
		r.top = max(r.top, a+s.shift[i])
	}
	if r.logC = r.top; math.IsInf(r.top, -1) {
		return
	}
	calcium := 0.0
	for i, a := range log {
		h := math.Exp(a + s.shift[i] - r.top)
		row := s.hebb[i*s.dv : (i+1)*s.dv]
		if c == nil {
			calcium += s.gain[i] * h
			for j, w := range row {
				r.reached[j] += w * h
			}
			continue
		}
		calcium += c.share[i] * s.gain[i] * h
		for j, there := range c.reached[i*s.dv : (i+1)*s.dv] {
			if there {
				r.reached[j] += row[j] * h
			} else {
				r.rest[j] += row[j] * h
			}
		}
	}
	r.logC += math.Log(calcium)
}

// reader is the reading phase of one sequence.
type reader struct {
	*perturbed
	own         *synapses
	log, sign   []float64
	now, before recall  // of what the sequence wrote, and of what was there before
	calcium     float64 // logarithm, of the reading before
}

func (p *perturbed) newReader(dv int) *reader {
	m := p.curves.Neurons()
	v := func(n int) []float64 { return make([]float64, n) }
	return &reader{
		perturbed: p, own: newSynapses(m, dv), log: v(m), sign: v(m), calcium: p.Rest,
		now: recall{reached: v(dv), rest: v(dv)}, before: recall{reached: v(dv), rest: v(dv)},
	}
}

func (r *reader) write(k, v []float32) {
	r.curves.Log(r.log, r.sign, tuning.Writing, k)
	r.own.write(r.log, v, r.decay)
}

// read reads with query q into y [dv] and returns the logarithm of what divided it.
func (r *reader) read(y, q []float32) float64 {
	r.curves.Log(r.log, r.sign, tuning.Reading, q)
	r.own.read(&r.now, r.log, r.Contacts)
	out, logC := &r.now, r.now.logC
	if r.Gain != nil {
		r.Gain.read(&r.before, r.log, r.Contacts)
		logC = r.before.logC
	}
	if r.Hebb != nil {
		if r.Hebb != r.Gain {
			r.Hebb.read(&r.before, r.log, r.Contacts)
		}
		out = &r.before
	}
	divisor := r.divisor(logC)
	if math.IsInf(out.top, -1) { // no rate, or nothing written
		clear(y)
		return divisor
	}
	f, rest := math.Exp(out.top-divisor), math.Exp(out.top-r.Rest)
	if math.IsInf(divisor, -1) { // no calcium
		f = 0
	}
	for j := range y {
		l := out.reached[j] * f
		if c := r.Contacts; c != nil && c.undivided {
			l += out.rest[j] * rest
		}
		y[j] = float32(l)
	}
	return divisor
}

// divisor returns what calcium becomes.
func (r *reader) divisor(logC float64) float64 {
	if c := r.Contacts; c != nil && c.undivided && c.mean > 0 {
		logC -= math.Log(c.mean) // processes that are left make up for those that are not
	}
	switch {
	case r.Clamped:
		return r.Rest
	case r.Retained > 0:
		logC = logAdd(math.Log(r.Retained)+r.calcium, math.Log1p(-r.Retained)+logC)
		r.calcium = logC
	}
	if r.HalfSaturated {
		return logAdd(logC, r.Sigma)
	}
	return logC
}

// logAdd returns log(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// Forward implements attention.Head. LogC receives the logarithm of what divides,
// under the manipulation.
func (p *perturbed) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state attention.State, trace *attention.Trace, _ *tensor.Arena) {
	if state != nil {
		panic("experiment: a perturbed head runs whole sequences")
	}
	for s := range seqs.Len() {
		lo, hi := seqs.Bounds(s)
		r := p.newReader(v.Cols)
		read := func(t int) {
			divisor := r.read(dst.Row(t), q.Row(t))
			if logC != nil {
				logC[t] = float32(divisor)
			}
			if trace == nil {
				return
			}
			trace.Tokens++
			if math.IsInf(divisor, -1) {
				trace.NonPositive++
				trace.Zero++
			}
			if trace.LogFactor != nil {
				trace.LogFactor[t] = float32(p.curves.LogFactor(q.Row(t)))
			}
		}
		for t := lo; t < hi; t++ {
			r.write(k.Row(t), v.Row(t))
			if p.causal {
				read(t)
			}
		}
		for t := lo; t < hi && !p.causal; t++ {
			read(t)
		}
	}
}

// NewState implements attention.Head.
func (p *perturbed) NewState() attention.State {
	panic("experiment: a perturbed head runs whole sequences")
}

// learn returns the synapses that a sequence leaves.
func (p *perturbed) learn(k, v tensor.Matrix) *synapses {
	r := p.newReader(v.Cols)
	for t := range k.Rows {
		r.write(k.Row(t), v.Row(t))
	}
	return r.own
}

// drawContacts draws which synapses are reached, each with probability p.
func drawContacts(m, dv int, p float64, undivided bool, rng *rand.Rand) *contacts {
	c := &contacts{reached: make([]bool, m*dv), share: make([]float64, m), undivided: undivided}
	for i := range m {
		n := 0
		for j := range dv {
			if rng.Float64() < p {
				c.reached[i*dv+j] = true
				n++
			}
		}
		c.share[i] = float64(n) / float64(dv)
		c.mean += c.share[i] / float64(m)
	}
	return c
}
