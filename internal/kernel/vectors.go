package kernel

import "math"

// vectors are the functions over rows of one instruction set. They take n
// elements from each pointer and touch nothing beyond.
type vectors struct {
	exp, log, gelu, geluTanh, silu, tanh, relu func(dst, x *float32, n int)

	geluSlope, geluTanhSlope, siluSlope, tanhSlope, reluSlope func(dst, dy, x *float32, n int)

	expSum        func(dst, x *float32, n int, shift float32) float64
	expShift      func(dst, x *float32, n int, shift float32)
	expShiftSum   func(dst, x *float32, n int, shift float32) float32
	addMax        func(dst, x, y *float32, n int) float32
	max           func(x *float32, n int) float32
	sum           func(x *float32, n int) float64
	dot           func(x, y *float32, n int) float32
	addScaled     func(dst, x *float32, n int, f float32)
	scale         func(dst, x *float32, n int, f float32)
	add           func(dst, x, y *float32, n int)
	mul           func(dst, x, y *float32, n int)
	addMul        func(dst, x, y *float32, n int)
	mulSub        func(dst, x, y, z *float32, n int)
	residual      func(dst, x, y *float32, n int, f, c, a float32)
	adamW         func(p, g, m, v *float32, n int, scale, keep, new1, new2, rate, root, epsilon float32)
	squares       func(x *float32, n int, high, low float32) float64
	normalize     func(dst, x *float32, n int, high, low, f float32)
	normalizeGain func(dst, x, gain, bias *float32, n int, high, low, f float32)

	transpose8 func(dst *float32, ldd int, src *float32, lds, blocks int) // nil for none
}

// kernels returns the table with these functions and products.
func (v vectors) kernels(name string, t tiling) *Kernels {
	return &Kernels{
		Name: name, Panel: t.panel, Product: t.product, ProductBias: t.productBias, Peak: t.gauge,
		Exp: unary(v.exp), Log: unary(v.log),
		GELU: unary(v.gelu), GELUTanh: unary(v.geluTanh), ReLU: unary(v.relu), SiLU: unary(v.silu), Tanh: unary(v.tanh),
		ExpSum: func(dst, x []float32, shift float32) float64 {
			if len(dst) == 0 {
				return 0
			}
			x = x[:len(dst)]
			return v.expSum(&dst[0], &x[0], len(dst), shift)
		},
		ExpShift: func(dst, x []float32, shift float32) {
			if len(dst) == 0 {
				return
			}
			x = x[:len(dst)]
			v.expShift(&dst[0], &x[0], len(dst), shift)
		},
		SoftmaxTile: softmaxTile(
			func(x []float32) float32 { return v.max(&x[0], len(x)) },
			func(x []float32, shift float32) float32 { return v.expShiftSum(&x[0], &x[0], len(x), shift) },
		),
		AddMax: func(dst, x, y []float32) float32 {
			if len(dst) == 0 {
				return float32(math.Inf(-1))
			}
			x, y = x[:len(dst)], y[:len(dst)]
			return v.addMax(&dst[0], &x[0], &y[0], len(dst))
		},
		Max: func(x []float32) float32 {
			if len(x) == 0 {
				return float32(math.Inf(-1))
			}
			return v.max(&x[0], len(x))
		},
		Sum: func(x []float32) float64 {
			if len(x) == 0 {
				return 0
			}
			return v.sum(&x[0], len(x))
		},
		Dot: func(x, y []float32) float32 {
			if len(x) == 0 {
				return 0
			}
			y = y[:len(x)]
			return v.dot(&x[0], &y[0], len(x))
		},
		AddScaled: func(dst []float32, f float32, x []float32) {
			if len(dst) == 0 {
				return
			}
			x = x[:len(dst)]
			v.addScaled(&dst[0], &x[0], len(dst), f)
		},
		Scale: func(dst []float32, f float32, x []float32) {
			if len(dst) == 0 {
				return
			}
			x = x[:len(dst)]
			v.scale(&dst[0], &x[0], len(dst), f)
		},
		Squares: func(x []float32, mean float64) float64 {
			if len(x) == 0 {
				return 0
			}
			high := float32(mean)
			return v.squares(&x[0], len(x), high, float32(mean-float64(high)))
		},
		Add: binary(v.add), Mul: binary(v.mul), AddMul: binary(v.addMul),
		GELUSlope: binary(v.geluSlope), GELUTanhSlope: binary(v.geluTanhSlope), SiLUSlope: binary(v.siluSlope),
		TanhSlope: binary(v.tanhSlope), ReLUSlope: binary(v.reluSlope),
		MulSub: func(dst, x, y, z []float32) {
			if len(dst) == 0 {
				return
			}
			x, y, z = x[:len(dst)], y[:len(dst)], z[:len(dst)]
			v.mulSub(&dst[0], &x[0], &y[0], &z[0], len(dst))
		},
		AdamW: func(p, g, m, s []float32, step AdamStep) {
			if len(p) == 0 {
				return
			}
			g, m, s = g[:len(p)], m[:len(p)], s[:len(p)]
			v.adamW(&p[0], &g[0], &m[0], &s[0], len(p), step.Scale, step.Keep, step.New1, step.New2, step.Rate, step.Root, step.Epsilon)
		},
		LayerNorm: v.layerNorm, LayerNormBackward: v.layerNormBackward,
		Transpose: v.transpose,
	}
}

// binary keeps the slices' lengths in order.
func binary(f func(dst, x, y *float32, n int)) func(dst, x, y []float32) {
	return func(dst, x, y []float32) {
		if len(dst) == 0 {
			return
		}
		x, y = x[:len(dst)], y[:len(dst)]
		f(&dst[0], &x[0], &y[0], len(dst))
	}
}

// unary keeps the slices' lengths in order.
func unary(f func(dst, x *float32, n int)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if len(dst) == 0 {
			return
		}
		x = x[:len(dst)]
		f(&dst[0], &x[0], len(dst))
	}
}

// layerNorm takes the mean off in two parts, the float32 nearest to it and what
// that leaves, so that rows far from 0 lose no digits.
func (v vectors) layerNorm(dst, x, gain, bias []float32, epsilon float32) {
	n := len(dst)
	if n == 0 {
		return
	}
	x = x[:n]
	mean := v.sum(&x[0], n) / float64(n)
	high := float32(mean)
	low := float32(mean - float64(high))
	variance := v.squares(&x[0], n, high, low) / float64(n)
	f := float32(1 / math.Sqrt(variance+float64(epsilon)))
	if gain != nil && bias != nil {
		gain, bias = gain[:n], bias[:n]
		v.normalizeGain(&dst[0], &x[0], &gain[0], &bias[0], n, high, low, f)
		return
	}
	v.normalize(&dst[0], &x[0], n, high, low, f)
	switch {
	case gain != nil:
		for i, g := range gain[:n] {
			dst[i] *= g
		}
	case bias != nil:
		bias = bias[:n]
		v.add(&dst[0], &dst[0], &bias[0], n)
	}
}
