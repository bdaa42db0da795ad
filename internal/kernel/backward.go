package kernel

import "math"

func mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func addMul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] += x[i] * y[i]
	}
}

func mulSub(dst, x, y, z []float32) {
	x, y, z = x[:len(dst)], y[:len(dst)], z[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * (y[i] - z[i])
	}
}

// geluSlope is t for x < 0 and 1 - t above, with t = Phi(-|x|) - |x|·phi(x).
func geluSlope(dst, dy, x []float32) {
	const density = 0.3989422804014327 // 1/sqrt(2 pi)
	dy, x = dy[:len(dst)], x[:len(dst)]
	for i, v := range x {
		f := float64(v)
		a := min(15, math.Abs(f)) // beyond, t is 0
		t := tail(a) - a*density*exp64(limit(-a*a/2))
		if f >= 0 {
			t = 1 - t
		}
		dst[i] = float32(float64(dy[i]) * t)
	}
}

// geluTanhSlope is s + x·s'·w' with s the logistic function of w = x·(a + b·x²).
func geluTanhSlope(dst, dy, x []float32) {
	const a, b = 2 * 0.7978845608028654, 2 * 0.7978845608028654 * 0.044715 // 2·sqrt(2/pi)
	dy, x = dy[:len(dst)], x[:len(dst)]
	for i, v := range x {
		f := max(-15, min(15, float64(v))) // beyond, the slope is 0 or 1
		s, steep := logisticSlope(f * (a + b*f*f))
		dst[i] = float32(float64(dy[i]) * (s + f*steep*(a+3*b*f*f)))
	}
}

func siluSlope(dst, dy, x []float32) {
	dy, x = dy[:len(dst)], x[:len(dst)]
	for i, v := range x {
		f := limit(float64(v))
		s, steep := logisticSlope(f)
		dst[i] = float32(float64(dy[i]) * (s + f*steep))
	}
}

// tanhSlope is 4·s' with s the logistic function of 2x, so that nothing cancels.
func tanhSlope(dst, dy, x []float32) {
	dy, x = dy[:len(dst)], x[:len(dst)]
	for i, v := range x {
		_, steep := logisticSlope(2 * float64(v))
		dst[i] = float32(float64(dy[i]) * 4 * steep)
	}
}

func reluSlope(dst, dy, x []float32) {
	dy, x = dy[:len(dst)], x[:len(dst)]
	for i, v := range x {
		switch {
		case v > 0:
			dst[i] = dy[i]
		case v <= 0:
			dst[i] = 0 * dy[i] // NaN stays NaN
		default:
			dst[i] = v
		}
	}
}

// logisticSlope is s = 1/(1 + exp(-w)) and its slope.
func logisticSlope(w float64) (s, steep float64) {
	e := exp64(limit(-math.Abs(w)))
	r := 1 / (1 + e)
	s = r
	if w < 0 {
		s = e * r
	}
	return s, e * r * r
}

// layerNormBackward takes sums in float64; see Kernels.
func layerNormBackward(dx, dgain, dbias, dy, x, gain, normed []float32, epsilon float32) {
	n := len(dx)
	if n == 0 {
		return
	}
	x, dy, normed = x[:n], dy[:n], normed[:n]
	mean := sum64(x) / float64(n)
	r := 1 / math.Sqrt(squares64(x, mean)/float64(n)+float64(epsilon))
	var sum, along float64
	for i, v := range x {
		g := dy[i]
		normed[i] = float32((float64(v) - mean) * r)
		if dgain != nil {
			dgain[i] += g * normed[i]
		}
		if dbias != nil {
			dbias[i] += g
		}
		if gain != nil {
			g *= gain[i]
		}
		dx[i] = g
		sum += float64(g)
		along += float64(g) * float64(normed[i])
	}
	f, c, a := float32(r), float32(sum/float64(n)), float32(along/float64(n))
	for i, v := range normed {
		dx[i] = f * (dx[i] - c - a*v)
	}
}

// layerNormBackward puts the same together from the functions over rows.
func (v vectors) layerNormBackward(dx, dgain, dbias, dy, x, gain, normed []float32, epsilon float32) {
	n := len(dx)
	if n == 0 {
		return
	}
	x, dy, normed = x[:n], dy[:n], normed[:n]
	mean := v.sum(&x[0], n) / float64(n)
	high := float32(mean)
	low := float32(mean - float64(high))
	f := float32(1 / math.Sqrt(v.squares(&x[0], n, high, low)/float64(n)+float64(epsilon)))
	v.normalize(&normed[0], &x[0], n, high, low, f)
	if dgain != nil {
		dgain = dgain[:n]
		v.addMul(&dgain[0], &dy[0], &normed[0], n)
	}
	if dbias != nil {
		dbias = dbias[:n]
		v.add(&dbias[0], &dbias[0], &dy[0], n)
	}
	if gain != nil {
		gain = gain[:n]
		v.mul(&dx[0], &dy[0], &gain[0], n)
		dy = dx
	}
	c, a := v.sum(&dy[0], n)/float64(n), float64(v.dot(&dy[0], &normed[0], n))/float64(n)
	v.residual(&dx[0], &dy[0], &normed[0], n, f, float32(c), float32(a))
}

// AdamStep holds the numbers of a step of AdamW.
type AdamStep struct {
	Scale      float32 // of the gradient
	Keep       float32 // of the parameter: 1 - rate·decay
	New1, New2 float32 // shares of what is new: 1 - beta1, 1 - beta2
	Rate       float32 // learning rate over 1 - beta1^t
	Root       float32 // 1/sqrt(1 - beta2^t)
	Epsilon    float32
}

func adamW(p, g, m, v []float32, s AdamStep) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i := range p {
		x := g[i] * s.Scale
		m[i] += (x - m[i]) * s.New1
		v[i] += (x*x - v[i]) * s.New2
		root := float32(math.Sqrt(float64(v[i])))
		p[i] = p[i]*s.Keep - s.Rate*(m[i]/(root*s.Root+s.Epsilon))
	}
}
