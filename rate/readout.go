package rate

import "math"

// readout is how the output neurons take up, over a piece of a presentation, what
// the hidden neurons send through synapses that calcium divides. With h = h_0 e^-bs +
// phi (1 - e^-bs), b = 1/tau_h, and w(s) what is left at the end of the piece of what
// arrives at s,
//
//	l(t) = w(0) l(0) + sum_j P_j H_j h_0 + Q_j H_j phi
//	P_j  = integral of w(s)/tau_out     e^-bs  / (sigma + c_j(s)) over s from 0 to t
//	Q_j  = integral of w(s)/tau_out (1 - e^-bs) / (sigma + c_j(s))
//
// where w(s) = e^-(t-s)/tau_out; with shunting w(s) is exp(-1/tau_out times the
// integral of sigma + c from s to t), and nothing divides. P and Q are two numbers
// per domain, however many output neurons there are.
type readout struct {
	c        *course
	tau      float64 // tau_out
	sigma    float64
	shunting bool
	// counts [K, 2] is how much P_j and Q_j count: the largest |H_j h_0| and |H_j phi|
	// of an output neuron. Where both are 0, domain j divides nothing.
	counts []float64
	first  []float64 // [K] sigma + c_j at the beginning
	now    []float64 // [K]
	pq     []float64 // [K, 2]
}

func newReadout(c *course, tau float64, r Readout) *readout {
	return &readout{
		c: c, tau: tau, sigma: r.HalfSaturation, shunting: r.Shunting,
		counts: make([]float64, 2*c.k), first: make([]float64, c.k), now: make([]float64, c.k), pq: make([]float64, 2*c.k),
	}
}

// over computes P and Q from time from to time to of the piece, and returns w of
// the beginning. Where sigma + c_j passes through zero on the way, the integrals do
// not exist: it says when and in which domain.
func (r *readout) over(from, to float64) (w float64, vanish *Event) {
	t := to - from
	r.c.at(from, r.first)
	for j := range r.first {
		r.first[j] += r.sigma
	}
	parts := r.parts(from, t)
	if !r.shunting {
		if e := r.scan(parts, from, t); e != nil {
			return 0, e
		}
	}
	clear(r.pq)
	bad := -1
	ok := integrate(parts, r.counts, r.pq, func(x float64, late bool, out []float64) bool {
		s, left := x, t-x
		if late {
			s, left = t-x, x
		}
		bad = r.evaluate(from+s, left, out)
		return bad < 0
	})
	switch {
	case !ok && r.shunting: // a leak below zero lets outputs grow
		return 0, &Event{Kind: Overflow, Time: from}
	case !ok:
		return 0, &Event{Kind: Vanishing, Domain: max(bad, 0), Time: from}
	}
	r.c.at(from, r.now)
	return r.weight(from, t), nil
}

// parts divides the time t from from on by what is fast at either end: rates and
// calcium as they settle, and outputs as they forget.
func (r *readout) parts(from, t float64) []span {
	early := min(1/r.c.hidden, r.c.tau/r.c.fastest())
	early = max(early, from) // what was faster is over
	late := r.tau
	if r.shunting { // the leak is as large as calcium, of one domain
		late /= max(r.first[0], r.sigma+math.Abs(r.c.start[0]), r.sigma+math.Abs(r.c.end[0]))
	}
	const least = 0x1p-60 // of the whole: what is faster is over within rounding
	return spans(t, max(early, t*least), max(late, t*least))
}

// evaluate writes the integrands of P and Q at time s of the piece, left before the
// end, to out. It returns the domain whose sigma + c_j is not on the side of zero
// that it began on, or -1.
func (r *readout) evaluate(s, left float64, out []float64) (bad int) {
	h := r.c.at(s, r.now)
	w := r.weight(s, left) / r.tau
	for j, c := range r.now {
		divided := w
		switch c += r.sigma; {
		case r.silent(j):
			divided = 0
		case !r.shunting && !r.sameSide(j, c):
			return j
		case !r.shunting:
			divided /= c
		}
		out[2*j], out[2*j+1] = divided*h.left, divided*h.gone
	}
	return -1
}

// sameSide reports whether sigma + c_j is on the side of zero that it began on.
func (r *readout) sameSide(j int, c float64) bool { return c != 0 && (c > 0) == (r.first[j] > 0) }

// weight returns w of a time s, t before the end. Calcium at s must be in now.
func (r *readout) weight(s, t float64) float64 {
	if r.shunting {
		return math.Exp(-(r.sigma*t + r.c.integral(s, t, r.now[0])) / r.tau)
	}
	return math.Exp(-t / r.tau)
}

// scan looks for the first time at which sigma + c_j changes its sign. Calcium that
// begins above zero and is driven by nothing negative stays there.
func (r *readout) scan(parts []span, from, t float64) *Event {
	positive := true
	for j := range r.first {
		positive = positive && r.first[j] > 0
	}
	for i := range r.c.k {
		positive = positive && r.c.driven(i)
	}
	if positive {
		return nil
	}
	before := from
	for _, p := range parts {
		const steps = 16
		for i := range steps + 1 {
			x := p.a + (p.b-p.a)*float64(i)/steps
			s := from + x
			if p.late {
				s = from + t - (p.a + p.b - x)
			}
			r.c.at(s, r.now)
			for j, c := range r.now {
				if !r.silent(j) && !r.sameSide(j, r.sigma+c) {
					return &Event{Kind: Vanishing, Domain: j, Time: r.between(j, before, s)}
				}
			}
			before = s
		}
	}
	return nil
}

// between returns when sigma + c_j leaves the side of zero that it is on at a, and
// has left at b.
func (r *readout) between(j int, a, b float64) float64 {
	for range 60 {
		middle := a + (b-a)/2
		r.c.at(middle, r.now)
		if r.sameSide(j, r.sigma+r.now[j]) {
			a = middle
		} else {
			b = middle
		}
	}
	return b
}

// silent reports whether domain j sends nothing.
func (r *readout) silent(j int) bool { return r.counts[2*j] == 0 && r.counts[2*j+1] == 0 }
