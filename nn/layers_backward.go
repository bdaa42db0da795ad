package nn

import (
	"fmt"
	"sync"

	"github.com/tripartite-go/tripartite/tensor"
)

// A gradient has the shape of what it belongs to, and the same type: Projection,
// LayerNorm, Embedding, BlockParams. Backward passes add to it. Parts that are
// nil, or matrices without rows, are left out and cost nothing.

// reversed is the weights of a linear map packed for the way back, on first use.
type reversed struct {
	once   sync.Once
	made   bool
	weight tensor.Weight
}

// reverse returns the weights [in, out] of the way back.
func (l Linear) reverse() tensor.Weight {
	r := l.reversed
	r.once.Do(func() { r.weight, r.made = l.weight.Transpose(nil), true })
	return r.weight
}

// Backward takes the gradient dy [n, out] of the output back through the map:
//
//	dx = dy W,  grad.Weight += dyᵀ x,  grad.Bias += sum of dy over rows
//
// x [n, in] is the input of the forward pass; it may be left out with grad, where
// weights are frozen. dx [n, in] is left out if it has no rows; it must not overlap
// dy. Work runs on all threads of the workspace, and
// the result does not depend on how many they are. It panics for a map that was
// packed for fast products.
func (l Linear) Backward(work *Workspace, dx tensor.Matrix, grad Projection, dy, x tensor.Matrix) {
	frozen := grad.Weight.Rows == 0 && grad.Bias == nil
	if (x.Rows != dy.Rows || x.Cols != l.In()) && !(frozen && x.Rows == 0) || dy.Cols != l.Out() {
		panic(fmt.Sprintf("nn: backward pass of weights [%d, %d] from [%d, %d] and input [%d, %d]",
			l.Out(), l.In(), dy.Rows, dy.Cols, x.Rows, x.Cols))
	}
	if err := grad.checkGradient("linear", l.Out(), l.In()); err != nil {
		panic("nn: " + err.Error())
	}
	if dx.Rows > 0 {
		work.pool.Product(dx, dy, l.reverse())
	}
	if frozen {
		return
	}
	work.back.outers = append(work.back.outers[:0], outer{dy: dy, x: x, grad: grad})
	work.accumulate()
}

// checkGradient reports a gradient that does not fit weights [out, in].
func (p Projection) checkGradient(name string, out, in int) error {
	if p.Weight.Rows == 0 {
		p.Weight = tensor.Matrix{Rows: out, Cols: in}
	}
	if err := p.check(name, out, in); err != nil {
		return fmt.Errorf("the gradient: %w", err)
	}
	return nil
}

// Backward takes the gradient dy [n, D] of the output back through the
// normalization of x [n, D]: dx [n, D], which may be dy, is written; grad is added
// to, in the order of rows. With g = dy·Gain and the normalized row n,
//
//	dx = (g - mean(g) - n·mean(g·n)) / sqrt(variance + Epsilon)
func (l LayerNorm) Backward(dx tensor.Matrix, grad LayerNorm, dy, x tensor.Matrix, work *tensor.Arena) {
	if x.Rows != dy.Rows || x.Cols != dy.Cols || dx.Rows != x.Rows || dx.Cols != x.Cols {
		panic(fmt.Sprintf("nn: backward pass of layer normalization of [%d, %d] from [%d, %d] into [%d, %d]",
			x.Rows, x.Cols, dy.Rows, dy.Cols, dx.Rows, dx.Cols))
	}
	if err := grad.check("the gradient", x.Cols); err != nil {
		panic("nn: " + err.Error())
	}
	defer work.Release(work.Mark())
	normed := work.Floats(x.Cols)
	for t := range x.Rows {
		in, g, out := x.Row(t), dy.Row(t), dx.Row(t)
		tensor.LayerNormBackward(out, grad.Gain, grad.Bias, g, in, l.Gain, normed, l.Epsilon)
	}
}

// Backward adds row t of dy [len(ids), D] to the row of ids[t] in the gradient, a
// table of the same shape, in the order of t. It reports an id that the table
// does not have.
func (e Embedding) Backward(grad Embedding, dy tensor.Matrix, ids []int) error {
	if grad.Table.Rows != e.Table.Rows || grad.Table.Cols != e.Table.Cols {
		panic(fmt.Sprintf("nn: the gradient of a table [%d, %d] is [%d, %d]",
			e.Table.Rows, e.Table.Cols, grad.Table.Rows, grad.Table.Cols))
	}
	return grad.rows("Backward", dy, ids, func(row, of []float32) { tensor.Add(of, of, row) })
}
