package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var shapes = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 17}

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
	ks := Portable()
	for _, m := range shapes {
		for _, n := range shapes {
			for _, k := range append([]int{31, depth - 1, depth, depth + 1, 2*depth + 3}, shapes...) {
				if k > 20 && m > 5 && n > 5 {
					continue
				}
				for _, add := range []bool{false, true} {
					checkProduct(t, ks, m, n, k, add)
				}
			}
		}
	}
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

func TestProductDoesNotDependOnHowItIsDivided(t *testing.T) {
	const m, n, k = 67, 29, 300
	ks := Portable()
	a, b := random(1, m*k), random(2, n*k)
	packed := make([]float32, ks.PackedLen(n, k))
	ks.Pack(packed, b, k, n, k)
	want := make([]float32, m*n)
	ks.Product(want, n, a, k, packed, m, n, k, false)
	for _, rows := range []int{1, 2, 3, 5, 64} {
		for _, cols := range []int{ks.Panel, 3 * ks.Panel, n} {
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

func TestNonFiniteValuesStayInTheirRowAndColumn(t *testing.T) {
	const m, n, k = 5, 6, 9
	ks := Portable()
	nan := float32(math.NaN())
	a, b := random(1, m*k), random(2, n*k)
	a[2*k+4], b[3*k+1] = nan, float32(math.Inf(1))
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
			case i == 2 && !math.IsNaN(v):
				t.Errorf("(%d, %d): NaN in A became %v", i, j, v)
			case i != 2 && j == 3 && !math.IsInf(v, 0):
				t.Errorf("(%d, %d): Inf in B became %v", i, j, v)
			case i != 2 && j != 3 && (math.IsNaN(v) || math.IsInf(v, 0)):
				t.Errorf("(%d, %d) is %v, though its row and column are finite", i, j, v)
			}
		}
	}
}

func BenchmarkProduct(b *testing.B) {
	ks := Choose()
	for _, s := range [][3]int{{256, 768, 768}, {32, 1152, 384}, {128, 384, 1536}, {64, 128, 32}, {128, 32, 64}, {1, 768, 768}, {16, 16, 128}} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			a, w, c := random(1, m*k), random(2, n*k), make([]float32, m*n)
			packed := make([]float32, ks.PackedLen(n, k))
			ks.Pack(packed, w, k, n, k)
			b.ReportAllocs()
			for b.Loop() {
				ks.Product(c, n, a, k, packed, m, n, k, false)
			}
			b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
		})
	}
}

func BenchmarkPack(b *testing.B) {
	const n, k = 64, 32
	ks := Choose()
	x, dst := random(1, n*k), make([]float32, ks.PackedLen(n, k))
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			ks.PackRows(dst, x, k, k, n)
		}
	})
	b.Run("columns", func(b *testing.B) {
		for b.Loop() {
			ks.Pack(dst, x, k, n, k)
		}
	})
}
