package nn

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// Backward is dx = dy·a'(x) for y = a(x). dx must not overlap the others. At 0
// the derivative of ReLU is 0.
//
// The errors, relative to the largest derivative, are about 1e-6: each is made of
// one exponential that cannot overflow, so that nothing cancels where the
// function saturates.
func (a Activation) Backward(dx, dy, x, y []float32) {
	dy, x, y = dy[:len(dx)], x[:len(dx)], y[:len(dx)]
	switch a {
	case GELU: // Phi + x·phi
		for i, v := range x {
			dx[i] = -v * v / 2
		}
		tensor.Exp(dx, dx)
		const density = 0.3989422804014327 // phi(0) = 1/sqrt(2 pi)
		for i, v := range x {
			phi := density * dx[i]
			cumulative := y[i] / v // y = x·Phi is accurate where it is small
			switch {
			case v < 1e-6 && v > -1e-6:
				cumulative = 0.5 + v*density
			case phi == 0: // far out, where x·phi could be Inf·0
				dx[i] = 0
				if v > 0 {
					dx[i] = dy[i]
				}
				continue
			}
			dx[i] = dy[i] * (cumulative + v*phi)
		}
	case GELUTanh: // s(z) + x·s'(z)·z', s the logistic function, z = 2·sqrt(2/pi)(x + 0.044715 x³)
		const c1, c3 = 2 * 0.7978845608028654, 2 * 0.7978845608028654 * 0.044715
		for i, v := range x {
			dx[i] = -float32(math.Abs(float64(v * (c1 + c3*v*v))))
		}
		tensor.Exp(dx, dx)
		for i, v := range x {
			s, slope := logistic(v, dx[i])
			if slope != 0 { // far out it is, and x² could be Inf
				s += v * slope * (c1 + 3*c3*v*v)
			}
			dx[i] = dy[i] * s
		}
	case ReLU:
		for i, v := range x {
			dx[i] = 0
			if v > 0 {
				dx[i] = dy[i]
			}
		}
	case SiLU: // s(x) + x·s'(x)
		for i, v := range x {
			dx[i] = -float32(math.Abs(float64(v)))
		}
		tensor.Exp(dx, dx)
		for i, v := range x {
			s, slope := logistic(v, dx[i])
			if slope != 0 {
				s += v * slope
			}
			dx[i] = dy[i] * s
		}
	case Tanh: // 1 - tanh² = 4 s'(2x)
		for i, v := range x {
			dx[i] = -2 * float32(math.Abs(float64(v)))
		}
		tensor.Exp(dx, dx)
		for i, v := range x {
			_, slope := logistic(v, dx[i])
			dx[i] = dy[i] * 4 * slope
		}
	default:
		panic("nn: " + a.String() + " does not exist")
	}
}

// logistic returns 1/(1 + exp(-z)) and its derivative, for e = exp(-|z|) and any
// v of the sign of z.
func logistic(v, e float32) (s, slope float32) {
	r := 1 / (1 + e)
	s = r
	if v < 0 {
		s = e * r
	}
	return s, e * r * r
}
