package tensor

import (
	"fmt"

	"github.com/tripartite-go/tripartite/internal/kernel"
)

// Weight is the right-hand operand of a product, packed as the kernels read it:
// a matrix [Out, In] of which every row is one output. It remembers the
// arithmetic that it was packed for, and is multiplied in that. It is read-only
// and safe for concurrent use.
type Weight struct {
	Out, In int
	data    []float32
	packed  *kernel.Kernels // nil for float32
}

// Pack packs the weights w [out, in], for products x·wᵀ in the precision of the
// arena. The result lives in the arena, or in lasting memory of its own where that
// is nil; w is not kept.
func Pack(w Matrix, work *Arena) Weight { return pack(w, work.precision(), work) }

// PackTransposed packs w [in, out], for products x·w in the precision of the
// arena.
func PackTransposed(w Matrix, work *Arena) Weight {
	p := newWeight(w.Cols, w.Rows, work.precision(), work)
	p.kernels().PackRows(p.data, w.Data, w.Stride, w.Cols, w.Rows)
	return p
}

// Pack is the function Pack for products in this precision, in memory of its own.
func (p Precision) Pack(w Matrix) Weight { return pack(w, p, nil) }

// PackStack is Pack of matrices of one width that lie one under another, each
// times its scale.
func (p Precision) PackStack(parts []Matrix, scales []float32) Weight {
	if len(parts) == 0 || len(scales) != len(parts) {
		panic(fmt.Sprintf("tensor: a stack of %d matrices with %d scales", len(parts), len(scales)))
	}
	rows, in := 0, parts[0].Cols
	for _, m := range parts {
		if m.Cols != in {
			panic("tensor: a stack of matrices " + parts[0].shape() + " and " + m.shape())
		}
		rows += m.Rows
	}
	w := newWeight(rows, in, p, nil)
	ks := w.kernels()
	strip := New(min(rows, ks.Panel), in) // a panel at a time stays in the cache
	part, row := 0, 0
	for lo := 0; lo < rows; lo += ks.Panel {
		n := min(ks.Panel, rows-lo)
		for i := range n {
			for row == parts[part].Rows {
				part, row = part+1, 0
			}
			kernels.Scale(strip.Row(i), scales[part], parts[part].Row(row))
			row++
		}
		ks.Pack(w.data[ks.PackedLen(lo, in):][:ks.PackedLen(n, in)], strip.Data, strip.Stride, n, in)
	}
	return w
}

func pack(w Matrix, precision Precision, work *Arena) Weight {
	p := newWeight(w.Rows, w.Cols, precision, work)
	p.kernels().Pack(p.data, w.Data, w.Stride, w.Rows, w.Cols)
	return p
}

// newWeight returns weights with memory for what is packed.
func newWeight(out, in int, precision Precision, work *Arena) Weight {
	w := Weight{Out: out, In: in, packed: precision.kernels()}
	if n := w.kernels().PackedLen(out, in); work == nil {
		w.data = lasting(n)
	} else {
		w.data = work.Floats(n)
	}
	return w
}

func (w Weight) kernels() *kernel.Kernels {
	if w.packed == nil {
		return kernels
	}
	return w.packed
}

// fast reports whether the weights were packed for fast products, so that digits
// are lost.
func (w Weight) fast() bool { return w.packed != nil && w.packed != kernels }

// Row copies row i [In] of the weights, the inputs of output i, into dst. Weights
// packed for fast products give what is left of them, to a relative error of
// 2^-17.
func (w Weight) Row(dst []float32, i int) {
	if uint(i) >= uint(w.Out) || len(dst) != w.In {
		panic(fmt.Sprintf("tensor: row %d of weights [%d, %d] into %d values", i, w.Out, w.In, len(dst)))
	}
	w.kernels().Unpack(dst, w.data, i, w.In)
}

// Part returns part i of parts that divide the outputs about evenly, and the
// first output of it. A part may be empty.
func (w Weight) Part(i, parts int) (lo int, part Weight) {
	panel := w.kernels().Panel
	panels := (w.Out + panel - 1) / panel
	lo = i * panels / parts * panel
	hi := min((i+1)*panels/parts*panel, w.Out)
	if lo >= hi {
		return hi, Weight{In: w.In}
	}
	return lo, w.Slice(lo, hi)
}

