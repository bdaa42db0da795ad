package kernel

import (
	"math"
	"testing"
)

// ulps returns how many units in the last place of want, as float32, got is off.
func ulps(got float32, want float64) float64 {
	if float64(got) == want {
		return 0
	}
	unit := math.Ldexp(1, max(-149, math.Ilogb(want)-23))
	return math.Abs(float64(got)-want) / unit
}

// sweep calls f with blocks of float32 values that cover every exponent, both
// signs, and lie dense from -110 to 110.
func sweep(f func(x []float32)) {
	block := make([]float32, 0, 4096)
	put := func(v float32) {
		if block = append(block, v); len(block) == cap(block) {
			f(block)
			block = block[:0]
		}
	}
	for bits := uint32(0); bits < 0x7f800000; bits += 40009 {
		put(math.Float32frombits(bits))
		put(math.Float32frombits(bits | 1<<31))
	}
	for i := -110 * 4096; i < 110*4096; i++ {
		put(float32(i)/4096 + 1e-5)
	}
	f(block)
}

func TestFunctionsAgainstFloat64(t *testing.T) { each(t, testFunctionsAgainstFloat64) }

func testFunctionsAgainstFloat64(t *testing.T, ks *Kernels) {
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	for _, c := range []struct {
		name  string
		f     func(dst, x []float32)
		want  func(x float64) float64
		bound float64 // ulp, of the portable function
		fast  float64 // of the others
	}{
		{"Exp", ks.Exp, math.Exp, 0.51, 1.1},
		{"Log", ks.Log, math.Log, 0.51, 0.9},
		{"GELU", ks.GELU, func(x float64) float64 { return x * phi(x) }, 0.6, 7},
		{"GELUTanh", ks.GELUTanh, func(x float64) float64 {
			return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}, 0.6, 4},
		{"SiLU", ks.SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 0.6, 4},
		{"Tanh", ks.Tanh, math.Tanh, 0.6, 3},
		{"ReLU", ks.ReLU, func(x float64) float64 { return max(0, x) }, 0, 0},
	} {
		if ks.Name != Portable().Name {
			c.bound = c.fast
		}
		worst, at := 0.0, float32(0)
		dst := make([]float32, 4096)
		sweep(func(x []float32) {
			c.f(dst[:len(x)], x)
			for i, v := range x {
				want := c.want(float64(v))
				if math.Abs(want) > math.MaxFloat32 && math.IsInf(float64(dst[i]), 1) || math.IsNaN(want) && math.IsNaN(float64(dst[i])) {
					continue
				}
				if e := ulps(dst[i], want); !(e <= worst) {
					worst, at = e, v
				}
			}
		})
		t.Logf("%s: %.4f ulp at %g", c.name, worst, at)
		if !(worst <= c.bound) {
			t.Errorf("%s is off by %v ulp at %g, stated are %v", c.name, worst, at, c.bound)
		}
	}
}

func TestFunctionsOfSpecialValues(t *testing.T) { each(t, testFunctionsOfSpecialValues) }

func testFunctionsOfSpecialValues(t *testing.T, ks *Kernels) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name             string
		f                func(dst, x []float32)
		minus, plus, big float64 // at -Inf, +Inf, -1e30
	}{
		{"Exp", ks.Exp, 0, inf, 0},
		{"Log", ks.Log, nan, inf, nan},
		{"GELU", ks.GELU, 0, inf, 0},
		{"GELUTanh", ks.GELUTanh, 0, inf, 0},
		{"SiLU", ks.SiLU, 0, inf, 0},
		{"Tanh", ks.Tanh, -1, 1, -1},
		{"ReLU", ks.ReLU, 0, inf, 0},
	} {
		x := []float32{float32(-inf), float32(inf), -1e30, float32(nan)}
		c.f(x, x)
		for i, want := range []float64{c.minus, c.plus, c.big} {
			if float64(x[i]) != want && !(math.IsNaN(want) && math.IsNaN(float64(x[i]))) {
				t.Errorf("%s: special value %d is %v, want %v", c.name, i, x[i], want)
			}
		}
		if !math.IsNaN(float64(x[3])) {
			t.Errorf("%s(NaN) = %v", c.name, x[3])
		}
	}
}

