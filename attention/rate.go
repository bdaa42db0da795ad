package attention

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// RateConfig describes one head in time.
type RateConfig struct {
	// Tuning holds the tuning curves of the hidden neurons: R^d -> R^m.
	Tuning *tuning.Curves[float32]
	// Dynamics are the time constants and all else that the dynamics know. The head
	// fills in how many neurons there are; Dynamics.Causal says in which order tokens
	// are written and read, as in CircuitConfig.
	Dynamics rate.Config
	// Forget is lambda in [0, 1), the fraction of H and g lost with every token, on
	// top of what Dynamics.Forgetting says. Default 0; 1 - exp(-slope) is ALiBi with
	// that slope.
	Forget float64
}

// Rate is the circuit in time: the head of package rate between the arrays of a
// model. All it computes is float64; queries, keys and values come and outputs go
// as float32. A sequence begins at rest with an empty memory, or goes on with its
// state, and takes two presentations for every token.
//
// Noise is the same for every sequence, so that a sequence's result does not depend
// on the others of a batch.
//
// What happens to readings is counted: see Incidents. That is all that changes in a
// head.
type Rate struct {
	cfg   RateConfig
	fresh float64 // log of what plasticity, while the memory fades, leaves of a token just written

	mu        sync.Mutex
	incidents Incidents
}

// Incidents is what happened to readings of a head in time, or of several.
type Incidents struct {
	Readings int
	// NonPositive counts those at whose end calcium is zero or below, so that it does
	// not normalize.
	NonPositive int
	// Lost counts those that have no value and are NaN: calcium passed through zero
	// while it divided, or what was to be presented, or what came of it, was no number.
	Lost int
	// Err is the first that a memory or a rate was not to be held in float64, nil if
	// none was.
	Err error
}

// Add adds what happened elsewhere.
func (i *Incidents) Add(other Incidents) {
	i.Readings += other.Readings
	i.NonPositive += other.NonPositive
	i.Lost += other.Lost
	if i.Err == nil {
		i.Err = other.Err
	}
}

// NewRate returns a head. It reports missing tuning curves and what rate.New
// refuses.
func NewRate(cfg RateConfig) (*Rate, error) {
	if cfg.Tuning == nil {
		return nil, errors.New("rate head: no tuning curves; build some with tuning.New")
	}
	if f := cfg.Forget; !(f >= 0 && f < 1) {
		return nil, fmt.Errorf("rate head: forgetting %v, want a fraction in [0, 1)", f)
	}
	d := &cfg.Dynamics
	d.Neurons, d.Outputs = cfg.Tuning.Neurons(), 1
	if _, err := rate.New(*d); err != nil {
		return nil, err
	}
	// Fading at this rate while a token is presented leaves 1 - lambda of what was
	// there before.
	slope := -math.Log1p(-cfg.Forget)
	d.Forgetting.Hebb += slope / d.Timing.Present
	d.Forgetting.Gain += slope / d.Timing.Present
	r := &Rate{cfg: cfg}
	if x := d.Forgetting.Gain * d.Timing.Window * d.Timing.Present; x > 0 {
		r.fresh = math.Log(-math.Expm1(-x) / x)
	}
	return r, nil
}

// Neurons returns m, the number of hidden neurons.
func (r *Rate) Neurons() int { return r.cfg.Dynamics.Neurons }

// Seconds returns how long the circuit takes for a sequence of that many tokens.
func (r *Rate) Seconds(tokens int) float64 {
	return 2 * float64(tokens) * r.cfg.Dynamics.Timing.Present
}

// Incidents returns what happened in all passes so far.
func (r *Rate) Incidents() Incidents {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.incidents
}

// rateState is a head of package rate, which begins with the first token.
type rateState struct {
	head   *rate.Head
	tokens int
	failed bool // a token could not be written, or read: nothing that follows has a value
	faint  bool // a key drove neurons by less than a float64 holds
}

// NewState returns a circuit at rest with an empty memory.
func (r *Rate) NewState() State { return new(rateState) }

// Tokens implements State.
func (s *rateState) Tokens() int { return s.tokens }

// Bytes implements State.
func (s *rateState) Bytes() int {
	if s.head == nil {
		return 0
	}
	h := s.head
	return 8 * (len(h.Hebb()) + len(h.Gain()) + len(h.Hidden()) + len(h.Calcium()) + h.Channels())
}

// Reset implements State.
func (s *rateState) Reset() { *s = rateState{} }

// Forward implements Head. The normalizer is calcium at the end of a query's
// reading, of several domains their mean, each of which stands for all.
func (r *Rate) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, _ *tensor.Arena) {
	check("rate", dst, logC, q, k, v, seqs, state, trace)
	if d := r.cfg.Tuning.Inputs(); q.Cols != d {
		panic(fmt.Sprintf("attention: rate: queries of width %d for tuning curves of d=%d", q.Cols, d))
	}
	past := own[rateState]("rate", state)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		s := past
		if s == nil {
			s = new(rateState)
		}
		if s.head == nil {
			s.head = r.begin(v.Cols)
		}
		p := presentation{
			r: r, s: s, dst: dst, logC: logC, q: q, k: k, v: v,
			phi: make([]float64, r.Neurons()), sign: make([]float64, r.Neurons()),
			value: make([]float64, v.Cols), y: make([]float64, v.Cols),
		}
		p.sequence(lo, hi)
		s.tokens += hi - lo
		r.count(p.incidents)
		p.record(trace, lo, hi)
	}
}

