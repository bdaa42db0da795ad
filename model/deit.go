package model

// deitWeights mirrors the checkpoints of DeiT (Touvron et al., arXiv:2012.12877)
// in transformers: ViT with a second token before the patches, for what a teacher
// says. (DeiT without that token comes as ViT.)
type deitWeights struct {
	Embeddings distilledTables `tensor:"deit.embeddings"`
	Layers     []patchLayer    `tensor:"deit.layers" count:"num_hidden_layers"`
	Norm       norm            `tensor:"deit.layernorm" shape:"hidden_size"`
	Pooler     *linear         `tensor:"deit.pooler.dense" shape:"pooler_output_size hidden_size"`
	Classifier *linear         `tensor:"classifier" shape:"num_labels hidden_size"`
	// Both heads together, whose mean is the answer, in place of the one.
	Class   *linear `tensor:"cls_classifier" shape:"num_labels hidden_size"`
	Teacher *linear `tensor:"distillation_classifier" shape:"num_labels hidden_size"`
}

// demand implements demanding: one of two heads is not enough.
func (w *deitWeights) demand(b *binder, _ string) {
	for _, pair := range [][2]string{{"cls_classifier", "distillation_classifier"}, {"distillation_classifier", "cls_classifier"}} {
		if b.any(pair[0]+".") && !b.any(pair[1]+".") {
			b.lack(pair[1] + ".weight")
		}
	}
}

func configureDeiT(c *Config, f *fields) {
	configurePatches(c, f)
	configureImage(c, f, 2)
}

func loadDeiT(c *Config, from *source) (*Model, error) {
	var w deitWeights
	// Not needed: as for ViT.
	found, err := bind(from, c, patchLayout("deit.", "deit.embeddings.mask_token", "decoder."), &w)
	if err != nil {
		return nil, err
	}
	tables := &w.Embeddings
	m, err := newPatchModel(c, from, found, &tables.Patches, w.Layers, &w.Norm, tables.Patches.Class, tables.Distillation)
	if err != nil {
		return nil, err
	}
	if w.Pooler != nil {
		if m.pooler, err = from.pooler(c, w.Pooler, c.pooler.activation); err != nil {
			return nil, err
		}
	}
	switch {
	case w.Class != nil:
		err = m.classify(from, w.Class, w.Teacher)
	case w.Classifier != nil:
		err = m.classify(from, w.Classifier)
	}
	return m, err
}
