package fit

import "time"

// Stages of a fit, in their order.
const (
	StageRead     = "reading the exact network"
	StageSurvey   = "surveying heads"
	StageAllocate = "allocating neurons"
	StageHeads    = "fitting head by head"
	StageJoint    = "fitting jointly"
	StageSettle   = "settling calcium"
)

// Progress is how far a fit is.
type Progress struct {
	Stage       string
	Step, Steps int // of the stage, 0 where it has none
	// Loss is the mean of the last steps, with what calcium adds to it; 0 before there
	// is any.
	Loss float64
	// Fidelity on validation, as it was measured last; nil before that.
	Fidelity *Fidelity
	// Left is an estimate of the time to the end of the stage.
	Left time.Duration
}
