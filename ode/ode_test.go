package ode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
)

// known is a problem whose solution is known at the end.
type known struct {
	name   string
	p      Problem
	y0     []float64
	t0, t1 float64
	want   []float64
	stiff  bool // too stiff for the explicit method
	// Errors grow from that of a step, which the tolerance bounds, by this factor at
	// most; of reference solutions, what they are good to.
	growth, floor float64
}

func problems() []known {
	vanDerPol := Problem{
		F: func(_ float64, y, dy []float64) {
			dy[0] = y[1]
			dy[1] = ((1-y[0]*y[0])*y[1] - y[0]) / 1e-6
		},
		Jacobian: func(_ float64, y, j []float64) {
			j[0], j[1] = 0, 1
			j[2], j[3] = (-2*y[0]*y[1]-1)/1e-6, (1-y[0]*y[0])/1e-6
		},
	}
	robertson := func(_ float64, y, dy []float64) {
		a, b, c := 0.04*y[0], 1e4*y[1]*y[2], 3e7*y[1]*y[1]
		dy[0], dy[1], dy[2] = b-a, a-b-c, c
	}
	reactions := func(_ float64, y, j []float64) {
		copy(j, []float64{
			-0.04, 1e4 * y[2], 1e4 * y[1],
			0.04, -1e4*y[2] - 6e7*y[1], -1e4 * y[1],
			0, 6e7 * y[1], 0,
		})
	}
	return []known{
		{"exponential", Problem{F: func(_ float64, y, dy []float64) { dy[0] = -y[0] }}, []float64{1}, 0, 5, []float64{math.Exp(-5)}, false, 100, 0},
		{"exponential, backwards", Problem{F: func(_ float64, y, dy []float64) { dy[0] = -y[0] }}, []float64{1}, 0, -5, []float64{math.Exp(5)}, false, 100, 0},
		{"oscillator, 10 turns", Problem{F: func(_ float64, y, dy []float64) { dy[0], dy[1] = y[1], -y[0] }}, []float64{1, 0}, 0, 20 * math.Pi, []float64{1, 0}, false, 3000, 0},
		{"y' = 2 t y", Problem{F: func(t float64, y, dy []float64) { dy[0] = 2 * t * y[0] }}, []float64{1}, -1, 2, []float64{math.Exp(3)}, false, 300, 0},
		// Prothero and Robinson: the solution cos t, off which all is pulled back in 1e-6.
		{"Prothero-Robinson", Problem{F: func(t float64, y, dy []float64) { dy[0] = -1e6*(y[0]-math.Cos(t)) - math.Sin(t) }}, []float64{1}, 0, 3, []float64{math.Cos(3)}, true, 100, 0},
		// Reference solutions of the Test Set for IVP Solvers (F. Mazzia and C. Magherini,
		// release 2.4, University of Bari 2008), problems VDPOL and ROBER.
		{"van der Pol, epsilon 1e-6", vanDerPol, []float64{2, 0}, 0, 2, []float64{0.1706167732170483e1, -0.8928097010247975}, true, 300, 1e-11},
		{"Robertson to 1e11", Problem{robertson, reactions}, []float64{1, 0, 0}, 0, 1e11, []float64{0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050}, true, 1000, 1e-8},
	}
}

// Tolerances are met, up to the growth of errors along the solution, and a
// smaller one gives a smaller error.
func TestSolutionsThatAreKnown(t *testing.T) {
	for _, p := range problems() {
		for _, m := range []Method{DOP853, RadauIIA} {
			if m == DOP853 && p.stiff {
				continue
			}
			for _, tol := range []float64{1e-4, 1e-7, 1e-10} {
				o := Options{Method: m, RelTol: tol, AbsTol: tol * 1e-4}
				if p.name[0] == 'R' {
					o.AbsTol = tol * 1e-14 // for a component of 1e-13
				}
				r, err := Solve(context.Background(), p.p, p.t0, p.y0, p.t1, o)
				if err != nil {
					t.Errorf("%s, %v, %g: %v", p.name, m, tol, err)
					continue
				}
				worst := 0.0
				for i, w := range p.want {
					worst = max(worst, math.Abs(r.Y[i]-w)/max(math.Abs(w), o.AbsTol/tol))
					if math.IsNaN(r.Y[i]) {
						worst = math.Inf(1)
					}
				}
				t.Logf("%-26s %-9v %.0e: error %.1e, %+v", p.name, m, tol, worst, r.Stats)
				if p.name == "oscillator, 10 turns" { // of the second component, which ends at 0, in absolute terms
					worst = math.Hypot(r.Y[0]-1, r.Y[1])
				}
				if !(worst <= p.growth*tol+p.floor) {
					t.Errorf("%s, %v: error %.2g with tolerance %g, want at most %.2g", p.name, m, worst, tol, p.growth*tol+p.floor)
				}
			}
		}
	}
}

