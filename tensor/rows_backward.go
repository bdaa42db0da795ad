package tensor

import "github.com/tripartite-go/tripartite/internal/kernel"

// Squares returns the sum of x², added up in float64.
func Squares(x []float32) float64 { return kernels.Squares(x, 0) }

// MulSub is dst = x·(y - z), element by element.
func MulSub(dst, x, y, z []float32) {
	sameLen("MulSub", dst, x)
	sameLen("MulSub", dst, y)
	sameLen("MulSub", dst, z)
	kernels.MulSub(dst, x, y, z)
}

// LayerNormBackward takes the gradient dy of LayerNorm's result back to x and
// writes dx, which may be dy. It adds to the gradients of gain and bias; each of
// gain, dgain and dbias may be nil. normed is room for a row.
func LayerNormBackward(dx, dgain, dbias, dy, x, gain, normed []float32, epsilon float32) {
	sameLen("LayerNormBackward", dx, dy)
	sameLen("LayerNormBackward", dx, x)
	sameLen("LayerNormBackward", dx, normed)
	for _, v := range [...][]float32{dgain, dbias, gain} {
		if v != nil {
			sameLen("LayerNormBackward", dx, v)
		}
	}
	kernels.LayerNormBackward(dx, dgain, dbias, dy, x, gain, normed, epsilon)
}

// GELUSlope is dst = dy times the derivative of GELU at x.
func GELUSlope(dst, dy, x []float32) {
	sameLen("GELUSlope", dst, dy)
	sameLen("GELUSlope", dst, x)
	kernels.GELUSlope(dst, dy, x)
}

// GELUTanhSlope is dst = dy times the derivative of GELUTanh at x.
func GELUTanhSlope(dst, dy, x []float32) {
	sameLen("GELUTanhSlope", dst, dy)
	sameLen("GELUTanhSlope", dst, x)
	kernels.GELUTanhSlope(dst, dy, x)
}

// SiLUSlope is dst = dy times the derivative of SiLU at x.
func SiLUSlope(dst, dy, x []float32) {
	sameLen("SiLUSlope", dst, dy)
	sameLen("SiLUSlope", dst, x)
	kernels.SiLUSlope(dst, dy, x)
}

// TanhSlope is dst = dy times the derivative of Tanh at x.
func TanhSlope(dst, dy, x []float32) {
	sameLen("TanhSlope", dst, dy)
	sameLen("TanhSlope", dst, x)
	kernels.TanhSlope(dst, dy, x)
}

// ReLUSlope is dst = dy where x > 0, else 0.
func ReLUSlope(dst, dy, x []float32) {
	sameLen("ReLUSlope", dst, dy)
	sameLen("ReLUSlope", dst, x)
	kernels.ReLUSlope(dst, dy, x)
}

// AdamStep holds the numbers of a step of AdamW.
type AdamStep = kernel.AdamStep

// AdamW is a step of AdamW for parameters p with gradient g, whose mean is m and
// that of its square v.
func AdamW(p, g, m, v []float32, s AdamStep) {
	sameLen("AdamW", p, g)
	sameLen("AdamW", p, m)
	sameLen("AdamW", p, v)
	kernels.AdamW(p, g, m, v, s)
}
