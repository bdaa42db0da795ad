package kernel

import (
	"math"
	"slices"
	"testing"
)

// eachFast runs a test with every implementation of fast products that there is
// here.
func eachFast(t *testing.T, test func(t *testing.T, ks *Kernels)) {
	t.Run("portable", func(t *testing.T) { test(t, portableHalves.fast("portable-fast", Portable())) })
	t.Run(amxName, func(t *testing.T) { test(t, needAMX(t)) })
}

// needAMX returns the kernels with AMX, or skips the test and says why.
func needAMX(t *testing.T) *Kernels {
	t.Helper()
	plan := planAMX()
	if plan.err == nil {
		plan.err = plan.permit()
	}
	if plan.err != nil {
		t.Skipf("skipped: %v", plan.err)
	}
	return plan.kernels
}

const smallestNormal = 0x1p-126

// fastBound is the largest error of a fast product: of terms whose sizes |a||b|
// add up to size, and whose factors to factors, with k terms (see Fast products).
// A sum that the product is added to counts as a term.
func fastBound(size, factors float64, k int) float64 {
	return (0x1p-15+float64(60+k/blockDepth)*0x1p-24)*size + smallestNormal*(factors+4*float64(padded(k)))
}

// packedFor packs b [n, k] and, as a check, its transpose.
func packedFor(t *testing.T, ks *Kernels, b []float32, ldb, n, k int) []float32 {
	t.Helper()
	bt := make([]float32, k*(n+1)) // stride n+1
	for i := range n {
		for p := range k {
			bt[p*(n+1)+i] = b[i*ldb+p]
		}
	}
	packed := random(3, ks.PackedLen(n, k)) // whatever was there
	rows := random(4, ks.PackedLen(n, k))
	ks.Pack(packed, b, ldb, n, k)
	ks.PackRows(rows, bt, n+1, n, k)
	if !slices.Equal(words(packed), words(rows)) {
		t.Fatalf("n=%d k=%d: a matrix and its transpose pack differently", n, k)
	}
	return packed
}

func TestFastProductsEqualSumsInFloat64(t *testing.T) {
	eachFast(t, func(t *testing.T, ks *Kernels) {
		for _, m := range []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 65} {
			for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 67} {
				for _, k := range []int{0, 1, 2, 3, 30, 31, 32, 33, 64, 95, blockDepth - 1, blockDepth, blockDepth + 1, 2*blockDepth + 3} {
					if k > 100 && (m > 33 || n > 33 || m == 15 || n == 15) {
						continue
					}
					for _, add := range []bool{false, true} {
						checkFast(t, ks, m, n, k, add, random(1, m*(k+3)), random(2, n*(k+2)))
					}
				}
			}
		}
	})
}

// checkFast compares a product with the sum in float64: rows of a lie k+3 apart,
// those of b k+2.
func checkFast(t *testing.T, ks *Kernels, m, n, k int, add bool, a, b []float32) {
	t.Helper()
	lda, ldb, ldc := k+3, k+2, n+5
	packed := packedFor(t, ks, b, ldb, n, k)
	c := make([]float32, m*ldc)
	for i := range c {
		c[i] = guard
	}
	for i := range m {
		for j := range n {
			c[i*ldc+j] = float32(i - j)
		}
	}
	ks.Product(c, ldc, a, lda, packed, m, n, k, add)
	for i := range m {
		for j := range n {
			var want, size, factors float64
			if add {
				want = float64(i - j)
				size = math.Abs(want)
			}
			for p := range k {
				x, y := float64(a[i*lda+p]), float64(b[j*ldb+p])
				want += x * y
				size += math.Abs(x * y)
				factors += math.Abs(x) + math.Abs(y)
			}
			if got := float64(c[i*ldc+j]); !(math.Abs(got-want) <= fastBound(size, factors, k)) {
				t.Fatalf("m=%d n=%d k=%d add=%v: element (%d, %d) is %v, want %v to %v", m, n, k, add, i, j, got, want, fastBound(size, factors, k))
			}
		}
		for j := n; j < ldc; j++ {
			if c[i*ldc+j] != guard {
				t.Fatalf("m=%d n=%d k=%d: wrote beyond row %d", m, n, k, i)
			}
		}
	}
}

