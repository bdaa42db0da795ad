package kernel

import "fmt"

// transposeTile is the number of rows and columns that are turned at once.
const transposeTile = 8

// checkTranspose panics unless the matrices fit their slices.
func checkTranspose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if len(src) < (rows-1)*lds+cols || len(dst) < (cols-1)*ldd+rows || lds < cols || ldd < rows {
		panic(fmt.Sprintf("kernel: a transpose of %d×%d with strides %d and %d does not fit slices of %d and %d",
			rows, cols, lds, ldd, len(src), len(dst)))
	}
}

// transpose goes through src by bands of rows, so that the lines of dst that a
// band begins are still near when the next one ends them.
func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	checkTranspose(dst, ldd, src, lds, rows, cols)
	for i0 := 0; i0 < rows; i0 += transposeTile {
		transposeBand(dst[i0:], ldd, src[i0*lds:], lds, min(transposeTile, rows-i0), 0, cols)
	}
}

// transposeBand turns columns lo to hi of a few rows.
func transposeBand(dst []float32, ldd int, src []float32, lds, rows, lo, hi int) {
	for j := lo; j < hi; j++ {
		to := dst[j*ldd:][:rows]
		for i := range to {
			to[i] = src[i*lds+j]
		}
	}
}

// transpose is the same with the assembly of a band of blocks, nil for none.
func (v vectors) transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	checkTranspose(dst, ldd, src, lds, rows, cols)
	whole := cols / transposeTile
	if v.transpose8 == nil {
		whole = 0
	}
	for i0 := 0; i0 < rows; i0 += transposeTile {
		band, done := min(transposeTile, rows-i0), 0
		if band == transposeTile && whole > 0 {
			v.transpose8(&dst[i0], ldd, &src[i0*lds], lds, whole)
			done = whole * transposeTile
		}
		transposeBand(dst[i0:], ldd, src[i0*lds:], lds, band, done, cols)
	}
}
