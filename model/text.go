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

// tokenEmbedding turns tokens into the first hidden states: word, segment and
// position added, normalized and, where embeddings are narrower than the blocks,
// projected. Only words are always there.
type tokenEmbedding struct {
	words, segments, positions nn.Embedding
	norm                       *nn.LayerNorm
	projection                 *nn.Linear
}

// table is the embedding whose rows follow one another in data.
func table(c *Config, data []float32) nn.Embedding {
	return nn.Embedding{Table: tensor.FromData(data, len(data)/c.EmbeddingSize, c.EmbeddingSize)}
}

func newTextEmbedding(c *Config, t textTables, projection *nn.Linear) *tokenEmbedding {
	norm := t.Norm.layer(c)
	return &tokenEmbedding{table(c, t.Words), table(c, t.Segments), table(c, t.Positions), &norm, projection}
}

// forward implements embedding.
func (e *tokenEmbedding) forward(dst tensor.Matrix, b Batch, pool *tensor.Pool) error {
	x := dst
	if e.projection != nil {
		x = tensor.New(dst.Rows, e.projection.In())
	}
	if err := e.words.Lookup(x, b.IDs); err != nil {
		return fmt.Errorf("token ids: %w", err)
	}
	// The order of additions is that of transformers.
	if e.segments.Table.Rows > 0 {
		if err := e.segments.Add(x, b.Segments); err != nil {
			return fmt.Errorf("segments: %w", err)
		}
	}
	if e.positions.Table.Rows > 0 {
		if err := e.positions.Add(x, b.Positions); err != nil {
			return fmt.Errorf("positions: %w", err)
		}
	}
	if e.norm != nil {
		e.norm.Forward(x, x)
	}
	if e.projection != nil {
		e.projection.Forward(pool, dst, x)
	}
	return nil
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

// wordHead gives the logits of words: of masked ones, by a dense layer,
// activation, layer normalization and decoder, or of the next one, by the decoder
// alone.
type wordHead struct {
	transform *wordTransform   // nil for none
	decoder   func() nn.Linear // packed when it is wanted first: as large as the table of words
}

type wordTransform struct {
	dense      nn.Linear
	activation nn.Activation
	norm       nn.LayerNorm
}

func newWordHead(c *Config, from *source, transform linear, n norm, d decoder, words []float32) (*wordHead, error) {
	dense, err := from.layer(c, &transform)
	if err != nil {
		return nil, err
	}
	return &wordHead{
		transform: &wordTransform{dense, c.Activation, n.layer(c)},
		decoder:   sync.OnceValue(func() nn.Linear { return d.layer(c, words) }),
	}, nil
}

// forward returns the logits [n, V] of hidden states [n, D].
func (h *wordHead) forward(states tensor.Matrix, pool *tensor.Pool) tensor.Matrix {
	if t := h.transform; t != nil {
		x := tensor.New(states.Rows, t.dense.Out())
		t.dense.Forward(pool, x, states)
		t.activation.Apply(x.Data, x.Data)
		t.norm.Forward(x, x)
		states = x
	}
	decoder := h.decoder()
	logits := tensor.New(states.Rows, decoder.Out())
	decoder.Forward(pool, logits, states)
	return logits
}
