package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/nn"
)

// linear is a matrix and the constant added to its products, as checkpoints
// hold them.
type linear struct {
	weight  string    // the tensor [out, in], which is read when it is packed
	bias    []float32 // [out]
	out, in int
}

// norm is a layer normalization.
type norm struct{ gain, bias []float32 }

func (n *norm) layer(c *Config) nn.LayerNorm {
	return nn.LayerNorm{Gain: n.gain, Bias: n.bias, Epsilon: float32(c.Epsilon)}
}

// blockWeights are the parts of a block, whatever a checkpoint calls them.
type blockWeights struct {
	name                      string // in errors
	query, key, value, output *linear
	up, down                  *linear
	attentionNorm, outputNorm *norm
}

// build packs a block.
func (w *blockWeights) build(c *Config, r *reader) (*nn.Block, error) {
	p, err := r.projections(w.query, w.key, w.value, w.output, w.up, w.down)
	if err != nil {
		return nil, err
	}
	b, err := nn.NewBlock(nn.BlockConfig{Heads: c.Heads, Activation: c.Activation, Precision: c.precision}, nn.BlockParams{
		Query: p[0], Key: p[1], Value: p[2], Output: p[3], Up: p[4], Down: p[5],
		AttentionNorm: w.attentionNorm.layer(c), OutputNorm: w.outputNorm.layer(c),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	return b, nil
}
