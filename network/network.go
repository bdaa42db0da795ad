package network

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/model"
)

// Network is a pretrained model and the tokenizer that belongs to it.
type Network struct {
	Model     *model.Model
	Tokenizer *text.Tokenizer
}

// Load reads a model's folder as Hugging Face lays it out. The name stands for
// the model in errors and reports. A tokenizer that knows more tokens than the
// model has embeddings for is refused.
func Load(files fs.FS, name string) (*Network, error) {
	m, err := model.Load(files, name)
	if err != nil {
		return nil, err
	}
	t, err := text.Load(files)
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