// Slice returns outputs lo to hi, hi excluded, of the same data. lo must be a
// multiple of the width of a packed panel, as multiples of 32 are.
func (w Weight) Slice(lo, hi int) Weight {
	ks := w.kernels()
	if lo < 0 || hi < lo || hi > w.Out || lo%ks.Panel != 0 {
		panic(fmt.Sprintf("tensor: outputs %d:%d of weights [%d, %d] in panels of %d", lo, hi, w.Out, w.In, ks.Panel))
	}
	return Weight{Out: hi - lo, In: w.In, data: w.data[ks.PackedLen(lo, w.In):], packed: w.packed}
}

// Product is dst = x·wᵀ on the calling thread: x [n, In], dst [n, Out]. dst must
// not overlap x.
func Product(dst, x Matrix, w Weight) { product(dst, x, w, false) }

// AddProduct is dst += x·wᵀ on the calling thread.
func AddProduct(dst, x Matrix, w Weight) { product(dst, x, w, true) }

// ProductBias is dst = x·wᵀ + bias on the calling thread, bias [Out] being added
// to every row.
func ProductBias(dst, x Matrix, w Weight, bias []float32) {
	checkProduct(dst, x, w)
	checkBias(w, bias)
	w.kernels().ProductBias(dst.Data, dst.Stride, x.Data, x.Stride, w.data, bias, x.Rows, w.Out, w.In)
}

func product(dst, x Matrix, w Weight, add bool) {
	checkProduct(dst, x, w)
	w.kernels().Product(dst.Data, dst.Stride, x.Data, x.Stride, w.data, x.Rows, w.Out, w.In, add)
}

func checkProduct(dst, x Matrix, w Weight) {
	if x.Cols != w.In || dst.Rows != x.Rows || dst.Cols != w.Out {
		panic(fmt.Sprintf("tensor: product of %s and weights [%d, %d] into %s", x.shape(), w.Out, w.In, dst.shape()))
	}
}

func checkBias(w Weight, bias []float32) {
	if len(bias) != w.Out {
		panic(fmt.Sprintf("tensor: a bias of %d values for weights [%d, %d]", len(bias), w.Out, w.In))
	}
}

// Product is dst = x·wᵀ on all threads of the pool.
func (p *Pool) Product(dst, x Matrix, w Weight) { p.product(dst, x, w, nil) }

// ProductBias is dst = x·wᵀ + bias on all threads of the pool.
func (p *Pool) ProductBias(dst, x Matrix, w Weight, bias []float32) {
	checkBias(w, bias)
	p.product(dst, x, w, bias)
}

// Transpose is dst = srcᵀ. dst must not overlap src.
func Transpose(dst, src Matrix) {
	if dst.Rows != src.Cols || dst.Cols != src.Rows {
		panic("tensor: transpose of " + src.shape() + " into " + dst.shape())
	}
	kernels.Transpose(dst.Data, dst.Stride, src.Data, src.Stride, src.Rows, src.Cols)
}

// A product is divided into tiles of rows and of columns: of rows as long as
// there are enough for all threads, since packed weights are then read in order.
const (
	tileRows = 32
	tileCols = 256
)

type productTask struct {
	dst, x    Matrix
	w         Weight
	bias      []float32 // [Out], nil for none
	rows, col int       // tile size
	across    int       // tiles side by side
}

func (p *Pool) product(dst, x Matrix, w Weight, bias []float32) {
	checkProduct(dst, x, w)
	if p.Threads() == 1 {
		productOrBias(dst, x, w, bias)
		return
	}
	t := productTask{dst: dst, x: x, w: w, bias: bias, rows: tileRows, col: w.Out}
	down := (x.Rows + t.rows - 1) / t.rows
	if down < 4*p.Threads() {
		panel := w.kernels().Panel
		t.col = (tileCols + panel - 1) / panel * panel
	}
	t.across = (w.Out + max(1, t.col) - 1) / max(1, t.col)
	p.Run(down*t.across, &t)
}

// Do computes one tile.
func (t *productTask) Do(_, i int) {
	r, c := i/t.across*t.rows, i%t.across*t.col
	r1, c1 := min(r+t.rows, t.x.Rows), min(c+t.col, t.w.Out)
	bias := t.bias
	if bias != nil {
		bias = bias[c:c1]
	}
	productOrBias(t.dst.SliceRows(r, r1).SliceCols(c, c1), t.x.SliceRows(r, r1), t.w.Slice(c, c1), bias)
}

// productOrBias is Product where there is no bias.
func productOrBias(dst, x Matrix, w Weight, bias []float32) {
	if bias == nil {
		Product(dst, x, w)
		return
	}
	ProductBias(dst, x, w, bias)
}
