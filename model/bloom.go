package model

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/tripartite-go/tripartite/nn"
)

// bloomWeights mirrors the checkpoints of BLOOM (BigScience, arXiv:2211.05100) in
// transformers. Rows of its fused projections are [head, query or key or value,
// head width].
type bloomWeights struct {
	Words     []float32    `tensor:"transformer.word_embeddings.weight" shape:"vocab_size hidden_size"`
	WordsNorm norm         `tensor:"transformer.word_embeddings_layernorm" shape:"hidden_size"`
	Layers    []bloomLayer `tensor:"transformer.h" count:"num_hidden_layers"`
	Norm      norm         `tensor:"transformer.ln_f" shape:"hidden_size"`
	Next      nextWord     `tensor:"lm_head"`
}

type bloomLayer struct {
	AttentionNorm norm   `tensor:"input_layernorm" shape:"hidden_size"`
	Inputs        linear `tensor:"self_attention.query_key_value" shape:"3*hidden_size hidden_size"`
	Output        linear `tensor:"self_attention.dense" shape:"hidden_size hidden_size"`
	OutputNorm    norm   `tensor:"post_attention_layernorm" shape:"hidden_size"`
	Up            linear `tensor:"mlp.dense_h_to_4h" shape:"intermediate_size hidden_size"`
	Down          linear `tensor:"mlp.dense_4h_to_h" shape:"hidden_size intermediate_size"`
}

// configureBLOOM leaves some options of old files alone: seq_length, which was
// the length in training, offset_alibi, which adds the same to every logit, and
// pretraining_tp with slow_but_exact, which order sums as the trainers' devices did.
func configureBLOOM(c *Config, f *fields) {
	c.Causal, c.preNorm = true, true
	c.Vocabulary = f.size("vocab_size", 250880)
	c.Width = f.size("hidden_size", 64, "n_embed")
	c.EmbeddingSize = c.Width
	c.FeedForward = 4 * c.Width
	c.Heads = f.size("n_head", 8, "num_attention_heads")
	c.Layers = f.size("n_layer", 2, "num_hidden_layers")
	c.Activation = nn.GELUTanh // never named
	c.Epsilon = f.epsilon("layer_norm_epsilon", 1e-5)
	c.Tied = f.flag("tie_word_embeddings", true)
	f.unsupported("apply_residual_connection_post_layernorm")
}

func loadBLOOM(c *Config, from *source) (*Model, error) {
	var w bloomWeights
	found, err := bind(from, c, layout{
		base: "transformer.",
		// Heads for tasks that are not offered: whole texts, single tokens, spans of an
		// answer.
		ignorable: []string{"score.", "classifier.", "qa_outputs."},
	}, &w)
	if err != nil {
		return nil, err
	}
	m := newModel(c, found)
	norm := w.WordsNorm.layer(c)
	m.embedding = &tokenEmbedding{words: table(c, w.Words), norm: &norm}
	m.final = &finalNorm{w.Norm.layer(c), true}
	m.slopes = alibiSlopes(c.Heads)
	m.words = w.Next.head(c, w.Words)
	blocks := make([]blockWeights, len(w.Layers))
	for i := range blocks {
		l := &w.Layers[i]
		blocks[i] = blockWeights{
			name:  fmt.Sprintf("layer %d", i),
			fused: &l.Inputs, layout: nn.PerHead, output: &l.Output, attentionNorm: &l.AttentionNorm,
			up: &l.Up, down: &l.Down, outputNorm: &l.OutputNorm,
		}
	}
	m.blocks, err = from.blocks(c, blocks)
	return m, err
}

// alibiSlopes returns the slopes of ALiBi (Press, Smith & Lewis,
// arXiv:2108.12409): for p heads, p a power of two, the first p powers of
// 2^(-8/p). What heads there are beyond a power of two take every other slope of
// twice as many, from the first on. They are not divided by sqrt(d).
func alibiSlopes(heads int) []float32 {
	p := 1 << (bits.Len(uint(heads)) - 1)
	slopes := make([]float32, heads)
	for h := range slopes {
		exponent := float64(h+1) * 8 / float64(p)
		if h >= p {
			exponent = float64(2*(h-p)+1) * 8 / float64(2*p)
		}
		slopes[h] = float32(math.Exp2(-exponent))
	}
	return slopes
}