// The numbers of every size that float32 holds, denormals among them, keep to the
// bound.
func TestFastProductsOfAllSizes(t *testing.T) {
	eachFast(t, func(t *testing.T, ks *Kernels) {
		const m, n, k = 17, 33, 40
		for exponent := -149; exponent < 120; exponent += 3 {
			a, b := random(1, m*(k+3)), random(2, n*(k+2))
			for i := range a {
				a[i] = float32(math.Ldexp(float64(a[i]), exponent))
			}
			for _, with := range []int{0, -exponent, -exponent - 130} {
				y := slices.Clone(b)
				for i := range y {
					y[i] = float32(math.Ldexp(float64(y[i]), min(max(with, -140), 120-max(exponent, 0))))
				}
				checkFast(t, ks, m, n, k, false, a, y)
			}
		}
	})
}

// The error of products of normal numbers is what docs/numerics.md says. That of
// an element is nearly normal, with the standard deviation that the rounding of
// the parts gives, 4.4e-6 of rms; of 196,608 the largest lies near 5.3 of them.
func TestErrorOfFastProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	eachFast(t, func(t *testing.T, ks *Kernels) {
		m, n, k := 256, 768, 768
		a, b := random(1, m*k), random(2, n*k)
		packed := make([]float32, ks.PackedLen(n, k))
		ks.Pack(packed, b, k, n, k)
		c := make([]float32, m*n)
		ks.Product(c, n, a, k, packed, m, n, k, false)
		var largest, errors, squares float64
		for i := range m {
			for j := range n {
				var want float64
				x, y := a[i*k:][:k], b[j*k:][:k]
				for p := range x {
					want += float64(x[p]) * float64(y[p])
				}
				e := float64(c[i*n+j]) - want
				largest = max(largest, math.Abs(e))
				errors += e * e
				squares += want * want
			}
		}
		rms := math.Sqrt(squares / float64(m*n))
		deviation := math.Sqrt(errors / float64(m*n))
		t.Logf("error of rms: %.3g, largest %.3g", deviation/rms, largest/rms)
		if !(deviation <= 5e-6*rms && largest <= 3e-5*rms) {
			t.Errorf("error %.3g of rms, largest %.3g, want at most 5e-6 and 3e-5", deviation/rms, largest/rms)
		}
	})
}

func TestFastProductsDoNotDependOnHowTheyAreDivided(t *testing.T) {
	eachFast(t, func(t *testing.T, ks *Kernels) {
		const m, k = 2*fastRows + 7, blockDepth + 33
		n := 3*ks.Panel + 1
		a, b := random(1, m*k), random(2, n*k)
		a[5*k+3], b[40*k+7] = float32(math.Inf(1)), float32(math.NaN())
		packed := make([]float32, ks.PackedLen(n, k))
		ks.Pack(packed, b, k, n, k)
		want := make([]float32, m*n)
		ks.Product(want, n, a, k, packed, m, n, k, false)
		for _, rows := range []int{1, 2, 5, 15, 16, 17, 31, 32, 33} {
			for _, panels := range []int{1, 2, 4} {
				cols := panels * ks.Panel
				got := make([]float32, m*n)
				for i := 0; i < m; i += rows {
					for j := 0; j < n; j += cols {
						ks.Product(got[i*n+j:], n, a[i*k:], k, packed[ks.PackedLen(j, k):], min(rows, m-i), min(cols, n-j), k, false)
					}
				}
				if !slices.Equal(words(got), words(want)) {
					t.Errorf("tiles of %d rows and %d columns give other bytes", rows, cols)
				}
			}
		}
	})
}

func TestFastProductsKeepOtherPropertiesOfProducts(t *testing.T) {
	eachFast(t, func(t *testing.T, ks *Kernels) {
		t.Run("non-finite values", func(t *testing.T) { testNonFinite(t, ks) })
		t.Run("short slices", func(t *testing.T) { testShortSlices(t, ks) })
	})
}

