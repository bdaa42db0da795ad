package nn

import "github.com/tripartite-go/tripartite/tensor"

// Backward is dx = dy·a'(x); dx may be dy or x. At 0 the derivative of ReLU is 0.
//
// The errors of the derivative are stated in internal/kernel: at most 2 units in
// the last place of 1.
func (a Activation) Backward(dx, dy, x []float32) {
	switch a {
	case GELU:
		tensor.GELUSlope(dx, dy, x)
	case GELUTanh:
		tensor.GELUTanhSlope(dx, dy, x)
	case ReLU:
		tensor.ReLUSlope(dx, dy, x)
	case SiLU:
		tensor.SiLUSlope(dx, dy, x)
	case Tanh:
		tensor.TanhSlope(dx, dy, x)
	default:
		panic("nn: " + a.String() + " does not exist")
	}
}
