package fit

import "math"

// schedule is a learning rate that rises over Warm steps to Peak and falls to 0
// along a cosine by step Steps.
type schedule struct {
	peak  float64
	warm  int
	steps int
}

// at returns the rate of a step, counted from 0.
func (s schedule) at(step int) float64 {
	rise := min(1, float64(step+1)/float64(max(1, s.warm)))
	return s.peak * rise * (1 + math.Cos(math.Pi*float64(step)/float64(s.steps))) / 2
}