// Infinities do what they do in float32, whatever the other factor's low part.
func TestFastProductsOfInfinitiesAndHugeNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	const huge = math.MaxFloat32
	third := float32(1.) / 3 // its low part is not 0, and of the other sign for -1/3
	for _, x := range []struct{ a, b []float32 }{
		{[]float32{inf}, []float32{1}},
		{[]float32{inf, 1}, []float32{third, 2}},
		{[]float32{-inf, 1}, []float32{-third, inf}},
		{[]float32{inf, inf}, []float32{1, -1}}, // NaN
		{[]float32{inf}, []float32{0}},          // NaN
		{[]float32{0, 0}, []float32{nan, 1}},
		{[]float32{huge}, []float32{1}},
		{[]float32{huge}, []float32{-0.75}},
		{[]float32{huge}, []float32{1.5}},
		{[]float32{-huge, huge}, []float32{1, 1}},
		{[]float32{huge, huge, -huge, -huge}, []float32{1, 0, 1, 0}},
		{[]float32{huge, huge}, []float32{huge, -huge}}, // NaN
		{[]float32{0x1p127, 0x1p127, -0x1p127, 0}, []float32{1, 1, 1, 1}},
	} {
		k := len(x.a)
		var want float32
		for i := range x.a {
			want += float32(x.a[i] * x.b[i])
		}
		eachFast(t, func(t *testing.T, ks *Kernels) {
			for _, swapped := range []bool{false, true} {
				a, b := x.a, x.b
				if swapped {
					a, b = b, a
				}
				packed := make([]float32, ks.PackedLen(1, k))
				ks.Pack(packed, b, k, 1, k)
				for _, add := range []bool{false, true} {
					c := []float32{1}
					ks.Product(c, 1, a, k, packed, 1, 1, k, add)
					same := c[0] == want || want != want && c[0] != c[0]
					if !same && !(math.Abs(float64(c[0])-float64(want)) <= 0x1p-15*math.Abs(float64(want))+2) {
						t.Errorf("%v · %v is %v, want %v", a, b, c[0], want)
					}
				}
			}
		})
	}
}

func TestPartsAddUpToNumbers(t *testing.T) {
	check := func(x float32) {
		h, l := apart(x)
		if bits := math.Float32bits(h) | math.Float32bits(l); bits&0xffff != 0 {
			t.Errorf("the parts of %g, %g and %g, are not bfloat16", x, h, l)
		}
		high, low := float64(h), float64(l)
		size := math.Abs(float64(x))
		switch {
		case math.IsNaN(float64(x)):
			if !math.IsNaN(high) || low != 0 {
				t.Errorf("NaN is %v and %v", high, low)
			}
		case math.IsInf(float64(x), 0):
			if high != float64(x) || low != 0 {
				t.Errorf("%v is %v and %v", x, high, low)
			}
		default:
			part, rest := 0x1p-8*size, max(0x1p-17*size, smallestNormal*(1-0x1p-23))
			if size > 3.396e38 {
				part, rest = 2*part, 2*rest
			}
			if !(math.Abs(low) <= part) || !(math.Abs(high+low-float64(x)) <= rest) || math.IsInf(float64(h+l), 0) {
				t.Errorf("%g is %g and %g", x, high, low)
			}
		}
	}
	for u := uint64(0); u < 1<<32; u += 65521 { // a prime: all exponents, all kinds of endings
		check(math.Float32frombits(uint32(u)))
	}
	for _, u := range []uint32{0, 1, 0x7fffff, 0x800000, 0x800001, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000} {
		check(math.Float32frombits(u))
		check(math.Float32frombits(u | 1<<31))
	}
}

func TestFastOperandsUnpackToTheirParts(t *testing.T) {
	eachFast(t, func(t *testing.T, ks *Kernels) {
		const n, k = 35, 45
		b := random(1, n*k)
		packed := make([]float32, ks.PackedLen(n, k))
		ks.Pack(packed, b, k, n, k)
		got := make([]float32, k)
		for j := range n {
			ks.Unpack(got, packed, j, k)
			for i, x := range got {
				h, l := apart(b[j*k+i])
				if want := h + l; x != want {
					t.Fatalf("(%d, %d) is %v, want %v", j, i, x, want)
				}
			}
		}
	})
}
