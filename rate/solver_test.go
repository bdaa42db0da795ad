package rate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tripartite-go/tripartite/ode"
)

// equations are those of the package's documentation, as a system for a general
// solver: h [m], l [dv], c [K], H [dv, m], g [m] in one vector. It shares no code
// with the closed forms.
type equations struct {
	Config
	coupling func(i, j int) float64
	domain   []int
	k        int
}

func equationsOf(c Config) *equations {
	e := &equations{Config: c, domain: c.Domains.Of, k: 1, coupling: func(int, int) float64 { return 0 }}
	if e.domain == nil {
		e.domain = make([]int, c.Neurons)
	}
	for _, j := range e.domain {
		e.k = max(e.k, j+1)
	}
	if c.Domains.Coupling.n > 0 {
		e.coupling = c.Domains.Coupling.At
	}
	return e
}

// parts names the pieces of a vector.
func (e *equations) parts(y []float64) (h, l, c, hebb, g []float64) {
	m, dv := e.Neurons, e.Outputs
	next := func(n int) []float64 {
		p := y[:n]
		y = y[n:]
		return p
	}
	return next(m), next(dv), next(e.k), next(dv * m), next(m)
}

func (e *equations) rest() []float64 {
	y := make([]float64, 2*e.Neurons+e.Outputs+e.k+e.Outputs*e.Neurons)
	_, _, c, _, _ := e.parts(y)
	for j := range c {
		c[j] = 1
	}
	return y
}

func (e *equations) writing(phi, v []float64, plastic bool) ode.Problem {
	on := 0.0
	if plastic {
		on = 1 / (e.Timing.Window * e.Timing.Present)
	}
	return ode.Problem{F: func(_ float64, y, dy []float64) {
		h, l, _, hebb, g := e.parts(y)
		dh, dl, dc, dhebb, dg := e.parts(dy)
		clear(dc)
		for o := range l {
			dl[o] = (v[o] - l[o]) / e.Kinetics.Output
		}
		for i := range h {
			dh[i] = (phi[i] - h[i]) / e.Kinetics.Hidden
			dg[i] = on*h[i] - e.Forgetting.Gain*g[i]
			for o := range l {
				dhebb[o*len(h)+i] = on*l[o]*h[i] - e.Forgetting.Hebb*hebb[o*len(h)+i]
			}
		}
	}}
}

func (e *equations) reading(phi []float64) ode.Problem {
	return ode.Problem{F: func(_ float64, y, dy []float64) {
		h, l, c, hebb, g := e.parts(y)
		dh, dl, dc, dhebb, dg := e.parts(dy)
		clear(dhebb)
		clear(dg)
		for j := range c {
			dc[j] = -c[j]
			for i := range c {
				dc[j] += e.coupling(i, j) * (c[i] - c[j])
			}
		}
		for i := range h {
			dh[i] = (phi[i] - h[i]) / e.Kinetics.Hidden
			dc[e.domain[i]] += float64(e.k) * g[i] * h[i]
		}
		for j := range c {
			dc[j] /= e.Kinetics.Astrocyte
		}
		for o := range l {
			s := 0.0
			for i := range h {
				x := hebb[o*len(h)+i] * h[i]
				if !e.Readout.Shunting {
					x /= e.Readout.HalfSaturation + c[e.domain[i]]
				}
				s += x
			}
			leak := 1.0
			if e.Readout.Shunting {
				leak = e.Readout.HalfSaturation + c[0]
			}
			dl[o] = (s - leak*l[o]) / e.Kinetics.Output
		}
	}}
}

// solve integrates writing all tokens, then reading all, and returns the outputs and
// the state at the end.
func (e *equations) solve(t *testing.T, in Input, method ode.Method, rel float64) (out, state []float64) {
	t.Helper()
	y := e.rest()
	o := ode.Options{Method: method, RelTol: rel, AbsTol: 1e-28}
	part := func(p ode.Problem, seconds float64) {
		if seconds == 0 {
			return
		}
		r, err := ode.Solve(context.Background(), p, 0, y, seconds, o)
		if err != nil {
			t.Fatalf("%+v: %v", e.Config, err)
		}
		y = r.Y
	}
	m, dv := e.Neurons, e.Outputs
	write := func(i int) {
		phi, v := in.Keys[i*m:(i+1)*m], in.Values[i*dv:(i+1)*dv]
		part(e.writing(phi, v, false), e.Timing.Present*(1-e.Timing.Window))
		part(e.writing(phi, v, true), e.Timing.Present*e.Timing.Window)
	}
	read := func(i int) {
		part(e.reading(in.Queries[i*m:(i+1)*m]), e.Timing.Present)
		_, l, _, _, _ := e.parts(y)
		out = append(out, l...)
	}
	n := len(in.Values) / dv
	for i := range n {
		write(i)
		if e.Causal {
			read(i)
		}
	}
	for i := range n {
		if !e.Causal {
			read(i)
		}
	}
	return out, y
}

