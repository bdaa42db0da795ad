package nn

import "github.com/tripartite-go/tripartite/tensor"

// Tape keeps of one pass of one block what the pass back needs. Its memory is
// used again in the next pass. Every application of a block needs a tape of its
// own until it has gone back.
type Tape struct {
	block    *Block
	x        tensor.Matrix // [N, D] the input
	inputs   tensor.Matrix // [N, 2·heads·d + heads·dv] queries, keys, values
	mixed    tensor.Matrix // [N, heads·dv] what the heads returned
	logC     tensor.Matrix // [heads, N]
	attended tensor.Matrix // [N, D] the sum of input and attention
	hidden   tensor.Matrix // [N, F] before the activation
	sum      tensor.Matrix // [N, D] before the last normalization; unused with PreNorm
}

func (t *Tape) begin(b *Block, x tensor.Matrix) {
	n := x.Rows
	t.block = b
	t.x = t.x.Resize(n, b.width)
	t.x.CopyFrom(x)
	t.inputs = t.inputs.Resize(n, b.inputs.Out())
	t.mixed = t.mixed.Resize(n, b.heads*b.valueWidth)
	t.logC = t.logC.Resize(b.heads, n)
	t.attended = t.attended.Resize(n, b.width)
	t.hidden = t.hidden.Resize(n, b.up.Out())
	if !b.preNorm {
		t.sum = t.sum.Resize(n, b.width)
	}
}
