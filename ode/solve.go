package ode

import (
	"context"
	"fmt"
	"math"
)

// Solve follows y' = f(t, y) from y0 at t0 to t1, which may lie before t0. It stops
// at terminal events, with the context's error when the context is cancelled, and
// with an [Error] where the solution cannot be continued; the result then holds
// how far it came.
func Solve(ctx context.Context, p Problem, t0 float64, y0 []float64, t1 float64, o Options) (Result, error) {
	o = o.defaults()
	if p.F == nil {
		panic("ode: the problem has no function F")
	}
	if math.IsNaN(t0-t1) || math.IsInf(t0-t1, 0) {
		panic(fmt.Sprintf("ode: from %v to %v: both must be finite", t0, t1))
	}
	c := &course{p: p, o: o, t: t0, t1: t1, y: append([]float64(nil), y0...), bad: -1}
	err := c.run(ctx)
	return Result{T: c.t, Y: c.y, Crossings: c.crossings, Stats: c.stats}, err
}

// course is a solution on its way.
type course struct {
	p         Problem
	o         Options
	t, t1     float64
	y         []float64
	crossings []Crossing
	stats     Stats
	bad       int // component that was not finite in the last step tried, or -1
}

// stepper is a method: it tries steps and holds the last one.
type stepper interface {
	interpolant
	// begin evaluates f at the start and returns the first step's size.
	begin() float64
	// try attempts a step of size h to y. It returns the size to go on with, and
	// whether the step is accepted; ok is false also for values that are not finite.
	try(h float64, y []float64) (next float64, ok bool)
	// accept goes on from the end of the step tried.
	accept(h float64, y []float64)
}

func (c *course) run(ctx context.Context) error {
	if len(c.y) == 0 || c.t == c.t1 {
		return nil
	}
	if i := notFinite(c.y); i >= 0 {
		return c.fail(ErrNotFinite, 0, i)
	}
	var s stepper
	if c.o.Method == RadauIIA {
		s = newRadau(c)
	} else {
		s = newDop(c)
	}
	forward := 1.0
	if c.t1 < c.t {
		forward = -1
	}
	h := s.begin()
	if c.o.FirstStep > 0 {
		h = c.o.FirstStep
	}
	if math.IsNaN(h) {
		return c.fail(ErrNotFinite, 0, c.suspect())
	}
	w := newWatch(c.o.Events, c.t, c.y)
	y := make([]float64, len(c.y))
	for tried := 0; c.t != c.t1; tried++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h = min(h, c.o.MaxStep)
		to := c.t + forward*h
		if left := math.Abs(c.t1 - c.t); h >= left*(1-1e-12) { // no sliver at the end
			h, to = left, c.t1
		}
		switch {
		case tried == c.o.MaxSteps:
			return c.fail(ErrTooManySteps, h, -1)
		case h < 4*(math.Nextafter(math.Abs(c.t), math.Inf(1))-math.Abs(c.t)) && to != c.t1:
			if c.bad >= 0 {
				return c.fail(ErrNotFinite, h, c.bad)
			}
			return c.fail(ErrStepTooSmall, h, -1)
		}
		next, ok := s.try(forward*h, y)
		if !ok {
			c.stats.Rejected++
			h = next
			continue
		}
		c.stats.Steps++
		step := &Step{From: c.t, To: to, dense: s}
		found, ends := w.step(step, y)
		c.crossings = append(c.crossings, found...)
		if ends {
			last := found[len(found)-1]
			step.To, to = last.T, last.T
			copy(y, last.Y)
		}
		if c.o.Observe != nil {
			c.o.Observe(step)
		}
		c.t = to
		copy(c.y, y)
		if ends {
			return nil
		}
		s.accept(forward*h, y)
		h = next
	}
	return nil
}

func (c *course) fail(err error, h float64, component int) error {
	return &Error{Err: err, T: c.t, Step: h, Component: component}
}

// f evaluates the right side.
func (c *course) f(t float64, y, dy []float64) {
	c.stats.Evaluations++
	c.p.F(t, y, dy)
}

// suspect returns the first component of f at the start that is not finite.
func (c *course) suspect() int {
	dy := make([]float64, len(c.y))
	c.f(c.t, c.y, dy)
	return notFinite(dy)
}

// notFinite returns the first index of what is not finite, or -1.
func notFinite(x []float64) int {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return i
		}
	}
	return -1
}

// norm is the root mean square of e relative to the tolerance at the larger of a
// and b.
func (o *Options) norm(e, a, b []float64) float64 {
	s := 0.0
	for i, x := range e {
		r := x / (o.AbsTol + o.RelTol*max(math.Abs(a[i]), math.Abs(b[i])))
		s += r * r
	}
	return math.Sqrt(s / float64(len(e)))
}

// firstStep guesses a step from f and its change over a small step (Hairer,
// Nørsett & Wanner, section II.4), for a method of the given order.
func (c *course) firstStep(f0 []float64, order float64) float64 {
	length := math.Abs(c.t1 - c.t)
	forward := math.Copysign(1, c.t1-c.t)
	d0, d1 := c.o.norm(c.y, c.y, c.y), c.o.norm(f0, c.y, c.y)
	h := 1e-6
	if d0 >= 1e-5 && d1 >= 1e-5 {
		h = 0.01 * d0 / d1
	}
	h = min(h, length)
	y, f1 := make([]float64, len(c.y)), make([]float64, len(c.y))
	for i := range y {
		y[i] = c.y[i] + forward*h*f0[i]
	}
	c.f(c.t+forward*h, y, f1)
	for i := range f1 {
		f1[i] = (f1[i] - f0[i]) / h
	}
	d2 := c.o.norm(f1, c.y, c.y)
	next := max(1e-6, 1e-3*h)
	if most := max(d1, d2); most > 1e-15 {
		next = math.Pow(0.01/most, 1/(order+1))
	}
	return min(100*h, next, length)
}
