package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// # Fast products
//
// A fast product takes every float32 apart into two numbers of bfloat16, which
// has the exponents of float32 and 8 significant bits instead of 24:
//
//	x = high + low + rest,  high = bf16(x),  low = bf16(x - high)
//
// with bf16 rounding to nearest, ties to even, so that |low| <= 2^-8 |x| and
// |rest| <= 2^-17 |x|. A product is the sum of three of the four,
//
//	a·b ≈ low·high + high·high + high·low,
//
// each exact in float32, where they are added up. What is left out is at most
//
//	2^-15 sum |a||b|
//
// and summation adds to it as in every product, here at most 2^-24 sum |a||b|
// for each of 60 + k/384 additions.
//
// Parts below 2^-126, the smallest normal number, count as 0, and so may sums:
// AMX knows no denormals. That adds at most 2^-126 (|a| + |b| + 4) for each term.
// Numbers that round beyond the largest bfloat16, from 3.3961776e38 up, have that
// as their high part, and a rest of up to 2^-16 |x|. An infinity or NaN has the
// low part 0.
//
// A sum that does not come out finite is computed again, term by term in
// float32, from high + low: so infinities and NaN do what they do in float32, and
// so does a sum that overflows.
//
// # Order
//
// Terms are taken in blocks of blockDepth, whose sums are added to C one by one.
// In a block, every step of stepDepth terms adds three sums: of low·high, of
// high·high, of high·low. Each is that of the terms at even places, added in
// order from 0, and that of the terms at odd places. This is the order in which
// Intel documents TDPBF16PS (Software Developer's Manual, volume 2), and the twin
// in Go keeps it.
//
// # Layout
//
// Neighbours along k make a pair: 32 bits, the first in the lower half. A packed
// panel of fastPanel columns holds step after step of stepDepth rows, the last
// filled up with zeros: four tiles of 16 pairs × 16 columns, namely the high
// parts of columns 0 to 15 and 16 to 31, then the low parts. That is as much
// memory as float32 takes. It is kept in a []float32 as mere bits.
const (
	fastPanel = 32          // columns in a panel
	fastRows  = 32          // rows of A at once
	stepDepth = 32          // terms of a step along k
	side      = 16          // of a tile: pairs or rows, and columns
	tileSize  = side * side // in 32-bit words
	stepSize  = 4 * tileSize
)

// fastSums are the sums of a block of rows and a panel of columns.
type fastSums [fastRows][fastPanel]float32

// halves is the arithmetic of fast products.
type halves struct {
	// column takes a column x of B apart into a packed panel, at whose place for the
	// first pair dst begins. What is beyond the end of x is left alone, but for the
	// other half of the last pair, which is 0.
	column func(dst []uint32, x []float32)
	// across takes x and y, parts of two rows of B, apart into pairs: pair i holds
	// x[i] and y[i]. All four have the same length, at most side.
	across func(high, low []uint32, x, y []float32)
	// block multiplies up to fastRows rows of a with a packed operand whose panels
	// lie ldb apart, up to blockDepth terms deep.
	block func(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, add bool)
}

// fast returns the kernels of ks with fast products.
func (h *halves) fast(name string, ks *Kernels) *Kernels {
	f := *ks
	f.Name, f.Panel, f.Product, f.ProductBias, f.halves = name, fastPanel, h.product, afterBias(h.product), h
	return &f
}

// padded is k, filled up to whole steps.
func padded(k int) int { return (k + stepDepth - 1) / stepDepth * stepDepth }

// words returns a packed operand as the bits it holds.
func words(packed []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(packed))), len(packed))
}

// pack is Kernels.Pack.
func (h *halves) pack(dst, b []float32, ldb, n, k int) {
	depth := padded(k)
	for j := 0; j < n; j += fastPanel {
		p := words(dst[j*depth:][:fastPanel*depth])
		cols := min(fastPanel, n-j)
		if cols < fastPanel || k < depth {
			clear(p)
		}
		if k > 0 {
			for col := range cols {
				h.column(p[place(0, col):], b[(j+col)*ldb:][:k])
			}
		}
	}
}

// place returns where in a panel the pair of the high parts of row i and its
// neighbour stands. That of the low parts stands two tiles behind.
func place(i, col int) int {
	return i/stepDepth*stepSize + col/side*tileSize + i%stepDepth/2*side + col%side
}

// zeros stand for the row that the last one of an odd number is paired with.
var zeros [side]float32

// packRows is Kernels.PackRows.
func (h *halves) packRows(dst, b []float32, ldb, n, k int) {
	depth := padded(k)
	for j := 0; j < n; j += fastPanel {
		p := words(dst[j*depth:][:fastPanel*depth])
		cols := min(fastPanel, n-j)
		if cols < fastPanel || k < depth {
			clear(p)
		}
		for i := 0; i < k; i += 2 {
			for half := 0; half < cols; half += side {
				w := min(side, cols-half)
				x, y := b[i*ldb+j+half:][:w], zeros[:w]
				if i+1 < k {
					y = b[(i+1)*ldb+j+half:][:w]
				}
				at := p[place(i, half):]
				h.across(at[:w], at[2*tileSize:][:w], x, y)
			}
		}
	}
}

// unpack is Kernels.Unpack: high + low.
func unpack(dst, packed []float32, col, k int) {
	depth := padded(k)
	p := words(packed)[col/fastPanel*fastPanel*depth:]
	for i := range dst {
		w := p[place(i, col%fastPanel):]
		dst[i] = part(w[0], i) + part(w[2*tileSize], i)
	}
}

// part is the number at place i of a pair, by whether that is even or odd.
func part(pair uint32, i int) float32 {
	return math.Float32frombits(pair << (16 * (1 - i&1)) & 0xffff0000)
}

func (h *halves) product(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool) {
	if m <= 0 || n <= 0 {
		return
	}
	if k <= 0 {
		if !add {
			for i := range m {
				clear(c[i*ldc:][:n])
			}
		}
		return
	}
	ldb := fastPanel * padded(k)
	if len(c) < (m-1)*ldc+n || len(a) < (m-1)*lda+k || len(b) < (n+fastPanel-1)/fastPanel*ldb || ldc < n || lda < k {
		panic(fmt.Sprintf("kernel: a fast product %d×%d×%d with strides %d and %d does not fit slices of %d, %d and %d",
			m, n, k, ldc, lda, len(c), len(a), len(b)))
	}
	for k0 := 0; k0 < k; k0 += blockDepth {
		depth := min(blockDepth, k-k0)
		for i := 0; i < m; i += fastRows {
			h.block(c[i*ldc:], ldc, a[i*lda+k0:], lda, b[k0*fastPanel:], ldb, min(fastRows, m-i), n, depth, add || k0 > 0)
		}
	}
}

// finite reports whether x is a number.
func finite(x float32) bool { return x-x == 0 }

// finish stores or adds the sums of a block of rows and a panel of columns, those
// that are not finite computed again.
func (s *fastSums) finish(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool) {
	for i := range m {
		row := c[i*ldc:][:n]
		for j := range row {
			x := s[i][j]
			if !finite(x) {
				x = again(a[i*lda:][:k], words(b), j)
			}
			if add {
				x += row[j]
			}
			row[j] = x
		}
	}
}

// again is the product of a row and a column of a panel, term by term in float32,
// of what their parts add up to.
func again(a []float32, b []uint32, col int) (sum float32) {
	for i, x := range a {
		high, low := apart(x)
		w := b[place(i, col):]
		sum += float32((high + low) * (part(w[0], i) + part(w[2*tileSize], i)))
	}
	return sum
}