// positiveInput has rates that are never negative, as exponential curves give.
func positiveInput(rng *rand.Rand, n, m, dv int) Input {
	var in Input
	for range n * m {
		in.Keys, in.Queries = append(in.Keys, math.Exp(0.7*rng.NormFloat64())), append(in.Queries, math.Exp(0.7*rng.NormFloat64()))
	}
	for range n * dv {
		in.Values = append(in.Values, rng.NormFloat64())
	}
	return in
}

// sameAsSolver compares a run with the solver, quantity by quantity, relative to
// the largest value of each.
func sameAsSolver(t *testing.T, c Config, in Input, method ode.Method, rel, tolerance float64) float64 {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), c, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range r.Events {
		if event.Kind != NonPositive {
			t.Fatal(event)
		}
	}
	e := equationsOf(c)
	out, y := e.solve(t, in, method, rel)
	_, _, ca, hebb, g := e.parts(y)
	most := 0.0
	for _, q := range []struct {
		name      string
		got, want []float64
	}{{"y", r.Y, out}, {"calcium", r.Calcium[len(r.Calcium)-h.Domains():], ca}, {"H", r.Hebb, hebb}, {"g", r.Gain, g}} {
		d := worst(q.got, q.want)
		most = max(most, d)
		if !(d < tolerance) {
			t.Errorf("%s is off by %.2g: kinetics %+v, %+v, %+v, %+v, %d domains", q.name, d, c.Kinetics, c.Timing, c.Forgetting, c.Readout, h.Domains())
		}
	}
	return most
}

// Every closed form is what the solvers integrate to, to 1e-10, on random
// parameters: time constants from 1e-6 to 1e6 of the presentation, equal and nearly
// equal ones, stiffness of 1e6 and more.
func TestClosedFormsEqualTheStiffSolver(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	n := 40
	if testing.Short() {
		n = 10
	}
	most := 0.0
	for i := range n {
		in := positiveInput(rng, 2, 3, 2)
		c := Default(3, 2)
		c.Timing = Timing{Present: math.Pow(10, 2*rng.Float64()-1), Window: []float64{1, 0.25, 0.7, 0.01}[i%4]}
		tau := func() float64 { return c.Timing.Present * math.Pow(10, 12*rng.Float64()-6) }
		c.Kinetics = Kinetics{Hidden: tau(), Output: tau(), Astrocyte: tau()}
		near := 1 + []float64{0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3}[rng.IntN(6)]
		switch i % 5 {
		case 0:
			c.Kinetics.Output = c.Kinetics.Hidden * near
		case 1:
			c.Kinetics.Astrocyte, c.Kinetics.Output = c.Kinetics.Hidden*near, c.Kinetics.Hidden
		case 2:
			c.Kinetics.Astrocyte = c.Kinetics.Output * near
		}
		if i%3 == 0 {
			c.Forgetting = Forgetting{Hebb: 2 / c.Timing.Present * rng.Float64(), Gain: 1 / tau()}
		}
		if i%4 == 1 {
			c.Readout.HalfSaturation = rng.Float64()
		}
		switch i % 3 {
		case 1:
			c.Readout.Shunting = true
		case 2:
			c.Domains = Domains{Of: []int{0, 1, 0}, Coupling: Couple(AllToAll, 2, math.Pow(10, 4*rng.Float64()-2))}
		}
		c.Causal = i%2 == 0
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			d := sameAsSolver(t, c, in, ode.RadauIIA, 1e-13, 1e-10)
			most = max(most, d)
		})
	}
	t.Logf("largest difference %.1e", most)
}

// The same where nothing is stiff, to more digits, by the explicit solver.
func TestClosedFormsEqualTheExplicitSolver(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	most := 0.0
	for i := range 40 {
		in := positiveInput(rng, 3, 4, 2)
		c := Default(4, 2)
		tau := func() float64 { return math.Pow(10, 2.3*rng.Float64()-1.3) }
		c.Kinetics = Kinetics{Hidden: tau(), Output: tau(), Astrocyte: tau()}
		c.Timing = Timing{Present: 1, Window: 0.05 + 0.95*rng.Float64()}
		if i%2 == 0 {
			c.Forgetting = Forgetting{Hebb: 3 * rng.Float64(), Gain: 3 * rng.Float64()}
		}
		if i%3 == 1 {
			c.Readout = Readout{Shunting: true, HalfSaturation: rng.Float64()}
			for j := range in.Keys { // signed: a leak of either sign
				in.Keys[j] *= math.Copysign(1, rng.NormFloat64())
				in.Queries[j] *= 0.3 * math.Copysign(1, rng.NormFloat64())
			}
		}
		if i%3 == 2 {
			c.Domains = Domains{Of: Contiguous(4, 3), Coupling: Couple(Chain, 3, rng.Float64())}
		}
		c.Causal = i%4 < 2
		most = max(most, sameAsSolver(t, c, in, ode.DOP853, 1e-13, 1e-11))
	}
	t.Logf("largest difference %.1e", most)
}