// Halving the steps divides the error by 2 to the power of the order.
func TestOrdersOfConvergence(t *testing.T) {
	p := Problem{F: func(_ float64, y, dy []float64) { dy[0], dy[1] = y[1], -y[0] }}
	for _, c := range []struct {
		m     Method
		h     float64
		order float64
	}{{DOP853, 0.5, 8}, {RadauIIA, 0.25, 5}} {
		last := 0.0
		for i := range 3 {
			h := c.h / math.Pow(2, float64(i))
			// With such tolerances every step is accepted, and MaxStep is its size.
			r, err := Solve(context.Background(), p, 0, []float64{1, 0}, 4, Options{Method: c.m, RelTol: 1e-9, AbsTol: 1e3, FirstStep: h, MaxStep: h})
			if err != nil {
				t.Fatal(err)
			}
			if want := int(4/h + 0.5); r.Stats.Steps != want {
				t.Fatalf("%v: %d steps, want %d", c.m, r.Stats.Steps, want)
			}
			e := math.Hypot(r.Y[0]-math.Cos(4), r.Y[1]+math.Sin(4))
			if i > 0 {
				if order := math.Log2(last / e); !(math.Abs(order-c.order) < 0.4) {
					t.Errorf("%v: from step %g to %g the error goes from %.3g to %.3g: order %.2f, want %g", c.m, 2*h, h, last, e, order, c.order)
				}
			}
			last = e
		}
	}
}

// Between its ends a step is a polynomial, of order 7 and 3.
func TestDenseOutputConverges(t *testing.T) {
	p := Problem{F: func(_ float64, y, dy []float64) { dy[0], dy[1] = y[1], -y[0] }}
	for _, c := range []struct {
		m     Method
		h     float64
		order float64 // of the error within a step
	}{{DOP853, 0.5, 8}, {RadauIIA, 0.25, 4}} {
		var errs [2]float64
		for i := range errs {
			h := c.h / math.Pow(2, float64(i))
			y := make([]float64, 2)
			observe := func(s *Step) {
				for _, x := range []float64{0, 0.3, 0.5, 0.8, 1} {
					at := s.From + x*(s.To-s.From)
					s.At(at, y)
					errs[i] = max(errs[i], math.Hypot(y[0]-math.Cos(at), y[1]+math.Sin(at)))
				}
			}
			if _, err := Solve(context.Background(), p, 0, []float64{1, 0}, 2, Options{Method: c.m, RelTol: 1e-9, AbsTol: 1e3, FirstStep: h, MaxStep: h, Observe: observe}); err != nil {
				t.Fatal(err)
			}
		}
		if order := math.Log2(errs[0] / errs[1]); !(order > c.order-0.5) {
			t.Errorf("%v: dense output has errors %.3g and %.3g, order %.2f, want %g", c.m, errs[0], errs[1], order, c.order)
		}
	}
}

