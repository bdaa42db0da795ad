package ode

import (
	"fmt"
	"math"
)

// Problem is a system y' = f(t, y) of n equations.
type Problem struct {
	// F writes f(t, y) [n] to dy. It must not keep or change y.
	F func(t float64, y, dy []float64)
	// Jacobian writes df_i/dy_j to jac [n, n], row by row. Where it is nil, RadauIIA
	// takes differences of F; DOP853 needs none.
	Jacobian func(t float64, y, jac []float64)
}

// Method is how a problem is solved.
type Method int

// The methods.
const (
	DOP853 Method = iota
	RadauIIA
)

func (m Method) String() string {
	switch m {
	case DOP853:
		return "DOP853"
	case RadauIIA:
		return "Radau IIA"
	}
	return fmt.Sprintf("Method(%d)", int(m))
}

// Options of a solution. The zero value is DOP853 with the defaults below.
type Options struct {
	Method Method
	// RelTol and AbsTol bound the estimated error of component i of a step by AbsTol
	// + RelTol |y_i|, in the root mean square over components. Defaults 1e-6 and
	// 1e-9. AbsTol should be well below the size of what is of interest.
	RelTol, AbsTol float64
	FirstStep      float64 // size of the first step tried; 0 means to choose it
	MaxStep        float64 // largest step; 0 means no limit
	MaxSteps       int     // most steps tried; default 1,000,000
	Events         []Event
	// Observe, if not nil, is called after every accepted step, which is valid during
	// the call.
	Observe func(s *Step)
}

// defaults fills in what is left out and refuses what makes no sense.
func (o Options) defaults() Options {
	if o.RelTol == 0 {
		o.RelTol = 1e-6
	}
	if o.AbsTol == 0 {
		o.AbsTol = 1e-9
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 1_000_000
	}
	if o.MaxStep == 0 {
		o.MaxStep = math.Inf(1)
	}
	switch {
	case !(o.RelTol > 0 && o.RelTol < 1):
		panic(fmt.Sprintf("ode: RelTol is %v, want a number in (0, 1)", o.RelTol))
	case !(o.AbsTol > 0):
		panic(fmt.Sprintf("ode: AbsTol is %v, want a positive number", o.AbsTol))
	case !(o.MaxStep > 0) || !(o.FirstStep >= 0) || o.MaxSteps < 1:
		panic("ode: FirstStep, MaxStep and MaxSteps must not be negative")
	case o.Method != DOP853 && o.Method != RadauIIA:
		panic("ode: no such method: " + o.Method.String())
	}
	for i, e := range o.Events {
		if e.G == nil {
			panic(fmt.Sprintf("ode: event %d has no function G", i))
		}
	}
	return o
}

// Stats is the work that a solution took.
type Stats struct {
	Steps          int // accepted
	Rejected       int
	Evaluations    int // of F
	Jacobians      int
	Factorizations int // of the matrices of an implicit method
}

// Result is a solution at the end.
type Result struct {
	T         float64   // where it ended: t1, or at a terminal event
	Y         []float64 // [n] y(T)
	Crossings []Crossing
	Stats     Stats
}

// Step is one accepted step.
type Step struct {
	From, To float64
	dense    interpolant
}

// At writes y(t) [n] to dst for a t between From and To.
func (s *Step) At(t float64, dst []float64) { s.dense.at(t, dst) }

// interpolant is a step as a polynomial.
type interpolant interface {
	at(t float64, dst []float64)
}
