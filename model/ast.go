package model

import "github.com/tripartite-go/tripartite/nn"

// astWeights mirrors the checkpoints of the Audio Spectrogram Transformer (Gong,
// Chung & Glass, arXiv:2104.01778) in transformers.
type astWeights struct {
	Embeddings distilledTables `tensor:"audio_spectrogram_transformer.embeddings"`
	Layers     []patchLayer    `tensor:"audio_spectrogram_transformer.layers" count:"num_hidden_layers"`
	Norm       norm            `tensor:"audio_spectrogram_transformer.layernorm" shape:"hidden_size"`
	Classifier *astClassifier  `tensor:"classifier"`
}

// astClassifier normalizes once more.
type astClassifier struct {
	Norm  norm   `tensor:"layernorm" shape:"hidden_size"`
	Dense linear `tensor:"dense" shape:"num_labels hidden_size"`
}

func configureAST(c *Config, f *fields) {
	configurePatches(c, f)
	c.Input = Spectrogram
	g := &c.Grid
	g.Channels = 1
	g.Height, g.Width = f.size("num_mel_bins", 128), f.size("max_length", 1024)
	g.PatchHeight = f.size("patch_size", 16)
	g.PatchWidth = g.PatchHeight
	g.StrideHeight, g.StrideWidth = f.size("frequency_stride", 10), f.size("time_stride", 10)
	c.countTokens(2)
}

func loadAST(c *Config, from *source) (*Model, error) {
	var w astWeights
	found, err := bind(from, c, patchLayout("audio_spectrogram_transformer."), &w)
	if err != nil {
		return nil, err
	}
	tables := &w.Embeddings
	m, err := newPatchModel(c, from, found, &tables.Patches, w.Layers, &w.Norm, tables.Patches.Class, tables.Distillation)
	if err != nil {
		return nil, err
	}
	m.pooler = &pooler{tokens: 2}
	if h := w.Classifier; h != nil {
		norm := h.Norm.layer(c)
		var dense nn.Linear
		if dense, err = from.layer(c, &h.Dense); err != nil {
			return nil, err
		}
		m.classifier = &classifier{[]verdict{{tokens: 2, norm: &norm, dense: dense}}}
		c.nameLabels()
	}
	return m, nil
}
