package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/nn"
)

// bertWeights mirrors the checkpoints of BERT (Devlin et al.,
// arXiv:1810.04805): BertForPreTraining of transformers, of which all others
// hold a part.
type bertWeights struct {
	Embeddings textTables  `tensor:"bert.embeddings"`
	Layers     []bertLayer `tensor:"bert.encoder.layer" count:"num_hidden_layers"`
	Pooler     *linear     `tensor:"bert.pooler.dense" shape:"hidden_size hidden_size"`
	Words      *bertWords  `tensor:"cls.predictions"`
}

type bertLayer struct {
	Query      linear `tensor:"attention.self.query" shape:"hidden_size hidden_size"`
	Key        linear `tensor:"attention.self.key" shape:"hidden_size hidden_size"`
	Value      linear `tensor:"attention.self.value" shape:"hidden_size hidden_size"`
	Output     linear `tensor:"attention.output.dense" shape:"hidden_size hidden_size"`
	OutputNorm norm   `tensor:"attention.output.LayerNorm" shape:"hidden_size"`
	Up         linear `tensor:"intermediate.dense" shape:"intermediate_size hidden_size"`
	Down       linear `tensor:"output.dense" shape:"hidden_size intermediate_size"`
	DownNorm   norm   `tensor:"output.LayerNorm" shape:"hidden_size"`
}

// bertWords is the masked-language-model head.
type bertWords struct {
	Transform linear  `tensor:"transform.dense" shape:"hidden_size hidden_size"`
	Norm      norm    `tensor:"transform.LayerNorm" shape:"hidden_size"`
	Decoder   decoder `tensor:""`
}

func configureBERT(c *Config, f *fields) {
	c.Vocabulary = f.size("vocab_size", 30522)
	c.Segments = f.size("type_vocab_size", 2)
	c.Positions = f.size("max_position_embeddings", 512)
	c.Width = f.size("hidden_size", 768)
	c.EmbeddingSize = c.Width
	c.FeedForward = f.size("intermediate_size", 3072)
	c.Heads = f.size("num_attention_heads", 12)
	c.Layers = f.size("num_hidden_layers", 12)
	c.Activation = f.activation("hidden_act", "gelu")
	c.Epsilon = f.epsilon("layer_norm_eps", 1e-12)
	c.Tied = f.flag("tie_word_embeddings", true)
	f.encoder()
}

func loadBERT(c *Config, from *source) (*Model, error) {
	var w bertWeights
	found, err := bind(from, c, layout{
		base: "bert.",
		// A buffer that old versions of transformers stored, and heads for tasks that
		// are not offered: next sentence; whole texts, single tokens, multiple choice;
		// spans of an answer.
		ignorable: []string{"bert.embeddings.position_ids", "cls.seq_relationship.", "classifier.", "qa_outputs."},
	}, &w)
	if err != nil {
		return nil, err
	}
	m := newModel(c, found)
	m.embedding = newTextEmbedding(c, w.Embeddings, nil)
	blocks := make([]blockWeights, len(w.Layers))
	for i := range blocks {
		l := &w.Layers[i]
		blocks[i] = blockWeights{
			name:  fmt.Sprintf("layer %d", i),
			query: &l.Query, key: &l.Key, value: &l.Value, output: &l.Output, attentionNorm: &l.OutputNorm,
			up: &l.Up, down: &l.Down, outputNorm: &l.DownNorm,
		}
	}
	if m.blocks, err = from.blocks(c, blocks); err != nil {
		return nil, err
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
