package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// each runs a test with every implementation that this CPU can run.
func each(t *testing.T, test func(t *testing.T, ks *Kernels)) {
	for _, ks := range Available() {
		t.Run(ks.Name, func(t *testing.T) { test(t, ks) })
	}
}

// shapes returns sizes around the edges of tiles and panels.
func shapes(ks *Kernels) []int {
	if ks.Panel <= 8 {
		return []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 17}
	}
	return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 25, ks.Panel - 1, ks.Panel, ks.Panel + 1, 4*ks.Panel + 3}
}

func random(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// guard is what lies between the rows of a strided matrix; nothing may change it.
const guard = 12345

func TestProductsEqualSumsInFloat64(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		sizes := shapes(ks)
		for _, m := range sizes {
			for _, n := range sizes {
				for _, k := range []int{0, 1, 3, 4, 5, 9, 31, depth - 1, depth, depth + 1, blockDepth - 1, blockDepth, 2*blockDepth + 3} {
					if k > 20 && m > 13 && n > 13 {
						continue
					}
					for _, add := range []bool{false, true} {
						checkProduct(t, ks, m, n, k, add)
					}
				}
			}
		}
		checkProduct(t, ks, blockRows+1, 3, 2, false)
	})
}

func checkProduct(t *testing.T, ks *Kernels, m, n, k int, add bool) {
	t.Helper()
	lda, ldb, ldc := k+3, k+2, n+5
	a, b := random(1, m*lda), random(2, n*ldb)
	bt := make([]float32, k*(n+1)) // b transposed, stride n+1
	for i := range n {
		for p := range k {
			bt[p*(n+1)+i] = b[i*ldb+p]
		}
	}
	packed := make([]float32, ks.PackedLen(n, k))
	rows := make([]float32, ks.PackedLen(n, k))
	ks.Pack(packed, b, ldb, n, k)
	ks.PackRows(rows, bt, n+1, n, k)
	if !slices.Equal(packed, rows) {
		t.Fatalf("n=%d k=%d: a matrix and its transpose pack differently", n, k)
	}
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
			var want, size float64
			if add {
				want = float64(i - j)
				size = math.Abs(want)
			}
			for p := range k {
				x := float64(a[i*lda+p]) * float64(b[j*ldb+p])
				want += x
				size += math.Abs(x)
			}
			// Rounding of up to depth terms in order, far above what is seen.
			if got := float64(c[i*ldc+j]); !(math.Abs(got-want) <= 1e-6*size) {
				t.Fatalf("m=%d n=%d k=%d add=%v: element (%d, %d) is %v, want %v", m, n, k, add, i, j, got, want)
			}
		}
		for j := n; j < ldc; j++ {
			if c[i*ldc+j] != guard {
				t.Fatalf("m=%d n=%d k=%d: wrote beyond row %d", m, n, k, i)
			}
		}
	}
}

func TestABiasIsWhatTheProductIsAddedTo(t *testing.T) { each(t, testBias) }

func testBias(t *testing.T, ks *Kernels) {
	sizes := shapes(ks)
	for _, m := range append(sizes, blockRows+1) {
		for _, n := range sizes {
			for _, k := range []int{0, 1, 5, blockDepth, blockDepth + 3} {
				ldc, lda := n+3, k+2
				a, b, bias := random(1, m*lda), random(2, n*k), random(3, n)
				packed := make([]float32, ks.PackedLen(n, k))
				ks.Pack(packed, b, k, n, k)
				got, want := make([]float32, m*ldc), make([]float32, m*ldc)
				for i := range got {
					got[i], want[i] = guard, guard
				}
				for i := range m {
					copy(want[i*ldc:], bias)
				}
				ks.Product(want, ldc, a, lda, packed, m, n, k, true)
				ks.ProductBias(got, ldc, a, lda, packed, bias, m, n, k)
				if !slices.Equal(got, want) {
					t.Fatalf("m=%d n=%d k=%d: other bytes than a product added to the bias", m, n, k)
				}
			}
		}
	}
}

func TestProductDoesNotDependOnHowItIsDivided(t *testing.T) { each(t, testDivision) }

