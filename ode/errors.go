package ode

import (
	"errors"
	"fmt"
)

// Why a solution fails.
var (
	ErrStepTooSmall = errors.New("the step is too small for the arithmetic: the problem may be stiff (use RadauIIA), singular here, or not smooth")
	ErrNotFinite    = errors.New("a value is not finite")
	ErrTooManySteps = errors.New("too many steps: the problem may be stiff (use RadauIIA), or the tolerance too small")
)

// Error says where a solution failed. It wraps one of the errors above.
type Error struct {
	Err       error
	T         float64 // how far the solution came
	Step      float64 // size of the step tried there
	Component int     // of y, the first that is not finite; otherwise -1
}

func (e *Error) Error() string {
	what := ""
	if e.Component >= 0 {
		what = fmt.Sprintf(" (component %d)", e.Component)
	}
	return fmt.Sprintf("ode: at t = %.9g, step %.3g: %v%s", e.T, e.Step, e.Err, what)
}

func (e *Error) Unwrap() error { return e.Err }