func TestLogAtTheEdgesOfItsDomain(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		least := math.Float32frombits(1)
		for _, c := range []struct {
			x    float32
			want float64
		}{
			{0, math.Inf(-1)}, {float32(math.Copysign(0, -1)), math.Inf(-1)}, {-least, math.NaN()}, {1, 0},
			{least, -149 * math.Ln2}, {0x1p-126, -126 * math.Ln2}, {math.MaxFloat32, 128 * math.Ln2},
		} {
			got := []float32{c.x}
			ks.Log(got, got)
			if math.IsNaN(c.want) != math.IsNaN(float64(got[0])) || !math.IsNaN(c.want) && !(ulps(got[0], c.want) <= 0.9) {
				t.Errorf("log(%g) is %v, want %v", c.x, got[0], c.want)
			}
		}
	})
}

func TestExpSumKeepsWhatASubtractionWouldRound(t *testing.T) { each(t, testExpSumRounding) }

func testExpSumRounding(t *testing.T, ks *Kernels) {
	x := random(4, 301)
	dst := make([]float32, len(x))
	for _, shift := range []float32{0, 0.1, -0.1, 33.3, -33.3, 100.1} {
		for i := range x {
			x[i] *= 10
			if x[i] > 100 || x[i] < -100 {
				x[i] /= 1000
			}
		}
		sum := ks.ExpSum(dst, x, shift)
		var want float64
		for i, v := range x {
			w := math.Exp(float64(v) - float64(shift))
			want += w
			if w < math.MaxFloat32 && !(ulps(dst[i], w) <= 1.4) {
				t.Errorf("exp(%g - %g) is %g, want %g", v, shift, dst[i], w)
			}
		}
		if want < math.MaxFloat32 && !(math.Abs(sum-want) <= 1e-7*want) {
			t.Errorf("shift %g: the sum is %v, want %v", shift, sum, want)
		}
	}
}

func TestExpSumOfInfinities(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		dst := make([]float32, 3)
		if sum := ks.ExpSum(dst, []float32{-inf, 0, 1e30}, 1e30); sum != 1 || dst[0] != 0 || dst[1] != 0 || dst[2] != 1 {
			t.Errorf("exp([-Inf 0 1e30] - 1e30) is %v with sum %v", dst, sum)
		}
		if sum := ks.ExpSum(dst[:1], []float32{inf}, 0); !(sum > math.MaxFloat32) || dst[0] != inf {
			t.Errorf("exp(+Inf) sums to %v", sum)
		}
		if sum := ks.ExpSum(dst[:2], []float32{nan, 0}, 0); !math.IsNaN(sum) || dst[1] != 1 {
			t.Errorf("exp([NaN 0]) is %v with sum %v", dst[:2], sum)
		}
	})
}

func TestAnElementDoesNotDependOnItsPlace(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for name, f := range map[string]func(dst, x []float32){
			"Exp": ks.Exp, "GELU": ks.GELU, "GELUTanh": ks.GELUTanh, "ReLU": ks.ReLU, "SiLU": ks.SiLU, "Tanh": ks.Tanh,
			"Log":       func(dst, x []float32) { ks.Exp(dst, x); ks.Log(dst, dst) },
			"Scale":     func(dst, x []float32) { ks.Scale(dst, 0.3, x) },
			"AddScaled": func(dst, x []float32) { clear(dst); ks.AddScaled(dst, 0.3, x) },
			"Add":       func(dst, x []float32) { ks.Add(dst, x, x) },
			"ExpSum":    func(dst, x []float32) { ks.ExpSum(dst, x, 0.3) },
			"ExpShift":  func(dst, x []float32) { ks.ExpShift(dst, x, 0.3) },

			"GELUSlope":     func(dst, x []float32) { ks.GELUSlope(dst, x, x) },
			"GELUTanhSlope": func(dst, x []float32) { ks.GELUTanhSlope(dst, x, x) },
			"SiLUSlope":     func(dst, x []float32) { ks.SiLUSlope(dst, x, x) },
			"TanhSlope":     func(dst, x []float32) { ks.TanhSlope(dst, x, x) },
			"ReLUSlope":     func(dst, x []float32) { ks.ReLUSlope(dst, x, x) },
			"MulSub":        func(dst, x []float32) { ks.MulSub(dst, x, x, dst); ks.Mul(dst, x, x); ks.AddMul(dst, x, x) },
			"AdamW": func(dst, x []float32) {
				clear(dst)
				g, m, v := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
				copy(g, x)
				ks.AdamW(dst, g, m, v, AdamStep{Scale: 1, Keep: 1, New1: 0.1, New2: 0.1, Rate: 1, Root: 1, Epsilon: 1e-8})
			},
		} {
			for n := range 70 {
				x, one := random(uint64(n), n), make([]float32, 1)
				dst := make([]float32, n+1)
				dst[n] = guard
				f(dst[:n], x)
				for i := range x {
					f(one, x[i:i+1])
					if one[0] != dst[i] {
						t.Fatalf("%s: element %d of %d is %v, alone it is %v", name, i, n, dst[i], one[0])
					}
				}
				if dst[n] != guard {
					t.Fatalf("%s wrote beyond %d elements", name, n)
				}
			}
		}
	})
}

