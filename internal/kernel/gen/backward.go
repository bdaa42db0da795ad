package main

// geluSlope is t for x < 0 and 1 - t above, t = Phi(-a) - a·phi(a) with a = |x|:
// both terms have the factor exp(-a²/2), which is formed as in gelu.
func geluSlope(b *body) {
	const density = 0.3989422804014327 // phi(0) = 1/sqrt(2 pi)
	x := b.load(2)
	a, ratio, e, k := normal(b, x)
	t := b.scale(b.mul(b.fnma(a, b.number(density), ratio), e), k)
	slope := b.less(x, b.number(0), t, b.sub(b.number(1), t))
	b.store(0, b.mul(b.load(1), slope))
}

// geluTanhSlope is s + x·s'·w' with s the logistic function of w = x·(a + b·x²).
func geluTanhSlope(b *body) {
	const slope, cubic = 1.5957691216057308, 1.5957691216057308 * 0.044715 // 2·sqrt(2/pi)
	x := clipped(b, b.load(2), 15)                                         // beyond, E is 0
	square := b.mul(x, x)
	s, steep := logisticSlope(b, b.mul(x, b.fma(square, b.number(cubic), b.number(slope))))
	inner := b.mul(x, b.fma(square, b.number(3*cubic), b.number(slope)))
	b.store(0, b.mul(b.load(1), b.fma(steep, inner, s)))
}

// siluSlope is s + x·s' with s the logistic function of x.
func siluSlope(b *body) {
	x := clipped(b, b.load(2), 120) // beyond, s' is 0
	s, steep := logisticSlope(b, x)
	b.store(0, b.mul(b.load(1), b.fma(steep, x, s)))
}

// tanhSlope is 4·s' with s the logistic function of 2x, so that nothing cancels.
func tanhSlope(b *body) {
	x := b.load(2)
	_, steep := logisticSlope(b, b.add(x, x))
	b.store(0, b.mul(b.load(1), b.mul(b.number(4), steep)))
}

// reluSlope is 1 above 0 and 0 elsewhere, but for NaN, which must not get lost.
func reluSlope(b *body) {
	x, zero := b.load(2), b.number(0)
	rest := b.sub(x, x) // 0, or NaN for what is not finite
	above := b.less(zero, x, b.number(1), b.less(x, zero, zero, rest))
	b.store(0, b.mul(b.load(1), above))
}

// clipped keeps x within ±limit; NaN stays NaN.
func clipped(b *body, x value, limit float64) value {
	return b.max(b.number(-limit), b.min(b.number(limit), x))
}

// logisticSlope is s = 1/(1 + exp(-w)) and its slope E/(1 + E)², E = exp(-|w|).
func logisticSlope(b *body, w value) (s, steep value) {
	one := b.number(1)
	e, k := parts(b, b.or(w, b.bits(1<<31)), nil)
	e = b.scale(e, k)
	r := b.div(one, b.add(one, e))
	below := b.mul(e, r)
	return b.less(w, b.number(0), below, r), b.mul(below, r)
}

// adamW moves the mean of the gradient and of its square by their shares of what
// is new, then the parameter.
func adamW(b *body) {
	scale, keep, new1, new2, rate, root, epsilon := b.scalar(0), b.scalar(1), b.scalar(2), b.scalar(3), b.scalar(4), b.scalar(5), b.scalar(6)
	g := b.mul(b.load(1), scale)
	m := b.load(2)
	m = b.fma(b.sub(g, m), new1, m)
	b.store(2, m)
	v := b.load(3)
	v = b.fma(b.sub(b.mul(g, g), v), new2, v)
	b.store(3, v)
	step := b.div(m, b.fma(b.sqrt(v), root, epsilon))
	b.store(0, b.fnma(step, rate, b.mul(b.load(0), keep)))
}
