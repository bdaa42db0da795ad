package rate

import "math"

// All that happens during a presentation is built of integrals of products of
// exponentials, which are divided differences of exp(-x). Written as such, with
// differences that are small taken as integrals of derivatives, they lose no
// digits when two rates are equal or nearly so, or tiny, or huge. Rates here are
// multiplied by the time t that the integral spans; all arguments are at least 0,
// and all values are positive.

// phi1 is (1 - e^-x)/x, the integral of e^-xs over s from 0 to 1.
func phi1(x float64) float64 {
	if x == 0 {
		return 1
	}
	return -math.Expm1(-x) / x
}

// psi is -phi1'(x), the integral of s e^-xs.
func psi(x float64) float64 {
	if x >= 1 {
		return (1 - (1+x)*math.Exp(-x)) / (x * x)
	}
	return series(x, x)
}

// apart reports whether the difference of phi1, or of e^-x, is a good part of its
// terms at a <= b.
func apart(a, b float64) bool { return b-a > max(1, a/2) }

// series is slope(a, b) for arguments of at most 1, by the series of e^-x: the sum
// over n of (-1)^n h_n/(n+2)!, with h_n the sum of a^i b^j over i + j = n.
func series(a, b float64) float64 {
	sum, h, power := 0.0, 1.0, 1.0
	for _, c := range signedFactorials {
		sum += c * h
		power *= a
		h = b*h + power
	}
	return sum
}

// signedFactorials are (-1)^n/(n+2)!, as far as they count beside the first.
var signedFactorials = func() (c [19]float64) {
	x := 0.5
	for n := range c {
		c[n] = x
		x /= -float64(n + 3)
	}
	return c
}()

// mean1 is the first divided difference, with the sign that makes it positive:
// the integral of e^(-x(1-s) - ys) over s from 0 to 1.
func mean1(x, y float64) float64 {
	return math.Exp(-min(x, y)) * phi1(math.Abs(x-y))
}

// mean2 is the second divided difference at x, y, z, in any order: the mean of
// e^-(x a + y b + z c) over a + b + c = 1, halved.
func mean2(x, y, z float64) float64 {
	if y < x {
		x, y = y, x
	}
	if z < x {
		x, z = z, x
	}
	a, b := min(y, z)-x, max(y, z)-x
	return math.Exp(-x) * slope(a, b)
}

// slope is (phi1(a) - phi1(b)) / (b - a) for a <= b.
func slope(a, b float64) float64 {
	if b <= 1 {
		return series(a, b)
	}
	if apart(a, b) {
		return (phi1(a) - phi1(b)) / (b - a)
	}
	if a == b {
		return psi(a)
	}
	return gauss(func(s float64) float64 { return psi(a + (b-a)*s) })
}

// fall is e^-x and 1 - e^-x, both to all digits, by one exponential.
type fall struct{ x, left, gone float64 }

func falling(x float64) fall {
	if x < math.Ln2 {
		gone := -math.Expm1(-x)
		return fall{x, 1 - gone, gone}
	}
	left := math.Exp(-x)
	return fall{x, left, 1 - left}
}

func (f fall) phi1() float64 {
	if f.x == 0 {
		return 1
	}
	return f.gone / f.x
}

// means returns mean1(x, y) and mean2(x, 0, y).
func means(x, y fall) (first, second float64) {
	if y.x < x.x {
		x, y = y, x
	}
	d := y.x - x.x
	if !apart(x.x, y.x) {
		return x.left * phi1(d), slope(x.x, y.x)
	}
	return (x.left - y.left) / d, (x.phi1() - y.phi1()) / d
}

// mean3 is the third divided difference at 0, 0, x, y, with the sign that makes it
// positive.
func mean3(x, y float64) float64 {
	small, large := min(x, y), max(x, y)
	if large < 0.5 {
		return gauss(func(s float64) float64 { return s * s * mean2(0, x*s, y*s) })
	}
	return (mean2(0, 0, small) - mean2(0, small, large)) / large
}

// fading is the integral over s from 0 to t of e^-lambda(t-s) e^-as: what an input
// that fades at rate a leaves in a leaky store.
func fading(lambda, a, t float64) float64 { return t * mean1(lambda*t, a*t) }

// rising is the same of 1 - e^-as, an input that rises.
func rising(lambda, a, t float64) float64 { return t * (a * t) * mean2(lambda*t, 0, a*t) }

// risingAndFading is the same of (1 - e^-as) e^-bs.
func risingAndFading(lambda, a, b, t float64) float64 {
	return t * (a * t) * mean2(lambda*t, b*t, (a+b)*t)
}

// risingTogether is the same of (1 - e^-as)(1 - e^-bs).
func risingTogether(lambda, a, b, t float64) float64 {
	if a > b {
		a, b = b, a
	}
	if b*t >= 0.5 { // the difference is then a good part of its terms
		return rising(lambda, a, t) - risingAndFading(lambda, a, b, t)
	}
	// Both rise as lines do, nearly, and the difference would cancel: the integrand is
	// smooth but for the store's leak, over parts in which that is smooth, too.
	sum, from := 0.0, 0.0
	for from < t {
		to := t
		if left := t - from; lambda*left > 4 {
			to = from + left/2
			if lambda*(t-to) > 750 { // e^-750 is 0
				from = to
				continue
			}
		}
		width := to - from
		sum += width * gauss(func(x float64) float64 {
			s := from + width*x
			return math.Exp(-lambda*(t-s)) * math.Expm1(-a*s) * math.Expm1(-b*s)
		})
		from = to
	}
	return sum
}

// gauss integrates a smooth function over [0, 1] by the Gauss-Legendre rule of 12
// points (M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, table
// 25.4).
func gauss(f func(float64) float64) float64 {
	sum := 0.0
	for i, x := range gaussNodes {
		sum += gaussWeights[i] / 2 * (f(0.5-x/2) + f(0.5+x/2))
	}
	return sum
}

var (
	gaussNodes = [6]float64{
		0.125233408511468915, 0.367831498998180194, 0.587317954286617447,
		0.769902674194304687, 0.904117256370474857, 0.981560634246719251,
	}
	gaussWeights = [6]float64{
		0.249147045813402785, 0.233492536538354809, 0.203167426723065922,
		0.160078328543346226, 0.106939325995318431, 0.047175336386511827,
	}
)
