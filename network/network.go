package network

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/model"
)

// Network is a pretrained model and the tokenizer that belongs to it.
type Network struct {
	Model     *model.Model
	Tokenizer *text.Tokenizer // nil for a model of images or sounds
}

// Load reads a model's folder as Hugging Face lays it out. The name stands for
// the model in errors and reports. A tokenizer that knows more tokens than the
// model has embeddings for is refused.
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
		return &Network{Model: m}, nil
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

// Batch encodes texts, one sequence each. It refuses a text that is empty or has
// more tokens than the model takes; what says in errors what the texts are.
func (n *Network) Batch(texts []string, what string) (model.Batch, error) {
	c := n.Model.Config()
	if n.Tokenizer == nil {
		return model.Batch{}, fmt.Errorf("%s reads %v, not texts; use a model of text", n.Model.Name(), c.Input)
	}
	sequences := make([][]int, len(texts))
	for i, t := range texts {
		if strings.TrimSpace(t) == "" {
			return model.Batch{}, fmt.Errorf("%s %d is empty; leave it out", what, i+1)
		}
		if sequences[i] = n.Tokenizer.Encode(t); !c.Fits(len(sequences[i])) {
			return model.Batch{}, fmt.Errorf("%s %d has %d tokens, %s takes at most %d; shorten or split it",
				what, i+1, len(sequences[i]), n.Model.Name(), c.Positions)
		}
	}
	return model.NewBatch(sequences...), nil
}
