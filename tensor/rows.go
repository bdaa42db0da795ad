package tensor

import "fmt"

// The functions of this file work on one row on the calling thread. dst may be
// the same slice as an input. Their errors are stated in internal/kernel.

// Log is dst = log(x): -Inf for 0, NaN for what is below.
func Log(dst, x []float32) {
	sameLen("Log", dst, x)
	kernels.Log(dst, x)
}

// ExpSum is dst = exp(x - shift) and returns the sum of dst.
func ExpSum(dst, x []float32, shift float32) float64 {
	sameLen("ExpSum", dst, x)
	return kernels.ExpSum(dst, x, shift)
}

// ExpShift is dst = exp(x - shift), with the difference rounded to float32.
func ExpShift(dst, x []float32, shift float32) {
	sameLen("ExpShift", dst, x)
	kernels.ExpShift(dst, x, shift)
}

// Mul is dst = x·y, element by element.
func Mul(dst, x, y []float32) {
	sameLen("Mul", dst, x)
	sameLen("Mul", dst, y)
	kernels.Mul(dst, x, y)
}

// SoftmaxTile takes a softmax over the rows of x [n, m], logits of which row t has
// min(seen+t, m), on by these columns: top [n] is the largest logit so far, sum [n]
// of exponentials relative to it; x becomes exp(x - top), and 0 beyond its logits;
// factor [n] is by what all that was gathered before is to be multiplied.
func SoftmaxTile(x Matrix, seen int, top, sum, factor []float32) {
	if len(top) != x.Rows || len(sum) != x.Rows || len(factor) != x.Rows {
		panic(fmt.Sprintf("tensor: SoftmaxTile of %s with %d, %d and %d numbers", x.shape(), len(top), len(sum), len(factor)))
	}
	kernels.SoftmaxTile(x.Data, x.Stride, x.Rows, x.Cols, seen, top, sum, factor)
}

// Max returns the largest element of x, -Inf if there is none. NaN does not
// count.
func Max(x []float32) float32 { return kernels.Max(x) }

// Sum returns the sum of x, added up in float64.
func Sum(x []float32) float32 { return float32(kernels.Sum(x)) }

// AddMax is dst = x + y and returns the largest element of dst, as Max does.
func AddMax(dst, x, y []float32) float32 {
	sameLen("AddMax", dst, x)
	sameLen("AddMax", dst, y)
	return kernels.AddMax(dst, x, y)
}

// Dot returns the inner product of x and y.
func Dot(x, y []float32) float32 {
	sameLen("Dot", x, y)
	return kernels.Dot(x, y)
}

// AddScaled is dst += f·x.
func AddScaled(dst []float32, f float32, x []float32) {
	sameLen("AddScaled", dst, x)
	kernels.AddScaled(dst, f, x)
}

// Scale is dst = f·x.
func Scale(dst []float32, f float32, x []float32) {
	sameLen("Scale", dst, x)
	kernels.Scale(dst, f, x)
}

// Add is dst = x + y.
func Add(dst, x, y []float32) {
	sameLen("Add", dst, x)
	sameLen("Add", dst, y)
	kernels.Add(dst, x, y)
}

// LayerNorm is dst = (x - mean)/sqrt(variance + epsilon)·gain + bias; gain and
// bias may each be nil.
func LayerNorm(dst, x, gain, bias []float32, epsilon float32) {
	sameLen("LayerNorm", dst, x)
	if gain != nil {
		sameLen("LayerNorm", dst, gain)
	}
	if bias != nil {
		sameLen("LayerNorm", dst, bias)
	}
	kernels.LayerNorm(dst, x, gain, bias, epsilon)
}

// GELU is x·Phi(x) with the normal distribution function Phi.
func GELU(dst, x []float32) {
	sameLen("GELU", dst, x)
	kernels.GELU(dst, x)
}

// GELUTanh is the approximation of GELU by a hyperbolic tangent.
func GELUTanh(dst, x []float32) {
	sameLen("GELUTanh", dst, x)
	kernels.GELUTanh(dst, x)
}

// ReLU is max(0, x).
func ReLU(dst, x []float32) {
	sameLen("ReLU", dst, x)
	kernels.ReLU(dst, x)
}

// SiLU is x/(1 + exp(-x)).
func SiLU(dst, x []float32) {
	sameLen("SiLU", dst, x)
	kernels.SiLU(dst, x)
}

// Tanh is the hyperbolic tangent.
func Tanh(dst, x []float32) {
	sameLen("Tanh", dst, x)
	kernels.Tanh(dst, x)
}

func sameLen(op string, a, b []float32) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("tensor: %s: lengths %d and %d differ", op, len(a), len(b)))
	}
}
