package fit

import "time"

// Shares of the time, and bounds of the steps that come of them.
const (
	headShare  = 0.06 // heads by themselves learn what they can in some hundred steps
	jointShare = 0.97 // of what is left

	fewestHeadSteps, mostHeadSteps   = 200, 1000
	fewestJointSteps, mostJointSteps = 100, 1 << 20

	warmSteps    = 50 // over which rates rise
	measureSteps = 10

	defaultSaveEvery = 30 * time.Second
)

// clock divides the time there is among the stages.
type clock struct {
	began       time.Time
	budget      time.Duration
	told, saved time.Time
}

func (c *clock) begin(minutes float64) {
	c.began = time.Now()
	c.told, c.saved = c.began, c.began
	c.budget = time.Duration(minutes * float64(time.Minute))
}

// steps returns how many steps a share of the remaining time holds.
func (c *clock) steps(share float64, perStep time.Duration, least, most int) int {
	left := float64(c.budget-time.Since(c.began)) * share
	return max(least, min(most, int(left/float64(max(perStep, 1)))))
}

// due reports whether so long has passed since last, and sets last to now then.
func (c *clock) due(last *time.Time, every time.Duration) bool {
	now := time.Now()
	if now.Sub(*last) < every {
		return false
	}
	*last = now
	return true
}

// left estimates the time that steps to go take, from how long those done took.
func left(began time.Time, done, togo int) time.Duration {
	if done == 0 {
		return 0
	}
	return time.Since(began) / time.Duration(done) * time.Duration(togo)
}
