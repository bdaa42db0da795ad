package model

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// What encoders of text have in common: how tokens enter and how words leave.

// textTables mirrors the embeddings of BERT and ALBERT.
type textTables struct {
	Words     []float32 `tensor:"word_embeddings.weight" shape:"vocab_size embedding_size"`
	Positions []float32 `tensor:"position_embeddings.weight" shape:"max_position_embeddings embedding_size"`
	Segments  []float32 `tensor:"token_type_embeddings.weight" shape:"type_vocab_size embedding_size"`
	Norm      norm      `tensor:"LayerNorm" shape:"embedding_size"`
}

// textEmbedding turns tokens into the first hidden states: word, position and
// segment added, normalized and, where embeddings are narrower than the blocks,
// projected.
type textEmbedding struct {
	words, positions, segments nn.Embedding
	norm                       nn.LayerNorm
	projection                 *nn.Linear
}

func newTextEmbedding(c *Config, t textTables, projection *nn.Linear) textEmbedding {
	table := func(data []float32, rows int) nn.Embedding {
		return nn.Embedding{Table: tensor.FromData(data, rows, c.EmbeddingSize)}
	}
	return textEmbedding{
		words:      table(t.Words, c.Vocabulary),
		positions:  table(t.Positions, c.Positions),
		segments:   table(t.Segments, c.Segments),
		norm:       t.Norm.layer(c),
		projection: projection,
	}
}

// forward returns the first hidden states [N, D] of a batch that was checked.
func (e *textEmbedding) forward(b Batch, pool *tensor.Pool) (tensor.Matrix, error) {
	x := tensor.New(len(b.IDs), e.words.Table.Cols)
	if err := e.words.Lookup(x, b.IDs); err != nil {
		return x, fmt.Errorf("token ids: %w", err)
	}
	// The order of additions is that of transformers.
	if err := e.segments.Add(x, b.Segments); err != nil {
		return x, fmt.Errorf("segments: %w", err)
	}
	if err := e.positions.Add(x, b.Positions); err != nil {
		return x, fmt.Errorf("positions: %w", err)
	}
	e.norm.Forward(x, x)
	if e.projection == nil {
		return x, nil
	}
	wide := tensor.New(x.Rows, e.projection.Out())
	e.projection.Forward(pool, wide, x)
	return wide, nil
}

// decoder mirrors what turns an embedding into logits. Most checkpoints
// store the matrix though it is the table of words, newer ones leave it out; the
// bias comes under either name or both.
type decoder struct {
	Bias       []float32 `tensor:"bias,optional" shape:"vocab_size"`
	Weight     []float32 `tensor:"decoder.weight,optional" shape:"vocab_size embedding_size"`
	WeightBias []float32 `tensor:"decoder.bias,optional" shape:"vocab_size"`
}

// demand asks for one of the biases, and for the matrix where it is not tied.
func (d *decoder) demand(b *binder, name string) {
	if weight := join(name, "decoder.weight"); !b.config.Tied && !b.has(weight) {
		b.lack(weight)
	}
	if bias := join(name, "bias"); !b.has(bias) && !b.has(join(name, "decoder.bias")) {
		b.lack(bias)
	}
}

// layer returns the decoder that transformers would use: a stored one, which
// most often is the table of words, else that table.
func (d *decoder) layer(c *Config, words []float32) nn.Linear {
	weight, bias := words, d.Bias
	if d.Weight != nil && !slices.Equal(d.Weight, words) {
		weight = d.Weight
	}
	if d.WeightBias != nil {
		bias = d.WeightBias
	}
	return nn.NewLinear(nn.Projection{Weight: tensor.FromData(weight, c.Vocabulary, c.EmbeddingSize), Bias: bias}, c.precision)
}

// wordHead is the masked-language-model head: dense layer, activation, layer
// normalization, decoder.
type wordHead struct {
	transform  nn.Linear
	activation nn.Activation
	norm       nn.LayerNorm
	decoder    func() nn.Linear // packed when it is wanted first: as large as the table of words
}

func newWordHead(c *Config, from *source, transform linear, n norm, d decoder, words []float32) (*wordHead, error) {
	t, err := from.layer(c, &transform)
	if err != nil {
		return nil, err
	}
	return &wordHead{
		transform: t, activation: c.Activation, norm: n.layer(c),
		decoder: sync.OnceValue(func() nn.Linear { return d.layer(c, words) }),
	}, nil
}

// forward returns the logits [n, V] of hidden states [n, D].
func (h *wordHead) forward(states tensor.Matrix, pool *tensor.Pool) tensor.Matrix {
	x := tensor.New(states.Rows, h.transform.Out())
	h.transform.Forward(pool, x, states)
	h.activation.Apply(x.Data, x.Data)
	h.norm.Forward(x, x)
	decoder := h.decoder()
	logits := tensor.New(x.Rows, decoder.Out())
	decoder.Forward(pool, logits, x)
	return logits
}