func testDivision(t *testing.T, ks *Kernels) {
	const m, k = blockRows + 67, 2*blockDepth + 33
	n := 5*ks.Panel + 1
	a, b := random(1, m*k), random(2, n*k)
	packed := make([]float32, ks.PackedLen(n, k))
	ks.Pack(packed, b, k, n, k)
	want := make([]float32, m*n)
	ks.Product(want, n, a, k, packed, m, n, k, false)
	for _, rows := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 64} {
		for _, cols := range []int{ks.Panel, 2 * ks.Panel, 3 * ks.Panel, n} {
			got := make([]float32, m*n)
			for i := 0; i < m; i += rows {
				for j := 0; j < n; j += cols {
					ks.Product(got[i*n+j:], n, a[i*k:], k, packed[j*k:], min(rows, m-i), min(cols, n-j), k, false)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("tiles of %d rows and %d columns give other bytes", rows, cols)
			}
		}
	}
}

func TestNonFiniteValuesStayInTheirRowAndColumn(t *testing.T) { each(t, testNonFinite) }

func testNonFinite(t *testing.T, ks *Kernels) {
	nan := float32(math.NaN())
	for _, m := range []int{1, 2, 3, 5, 6, 7, 12, 13} {
		for _, n := range []int{1, ks.Panel - 1, ks.Panel, ks.Panel + 1, 4*ks.Panel + 1} {
			for _, k := range []int{2, 9, blockDepth + 1} {
				row, col := m/2, n*2/3
				a, b := random(1, m*k), random(2, n*k)
				a[row*k+k-1], b[col*k+k/2] = nan, float32(math.Inf(1))
				packed := make([]float32, ks.PackedLen(n, k))
				ks.Pack(packed, b, k, n, k)
				c := make([]float32, m*n)
				for i := range c {
					c[i] = nan // a product that is not added overwrites whatever was there
				}
				ks.Product(c, n, a, k, packed, m, n, k, false)
				for i := range m {
					for j := range n {
						v := float64(c[i*n+j])
						switch {
						case i == row && !math.IsNaN(v):
							t.Fatalf("%d×%d×%d: at (%d, %d) NaN in A became %v", m, n, k, i, j, v)
						case i != row && j == col && !math.IsInf(v, 0):
							t.Fatalf("%d×%d×%d: at (%d, %d) Inf in B became %v", m, n, k, i, j, v)
						case i != row && j != col && (math.IsNaN(v) || math.IsInf(v, 0)):
							t.Fatalf("%d×%d×%d: (%d, %d) is %v, though its row and column are finite", m, n, k, i, j, v)
						}
					}
				}
			}
		}
	}
}

func TestProductKeepsDenormals(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		tiny := float64(math.SmallestNonzeroFloat32)
		for _, m := range []int{1, 2, 5, 12, 13} {
			for _, n := range []int{1, ks.Panel, 2*ks.Panel + 1} {
				for _, k := range []int{1, 4, blockDepth + 1} {
					a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
					for i := range a {
						a[i] = math.Float32frombits(uint32(i%5 + 1))
					}
					for i := range b {
						b[i] = float32(i % 3)
					}
					packed := make([]float32, ks.PackedLen(n, k))
					ks.Pack(packed, b, k, n, k)
					for range 2 { // sums of whole multiples are exact
						ks.Product(c, n, a, k, packed, m, n, k, true)
					}
					for i := range m {
						for j := range n {
							want := 0
							for p := range k {
								want += 2 * ((i*k+p)%5 + 1) * ((j*k + p) % 3)
							}
							if got := float64(c[i*n+j]) / tiny; got != float64(want) {
								t.Fatalf("%d×%d×%d: (%d, %d) is %v of the smallest number, want %d", m, n, k, i, j, got, want)
							}
						}
					}
				}
			}
		}
	})
}

func TestProductRefusesSlicesThatAreTooShort(t *testing.T) { each(t, testShortSlices) }

func testShortSlices(t *testing.T, ks *Kernels) {
	const m, n, k = 3, 5, 4
	packed := make([]float32, ks.PackedLen(n, k))
	for name, f := range map[string]func(){
		"c": func() { ks.Product(make([]float32, m*n-1), n, make([]float32, m*k), k, packed, m, n, k, false) },
		"a": func() { ks.Product(make([]float32, m*n), n, make([]float32, m*k-1), k, packed, m, n, k, false) },
		"b": func() {
			ks.Product(make([]float32, m*n), n, make([]float32, m*k), k, packed[:len(packed)-1:len(packed)-1], m, n, k, false)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is one element short and nothing was said", name)
				}
			}()
			f()
		}()
	}
}
