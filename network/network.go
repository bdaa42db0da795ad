package network

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/model"
)

// Network is a pretrained model and what prepares its inputs.
type Network struct {
	Model        *model.Model
	Tokenizer    *text.Tokenizer // nil for a model of images or sounds
	Preprocessor *Preprocessor   // nil for a model of text
}

// Load reads a model's folder as Hugging Face lays it out: the model with its
// tokenizer or, of images and sounds, with what preprocessor_config.json says. The
// name stands for the model in errors and reports. A tokenizer that knows more
// tokens than the model has embeddings for is refused.
func Load(files fs.FS, name string, options ...model.Option) (*Network, error) {
	var t *text.Tokenizer
	var tokenizerErr error
	read := make(chan struct{})
	go func() { // meanwhile: it takes as long as the weights of a small model
		defer close(read)
		t, tokenizerErr = text.Load(files)
	}()
	m, err := model.Load(files, name, options...)
	<-read
	if err != nil {
		return nil, err
	}
	if m.Config().Input != model.Tokens {
		p, err := ReadPreprocessor(files, m)
		if err != nil {
			return nil, err
		}
		return &Network{Model: m, Preprocessor: p}, nil
	}
	err = tokenizerErr
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("model %s has no tokenizer: put its tokenizer.json or vocab.txt into the folder: %w", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	if v := m.Config().Vocabulary; t.VocabSize() > v {
		return nil, fmt.Errorf("model %s: its tokenizer has ids up to %d, the model embeddings for %d tokens; the two do not belong together",
			name, t.VocabSize()-1, v)
	}
	return &Network{Model: m, Tokenizer: t}, nil
}
