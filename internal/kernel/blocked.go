package kernel

import "fmt"

const (
	// blockDepth is how many terms the tiles sum before the sum is added to C:
	// two vectors of B for each of them stay in the first-level cache.
	blockDepth = 384
	// blockRows is how many rows of A meet a panel of B before the next one is
	// read: with blockDepth columns they stay in the second-level cache.
	blockRows = 256
	// tallest is the largest number of rows in a tile.
	tallest = 12
)

// tiling is what the blocked product must know about its tiles.
type tiling struct {
	panel  int                // columns in a panel
	rows   int                // rows of the tallest tile
	panels [tallest + 1]uint8 // for a number of rows, how many whole panels a tile may take
	peak   func(n int)        // n steps of multiply-adds in registers
	step   int                // operations in each of them
	tile   func(rows, panels int, c *float32, ldc int, a *float32, lda int, b *float32, ldb, ahead, k, cols int, from *float32, ldfrom int)
}

// gauge is Kernels.Peak.
func (t *tiling) gauge(steps int) (operations int) {
	steps = max(1, steps)
	t.peak(steps)
	return steps * t.step
}

// product is Kernels.Product.
func (t *tiling) product(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, add bool) {
	var from []float32
	if add {
		from = c
	}
	t.add(c, ldc, a, lda, b, m, n, k, from, ldc)
}

// productBias is Kernels.ProductBias.
func (t *tiling) productBias(c []float32, ldc int, a []float32, lda int, b, bias []float32, m, n, k int) {
	if n > 0 {
		bias = bias[:n]
	}
	t.add(c, ldc, a, lda, b, m, n, k, bias, 0)
}

// add computes C = A·B + from tile by tile, from being a matrix of the shape of
// C, or a row if ldfrom is 0, or nil for nothing. Whatever the tile, an element is
// summed in the same order: from 0 through blockDepth terms, one fused
// multiply-add after another, and these sums one by one.
func (t *tiling) add(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int, from []float32, ldfrom int) {
	if m <= 0 || n <= 0 {
		return
	}
	if k <= 0 {
		for i := range m {
			switch {
			case from == nil:
				clear(c[i*ldc:][:n])
			case ldfrom == 0:
				copy(c[i*ldc:][:n], from)
			}
		}
		return
	}
	panels := (n + t.panel - 1) / t.panel
	if len(c) < (m-1)*ldc+n || len(a) < (m-1)*lda+k || len(b) < panels*t.panel*k || ldc < n || lda < k {
		panic(fmt.Sprintf("kernel: a product %d×%d×%d with strides %d and %d does not fit slices of %d, %d and %d",
			m, n, k, ldc, lda, len(c), len(a), len(b)))
	}
	for k0 := 0; k0 < k; k0 += blockDepth {
		depth := min(blockDepth, k-k0)
		if k0 > 0 {
			from, ldfrom = c, ldc
		}
		blocks := (m + blockRows - 1) / blockRows
		for i := range blocks {
			i0, i1 := i*m/blocks, (i+1)*m/blocks
			rest := from
			if from != nil {
				rest = from[i0*ldfrom:]
			}
			t.block(c[i0*ldc:], ldc, a[i0*lda+k0:], lda, b[k0*t.panel:], k*t.panel, i1-i0, n, depth, rest, ldfrom)
		}
	}
}

// block multiplies a block of A with all panels of B, which lie ldb apart.
func (t *tiling) block(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, from []float32, ldfrom int) {
	tiles := (m + t.rows - 1) / t.rows
	wide := int(t.panels[(m+tiles-1)/tiles]) // of the largest tile
	for j := 0; j < n; {
		panels := 1
		if n-j >= wide*t.panel {
			panels = wide
		}
		cols := min(t.panel, n-j)
		for i := range tiles {
			i0, i1 := i*m/tiles, (i+1)*m/tiles
			var rest *float32
			if from != nil {
				rest = &from[i0*ldfrom+j]
			}
			t.tile(i1-i0, panels, &c[i0*ldc+j], ldc, &a[i0*lda], lda, &b[j/t.panel*ldb], ldb, t.ahead(i, tiles, panels*ldb), k, cols, rest, ldfrom)
		}
		j += panels * t.panel
	}
}

// ahead returns how far beyond its own part of B the tile asks for data, in
// float32. The first tiles of a panel fetch the next one into the second-level
// cache, every tile another half of its lines, so that the burst at the
// beginning of a panel does not wait for memory. A tile that is alone asks for
// its own panel, a little earlier.
func (t *tiling) ahead(tile, tiles, panel int) int {
	const (
		line = 16   // float32
		near = 1024 // float32
	)
	switch {
	case tiles == 1:
		return near
	case tile < 2:
		return panel + tile*line
	}
	return 0
}
