package tuning

import (
	"fmt"
	"math"
)

// truncation is the largest exp(w.x) of truncated-exp, as in the authors'
// notebooks.
const truncation = 150

// Link is the pointwise nonlinearity between the drive of a hidden neuron and
// its firing rate.
type Link int

const (
	LinkExp            Link = iota // exp(u - n)
	LinkCosine                     // exp(n) cos u
	LinkPositiveCosine             // exp(n) max(0, cos u)
	LinkClippedSine                // exp(n) sin(clip(u, -pi/2, pi/2))
	LinkTruncatedExp               // exp(-n) min(exp(u), 150)
	LinkLinear                     // 1 + u - n, the only link whose scale is added (inside u)
	LinkElu1                       // elu(u) + 1
	LinkReLU                       // max(0, u)
)

// Log returns the logarithm of the magnitude of the firing rate for drive u and
// level n, and its sign: 1, -1, or 0 for a silent neuron, whose logarithm is
// -Inf.
//
// Logarithms are float64 in both arithmetics: an absolute error in a logarithm
// is a relative error of the rate.
func (l Link) Log(u, n float64) (log, sign float64) {
	switch l {
	case LinkExp:
		return u - n, 1
	case LinkCosine:
		return logSigned(math.Cos(u), n)
	case LinkPositiveCosine:
		return logSigned(max(0, math.Cos(u)), n)
	case LinkClippedSine:
		return logSigned(math.Sin(min(max(u, -math.Pi/2), math.Pi/2)), n)
	case LinkTruncatedExp:
		return min(u, math.Log(truncation)) - n, 1
	case LinkLinear:
		return logSigned(1+u-n, 0)
	case LinkElu1:
		if u > 0 {
			return math.Log1p(u), 1
		}
		return u, 1
	case LinkReLU:
		return logSigned(max(0, u), 0)
	}
	panic("tuning: unknown link")
}

// logSigned returns log|f exp(n)| and the sign of f.
func logSigned(f, n float64) (log, sign float64) {
	switch {
	case f > 0:
		return math.Log(f) + n, 1
	case f < 0:
		return math.Log(-f) + n, -1
	case f == 0:
		return math.Inf(-1), 0
	}
	return math.NaN(), math.NaN()
}

// Form is the tuning curves of one head in one phase, written out. Every map,
// calibrated or not, has this form; engines that evaluate many tokens at once
// read it directly. For a token x and hidden neuron i:
//
//	u_i = W_i.x + B_i                         drive
//	n   = |Metric (x - Center)|² / 2          level
//	log|phi_i| = Link(u_i, n) + LogScale + Excite.x
//
// Slices are shared with the Curves they come from: read them, do not write.
type Form[F Float] struct {
	Link     Link
	W        []F     // [neurons, d] input weights
	B        []F     // [neurons] constant drive
	LogScale float64 // logarithm of the common amplitude
	Metric   []F     // [d, d], nil for the identity
	Center   []F     // [d], nil for zero
	Excite   []F     // [d] excitability exp(Excite.x), nil for none
}

// finite reports the first number that F cannot hold.
func (f *Form[F]) finite() error {
	for _, v := range []struct {
		name   string
		values []F
	}{{"W", f.W}, {"b", f.B}, {"M", f.Metric}, {"mean", f.Center}, {"excitability", f.Excite}} {
		if i := notFinite(v.values); i >= 0 {
			return fmt.Errorf("%s[%d] is %v in %T: use smaller weights, or float64", v.name, i, v.values[i], v.values[i])
		}
	}
	if math.IsInf(f.LogScale, 0) {
		return fmt.Errorf("the amplitude of the curves is out of range: A is too far below 0")
	}
	return nil
}

// level returns n = |Metric (x - Center)|² / 2.
func (f *Form[F]) level(x []F) float64 {
	d := len(x)
	if f.Metric == nil {
		var n float64
		for j := range x {
			c := f.centred(x, j)
			n += c * c
		}
		return n / 2
	}
	var n float64
	for i := range d {
		row := f.Metric[i*d : (i+1)*d]
		var z float64
		for j := range x {
			z += float64(row[j]) * f.centred(x, j)
		}
		n += z * z
	}
	return n / 2
}

func (f *Form[F]) centred(x []F, j int) float64 {
	if f.Center == nil {
		return float64(x[j])
	}
	return float64(x[j]) - float64(f.Center[j])
}

// log writes log|phi| and its sign for one token x [d].
func (f *Form[F]) log(log, sign []float64, x []F) {
	d := len(x)
	n := f.level(x)
	offset := f.LogScale
	if f.Excite != nil {
		offset += dot(f.Excite, x)
	}
	for i := range log {
		u := float64(f.B[i]) + dot(f.W[i*d:(i+1)*d], x)
		a, s := f.Link.Log(u, n)
		log[i], sign[i] = a+offset, s
	}
}

// dot returns a.b, accumulated in float64.
func dot[F Float](a, b []F) float64 {
	var s float64
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
