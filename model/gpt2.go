package model

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/nn"
)

// gpt2Weights mirrors the checkpoints of GPT-2 (Radford et al., Language models
// are unsupervised multitask learners, 2019) in transformers. Its linear maps,
// called Conv1D there, are stored transposed.
type gpt2Weights struct {
	Words     []float32   `tensor:"transformer.wte.weight" shape:"vocab_size hidden_size"`
	Positions []float32   `tensor:"transformer.wpe.weight" shape:"max_position_embeddings hidden_size"`
	Layers    []gpt2Layer `tensor:"transformer.h" count:"num_hidden_layers"`
	Norm      norm        `tensor:"transformer.ln_f" shape:"hidden_size"`
	Next      nextWord    `tensor:"lm_head"`
}

type gpt2Layer struct {
	AttentionNorm norm   `tensor:"ln_1" shape:"hidden_size"`
	Inputs        linear `tensor:"attn.c_attn,transposed" shape:"3*hidden_size hidden_size"`
	Output        linear `tensor:"attn.c_proj,transposed" shape:"hidden_size hidden_size"`
	OutputNorm    norm   `tensor:"ln_2" shape:"hidden_size"`
	Up            linear `tensor:"mlp.c_fc,transposed" shape:"intermediate_size hidden_size"`
	Down          linear `tensor:"mlp.c_proj,transposed" shape:"hidden_size intermediate_size"`
}

func configureGPT2(c *Config, f *fields) {
	c.Causal, c.preNorm = true, true
	c.Vocabulary = f.size("vocab_size", 50257)
	c.Positions = f.size("n_positions", 1024, "max_position_embeddings")
	c.Width = f.size("n_embd", 768, "hidden_size")
	c.EmbeddingSize = c.Width
	c.FeedForward = f.size("n_inner", 4*c.Width)
	c.Heads = f.size("n_head", 12, "num_attention_heads")
	c.Layers = f.size("n_layer", 12, "num_hidden_layers")
	c.Activation = f.activation("activation_function", "gelu_new")
	c.Epsilon = f.epsilon("layer_norm_epsilon", 1e-5)
	c.Tied = f.flag("tie_word_embeddings", true)
	c.scaled.width = f.flag("scale_attn_weights", true)
	c.scaled.layer = f.flag("scale_attn_by_inverse_layer_idx", false)
	f.flag("reorder_and_upcast_attn", false) // another order of the same sums
	f.unsupported("add_cross_attention")
}

func loadGPT2(c *Config, from *source) (*Model, error) {
	var w gpt2Weights
	found, err := bind(from, c, layout{
		base: "transformer.",
		// Buffers of the causal mask, and heads for tasks that are not offered: whole
		// texts, multiple choice, single tokens, spans of an answer.
		ignorable: []string{
			"transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias",
			"score.", "multiple_choice_head.", "classifier.", "qa_outputs.",
		},
	}, &w)
	if err != nil {
		return nil, err
	}
	m := newModel(c, found)
	m.embedding = &tokenEmbedding{words: table(c, w.Words), positions: table(c, w.Positions)}
	m.final = &finalNorm{w.Norm.layer(c), true}
	m.words = w.Next.head(c, w.Words)
	blocks := make([]blockWeights, len(w.Layers))
	for i := range blocks {
		l := &w.Layers[i]
		blocks[i] = blockWeights{
			name:  fmt.Sprintf("layer %d", i),
			fused: &l.Inputs, layout: nn.Thirds, output: &l.Output, attentionNorm: &l.AttentionNorm,
			up: &l.Up, down: &l.Down, outputNorm: &l.OutputNorm,
			scale: c.gpt2Scale(i),
		}
	}
	m.blocks, err = from.blocks(c, blocks)
	return m, err
}

// gpt2Scale returns what the logits of a layer are multiplied by.
func (c *Config) gpt2Scale(layer int) float64 {
	scale := 1.0
	if c.scaled.width {
		scale = 1 / math.Sqrt(float64(c.HeadWidth()))
	}
	if c.scaled.layer {
		scale /= float64(layer + 1)
	}
	return scale
}
