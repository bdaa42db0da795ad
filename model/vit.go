package model

// vitWeights mirrors the checkpoints of ViT (Dosovitskiy et al.,
// arXiv:2010.11929) in transformers.
type vitWeights struct {
	Embeddings patchTables  `tensor:"vit.embeddings"`
	Layers     []patchLayer `tensor:"vit.layers" count:"num_hidden_layers"`
	Norm       norm         `tensor:"vit.layernorm" shape:"hidden_size"`
	Pooler     *linear      `tensor:"vit.pooler.dense" shape:"pooler_output_size hidden_size"`
	Classifier *linear      `tensor:"classifier" shape:"num_labels hidden_size"`
}

func configureViT(c *Config, f *fields) {
	configurePatches(c, f)
	configureImage(c, f, 1)
}

func loadViT(c *Config, from *source) (*Model, error) {
	var w vitWeights
	// Not needed: the token that hides patches in pretraining, and the head that
	// guesses what was hidden.
	found, err := bind(from, c, patchLayout("vit.", "vit.embeddings.mask_token", "decoder."), &w)
	if err != nil {
		return nil, err
	}
	m, err := newPatchModel(c, from, found, &w.Embeddings, w.Layers, &w.Norm, w.Embeddings.Class)
	if err != nil {
		return nil, err
	}
	if w.Pooler != nil {
		if m.pooler, err = from.pooler(c, w.Pooler, c.pooler.activation); err != nil {
			return nil, err
		}
	}
	if w.Classifier != nil {
		if err := m.classify(from, w.Classifier); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// classify gives the model a classifier: one linear map for each of the first
// tokens.
func (m *Model) classify(from *source, maps ...*linear) error {
	m.classifier = new(classifier)
	for token, l := range maps {
		v, err := from.verdict(m.config, l, token)
		if err != nil {
			return err
		}
		m.classifier.parts = append(m.classifier.parts, v)
	}
	m.config.nameLabels()
	return nil
}