func TestExpSumTakesTheShiftOutFirst(t *testing.T) { each(t, testExpSumTakesTheShiftOutFirst) }

func testExpSumTakesTheShiftOutFirst(t *testing.T, ks *Kernels) {
	// 1e4 and 1e4 - 1 are exact in float32; their exponentials are not finite.
	x := []float32{1e4, 1e4 - 1, float32(math.Inf(-1)), -1e4}
	dst := make([]float32, len(x))
	sum := ks.ExpSum(dst, x, 1e4)
	want := []float64{1, math.Exp(-1), 0, 0}
	for i, w := range want {
		if !(ulps(dst[i], w) <= 1) {
			t.Errorf("element %d is %v, want %v", i, dst[i], w)
		}
	}
	if !(math.Abs(sum-1-math.Exp(-1)) <= 3e-8) {
		t.Errorf("the sum is %v", sum)
	}
}

func TestExpShiftIsExpOfARoundedDifference(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		dst := make([]float32, 4096)
		for _, shift := range []float32{0, 0.1, -33.3, 1e4, inf} {
			sweep(func(x []float32) {
				x = append(x[:len(x):len(x)], inf, -inf, nan)
				if len(dst) < len(x) {
					dst = make([]float32, len(x))
				}
				want := make([]float32, len(x))
				for i, v := range x {
					want[i] = v - shift
				}
				ks.Exp(want, want)
				ks.ExpShift(dst[:len(x)], x, shift)
				for i, w := range want {
					if dst[i] != w && (w == w || dst[i] == dst[i]) {
						t.Fatalf("exp(%g - %g) is %g, want %g", x[i], shift, dst[i], w)
					}
				}
			})
		}
	})
}

func TestSoftmaxAgainstFloat64(t *testing.T) { each(t, testSoftmaxAgainstFloat64) }

func testSoftmaxAgainstFloat64(t *testing.T, ks *Kernels) {
	for _, scale := range []float32{1, 100, 1e4} {
		x := random(3, 301)
		var sum float64
		top := math.Inf(-1)
		for i := range x {
			x[i] *= scale
			top = max(top, float64(x[i]))
		}
		for _, v := range x {
			sum += math.Exp(float64(v) - top)
		}
		dst := make([]float32, len(x))
		logSum := ks.Softmax(dst, x)
		if want := math.Log(sum) + top; !(math.Abs(logSum-want) <= 1e-8*math.Abs(want)) {
			t.Errorf("scale %g: log sum %v, want %v", scale, logSum, want)
		}
		for i, v := range x {
			if want := math.Exp(float64(v)-top) / sum; !(ulps(dst[i], want) <= 2) {
				t.Errorf("scale %g: weight %d is %v, want %v", scale, i, dst[i], want)
			}
		}
	}
}

func TestSoftmaxOfNothing(t *testing.T) { each(t, testSoftmaxOfNothing) }

func testSoftmaxOfNothing(t *testing.T, ks *Kernels) {
	inf := float32(math.Inf(-1))
	x := []float32{inf, inf}
	if s := ks.Softmax(x, x); !math.IsInf(s, -1) || x[0] != 0 || x[1] != 0 {
		t.Errorf("a row of -Inf gives %v and %v", x, s)
	}
	if s := ks.Softmax(nil, nil); !math.IsInf(s, -1) {
		t.Errorf("an empty row gives %v", s)
	}
	nan := float32(math.NaN())
	x = []float32{nan, inf}
	if s := ks.Softmax(x, x); !math.IsNaN(s) {
		t.Errorf("a row with NaN gives %v and %v", x, s)
	}
}

func TestLayerNormAgainstFloat64(t *testing.T) { each(t, testLayerNormAgainstFloat64) }

