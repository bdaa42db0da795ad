package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// The shape of all-MiniLM-L6-v2.
const (
	layers      = 6
	width       = 384
	heads       = 12
	headWidth   = width / heads
	feedForward = 1536
)

// Streams of random numbers of one seed.
const (
	streamWeights = iota
	streamInput
	streamNeurons
	streamNotebook
	streamLanguage
)

// Encoder is the stack of blocks of an encoder of MiniLM's shape with random
// weights: 6 layers of width 384, 12 heads, a feed-forward width of 1,536.
// Embeddings are left out.
type Encoder struct {
	blocks    []*nn.Block
	seed      uint64
	precision tensor.Precision
}

// NewEncoder draws the weights of an encoder with products in a precision.
func NewEncoder(precision tensor.Precision, seed uint64) (*Encoder, error) {
	e := &Encoder{seed: seed, precision: precision}
	for l := range layers {
		rng := tuning.NewRand(seed, streamWeights, l)
		ones := make([]float32, width)
		for i := range ones {
			ones[i] = 1
		}
		norm := nn.LayerNorm{Gain: ones, Bias: make([]float32, width), Epsilon: 1e-12}
		linear := func(out, in int) nn.Projection {
			return nn.Projection{Weight: gaussian(rng, out, in, 0.04), Bias: make([]float32, out)}
		}
		b, err := nn.NewBlock(nn.BlockConfig{Heads: heads, Precision: precision}, nn.BlockParams{
			Query: linear(width, width), Key: linear(width, width), Value: linear(width, width), Output: linear(width, width),
			Up: linear(feedForward, width), Down: linear(width, feedForward), AttentionNorm: norm, OutputNorm: norm,
		})
		if err != nil {
			return nil, fmt.Errorf("encoder of MiniLM's shape: %w", err)
		}
		e.blocks = append(e.blocks, b)
	}
	return e, nil
}

// Heads returns the heads of every layer: softmax for 0 neurons, else circuits
// of that many neurons with tuning curves exp and orthogonal weights.
func (e *Encoder) Heads(neurons int) ([][]attention.Head, error) {
	all := make([][]attention.Head, layers)
	for l := range all {
		for h := range heads {
			if neurons == 0 {
				all[l] = append(all[l], attention.Softmax{})
				continue
			}
			c, err := circuit(headWidth, neurons, false, e.precision, tuning.NewRand(e.seed, streamNeurons, l, h))
			if err != nil {
				return nil, err
			}
			all[l] = append(all[l], c)
		}
	}
	return all, nil
}

// Input returns random activations for so many tokens [tokens, 384].
func (e *Encoder) Input(tokens int) tensor.Matrix {
	return gaussian(tuning.NewRand(e.seed, streamInput), tokens, width, 1)
}

// Forward runs x through all layers into dst, which has the same shape. It stops
// between layers when the context is done.
func (e *Encoder) Forward(ctx context.Context, dst, x tensor.Matrix, seqs tensor.Sequences, heads [][]attention.Head, work *nn.Workspace) error {
	for l, b := range e.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.Forward(dst, x, nn.Pass{Sequences: seqs, Heads: heads[l], Work: work})
		x = dst
	}
	return nil
}

func circuit(d, neurons int, causal bool, precision tensor.Precision, rng *rand.Rand) (*attention.Circuit, error) {
	curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d, W: tuning.Weights(tuning.Orthogonal, neurons, d, rng)})
	if err != nil {
		return nil, err
	}
	return attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: causal, Precision: precision})
}

func gaussian(rng *rand.Rand, rows, cols int, scale float64) tensor.Matrix {
	m := tensor.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(scale * rng.NormFloat64())
	}
	return m
}
