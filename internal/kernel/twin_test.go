package kernel

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// specials are the numbers that instructions, masks and Go may treat differently.
var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
	0x1.8p-130, -0x1.8p-130, 0x1p-126, -0x1p-126, 88, -88, 1e10, -1e10, math.MaxFloat32, -math.MaxFloat32,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
}

// sameBits holds for equal bits, and for any two NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// rowFunction is a function of a table over one row or two, with its scalars.
type rowFunction struct {
	name string
	call func(dst, x, y []float32) (result float64)
	ulps float64 // how far elements of dst may be from those of the portable twin
	ones bool    // every element of dst comes from the elements of x and y at its place alone
}

func rowFunctions(ks *Kernels) []rowFunction {
	unary := func(name string, f func(dst, x []float32), ulps float64) rowFunction {
		return rowFunction{name, func(dst, x, _ []float32) float64 { f(dst, x); return 0 }, ulps, true}
	}
	// Of a quarter of y, so that what is off by 2 ulp of 1 stays below 1e-6.
	slope := func(name string, f func(dst, dy, x []float32)) rowFunction {
		return rowFunction{name, func(dst, x, y []float32) float64 { f(dst, y, x); ks.Scale(dst, 0.25, dst); return 0 }, -1, true}
	}
	return []rowFunction{
		unary("Exp", ks.Exp, 1.6), unary("Log", ks.Log, 1.4), unary("GELU", ks.GELU, 8),
		unary("GELUTanh", ks.GELUTanh, 5), unary("SiLU", ks.SiLU, 5), unary("Tanh", ks.Tanh, 4), unary("ReLU", ks.ReLU, 0),
		{"ExpSum", func(dst, x, _ []float32) float64 { return ks.ExpSum(dst, x, 0.3) }, 2, true},
		{"AddMax", func(dst, x, y []float32) float64 { return float64(ks.AddMax(dst, x, y)) }, 0, true},
		{"AddScaled", func(dst, x, _ []float32) float64 { ks.AddScaled(dst, 0.5, x); return 0 }, 1, true},
		{"Scale", func(dst, x, _ []float32) float64 { ks.Scale(dst, 0.3, x); return 0 }, 0, true},
		{"Add", func(dst, x, y []float32) float64 { ks.Add(dst, x, y); return 0 }, 0, true},
		{"ExpShift", func(dst, x, _ []float32) float64 { ks.ExpShift(dst, x, 0.3); return 0 }, 1.6, true},
		{"Mul", func(dst, x, y []float32) float64 { ks.Mul(dst, x, y); return 0 }, 0, true},
		{"AddMul", func(dst, x, y []float32) float64 { ks.AddMul(dst, x, y); return 0 }, -1, true},
		{"MulSub", func(dst, x, y []float32) float64 { ks.MulSub(dst, x, y, x); return 0 }, 0, true},
		slope("GELUSlope", ks.GELUSlope), slope("GELUTanhSlope", ks.GELUTanhSlope), slope("SiLUSlope", ks.SiLUSlope),
		slope("TanhSlope", ks.TanhSlope), slope("ReLUSlope", ks.ReLUSlope),
		{"Softmax", func(dst, x, _ []float32) float64 { return ks.Softmax(dst, x) }, 3, false},
		{"LayerNorm", func(dst, x, _ []float32) float64 { ks.LayerNorm(dst, x, nil, nil, 1e-5); return 0 }, 8, false},
		{"LayerNorm with gain", func(dst, x, y []float32) float64 { ks.LayerNorm(dst, x, y, nil, 1e-5); return 0 }, 8, false},
		{"LayerNorm with bias", func(dst, x, y []float32) float64 { ks.LayerNorm(dst, x, nil, y, 1e-5); return 0 }, -1, false},
		{"LayerNorm with both", func(dst, x, y []float32) float64 { ks.LayerNorm(dst, x, y, y, 1e-5); return 0 }, -1, false},
		{"Max", func(dst, x, _ []float32) float64 { return float64(ks.Max(x)) }, 0, false},
		{"Sum", func(dst, x, _ []float32) float64 { return ks.Sum(x) }, 0, false},
		{"Dot", func(dst, x, y []float32) float64 { return float64(ks.Dot(x, y)) }, 0, false},
	}
}