func testLayerNormAgainstFloat64(t *testing.T, ks *Kernels) {
	for _, n := range []int{1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 384} {
		for _, offset := range []float32{0, 1000} {
			const epsilon = 1e-5
			x, gain, bias := random(1, n), random(2, n), random(3, n)
			var mean, variance float64
			for i := range x {
				x[i] += offset
				mean += float64(x[i]) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			for _, with := range []string{"neither", "gain", "bias", "both"} {
				g, b := gain, bias
				if with == "neither" || with == "gain" {
					b = nil
				}
				if with == "neither" || with == "bias" {
					g = nil
				}
				dst := make([]float32, n)
				ks.LayerNorm(dst, x, g, b, epsilon)
				for i, v := range x {
					want := (float64(v) - mean) / math.Sqrt(variance+epsilon)
					if g != nil {
						want *= float64(g[i])
					}
					if b != nil {
						want += float64(b[i])
					}
					if !(math.Abs(float64(dst[i])-want) <= 5e-7*max(1, math.Abs(want))) {
						t.Errorf("n=%d offset %g, %s of gain and bias: element %d is %v, want %v", n, offset, with, i, dst[i], want)
					}
				}
			}
		}
	}
}

func TestReductions(t *testing.T) { each(t, testReductions) }

func testReductions(t *testing.T, ks *Kernels) {
	nan := float32(math.NaN())
	for _, n := range []int{0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000} {
		x, y := random(1, n), random(2, n)
		top, both := math.Inf(-1), math.Inf(-1)
		var sum, dot float64
		for i := range x {
			top = max(top, float64(x[i]))
			both = max(both, float64(x[i]+y[i]))
			sum += float64(x[i])
			dot += float64(x[i]) * float64(y[i])
		}
		dst := make([]float32, n)
		if got := ks.Max(x); float64(got) != top {
			t.Errorf("n=%d: Max is %v, want %v", n, got, top)
		}
		if got := ks.AddMax(dst, x, y); float64(got) != both {
			t.Errorf("n=%d: AddMax is %v, want %v", n, got, both)
		}
		if got := ks.Sum(x); !(math.Abs(got-sum) <= 1e-12*float64(n)) {
			t.Errorf("n=%d: Sum is %v, want %v", n, got, sum)
		}
		if got := ks.Dot(x, y); !(math.Abs(float64(got)-dot) <= 1e-6*float64(n)) {
			t.Errorf("n=%d: Dot is %v, want %v", n, got, dot)
		}
		for i := range dst {
			if dst[i] != x[i]+y[i] {
				t.Errorf("n=%d: sum %d is %v, want %v", n, i, dst[i], x[i]+y[i])
			}
		}
		ks.Add(dst, x, y)
		ks.Scale(dst, 2, dst)
		ks.AddScaled(dst, -2, y)
		for i := range dst {
			if want := 2 * float64(x[i]); !(math.Abs(float64(dst[i])-want) <= 1e-6*math.Abs(want)+1e-6) {
				t.Errorf("n=%d: 2(x+y) - 2y at %d is %v, want %v", n, i, dst[i], want)
			}
		}
	}
	for n := 3; n < 70; n++ { // NaN in every lane, and less than 0 beyond the end
		x := random(9, n)
		for i := range x {
			x[i] = nan
		}
		x[n/2] = -3
		if got := ks.Max(x); got != -3 {
			t.Errorf("the maximum of -3 and %d NaN is %v", n-1, got)
		}
		if got := ks.AddMax(make([]float32, n), x, x); got != -6 {
			t.Errorf("the maximum of -6 and %d NaN is %v", n-1, got)
		}
	}
}

func TestNothingAllocates(t *testing.T) { each(t, testNothingAllocates) }

func testNothingAllocates(t *testing.T, ks *Kernels) {
	x, y := random(1, 64), make([]float32, 64)
	packed := make([]float32, ks.PackedLen(8, 8))
	if n := testing.AllocsPerRun(10, func() {
		ks.Pack(packed, x, 8, 8, 8)
		ks.Product(y, 8, x, 8, packed, 8, 8, 8, true)
		ks.ProductBias(y, 8, x, 8, packed, x, 8, 8, 8)
		ks.SoftmaxTile(y, 8, 8, 8, 3, x[:8], x[:8], x[:8])
		ks.Softmax(y, x)
		ks.LayerNorm(y, x, nil, nil, 1e-5)
		ks.GELU(y, x)
		ks.GELUSlope(y, y, x)
		ks.LayerNormBackward(y, y, y, y, x, x, y, 1e-5)
		ks.AdamW(y, y, x, x, AdamStep{})
		ks.Transpose(y, 8, x, 8, 8, 8)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
