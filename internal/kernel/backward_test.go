package kernel

import (
	"math"
	"testing"
)

// Slopes are held to units in the last place of 1, since that of the exact GELU
// goes through 0 at -0.75.
func TestSlopesAgainstFloat64(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, c := range []struct {
			name           string
			f              func(dst, dy, x []float32)
			want           func(x float64) float64
			portable, fast float64 // ulp of 1
		}{
			{"GELUSlope", ks.GELUSlope, func(x float64) float64 {
				return math.Erfc(-x/math.Sqrt2)/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
			}, 0.6, 1},
			{"GELUTanhSlope", ks.GELUTanhSlope, func(x float64) float64 {
				x = max(-100, min(100, x)) // where Inf·0 would be in the way
				a := 2 * math.Sqrt(2/math.Pi)
				e := math.Exp(-a * (x + 0.044715*x*x*x))
				if math.IsInf(e, 1) {
					return 0
				}
				return 1/(1+e) + x*a*(1+3*0.044715*x*x)*e/((1+e)*(1+e))
			}, 0.6, 2},
			{"SiLUSlope", ks.SiLUSlope, func(x float64) float64 {
				x = max(-300, min(300, x))
				s := 1 / (1 + math.Exp(-x))
				return s + x*s*(1-s)
			}, 0.6, 2},
			{"TanhSlope", ks.TanhSlope, func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }, 0.6, 2},
			{"ReLUSlope", ks.ReLUSlope, func(x float64) float64 {
				if x > 0 {
					return 1
				}
				return 0
			}, 0, 0},
		} {
			bound := c.fast
			if ks.Name == Portable().Name {
				bound = c.portable
			}
			worst, at := 0.0, float32(0)
			dst, ones := make([]float32, 4096), make([]float32, 4096)
			for i := range ones {
				ones[i] = 1
			}
			sweep(func(x []float32) {
				c.f(dst[:len(x)], ones[:len(x)], x)
				for i, v := range x {
					if e := math.Abs(float64(dst[i])-c.want(float64(v))) / 0x1p-23; !(e <= worst) {
						worst, at = e, v
					}
				}
			})
			t.Logf("%s: %.4f ulp of 1 at %g", c.name, worst, at)
			if !(worst <= bound) {
				t.Errorf("%s is off by %v ulp of 1 at %g, stated are %v", c.name, worst, at, bound)
			}
			inf, nan := float32(math.Inf(1)), float32(math.NaN())
			x := []float32{-inf, -1e30, inf, 1e30, nan, 0}
			c.f(x, ones[:len(x)], x)
			for i, want := range []float64{0, 0, c.want(100), c.want(100)} {
				if float64(x[i]) != want {
					t.Errorf("%s: special value %d is %v, want %v", c.name, i, x[i], want)
				}
			}
			if x[4] == x[4] || float64(x[5]) != c.want(0) {
				t.Errorf("%s of NaN and 0 is %v", c.name, x[4:])
			}
			c.f(dst[:2], []float32{nan, -3}, []float32{1, inf})
			if dst[0] == dst[0] || float64(dst[1]) != -3*c.want(100) {
				t.Errorf("%s times NaN and -3 is %v", c.name, dst[:2])
			}
		}
	})
}

func TestElementwiseProducts(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for n := range 70 {
			x, y, z := random(1, n), random(2, n), random(3, n)
			dst := make([]float32, n+1)
			check := func(name string, want func(i int) float64) {
				t.Helper()
				for i := range n {
					// One rounding, or two, of numbers below 20.
					if !(math.Abs(float64(dst[i])-want(i)) <= 2e-6) {
						t.Fatalf("n=%d: %s: element %d is %v, want %v", n, name, i, dst[i], want(i))
					}
				}
				if dst[n] != guard {
					t.Fatalf("n=%d: %s wrote beyond the end", n, name)
				}
			}
			dst[n] = guard
			ks.Mul(dst[:n], x, y)
			check("Mul", func(i int) float64 { return float64(x[i]) * float64(y[i]) })
			ks.AddMul(dst[:n], x, z)
			check("AddMul", func(i int) float64 { return float64(x[i]) * (float64(y[i]) + float64(z[i])) })
			ks.MulSub(dst[:n], x, y, z)
			check("MulSub", func(i int) float64 { return float64(x[i]) * (float64(y[i]) - float64(z[i])) })
		}
	})
}

