package kernel

import "math"

// exp(x) is 2^(k/32)·2^(r/32) with k the integer nearest to z = 32·x/ln 2 and
// r = z - k: the first factor is a table entry with k/32 added to its exponent,
// the second a polynomial on |r| <= 1/2 (the scheme of P. T. P. Tang, ACM TOMS
// 15, 1989, in double precision, where neither the reduction nor the rounding
// of z costs anything that float32 would show).
const (
	expBits  = 5
	expSteps = 1 << expBits

	// rounder is 1.5·2^52: adding it to |z| < 2^51 rounds z to an integer, which
	// then stands in the low bits.
	rounder = 3 << 51

	// expLimit is where exp is taken instead of beyond: 0 and +Inf in float32,
	// well inside the range of float64.
	expLimit = 150

	exp1 = math.Ln2 / expSteps // 2^(r/32) = 1 + exp1 r + exp2 r² + ...
	exp2 = exp1 * exp1 / 2
	exp3 = exp1 * exp1 * exp1 / 6
	exp4 = exp1 * exp1 * exp1 * exp1 / 24
)

// expTable[j] holds the bits of 2^(j/32), less j<<(52-expBits), so that adding
// k<<(52-expBits) with k%32 = j leaves the exponent k/32.
var expTable = func() (t [expSteps]uint64) {
	for j := range t {
		t[j] = math.Float64bits(math.Exp2(float64(j)/expSteps)) - uint64(j)<<(52-expBits)
	}
	return t
}()

// exp64 returns exp(x) with a relative error below 1e-9, for |x| <= expLimit or
// NaN. Terms to the third order: the first left out is exp4/16.
func exp64(x float64) float64 {
	z := x * (expSteps / math.Ln2)
	y := z + rounder
	r := z - (y - rounder)
	k := math.Float64bits(y)
	s := math.Float64frombits(expTable[k%expSteps] + k<<(52-expBits))
	return s + s*r*(exp1+r*(exp2+r*exp3))
}

// fineExp64 is exp64 with a relative error below 1e-11, for where 1 is
// subtracted from the result.
func fineExp64(x float64) float64 {
	z := x * (expSteps / math.Ln2)
	y := z + rounder
	r := z - (y - rounder)
	k := math.Float64bits(y)
	s := math.Float64frombits(expTable[k%expSteps] + k<<(52-expBits))
	return s + s*r*(exp1+r*(exp2+r*(exp3+r*exp4)))
}

// limit keeps x within ±expLimit; NaN stays NaN.
func limit(x float64) float64 {
	if x < -expLimit {
		return -expLimit
	}
	if x > expLimit {
		return expLimit
	}
	return x
}

func exp(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(exp64(limit(float64(v))))
	}
}

// expShiftSum is expShift in place and returns the sum.
func expShiftSum(x []float32, shift float32) float32 {
	expShift(x, x, shift)
	return float32(sum64(x))
}

func expShift(dst, x []float32, shift float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(exp64(limit(float64(v - shift))))
	}
}

func expSum(dst, x []float32, shift float32) float64 {
	x = x[:len(dst)]
	var sum float64
	for i, v := range x {
		e := exp64(limit(float64(v) - float64(shift)))
		dst[i] = float32(e)
		sum += e
	}
	return sum
}

func log(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(math.Log(float64(v)))
	}
}
