package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/nn"
)

// linear is a matrix and the constant added to its products, as checkpoints
// hold them.
type linear struct {
	weight  string    // the tensor [out, in], which is read when it is packed
	bias    []float32 // [out], nil for none
	out, in int
	// transposed says that the tensor is stored as [in, out].
	transposed bool
}

// size returns the numbers that are in memory while the weight is read.
func (l *linear) size() int {
	if l.transposed {
		return 2 * l.out * l.in
	}
	return l.out * l.in
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
	fused                     *linear // instead of query, key and value
	layout                    nn.Layout
	up, down                  *linear
	attentionNorm, outputNorm *norm
	scale                     float64 // of the logits, 0 for 1/sqrt(d)
}

// build packs a block.
func (w *blockWeights) build(c *Config, r *reader) (*nn.Block, error) {
	params := nn.BlockParams{AttentionNorm: w.attentionNorm.layer(c), OutputNorm: w.outputNorm.layer(c)}
	err := w.read(&params, c, r)
	if err != nil {
		return nil, err
	}
	b, err := nn.NewBlock(nn.BlockConfig{
		Heads: c.Heads, PreNorm: c.preNorm, Activation: c.Activation, LogitScale: w.scale, Precision: c.precision,
	}, params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	return b, nil
}

// read reads the linear maps.
func (w *blockWeights) read(to *nn.BlockParams, c *Config, r *reader) error {
	if w.fused == nil {
		p, err := r.projections(w.query, w.key, w.value, w.output, w.up, w.down)
		if err != nil {
			return err
		}
		to.Query, to.Key, to.Value, to.Output, to.Up, to.Down = p[0], p[1], p[2], p[3], p[4], p[5]
		return nil
	}
	p, err := r.projections(w.fused, w.output, w.up, w.down)
	if err != nil {
		return err
	}
	to.Output, to.Up, to.Down = p[1], p[2], p[3]
	if to.Query, to.Key, to.Value, err = nn.Unfuse(p[0], c.Heads, w.layout); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	return nil
}
