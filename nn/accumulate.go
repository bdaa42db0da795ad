package nn

import "github.com/tripartite-go/tripartite/tensor"

// outer is one weight gradient: grad.Weight += scale·dyᵀ x, grad.Bias +=
// scale·sum of dy over rows.
//
// The product needs one of its operands transposed and the other packed as it
// lies, which costs no more than a copy. The narrower one is transposed: dy, or x
// and then the product, tile by tile.
type outer struct {
	dy, x      tensor.Matrix // [n, out], [n, in]
	grad       Projection
	scale      float32       // 0 means 1
	transposed tensor.Matrix // [out, n] dy, or [in, n] x
}

// Tiles of the weight gradients. Every element is one sum over all rows, so that
// the number of threads does not change it.
const (
	transposeTile  = 32  // columns
	gradientWidth  = 128 // of the transposed operand
	gradientPacked = 128 // of the other one, whose columns are packed for all rows
)

// padding keeps the rows of a transposed matrix, whose length is often a power
// of two, from falling into one set of the cache.
const padding = 16

// accumulate adds up the weight gradients of back.outers.
func (w *Workspace) accumulate() {
	w.setPrecision(tensor.Float32) // whatever pass came before
	b := &w.back
	size := 0
	for _, o := range b.outers {
		size += o.narrow().Cols * (o.dy.Rows + padding)
	}
	if cap(b.transposed) < size {
		b.transposed = make([]float32, size)
	}
	tiles, blocks, at := 0, 0, 0
	for i := range b.outers {
		o := &b.outers[i]
		stride, rows := o.dy.Rows+padding, o.narrow().Cols
		room := b.transposed[at : at+rows*stride]
		o.transposed = tensor.FromData(room, rows, stride).SliceCols(0, o.dy.Rows)
		at += len(room)
		tiles += o.tiles()
		down, across := o.blocks()
		blocks += down * across
	}
	w.pool.Run(tiles, (*transposeTask)(w))
	w.pool.Run(blocks, (*gradientTask)(w))
	clear(b.outers)
}

// turned says whether x is transposed, not dy.
func (o *outer) turned() bool { return o.x.Cols < o.dy.Cols }

// narrow returns the operand that is transposed.
func (o *outer) narrow() tensor.Matrix {
	if o.turned() {
		return o.x
	}
	return o.dy
}

// wide returns the operand that is packed.
func (o *outer) wide() tensor.Matrix {
	if o.turned() {
		return o.dy
	}
	return o.x
}

// tiles returns the number of parts of the transposition.
func (o *outer) tiles() int { return parts(o.narrow().Cols, transposeTile) }

// blocks returns the number of parts of the product.
func (o *outer) blocks() (down, across int) {
	return parts(o.narrow().Cols, gradientWidth), parts(o.wide().Cols, gradientPacked)
}

func parts(n, size int) int { return (n + size - 1) / size }

// factor returns the scale.
func (o *outer) factor() float32 {
	if o.scale == 0 {
		return 1
	}
	return o.scale
}

// transposeTask transposes the narrow operand.
type transposeTask Workspace

// Do implements tensor.Task.
func (t *transposeTask) Do(_, i int) {
	for j := range t.back.outers {
		o := &t.back.outers[j]
		if n := o.tiles(); i >= n {
			i -= n
			continue
		}
		lo := i * transposeTile
		hi := min(lo+transposeTile, o.narrow().Cols)
		tensor.Transpose(o.transposed.SliceRows(lo, hi), o.narrow().SliceCols(lo, hi))
		return
	}
}

// gradientTask computes a block of a weight gradient, and its part of the bias's.
type gradientTask Workspace

// Do implements tensor.Task.
func (t *gradientTask) Do(worker, i int) {
	arena := &t.arenas[worker]
	defer arena.Release(arena.Mark())
	for j := range t.back.outers {
		o := &t.back.outers[j]
		down, across := o.blocks()
		if i >= down*across {
			i -= down * across
			continue
		}
		r, c := i/across*gradientWidth, i%across*gradientPacked
		r1, c1 := min(r+gradientWidth, o.narrow().Cols), min(c+gradientPacked, o.wide().Cols)
		if o.grad.Weight.Rows > 0 {
			o.weight(r, r1, c, c1, arena)
		}
		if o.grad.Bias == nil {
			return
		}
		if o.turned() && r == 0 {
			o.bias(c, c1, arena)
		} else if !o.turned() && c == 0 {
			o.bias(r, r1, arena)
		}
		return
	}
}

// weight adds rows r to r1 of the transposed operand times columns c to c1 of the
// other.
func (o *outer) weight(r, r1, c, c1 int, arena *tensor.Arena) {
	g := o.grad.Weight
	tile := arena.Matrix(r1-r, c1-c)
	tensor.Product(tile, o.transposed.SliceRows(r, r1), tensor.PackTransposed(o.wide().SliceCols(c, c1), arena))
	if o.turned() {
		turned := arena.Matrix(c1-c, r1-r)
		tensor.Transpose(turned, tile)
		tile = turned
		r, r1, c, c1 = c, c1, r, r1
	}
	g = g.SliceRows(r, r1).SliceCols(c, c1)
	for i := range g.Rows {
		tensor.AddScaled(g.Row(i), o.factor(), tile.Row(i))
	}
}

// biasRows is how many rows of dy are added up before their sum is added to that
// of all, which keeps the rounding small.
const biasRows = 64

// bias adds columns lo to hi of dy.
func (o *outer) bias(lo, hi int, arena *tensor.Arena) {
	sum, part := arena.Floats(hi-lo), arena.Floats(hi-lo)
	clear(sum)
	for t := 0; t < o.dy.Rows; t += biasRows {
		clear(part)
		for u := t; u < min(t+biasRows, o.dy.Rows); u++ {
			tensor.Add(part, part, o.dy.Row(u)[lo:hi])
		}
		tensor.Add(sum, sum, part)
	}
	tensor.AddScaled(o.grad.Bias[lo:hi], o.factor(), sum)
}
