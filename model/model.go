package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Model is a pretrained transformer. N is the number of tokens in a batch, D
// the width of hidden states, L the number of times a block is applied.
type Model struct {
	name      string
	config    *Config
	found     bound
	embedding textEmbedding
	blocks    []*nn.Block // [L], the same one where layers share weights
	pooler    *nn.Linear  // nil where the checkpoint has none
	words     *wordHead   // nil where the checkpoint has none
}

func newModel(c *Config, found bound) *Model { return &Model{config: c, found: found} }

// Name returns the name given to Load.
func (m *Model) Name() string { return m.name }

// Config returns a copy of the configuration.
func (m *Model) Config() Config {
	c := *m.config
	c.Labels = slices.Clone(c.Labels)
	return c
}

// Layers returns L, how often a block is applied. Where one block serves every
// layer, each application counts, since each has heads of its own.
func (m *Model) Layers() int { return len(m.blocks) }

// Heads returns the number of attention heads in a layer.
func (m *Model) Heads() int { return m.config.Heads }

// HeadWidth returns d, the width of a head's queries, keys and values.
func (m *Model) HeadWidth() int { return m.config.HeadWidth() }

// Width returns D, the width of hidden states.
func (m *Model) Width() int { return m.config.Width }

// Precision returns the arithmetic of the products.
func (m *Model) Precision() tensor.Precision { return m.config.precision }

// Parameters returns how many numbers were learned; shared ones count once.
func (m *Model) Parameters() int64 { return m.found.parameters }

// Ignored lists the tensors of the checkpoint that were left alone: buffers, and
// heads for tasks that are not offered.
func (m *Model) Ignored() []string { return slices.Clone(m.found.ignored) }

// Exact returns softmax heads for every layer, [L][heads].
func (m *Model) Exact() [][]attention.Head {
	heads := make([][]attention.Head, m.Layers())
	for l := range heads {
		heads[l] = make([]attention.Head, m.Heads())
		for h := range heads[l] {
			heads[l][h] = attention.Softmax{}
		}
	}
	return heads
}

// Run says how a batch goes through the network.
type Run struct {
	// Heads holds one head for each of every layer's, [L][heads]; nil is Exact.
	Heads [][]attention.Head
	// Work holds threads and scratch memory. It serves one run at a time.
	Work *nn.Workspace
	// Hidden, unless nil, is called L+1 times with hidden state i [N, D]: the
	// first comes out of the embedding, projected where the model projects it, the
	// last is what Forward returns. The matrix is valid during the call.
	Hidden func(i int, states tensor.Matrix)
	// Trace, unless nil, is called after each layer, from 0, with what its heads
	// received and returned. It is valid during the call.
	Trace func(layer int, trace *nn.Trace)
}

// Forward runs a batch through the network and returns the last hidden states
// [N, D], which belong to the caller. It reports a batch that the model cannot
// take (see [Batch]), and between layers that ctx was cancelled.
func (m *Model) Forward(ctx context.Context, b Batch, run Run) (tensor.Matrix, error) {
	if run.Heads == nil {
		run.Heads = m.Exact()
	}
	if len(run.Heads) != m.Layers() {
		panic(fmt.Sprintf("model: heads of %d layers for a model of %d", len(run.Heads), m.Layers()))
	}
	if run.Work == nil {
		panic("model: a run needs a workspace; make one with nn.NewWorkspace")
	}
	b, err := m.check(b)
	if err != nil {
		return tensor.Matrix{}, err
	}
	x, err := m.embedding.forward(b, run.Work.Pool())
	if err != nil {
		return tensor.Matrix{}, err
	}
	pass := nn.Pass{Sequences: b.Sequences, Work: run.Work}
	if run.Trace != nil {
		pass.Trace = new(nn.Trace)
	}
	for i, block := range m.blocks {
		if err := ctx.Err(); err != nil {
			return tensor.Matrix{}, err
		}
		if run.Hidden != nil {
			run.Hidden(i, x)
		}
		pass.Heads = run.Heads[i]
		block.Forward(x, x, pass)
		if run.Trace != nil {
			run.Trace(i, pass.Trace)
		}
	}
	if run.Hidden != nil {
		run.Hidden(m.Layers(), x)
	}
	return x, nil
}

// HasPooler reports whether the checkpoint holds a pooler.
func (m *Model) HasPooler() bool { return m.pooler != nil }

// Pool returns tanh(W x + b) [n, D] of the first token of every sequence, given
// last hidden states [N, D]. Empty sequences give zeros. It panics for a model
// without pooler.
func (m *Model) Pool(states tensor.Matrix, seqs tensor.Sequences, pool *tensor.Pool) tensor.Matrix {
	if m.pooler == nil {
		panic("model: " + m.name + " has no pooler")
	}
	first, dst := tensor.New(seqs.Len(), states.Cols), tensor.New(seqs.Len(), m.pooler.Out())
	for i := range seqs.Len() {
		if lo, hi := seqs.Bounds(i); lo < hi {
			copy(first.Row(i), states.Row(lo))
		}
	}
	m.pooler.Forward(pool, dst, first)
	nn.Tanh.Apply(dst.Data, dst.Data)
	for i := range seqs.Len() {
		if lo, hi := seqs.Bounds(i); lo == hi {
			clear(dst.Row(i))
		}
	}
	return dst
}

// HasLogits reports whether the checkpoint holds a masked-language-model head.
func (m *Model) HasLogits() bool { return m.words != nil }

// Logits returns the logits of every word of the vocabulary [n, V] given the
// last hidden states [n, D] of the tokens of interest. It panics for a model
// without masked-language-model head.
func (m *Model) Logits(states tensor.Matrix, pool *tensor.Pool) tensor.Matrix {
	if m.words == nil {
		panic("model: " + m.name + " has no masked-language-model head")
	}
	return m.words.forward(states, pool)
}