// count adds what happened in a sequence. Of several errors it keeps the one that
// sorts first, whichever thread comes first.
func (r *Rate) count(i Incidents) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := i.Err; err != nil && (r.incidents.Err == nil || err.Error() < r.incidents.Err.Error()) {
		r.incidents.Err = err
	}
	r.incidents.Add(i)
}

// begin returns a head at rest for values of a width.
func (r *Rate) begin(outputs int) *rate.Head {
	cfg := r.cfg.Dynamics
	cfg.Outputs = outputs
	h, err := rate.New(cfg)
	if err != nil { // NewRate has seen all but the width
		panic("attention: " + err.Error())
	}
	return h
}

// tiny is about where products of rates begin to lose digits in float64.
const tiny = 0x1p-1000

// errTiny is what small rates come to: calcium that nothing drives, and that would
// be taken for calcium of silent neurons.
var errTiny = errors.New("rates are too small for a float64 to hold what drives calcium; scale queries and keys down, or calibrate the tuning curves")

// presentation presents one sequence, or its continuation, to a head.
type presentation struct {
	r         *Rate
	s         *rateState
	dst       tensor.Matrix
	logC      []float32
	q, k, v   tensor.Matrix
	phi, sign []float64 // [m] scratch
	value, y  []float64 // [dv] scratch
	incidents Incidents
	zero      int // readings whose calcium is exactly 0
}

// sequence presents tokens lo to hi.
func (p *presentation) sequence(lo, hi int) {
	if p.r.cfg.Dynamics.Causal {
		for t := lo; t < hi; t++ {
			p.write(t)
			p.read(t)
		}
		return
	}
	for t := lo; t < hi; t++ {
		p.write(t)
	}
	for t := lo; t < hi; t++ {
		p.read(t)
	}
}

// rates computes the rates that a key or query drives hidden neurons to, and
// reports whether it is a number at all.
func (p *presentation) rates(phase tuning.Phase, x []float32) bool {
	p.r.cfg.Tuning.Log(p.phi, p.sign, phase, x)
	for i, s := range p.sign {
		p.phi[i] = math.Exp(p.phi[i])
		if s < 0 {
			p.phi[i] = -p.phi[i]
		}
		if phase == tuning.Writing && s != 0 && p.phi[i] == 0 {
			p.s.faint = true
		}
	}
	return finite(x)
}

func finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 { // NaN for what is not
			return false
		}
	}
	return true
}

func (p *presentation) write(t int) {
	if p.s.failed {
		return
	}
	v := p.v.Row(t)
	if !p.rates(tuning.Writing, p.k.Row(t)) || !finite(v) {
		p.s.failed = true // nobody knows what would be in the memory
		return
	}
	for i, x := range v {
		p.value[i] = float64(x)
	}
	if err := p.s.head.Write(p.phi, p.value); err != nil {
		p.fail(t, err)
	}
}

// drowned reports whether a query drives neurons whose synapses were written, and
// calcium does not see it, since the numbers are too small.
func (p *presentation) drowned() bool {
	driven, written := 0.0, false
	for i, g := range p.s.head.Gain() {
		driven += math.Abs(g * p.phi[i])
		written = written || p.sign[i] != 0 && (g != 0 || p.s.faint)
	}
	return written && driven < tiny
}

func (p *presentation) read(t int) {
	p.incidents.Readings++
	before := len(p.s.head.Events())
	number := !p.s.failed && p.rates(tuning.Reading, p.q.Row(t))
	switch {
	case !number:
	case p.drowned():
		p.fail(t, errTiny)
	default:
		if err := p.s.head.Read(p.y, p.phi); err != nil {
			p.fail(t, err)
		}
	}
	if !number || p.s.failed { // a query that is no number is not presented
		p.lose(t)
		return
	}
	for _, e := range p.s.head.Events()[before:] {
		if e.Kind == rate.NonPositive {
			p.incidents.NonPositive++
		} else {
			p.incidents.Lost++
		}
	}
	mean := 0.0
	for _, c := range p.s.head.Calcium() {
		mean += c / float64(p.s.head.Domains())
	}
	if mean == 0 {
		p.zero++
	}
	p.leave(t, mean)
}

// lose leaves a reading without a value.
func (p *presentation) lose(t int) {
	p.incidents.Lost++
	for i := range p.y {
		p.y[i] = math.NaN()
	}
	p.leave(t, math.NaN())
}

// fail keeps the first error of a sequence, from which on nothing has a value.
func (p *presentation) fail(t int, err error) {
	p.s.failed = true
	if p.incidents.Err == nil {
		p.incidents.Err = fmt.Errorf("token %d: %w", t, err)
	}
}

// leave writes the output of a reading and its calcium.
func (p *presentation) leave(t int, calcium float64) {
	row := p.dst.Row(t)
	for i, y := range p.y {
		row[i] = float32(y)
	}
	if p.logC != nil {
		p.logC[t] = float32(math.Log(calcium)) // log 0 is -Inf; of a negative number, NaN
	}
}

// record adds what happened to tokens lo to hi.
func (p *presentation) record(trace *Trace, lo, hi int) {
	if trace == nil {
		return
	}
	trace.Add(Trace{Tokens: hi - lo, NonPositive: p.incidents.NonPositive, Zero: p.zero, Lost: p.incidents.Lost})
	if trace.LogFactor == nil {
		return
	}
	for t := lo; t < hi; t++ {
		trace.LogFactor[t] = float32(p.r.cfg.Tuning.LogFactor(p.q.Row(t)) - p.r.fresh)
	}
}