func TestSpecialNumbersInEveryPlaceEqualTheTwin(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		twins := rowFunctions(Portable())
		for i, f := range rowFunctions(ks) {
			for n := 1; n < 70; n++ {
				x, y := random(uint64(n), n), random(uint64(n+100), n)
				for k, v := range specials {
					at := (n*7 + k*5) % n
					old := x[at]
					x[at], y[at] = v, 1
					compareToTwin(t, f, twins[i], x, y, v)
					x[at] = old
				}
			}
		}
	})
}

// compareToTwin calls both on the same row, which holds the special number v.
func compareToTwin(t *testing.T, f, twin rowFunction, x, y []float32, v float32) {
	t.Helper()
	n := len(x)
	got, want := slices.Repeat([]float32{0.25}, n), slices.Repeat([]float32{0.25}, n)
	r, s := f.call(got, x, y), twin.call(want, x, y)
	// Sums are taken in different orders, as testReductions allows for; where one
	// number is large, what the rest adds is lost. Beyond float32, the twin's may
	// still be finite.
	if !(r == s || math.IsNaN(r) && math.IsNaN(s) || math.Abs(r-s) <= 1e-6*float64(n)*max(1, math.Abs(s)) || min(r, s) > math.MaxFloat32) {
		t.Fatalf("%s of %d with %g returns %v, the twin %v", f.name, n, v, r, s)
	}
	for i := range got {
		if sameBits(got[i], want[i]) || got[i] == want[i] {
			continue
		}
		off := math.Abs(float64(got[i]) - float64(want[i]))
		if f.ulps < 0 && off <= 1e-6 { // a sum that may cancel
			continue
		}
		if !(ulps(got[i], float64(want[i])) <= f.ulps) || math.IsInf(float64(want[i]), 0) {
			t.Fatalf("%s of %d with %g: element %d is %v, the twin's %v", f.name, n, v, i, got[i], want[i])
		}
	}
}

func TestSpecialNumbersLeaveTheirNeighboursAlone(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, f := range rowFunctions(ks) {
			if !f.ones {
				continue
			}
			for _, n := range []int{1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33} {
				x, y, one := random(uint64(n), n), random(uint64(n+100), n), make([]float32, 1)
				for i := range n {
					x[i] = specials[(i*5+n)%len(specials)]
				}
				dst := make([]float32, n)
				f.call(dst, x, y)
				for i := range x {
					clear(one)
					if f.call(one, x[i:i+1], y[i:i+1]); !sameBits(one[0], dst[i]) {
						t.Fatalf("%s of %g as element %d of %d is %v, alone %v", f.name, x[i], i, n, dst[i], one[0])
					}
				}
			}
		}
	})
}

// Documented: dst may be the same slice as an input.
func TestRowsMayBeWrittenInPlace(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, f := range rowFunctions(ks) {
			for n := range 70 {
				for first := range 3 { // slices that begin anywhere
					x, y := random(uint64(n), n+3)[first:][:n], random(uint64(n+100), n+3)[first:][:n]
					apart := slices.Clone(x) // AddScaled reads dst
					want := f.call(apart, slices.Clone(x), y)
					overX, overY := slices.Clone(x), slices.Clone(y)
					if got := f.call(overX, overX, y); got != want || !slices.EqualFunc(overX, apart, sameBits) {
						t.Fatalf("%s of %d in the place of x is %v and %v, elsewhere %v and %v", f.name, n, overX, got, apart, want)
					}
					if strings.HasPrefix(f.name, "LayerNorm") {
						continue // its dst may be x alone
					}
					copy(apart, y)
					want = f.call(apart, x, slices.Clone(y))
					if got := f.call(overY, x, overY); got != want || !slices.EqualFunc(overY, apart, sameBits) {
						t.Fatalf("%s of %d in the place of y is %v and %v, elsewhere %v and %v", f.name, n, overY, got, apart, want)
					}
				}
			}
		}
	})
}

func TestARowThatIsNotFiniteHasNoNorm(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			for n := 1; n < 40; n++ {
				x := random(uint64(n), n)
				x[n/2] = v
				ks.LayerNorm(x, x, nil, nil, 1e-5)
				for i := range x {
					if x[i] == x[i] {
						t.Fatalf("with %g among %d, element %d of the norm is %v", v, n, i, x[i])
					}
				}
			}
		}
	})
}
