// Package network puts a pretrained model together with what makes it run:
// tokenizer, threads, and one attention head for every head of every layer.
//
//	files -> Open -> Network with exact heads
//	texts -> Calibrate -> Calibration -> Circuits.Build -> heads -> Network.With
//
// A network of circuits is the same network with other heads; everything else,
// embedding, projections, feed-forward layers, stays as it was trained.
package network

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Network is a model that runs. It serves one pass at a time, and so do all
// that share its workspace.
type Network struct {
	Model *model.Model
	// Heads holds the attention heads of every layer, [L][heads].
	Heads [][]attention.Head
	// Work holds threads and scratch memory.
	Work *nn.Workspace
	// Files are those of the model's folder.
	Files fs.FS

	tokenizer func() (*text.Tokenizer, error)
}

// Open loads the model in a folder laid out as Hugging Face does and gives it
// exact heads. The name stands for it in errors and reports; the pool's threads
// do its work, nil being one. The tokenizer is loaded when it is first needed,
// since arrays of ids run without.
func Open(files fs.FS, name string, pool *tensor.Pool) (*Network, error) {
	m, err := model.Load(files, name)
	if err != nil {
		return nil, err
	}
	n := &Network{Model: m, Heads: m.Exact(), Work: nn.NewWorkspace(pool), Files: files}
	n.tokenizer = sync.OnceValues(func() (*text.Tokenizer, error) {
		t, err := text.Load(files)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", name, err)
		}
		if rows := m.Config().Vocabulary; t.VocabSize() > rows {
			return nil, fmt.Errorf("model %s: the tokenizer has ids up to %d, the model's vocabulary ends at %d; take both from the same model", name, t.VocabSize()-1, rows-1)
		}
		return t, nil
	})
	return n, nil
}

// With returns the same network with other heads.
func (n *Network) With(heads [][]attention.Head) *Network {
	other := *n
	other.Heads = heads
	return &other
}

// Tokenizer returns the tokenizer of the model's folder.
func (n *Network) Tokenizer() (*text.Tokenizer, error) { return n.tokenizer() }

// Forward runs a batch through the network; run's Heads and Work are the
// network's own. See [model.Model.Forward].
func (n *Network) Forward(ctx context.Context, b model.Batch, run model.Run) (tensor.Matrix, error) {
	run.Heads, run.Work = n.Heads, n.Work
	return n.Model.Forward(ctx, b, run)
}

// Encode returns the token ids of texts, each cut off where the model's
// positions end.
func (n *Network) Encode(texts []string) ([][]int, error) {
	t, err := n.Tokenizer()
	if err != nil {
		return nil, err
	}
	limit := n.Model.Config().Positions
	ids := make([][]int, len(texts))
	for i, s := range texts {
		e := t.EncodeAligned(s)
		if _, err := e.Truncate(limit); err != nil {
			return nil, fmt.Errorf("model %s: %w", n.Model.Name(), err)
		}
		ids[i] = e.IDs
	}
	return ids, nil
}
