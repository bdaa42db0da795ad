package nn

import (
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// BlockGradient is what a backward pass of a block adds to.
type BlockGradient struct {
	// Params, unless nil, holds the gradient with respect to the parameters that
	// NewBlock was given, in the same shapes (see BlockParams.Zeros). Parts that
	// are left out are not computed: with nil, the block is frozen.
	Params *BlockParams
	// Curves, unless nil, holds one gradient for each head, nil for those without
	// tuning curves or with curves that are frozen. No two heads may share one.
	Curves []*attention.CurvesGradient
}

// Zeros returns parameters of the same shapes, all 0: the place for a gradient.
func (p *BlockParams) Zeros() *BlockParams {
	like := func(x []float32) []float32 {
		if x == nil {
			return nil
		}
		return make([]float32, len(x))
	}
	projection := func(p Projection) Projection {
		return Projection{Weight: tensor.New(p.Weight.Rows, p.Weight.Cols), Bias: like(p.Bias)}
	}
	norm := func(l LayerNorm) LayerNorm { return LayerNorm{Gain: like(l.Gain), Bias: like(l.Bias)} }
	return &BlockParams{
		Query: projection(p.Query), Key: projection(p.Key), Value: projection(p.Value), Output: projection(p.Output),
		Up: projection(p.Up), Down: projection(p.Down),
		AttentionNorm: norm(p.AttentionNorm), OutputNorm: norm(p.OutputNorm),
	}
}

// backwardRows is the number of rows in a block of rows of the pass back. It is
// fixed, since the gradients of normalizations are summed by blocks and must not
// depend on the number of threads.
const backwardRows = 32

// backward is the memory of the pass back and the pass at work.
type backward struct {
	grad   *BlockGradient
	dy, dx tensor.Matrix // [N, D]

	dsum       tensor.Matrix // [N, D] of the sum before the last normalization
	fed        tensor.Matrix // [N, D] the input of the feed-forward layer
	hidden     tensor.Matrix // [N, F] after the activation
	dhidden    tensor.Matrix // [N, F] before the activation
	dattended  tensor.Matrix // [N, D] of the sum of input and attention
	dmixed     tensor.Matrix // [N, heads·dv]
	dinputs    tensor.Matrix // [N, 2·heads·d + heads·dv]
	normed     tensor.Matrix // [N, D] the input of attention; unused without PreNorm
	norms      tensor.Matrix // [blocks, 4·D] gradients of gains and biases by block of rows
	outers     []outer
	transposed []float32
}

// Backward takes the gradient dy [N, D] of the block's output back to its input,
// dx [N, D], which may be dy, and adds to the gradients of its parameters. The
// last step to dx is left out if dx has no rows and the parameters before
// attention are frozen, as in the first block of a network whose tuning curves
// alone are trained. pass is
// that of the forward pass, with its tape; its Trace and States play no part.
// Every head must be an attention.Trainable.
//
// Work is spread over rows, over heads and sequences, and over the weights; the
// result does not depend on how. Rows of dx do not depend on the other sequences
// in the batch.
func (b *Block) Backward(dx tensor.Matrix, grad *BlockGradient, dy tensor.Matrix, pass Pass) {
	to := dx
	if dx.Rows == 0 {
		to = dy // of the right shape
	}
	b.check(to, dy, &pass)
	b.checkBackward(grad, dy, &pass)
	w := pass.Work
	w.beginBackward(b, dx, grad, dy, pass)
	w.pool.Run(w.blocks, (*outputBackward)(w))
	w.pool.Run(b.heads*pass.Sequences.Len(), (*headBackward)(w))
	if dx.Rows > 0 || grad.Params != nil {
		w.pool.Run(w.blocks, (*inputBackward)(w))
	}
	if p := grad.Params; p != nil {
		w.back.addNorms(b, p)
		w.back.addOuters(b, pass.Tape, p)
		w.accumulate()
	}
	w.endBackward()
}

func (b *Block) checkBackward(grad *BlockGradient, dy tensor.Matrix, pass *Pass) {
	if t := pass.Tape; t == nil || t.block != b || t.x.Rows != dy.Rows {
		panic("nn: a backward pass needs the tape of this block's last forward pass")
	}
	for h, head := range pass.Heads {
		if _, ok := head.(attention.Trainable); !ok {
			panic(fmt.Sprintf("nn: head %d, a %T, has no backward pass", h, head))
		}
		if c, ok := head.(*attention.Circuit); ok {
			if err := c.HasBackward(); err != nil {
				panic(fmt.Sprintf("nn: head %d: %v", h, err))
			}
		}
	}
	if grad.Curves != nil && len(grad.Curves) != b.heads {
		panic(fmt.Sprintf("nn: %d gradients of tuning curves for %d heads", len(grad.Curves), b.heads))
	}
	for h, c := range grad.Curves {
		for _, other := range grad.Curves[:h] {
			if c != nil && c == other {
				panic(fmt.Sprintf("nn: head %d shares its gradient of tuning curves with another", h))
			}
		}
	}
	p := grad.Params
	if p == nil {
		return
	}
	inner, values := b.heads*b.keyWidth, b.heads*b.valueWidth
	for _, err := range [...]error{
		p.Query.checkGradient("query", inner, b.width),
		p.Key.checkGradient("key", inner, b.width),
		p.Value.checkGradient("value", values, b.width),
		p.Output.checkGradient("attention output", b.width, values),
		p.Up.checkGradient("first feed-forward", b.up.Out(), b.width),
		p.Down.checkGradient("second feed-forward", b.width, b.up.Out()),
		p.AttentionNorm.check("the gradient: the layer normalization of attention", b.width),
		p.OutputNorm.check("the gradient: the layer normalization of the feed-forward layer", b.width),
	} {
		if err != nil {
			panic("nn: " + err.Error())
		}
	}
}

func (w *Workspace) beginBackward(b *Block, dx tensor.Matrix, grad *BlockGradient, dy tensor.Matrix, pass Pass) {
	w.setPrecision(tensor.Float32) // whatever pass came before
	n, k := dy.Rows, &w.back
	w.block, w.pass = b, pass
	w.rows, w.blocks = backwardRows, (n+backwardRows-1)/backwardRows
	k.grad, k.dy, k.dx = grad, dy, dx
	k.dsum = k.dsum.Resize(n, b.width)
	if grad.Params != nil {
		k.fed = k.fed.Resize(n, b.width)
		k.hidden = k.hidden.Resize(n, b.up.Out())
	}
	k.dhidden = k.dhidden.Resize(n, b.up.Out())
	k.dattended = k.dattended.Resize(n, b.width)
	k.dmixed = k.dmixed.Resize(n, b.heads*b.valueWidth)
	k.dinputs = k.dinputs.Resize(n, b.inputs.Out())
	if b.preNorm {
		k.normed = k.normed.Resize(n, b.width)
	}
	k.norms = k.norms.Resize(w.blocks, 4*b.width)
	k.norms.Zero()
	w.x = pass.Tape.x
}

// endBackward lets go of the caller's data.
func (w *Workspace) endBackward() {
	w.block, w.pass, w.x = nil, Pass{}, tensor.Matrix{}
	w.back.grad, w.back.dy, w.back.dx = nil, tensor.Matrix{}, tensor.Matrix{}
}

// norm returns the place for the gradient of a normalization over block i: of
// the first, that of attention, or the last.
func (k *backward) norm(i, which int) LayerNorm {
	row := k.norms.Row(i)
	d := len(row) / 4
	row = row[2*which*d:]
	return LayerNorm{Gain: row[:d:d], Bias: row[d : 2*d : 2*d]}
}

// outputBackward takes a block of rows back to what the heads returned.
type outputBackward Workspace

// Do implements tensor.Task.
func (t *outputBackward) Do(worker, i int) {
	w := (*Workspace)(t)
	b, k, tape := w.block, &w.back, w.pass.Tape
	lo, hi := w.span(i)
	arena := &w.arenas[worker]
	defer arena.Release(arena.Mark())
	attended := tape.attended.SliceRows(lo, hi)
	dsum, dattended := k.dsum.SliceRows(lo, hi), k.dattended.SliceRows(lo, hi)
	if b.preNorm {
		dsum.CopyFrom(k.dy.SliceRows(lo, hi))
	} else {
		b.last.Backward(dsum, k.norm(i, 1), k.dy.SliceRows(lo, hi), tape.sum.SliceRows(lo, hi), arena)
	}
	if k.grad.Params != nil {
		before := b.first
		if b.preNorm {
			before = b.last
		}
		before.Forward(k.fed.SliceRows(lo, hi), attended)
	}

	before, dbefore := tape.hidden.SliceRows(lo, hi), k.dhidden.SliceRows(lo, hi)
	dafter := arena.Matrix(hi-lo, before.Cols)
	if k.grad.Params != nil {
		b.activation.Apply(k.hidden.SliceRows(lo, hi).Data, before.Data)
	}
	tensor.Product(dafter, dsum, b.down.reverse())
	b.activation.Backward(dbefore.Data, dafter.Data, before.Data)
	tensor.Product(dattended, dbefore, b.up.reverse())

	if b.preNorm {
		b.last.Backward(dattended, k.norm(i, 1), dattended, attended, arena)
		addRows(dattended, dsum)
	} else {
		addRows(dattended, dsum)
		b.first.Backward(dattended, k.norm(i, 0), dattended, attended, arena)
	}
	tensor.Product(k.dmixed.SliceRows(lo, hi), dattended, b.output.reverse())
}

// headBackward takes one head of one sequence back. Where tuning curves gather
// a gradient, the first part of a head does all sequences, in their order.
type headBackward Workspace

// Do implements tensor.Task.
func (t *headBackward) Do(worker, i int) {
	w := (*Workspace)(t)
	b, k, tape := w.block, &w.back, w.pass.Tape
	s, h := i/b.heads, i%b.heads
	var curves *attention.CurvesGradient
	seqs := w.pass.Sequences.Slice(s, s+1)
	if k.grad.Curves != nil && k.grad.Curves[h] != nil {
		if s > 0 {
			return
		}
		curves, seqs = k.grad.Curves[h], w.pass.Sequences
	}
	q, key, v := b.split(tape.inputs, h)
	dq, dk, dv := b.split(k.dinputs, h)
	lo, hi := h*b.valueWidth, (h+1)*b.valueWidth
	w.pass.Heads[h].(attention.Trainable).Backward(
		attention.Gradient{Query: dq, Key: dk, Value: dv, Curves: curves},
		k.dmixed.SliceCols(lo, hi), tape.mixed.SliceCols(lo, hi), tape.logC.Row(h), q, key, v, seqs, &w.arenas[worker])
}

// inputBackward takes a block of rows back from queries, keys and values to the
// input of the block.
type inputBackward Workspace

// Do implements tensor.Task.
func (t *inputBackward) Do(worker, i int) {
	w := (*Workspace)(t)
	b, k := w.block, &w.back
	lo, hi := w.span(i)
	arena := &w.arenas[worker]
	defer arena.Release(arena.Mark())
	dx := arena.Matrix(hi-lo, b.width) // unless somebody wants it
	if k.dx.Rows > 0 {
		dx = k.dx.SliceRows(lo, hi)
	}
	tensor.Product(dx, k.dinputs.SliceRows(lo, hi), b.inputs.reverse())
	if b.preNorm {
		x := w.x.SliceRows(lo, hi)
		b.first.Forward(k.normed.SliceRows(lo, hi), x)
		b.first.Backward(dx, k.norm(i, 0), dx, x, arena)
	}
	addRows(dx, k.dattended.SliceRows(lo, hi))
}

// addNorms adds up the gradients of the normalizations, block by block.
func (k *backward) addNorms(b *Block, p *BlockParams) {
	for i := range k.norms.Rows {
		for which, to := range [...]LayerNorm{p.AttentionNorm, p.OutputNorm} {
			from := k.norm(i, which)
			if to.Gain != nil {
				tensor.Add(to.Gain, to.Gain, from.Gain)
			}
			if to.Bias != nil {
				tensor.Add(to.Bias, to.Bias, from.Bias)
			}
		}
	}
}

// addOuters lists the weight gradients.
func (k *backward) addOuters(b *Block, tape *Tape, p *BlockParams) {
	x := tape.x
	if b.preNorm {
		x = k.normed
	}
	keys := b.heads * b.keyWidth
	k.outers = k.outers[:0]
	for _, o := range [...]outer{
		{dy: k.dinputs.SliceCols(0, keys), x: x, grad: p.Query, scale: b.root},
		{dy: k.dinputs.SliceCols(keys, 2*keys), x: x, grad: p.Key, scale: b.root},
		{dy: k.dinputs.SliceCols(2*keys, k.dinputs.Cols), x: x, grad: p.Value},
		{dy: k.dattended, x: tape.mixed, grad: p.Output},
		{dy: k.dhidden, x: k.fed, grad: p.Up},
		{dy: k.dsum, x: k.hidden, grad: p.Down},
	} {
		if o.grad.Weight.Rows > 0 || o.grad.Bias != nil {
			k.outers = append(k.outers, o)
		}
	}
}