func TestSquares(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, n := range []int{0, 1, 7, 16, 33, 1000} {
			x := random(1, n)
			for _, mean := range []float64{0, 0.3, 1e4 / 3.} {
				var want float64
				for i := range x {
					want += (float64(x[i]) - mean) * (float64(x[i]) - mean)
				}
				// Differences are float32 where a vector holds them: 6e-8 of each.
				if got := ks.Squares(x, mean); !(math.Abs(got-want) <= 2e-7*want) {
					t.Errorf("n=%d, mean %v: %v, want %v", n, mean, got, want)
				}
			}
		}
	})
}

func TestLayerNormGoesBackAsFloat64(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, n := range []int{0, 1, 2, 5, 8, 15, 16, 17, 33, 384} {
			for _, gain := range [][]float32{nil, random(3, n)} {
				const epsilon = 1e-2
				x, dy, normed := random(1, n), random(2, n), make([]float32, n)
				for i := range x {
					x[i] += 10
				}
				dx, dgain, dbias := make([]float32, n), random(4, n), random(5, n)
				gainBefore, biasBefore := append([]float32{}, dgain...), append([]float32{}, dbias...)
				ks.LayerNormBackward(dx, dgain, dbias, dy, x, gain, normed, epsilon)

				var mean, variance, sum, along float64
				for _, v := range x {
					mean += float64(v) / float64(n)
				}
				for _, v := range x {
					variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
				}
				r := 1 / math.Sqrt(variance+epsilon)
				g := func(i int) float64 {
					if gain == nil {
						return float64(dy[i])
					}
					return float64(dy[i]) * float64(gain[i])
				}
				norm := func(i int) float64 { return (float64(x[i]) - mean) * r }
				for i := range x {
					sum += g(i) / float64(n)
					along += g(i) * norm(i) / float64(n)
				}
				near := func(what string, i int, got float32, want float64) {
					t.Helper()
					// Rounding of numbers below 10, times r <= 10.
					if !(math.Abs(float64(got)-want) <= 1e-5) {
						t.Errorf("n=%d: %s %d is %v, want %v", n, what, i, got, want)
					}
				}
				for i := range x {
					near("dx", i, dx[i], r*(g(i)-sum-norm(i)*along))
					near("dgain", i, dgain[i], float64(gainBefore[i])+float64(dy[i])*norm(i))
					near("dbias", i, dbias[i], float64(biasBefore[i])+float64(dy[i]))
				}
				same := append([]float32{}, dy...)
				ks.LayerNormBackward(same, nil, nil, same, x, gain, normed, epsilon)
				for i := range same {
					if same[i] != dx[i] {
						t.Fatalf("n=%d: in place, element %d is %v, not %v", n, i, same[i], dx[i])
					}
				}
			}
		}
	})
}

func TestAdamWAgainstFloat64(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for n := range 70 {
			p, g, m, v := random(1, n), random(2, n), random(3, n), random(4, n)
			for i := range v {
				v[i] *= v[i]
			}
			s := AdamStep{Scale: 0.5, Keep: 0.99, New1: 0.1, New2: 0.05, Rate: 0.3, Root: 2, Epsilon: 1e-3}
			p0, m0, v0 := append([]float32{}, p...), append([]float32{}, m...), append([]float32{}, v...)
			ks.AdamW(p, g, m, v, s)
			for i := range p {
				x := float64(g[i]) / 2
				wm := 0.9*float64(m0[i]) + 0.1*x
				wv := 0.95*float64(v0[i]) + 0.05*x*x
				wp := 0.99*float64(p0[i]) - 0.3*wm/(2*math.Sqrt(wv)+1e-3)
				for _, c := range [][2]float64{{float64(m[i]), wm}, {float64(v[i]), wv}, {float64(p[i]), wp}} {
					// A few roundings; the quotient is below 40 here.
					if !(math.Abs(c[0]-c[1]) <= 2e-6*max(1, math.Abs(c[1]))) {
						t.Fatalf("n=%d: element %d is %v, want %v", n, i, c[0], c[1])
					}
				}
			}
		}
	})
}

func TestTransposeOfEveryShape(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for rows := range 35 {
			for _, cols := range []int{0, 1, 7, 8, 9, 16, 23, 40} {
				for _, gap := range []int{0, 3} {
					lds, ldd := cols+gap, rows+gap
					src, dst := random(1, rows*lds), make([]float32, cols*ldd)
					for i := range dst {
						dst[i] = guard
					}
					ks.Transpose(dst, ldd, src, lds, rows, cols)
					for j := range cols {
						for i := range ldd {
							want := float32(guard)
							if i < rows {
								want = src[i*lds+j]
							}
							if got := dst[j*ldd+i]; got != want {
								t.Fatalf("%d×%d: element %d, %d is %v, want %v", rows, cols, j, i, got, want)
							}
						}
					}
				}
			}
		}
	})
}
