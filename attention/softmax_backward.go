package attention

import (
	"github.com/tripartite-go/tripartite/tensor"
)

// Tiles of the backward pass, square where half of them would be in vain.
const (
	backwardQueries    = 64
	backwardKeys       = 256
	backwardCausalKeys = 64
)

// Backward implements Trainable. With the weights P_tu = exp(q_t.k_u)/Z_t, which
// are recovered tile by tile from the logarithm of Z (Dao et al.,
// arXiv:2205.14135), and the gradient g_t of y_t,
//
//	dv_u = sum_t P_tu g_t
//	dS_tu = P_tu (g_t.v_u - g_t.y_t)
//	dq_t = sum_u dS_tu k_u,  dk_u = sum_t dS_tu q_t
//
// ALiBi's penalty is constant and has no gradient.
func (s Softmax) Backward(grad Gradient, dy, y tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, work *tensor.Arena) {
	checkBackward("softmax", grad, dy, y, logC, q, k, v, seqs)
	if s.Slope != 0 && !s.Causal {
		panic("attention: softmax: a slope counts the distance to earlier tokens and needs a causal head")
	}
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		b := softmaxBackward{
			Softmax: s, work: work, logC: logC[lo:hi],
			q: q.SliceRows(lo, hi), k: k.SliceRows(lo, hi), v: v.SliceRows(lo, hi),
			dy: dy.SliceRows(lo, hi), y: y.SliceRows(lo, hi),
			dq: grad.Query.SliceRows(lo, hi), dk: grad.Key.SliceRows(lo, hi), dv: grad.Value.SliceRows(lo, hi),
		}
		b.sequence()
	}
}

// softmaxBackward is the backward pass of one sequence.
type softmaxBackward struct {
	Softmax
	q, k, v, dy, y tensor.Matrix
	dq, dk, dv     tensor.Matrix
	logC           []float32
	kt             tensor.Matrix // [d, N] keys, transposed
	work           *tensor.Arena
}

// queries is what a tile of queries brings to every tile of keys.
type queries struct {
	lo, hi       int
	byQuery      tensor.Weight // q [n, d], for k·qᵀ
	gradByQuery  tensor.Weight // dy [n, dv], for v·dyᵀ
	byColumn     tensor.Weight // q, for dSᵀ·q
	gradByColumn tensor.Weight // dy, for Pᵀ·dy
	logZ         []float32     // [n] -log Z, and ALiBi's penalty from the first query on
	dot          []float32     // [n] dy.y
	dqt          tensor.Matrix // [d, n] the gradient of the queries, transposed
}

func (b *softmaxBackward) sequence() {
	work := b.work
	defer work.Release(work.Mark())
	b.dk.Zero()
	b.dv.Zero()
	n := b.q.Rows
	b.kt = work.Matrix(b.k.Cols, n)
	tensor.Transpose(b.kt, b.k)
	width := backwardKeys
	if b.Causal {
		width = backwardCausalKeys
	}
	for lo := 0; lo < n; lo += backwardQueries {
		hi := min(lo+backwardQueries, n)
		level := work.Mark()
		tile := b.prepare(lo, hi)
		last := n
		if b.Causal {
			last = hi
		}
		for k0 := 0; k0 < last; k0 += width {
			b.tile(&tile, k0, min(k0+width, last))
		}
		tensor.Transpose(b.dq.SliceRows(lo, hi), tile.dqt)
		work.Release(level)
	}
}

func (b *softmaxBackward) prepare(lo, hi int) queries {
	q, dy, work := b.q.SliceRows(lo, hi), b.dy.SliceRows(lo, hi), b.work
	t := queries{
		lo: lo, hi: hi,
		byQuery: tensor.Pack(q, work), byColumn: tensor.PackTransposed(q, work),
		gradByQuery: tensor.Pack(dy, work), gradByColumn: tensor.PackTransposed(dy, work),
		logZ: work.Floats(hi - lo), dot: work.Floats(hi - lo),
		dqt: work.Matrix(q.Cols, hi-lo),
	}
	t.dqt.Zero()
	for i := range hi - lo {
		t.logZ[i] = float32(-float64(b.logC[lo+i]) - float64(b.Slope)*float64(i))
		t.dot[i] = tensor.Dot(dy.Row(i), b.y.Row(lo+i))
	}
	return t
}

// tile adds what keys k0 to k1 and a tile of queries mean to each other. Weights
// are transposed, a row for every key, so that each product finds its operands in
// the order that it needs them.
func (b *softmaxBackward) tile(t *queries, k0, k1 int) {
	work := b.work
	defer work.Release(work.Mark())
	n := t.hi - t.lo
	p, ds := work.Matrix(k1-k0, n), work.Matrix(k1-k0, n)
	tensor.Product(p, b.k.SliceRows(k0, k1), t.byQuery)
	tensor.Product(ds, b.v.SliceRows(k0, k1), t.gradByQuery)
	for u := range k1 - k0 {
		weights, gradient := p.Row(u), ds.Row(u)
		first := 0 // the first query that sees the key
		if b.Causal {
			first = min(max(0, k0+u-t.lo), n)
			clear(weights[:first])
			clear(gradient[:first])
		}
		w, g, dot := weights[first:], gradient[first:], t.dot[first:]
		tensor.Add(w, w, t.logZ[first:])
		tensor.ExpSum(w, w, -b.Slope*float32(k0+u-t.lo))
		tensor.MulSub(g, w, g, dot)
	}
	tensor.AddProduct(b.dv.SliceRows(k0, k1), p, t.gradByColumn)
	tensor.AddProduct(b.dk.SliceRows(k0, k1), ds, t.byColumn)
	tensor.AddProduct(t.dqt, b.kt.SliceCols(k0, k1), tensor.PackTransposed(ds, work))
}
