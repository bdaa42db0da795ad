package nn

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// Backward is dx = dy·a'(x). dx must not overlap the others. At 0
// the derivative of ReLU is 0.
//
// The errors, relative to the largest derivative, are about 1e-6: each is made of
// one exponential that cannot overflow, so that nothing cancels where the
// function saturates.
func (a Activation) Backward(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	switch a {
	case GELU:
		tensor.GELUSlope(dx, dy, x)
	case GELUTanh:
		tensor.GELUTanhSlope(dx, dy, x)
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
