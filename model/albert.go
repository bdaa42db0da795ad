package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/nn"
)

// albertWeights mirrors the checkpoints of ALBERT (Lan et al.,
// arXiv:1909.11942): AlbertForPreTraining of transformers, of which all others
// hold a part. Layers of a group share their weights, so that with one group the
// network is recurrent.
type albertWeights struct {
	Embeddings textTables    `tensor:"albert.embeddings"`
	Projection linear        `tensor:"albert.encoder.embedding_hidden_mapping_in" shape:"hidden_size embedding_size"`
	Groups     []albertGroup `tensor:"albert.encoder.albert_layer_groups" count:"num_hidden_groups"`
	Pooler     *linear       `tensor:"albert.pooler" shape:"hidden_size hidden_size"`
	Words      *albertWords  `tensor:"predictions"`
}

type albertGroup struct {
	Layers []albertLayer `tensor:"albert_layers" count:"inner_group_num"`
}

type albertLayer struct {
	Query      linear `tensor:"attention.query" shape:"hidden_size hidden_size"`
	Key        linear `tensor:"attention.key" shape:"hidden_size hidden_size"`
	Value      linear `tensor:"attention.value" shape:"hidden_size hidden_size"`
	Output     linear `tensor:"attention.dense" shape:"hidden_size hidden_size"`
	OutputNorm norm   `tensor:"attention.LayerNorm" shape:"hidden_size"`
	Up         linear `tensor:"ffn" shape:"intermediate_size hidden_size"`
	Down       linear `tensor:"ffn_output" shape:"hidden_size intermediate_size"`
	DownNorm   norm   `tensor:"full_layer_layer_norm" shape:"hidden_size"`
}

// albertWords is the masked-language-model head.
type albertWords struct {
	Transform linear  `tensor:"dense" shape:"embedding_size hidden_size"`
	Norm      norm    `tensor:"LayerNorm" shape:"embedding_size"`
	Decoder   decoder `tensor:""`
}

func configureALBERT(c *Config, f *fields) {
	c.Vocabulary = f.size("vocab_size", 30000)
	c.Segments = f.size("type_vocab_size", 2)
	c.Positions = f.size("max_position_embeddings", 512)
	c.EmbeddingSize = f.size("embedding_size", 128)
	c.Width = f.size("hidden_size", 4096)
	c.FeedForward = f.size("intermediate_size", 16384)
	c.Heads = f.size("num_attention_heads", 64)
	c.Layers = f.size("num_hidden_layers", 12)
	c.Groups = f.size("num_hidden_groups", 1)
	c.Inner = f.size("inner_group_num", 1)
	c.Activation = f.activation("hidden_act", "gelu_new")
	c.Epsilon = f.epsilon("layer_norm_eps", 1e-12)
	c.Tied = f.flag("tie_word_embeddings", true)
	f.encoder()
}

func loadALBERT(c *Config, from *source) (*Model, error) {
	var w albertWeights
	found, err := bind(from, c, layout{
		base: "albert.",
		// A buffer that old versions of transformers stored, and heads for tasks that
		// are not offered: sentence order; whole texts, single tokens, multiple choice;
		// spans of an answer.
		ignorable: []string{"albert.embeddings.position_ids", "sop_classifier.", "classifier.", "qa_outputs."},
	}, &w)
	if err != nil {
		return nil, err
	}
	m := newModel(c, found)
	projection, err := from.layer(c, &w.Projection)
	if err != nil {
		return nil, err
	}
	m.embedding = newTextEmbedding(c, w.Embeddings, &projection)
	var weights []blockWeights // of all groups, one after another
	for g := range w.Groups {
		for i := range w.Groups[g].Layers {
			l := &w.Groups[g].Layers[i]
			weights = append(weights, blockWeights{
				name:  fmt.Sprintf("group %d, layer %d", g, i),
				query: &l.Query, key: &l.Key, value: &l.Value, output: &l.Output, attentionNorm: &l.OutputNorm,
				up: &l.Up, down: &l.Down, outputNorm: &l.DownNorm,
			})
		}
	}
	blocks, err := from.blocks(c, weights)
	if err != nil {
		return nil, err
	}
	for layer := range c.Layers {
		first := albertGroupOf(layer, c.Layers, c.Groups) * c.Inner
		m.blocks = append(m.blocks, blocks[first:first+c.Inner]...)
	}
	if w.Pooler != nil {
		if m.pooler, err = from.pooler(c, w.Pooler, nn.Tanh); err != nil {
			return nil, err
		}
	}
	if h := w.Words; h != nil {
		if m.words, err = newWordHead(c, from, h.Transform, h.Norm, h.Decoder, w.Embeddings.Words); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// albertGroupOf returns the group of a layer as transformers computes it, in
// floating point: int(layer / (layers / groups)).
func albertGroupOf(layer, layers, groups int) int {
	return int(float64(layer) / (float64(layers) / float64(groups)))
}
