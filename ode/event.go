package ode

import "math"

// Event is a function of the solution whose zeros are looked for.
type Event struct {
	// G changes its sign where the event happens.
	G func(t float64, y []float64) float64
	// Direction is +1 for zeros where G rises along the solution, -1 where it falls, 0
	// for both.
	Direction int
	// Terminal ends the solution at the event.
	Terminal bool
}

// Crossing is a zero of an event's function. It is where the polynomial of the
// step is zero, to rounding: as good as the polynomial, whose order with RadauIIA
// is 3 only. Two zeros within one step are not seen; MaxStep helps.
type Crossing struct {
	Event int // index in Options.Events
	T     float64
	Y     []float64 // [n]
}

// watch follows the signs of event functions from step to step.
type watch struct {
	events []Event
	before []float64 // of G at the beginning of the step
	y      []float64
}

func newWatch(events []Event, t float64, y []float64) *watch {
	w := &watch{events: events, before: make([]float64, len(events)), y: make([]float64, len(y))}
	for i, e := range events {
		w.before[i] = e.G(t, y)
	}
	return w
}

// step returns the crossings of a step in the order in which the solution meets
// them, up to the first terminal one, which it reports. The solution is at y at
// the end of the step.
func (w *watch) step(s *Step, y []float64) (found []Crossing, ends bool) {
	for i, e := range w.events {
		from, to := w.before[i], e.G(s.To, y)
		w.before[i] = to
		rises := from < 0 && to >= 0 // a zero at the beginning was found before
		falls := from > 0 && to <= 0
		if !(rises && e.Direction >= 0 || falls && e.Direction <= 0) {
			continue
		}
		at := root(func(t float64) float64 {
			s.At(t, w.y)
			return e.G(t, w.y)
		}, s.From, s.To, from, to)
		s.At(at, w.y)
		found = append(found, Crossing{Event: i, T: at, Y: append([]float64(nil), w.y...)})
	}
	forward := s.To > s.From
	for i := 1; i < len(found); i++ { // they are few
		for j := i; j > 0 && (found[j].T < found[j-1].T) == forward && found[j].T != found[j-1].T; j-- {
			found[j], found[j-1] = found[j-1], found[j]
		}
	}
	for i, c := range found {
		if w.events[c.Event].Terminal {
			return found[:i+1], true
		}
	}
	return found, false
}

// root returns where g, which has different signs at a and b, is zero, by secants
// that bisection guards (the Illinois variant of regula falsi).
func root(g func(float64) float64, a, b, ga, gb float64) float64 {
	if gb == 0 {
		return b
	}
	for range 200 {
		t := b - gb*(b-a)/(gb-ga)
		if lo, hi := min(a, b), max(a, b); !(t > lo && t < hi) {
			t = a + (b-a)/2
		}
		if t == a || t == b || math.Abs(b-a) <= 0x1p-52*math.Abs(t) {
			return t
		}
		switch gt := g(t); {
		case gt == 0:
			return t
		case (gt > 0) != (gb > 0): // the zero lies between t and b
			a, ga = b, gb
			b, gb = t, gt
		default:
			b, gb = t, gt
			ga /= 2
		}
	}
	return b
}
