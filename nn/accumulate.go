package nn

import "github.com/tripartite-go/tripartite/tensor"

// outer is one weight gradient: grad.Weight += scale·dyᵀ x, grad.Bias +=
// scale·sum of dy over rows.
type outer struct {
	dy, x      tensor.Matrix // [n, out], [n, in]
	grad       Projection
	scale      float32       // 0 means 1
	transposed tensor.Matrix // [out, n] scale·dy
}

// Tiles of the weight gradients. Every element is one sum over all rows, so that
// the number of threads does not change it.
const (
	transposeTile = 32  // columns of dy
	gradientRows  = 256 // rows of a weight gradient
	gradientCols  = 128 // columns of a weight gradient: a panel of x for all rows is packed for them
)

// padding keeps the rows of a transposed matrix, whose length is often a power
// of two, from falling into one set of the cache.
const padding = 16

// accumulate adds up the weight gradients of back.outers.
func (w *Workspace) accumulate() {
	b := &w.back
	size := 0
	for _, o := range b.outers {
		size += o.dy.Cols * (o.dy.Rows + padding)
	}
	if cap(b.transposed) < size {
		b.transposed = make([]float32, size)
	}
	tiles, blocks, at := 0, 0, 0
	for i := range b.outers {
		o := &b.outers[i]
		stride := o.dy.Rows + padding
		room := b.transposed[at : at+o.dy.Cols*stride]
		o.transposed = tensor.FromData(room, o.dy.Cols, stride).SliceCols(0, o.dy.Rows)
		at += len(room)
		tiles += o.tiles()
		down, across := o.blocks()
		blocks += down * across
	}
	w.pool.Run(tiles, (*transposeTask)(w))
	w.pool.Run(blocks, (*gradientTask)(w))
	clear(b.outers)
}

// tiles returns the number of parts of the transposition.
func (o *outer) tiles() int { return (o.dy.Cols + transposeTile - 1) / transposeTile }

// blocks returns the number of parts of the product.
func (o *outer) blocks() (down, across int) {
	g := o.grad.Weight
	return (g.Rows + gradientRows - 1) / gradientRows, (g.Cols + gradientCols - 1) / gradientCols
}

// transposeTask transposes and scales dy, and sums its columns.
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
		hi := min(lo+transposeTile, o.dy.Cols)
		tensor.Transpose(o.transposed.SliceRows(lo, hi), o.dy.SliceCols(lo, hi))
		for c := lo; c < hi; c++ {
			row := o.transposed.Row(c)
			if o.scale != 0 {
				tensor.Scale(row, o.scale, row)
			}
			if o.grad.Bias != nil {
				o.grad.Bias[c] += tensor.Sum(row)
			}
		}
		return
	}
}

// gradientTask computes a block of a weight gradient.
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
		g := o.grad.Weight
		r, c := i/across*gradientRows, i%across*gradientCols
		r1, c1 := min(r+gradientRows, g.Rows), min(c+gradientCols, g.Cols)
		x := tensor.PackTransposed(o.x.SliceCols(c, c1), arena)
		tensor.AddProduct(g.SliceRows(r, r1).SliceCols(c, c1), o.transposed.SliceRows(r, r1), x)
		return
	}
}