// The conditions that make DOP853 what it is: rows of A sum to the nodes, and the
// weights integrate powers up to the seventh.
func TestCoefficientsObeyTheConditionsOfOrder(t *testing.T) {
	for i, row := range dopA {
		s := 0.0
		for _, a := range row {
			s += a
		}
		if math.Abs(s-dopC[i]) > 1e-14*10 {
			t.Errorf("row %d sums to %v, its node is %v", i, s, dopC[i])
		}
	}
	for q := 0; q < 8; q++ {
		s := 0.0
		for j, b := range dopA[dopStages] {
			s += b * math.Pow(dopC[j], float64(q))
		}
		if want := 1 / float64(q+1); math.Abs(s-want) > 1e-13 {
			t.Errorf("the weights integrate t^%d to %v, want %v", q, s, want)
		}
	}
	for i := range 3 {
		for j := range 3 {
			s := 0.0
			for k := range 3 {
				s += radauT[i][k] * radauTI[k][j]
			}
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(s-want) > 1e-14 {
				t.Errorf("T T^-1 [%d,%d] is %v", i, j, s)
			}
		}
	}
}

// A ball that falls from height 1 and keeps 0.8 of its speed meets the ground at
// times that are known: sqrt(2/g), then after flights of 2 v/g each.
func TestBouncingBallMeetsTheGroundInTime(t *testing.T) {
	const g = 9.81
	p := Problem{F: func(_ float64, y, dy []float64) { dy[0], dy[1] = y[1], -g }}
	for _, m := range []Method{DOP853, RadauIIA} {
		at, y := 0.0, []float64{1, 0}
		want, v := math.Sqrt(2/g), math.Sqrt(2*g)
		for bounce := range 6 {
			r, err := Solve(context.Background(), p, at, y, at+10, Options{
				Method: m, RelTol: 1e-10, AbsTol: 1e-12,
				Events: []Event{{G: func(_ float64, y []float64) float64 { return y[0] }, Direction: -1, Terminal: true}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Crossings) != 1 || r.T != r.Crossings[0].T || !(math.Abs(r.T-want) < 1e-11) {
				t.Fatalf("%v: bounce %d at %v (%d crossings), want %v", m, bounce, r.T, len(r.Crossings), want)
			}
			at, y = r.T, []float64{0, -0.8 * r.Y[1]}
			v *= 0.8
			want += 2 * v / g
		}
	}
}

// Zeros of sin t: rising at multiples of 2 pi, falling between; in order, also when
// time runs backwards, and several in a step.
func TestEventsComeInOrder(t *testing.T) {
	p := Problem{F: func(_ float64, y, dy []float64) { dy[0], dy[1] = y[1], -y[0] }}
	for _, end := range []float64{20, -20} {
		r, err := Solve(context.Background(), p, 0, []float64{0, 1}, end, Options{
			RelTol: 1e-12, AbsTol: 1e-12,
			Events: []Event{
				{G: func(_ float64, y []float64) float64 { return y[0] }, Direction: +1},
				{G: func(_ float64, y []float64) float64 { return y[1] }},
				{G: func(_ float64, y []float64) float64 { return y[0] - y[1] }, Direction: -1},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, c := range r.Crossings {
			got = append(got, fmt.Sprintf("%d@%.4f", c.Event, c.T/math.Pi))
			if i > 0 && (c.T > r.Crossings[i-1].T) != (end > 0) {
				t.Errorf("crossing %d at %v after one at %v", i, c.T, r.Crossings[i-1].T)
			}
			if zero := []float64{c.Y[0], c.Y[1], c.Y[0] - c.Y[1]}[c.Event]; !(math.Abs(zero) < 1e-9) {
				t.Errorf("event %d at %v is %v there", c.Event, c.T, zero)
			}
		}
		want := "[1@0.5000 2@1.2500 1@1.5000 0@2.0000 1@2.5000 2@3.2500 1@3.5000 0@4.0000 1@4.5000 2@5.2500 1@5.5000 0@6.0000]"
		if end < 0 { // along the solution, that is backwards, sin t rises at -pi
			want = "[1@-0.5000 0@-1.0000 1@-1.5000 2@-1.7500 1@-2.5000 0@-3.0000 1@-3.5000 2@-3.7500 1@-4.5000 0@-5.0000 1@-5.5000 2@-5.7500]"
		}
		if fmt.Sprint(got) != want {
			t.Errorf("crossings %v, want %v", got, want)
		}
	}
}

// What cannot be continued says where it ended, and why.
func TestFailuresSayWhereAndWhy(t *testing.T) {
	blowUp := Problem{F: func(_ float64, y, dy []float64) { dy[0] = y[0] * y[0] }} // 1/(1-t)
	nan := Problem{F: func(t float64, y, dy []float64) {
		dy[0], dy[1] = 1, 0
		if t > 0.5 {
			dy[1] = math.NaN()
		}
	}}
	stiff := Problem{F: func(_ float64, y, dy []float64) { dy[0] = -1e6 * y[0] }}
	for _, c := range []struct {
		name      string
		p         Problem
		y0        []float64
		o         Options
		want      []error
		at        float64
		component int
	}{
		{"blow-up", blowUp, []float64{1}, Options{}, []error{ErrStepTooSmall, ErrNotFinite}, 1, 0},
		{"blow-up, implicit", blowUp, []float64{1}, Options{Method: RadauIIA}, []error{ErrStepTooSmall, ErrNotFinite}, 1, 0},
		{"NaN", nan, []float64{0, 0}, Options{}, []error{ErrNotFinite}, 0.5, 1},
		{"NaN, implicit", nan, []float64{0, 0}, Options{Method: RadauIIA}, []error{ErrNotFinite}, 0.5, 1},
		{"NaN at the start", nan, []float64{0, math.NaN()}, Options{}, []error{ErrNotFinite}, 0, 1},
		{"too many steps", stiff, []float64{1}, Options{MaxSteps: 100}, []error{ErrTooManySteps}, 0, -1},
	} {
		r, err := Solve(context.Background(), c.p, 0, c.y0, 2, c.o)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		is := false
		for _, w := range c.want {
			is = is || errors.Is(err, w)
		}
		if !is || !(math.Abs(e.T-c.at) < 1e-3) || e.T != r.T || errors.Is(err, ErrNotFinite) && e.Component != c.component {
			t.Errorf("%s: %v (%+v)", c.name, err, e)
		}
	}
}

func TestSolveStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	_, err := Solve(ctx, Problem{F: func(_ float64, y, dy []float64) { dy[0] = -y[0] }}, 0, []float64{1}, 1e6, Options{Observe: func(*Step) {
		if steps++; steps == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("%d steps, then %v", steps, err)
	}
}

// A Jacobian by differences serves as well as one that is given.
func TestJacobianByDifferences(t *testing.T) {
	for _, p := range problems() {
		if p.name != "van der Pol, epsilon 1e-6" {
			continue // Robertson's second component is too small for differences
		}
		o := Options{Method: RadauIIA, RelTol: 1e-8, AbsTol: 1e-10}
		given, err := Solve(context.Background(), p.p, p.t0, p.y0, p.t1, o)
		if err != nil {
			t.Fatal(err)
		}
		p.p.Jacobian = nil
		taken, err := Solve(context.Background(), p.p, p.t0, p.y0, p.t1, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.want {
			if !(math.Abs(given.Y[i]-taken.Y[i]) < 1e-6) {
				t.Errorf("%s: %v with the Jacobian, %v with differences", p.name, given.Y, taken.Y)
			}
		}
		if s := taken.Stats.Steps; s > given.Stats.Steps*3/2 {
			t.Errorf("%s: %d steps with differences, %d with the Jacobian", p.name, s, given.Stats.Steps)
		}
	}
}

func TestProgrammerMistakesPanic(t *testing.T) {
	f := func(float64, []float64, []float64) {}
	for _, c := range []struct {
		p  Problem
		o  Options
		t1 float64
	}{
		{Problem{}, Options{}, 1}, {Problem{F: f}, Options{RelTol: -1}, 1}, {Problem{F: f}, Options{AbsTol: math.NaN()}, 1},
		{Problem{F: f}, Options{}, math.Inf(1)}, {Problem{F: f}, Options{Method: 7}, 1}, {Problem{F: f}, Options{Events: []Event{{}}}, 1},
		{Problem{F: f}, Options{MaxStep: -1}, 1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v to %v: no panic", c.o, c.t1)
				}
			}()
			_, _ = Solve(context.Background(), c.p, 0, []float64{1}, c.t1, c.o)
		}()
	}
}
