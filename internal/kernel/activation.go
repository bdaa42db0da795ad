package kernel

import "math"

// tail returns Phi(-a) for a >= 0, the upper tail of the normal distribution, as
// exp(-a²/2)·P(t) with t = 1/(1 + a/4): the form of Abramowitz & Stegun 7.1.26
// with a polynomial of our own, fitted for relative error on 0 <= a <= 15, where
// it is 4.5e-9. Beyond, float32 holds nothing but 0.
func tail(a float64) float64 {
	t := 1 / (1 + a/4)
	// Even and odd powers apart: two short chains instead of a long one.
	s := t * t
	even := 0.012179256840321097
	odd := -0.03677002506203099
	even = even*s - 0.01592771034450241
	odd = odd*s + 0.1297763697165626
	even = even*s - 0.08431102464278264
	odd = odd*s + 0.14853204678915366
	even = even*s + 0.045415882469496974
	odd = odd*s + 0.10310448745263837
	even = even*s + 0.09811613351935566
	odd = odd*s + 0.0998910701407473
	even = even*s - 6.484637905135015e-06
	return (even + t*odd) * exp64(limit(-a*a/2))
}

// gelu is max(0, x) - |x|·Phi(-|x|), the same for both signs, since a branch on
// the sign is mispredicted every other time.
func gelu(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		f := float64(v)
		a := math.Abs(f)
		if a > 15 {
			dst[i] = max(0, v)
			continue
		}
		dst[i] = float32((f+a)/2 - a*tail(a))
	}
}

// geluTanh uses (1 + tanh z)/2 = 1/(1 + exp(-2z)).
func geluTanh(dst, x []float32) {
	const a, b = 2 * 0.7978845608028654, 2 * 0.7978845608028654 * 0.044715 // 2·sqrt(2/pi)
	x = x[:len(dst)]
	for i, v := range x {
		f := float64(v)
		if f < -15 {
			dst[i] = 0
			continue
		}
		dst[i] = float32(f / (1 + exp64(limit(-f*(a+b*f*f)))))
	}
}

func relu(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func silu(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		f := float64(v)
		if f < -expLimit {
			dst[i] = 0
			continue
		}
		dst[i] = float32(f / (1 + exp64(limit(-f))))
	}
}

// tanh is (e-1)/(e+1) with e = exp(2|x|), and its series for small x, where the
// subtraction would lose digits.
func tanh(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		a := math.Abs(float64(v))
		switch {
		case a < 1./64:
			f := float64(v)
			dst[i] = float32(f - f*f*f*(1./3-f*f*(2./15)))
		case a < 20:
			e := fineExp64(2 * a)
			dst[i] = float32(math.Copysign((e-1)/(e+1), float64(v)))
		case a >= 20:
			dst[i] = float32(math.Copysign(1, float64(v)))
		default:
			dst[i] = v
		}
	}
}
