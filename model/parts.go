package model

import (
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// linear is a matrix and the constant added to its products, as checkpoints
// hold them.
type linear struct {
	weight  []float32 // [out, in]
	bias    []float32 // [out]
	out, in int
}

func (l *linear) projection() nn.Projection {
	return nn.Projection{Weight: tensor.FromData(l.weight, l.out, l.in), Bias: l.bias}
}

func (l *linear) layer(c *Config) nn.Linear { return nn.NewLinear(l.projection(), c.precision) }

// norm is a layer normalization.
type norm struct{ gain, bias []float32 }

func (n *norm) layer(c *Config) nn.LayerNorm {
	return nn.LayerNorm{Gain: n.gain, Bias: n.bias, Epsilon: float32(c.Epsilon)}
}
