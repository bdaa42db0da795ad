package rate

import "fmt"

// EventKind is what may happen to a reading when tuning curves are signed, or
// nothing drives an astrocyte.
type EventKind string

const (
	// Vanishing: sigma + c passes through zero while it divides. What reaches the
	// output neurons grows without bound there, so that the reading has no value: it is
	// NaN, and the output neurons begin the next presentation at rest.
	Vanishing EventKind = "vanishing"
	// NonPositive: calcium is zero or below at the end of a reading, and does not
	// normalize. The output is what the equations give.
	NonPositive EventKind = "nonpositive"
	// Overflow: an output is beyond what a float64 holds. It is NaN or infinite, and
	// the output neurons begin the next presentation at rest.
	Overflow EventKind = "overflow"
)

// Event is something that a reader of results has to know.
type Event struct {
	Kind   EventKind `json:"kind"`
	Token  int       `json:"token"`  // which reading, from 0
	Domain int       `json:"domain"` // of the astrocyte, the first one concerned
	Time   float64   `json:"time_s"` // since the token's presentation for reading began
}

func (e Event) String() string {
	return fmt.Sprintf("%s in domain %d, %.4g s into reading token %d", e.Kind, e.Domain, e.Time, e.Token)
}
