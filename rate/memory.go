package rate

import "math"

// store is what plasticity, over t seconds of constant drives phi and v, makes of
// the memory: with the rates h and l of the beginning,
//
//	H <- keepH H + (lh l + vh v) h^T + (lp l + vp v) phi^T
//	g <- keepG g + gh h + gp phi
type store struct {
	keepH, keepG           float64
	lh, vh, lp, vp, gh, gp float64
}

// stored returns it: t seconds inside the plasticity window, or outside, where the
// memory only fades.
func (c *Config) stored(t float64, plastic bool) store {
	hebb, gain := c.Forgetting.Hebb, c.Forgetting.Gain
	s := store{keepH: math.Exp(-hebb * t), keepG: math.Exp(-gain * t)}
	if !plastic {
		return s
	}
	b, o := 1/c.Kinetics.Hidden, 1/c.Kinetics.Output
	rate := 1 / (c.Timing.Window * c.Timing.Present)
	s.lh = rate * fading(hebb, o+b, t)
	s.vh = rate * risingAndFading(hebb, o, b, t)
	s.lp = rate * risingAndFading(hebb, b, o, t)
	s.vp = rate * risingTogether(hebb, b, o, t)
	s.gh = rate * fading(gain, b, t)
	s.gp = rate * rising(gain, b, t)
	return s
}

// plasticity applies a store to the memory.
func (h *Head) plasticity(s store) {
	if s == (store{keepH: 1, keepG: 1}) {
		return // nothing fades, and nothing is stored
	}
	for o, l := range h.output {
		row := h.hebb[o*h.cfg.Neurons : (o+1)*h.cfg.Neurons]
		onH, onPhi := s.lh*l+s.vh*h.value[o], s.lp*l+s.vp*h.value[o]
		for i, w := range row {
			row[i] = s.keepH*w + onH*h.hidden[i] + onPhi*h.drive[i]
		}
	}
	for i, g := range h.gain {
		h.gain[i] = s.keepG*g + s.gh*h.hidden[i] + s.gp*h.drive[i]
	}
}
