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
	name       string
	config     *Config
	found      bound
	embedding  embedding
	blocks     []*nn.Block // [L], the same one where layers share weights
	final      *finalNorm  // nil where there is none
	slopes     []float32   // [heads] of ALiBi, nil where there are none
	pooler     *pooler     // the heads are nil where the checkpoint has none
	words      *wordHead
	classifier *classifier
}

// embedding turns a batch that was checked into the first hidden states dst
// [N, D].
type embedding interface {
	forward(dst tensor.Matrix, b Batch, pool *tensor.Pool) error
}

// finalNorm is the layer normalization behind the last block.
type finalNorm struct {
	nn.LayerNorm
	// counted says that the last of the L+1 hidden states comes after it, as in
	// GPT-2, and not before, as in ViT.
	counted bool
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

// Slope returns the slope of ALiBi of a head of any layer, 0 where the model has
// none: by the distance between two tokens times the slope their logit shrinks.
// A circuit does the same by forgetting 1 - exp(-slope) with every token.
func (m *Model) Slope(head int) float32 {
	if m.slopes == nil {
		return 0
	}
	return m.slopes[head]
}

// Exact returns softmax heads for every layer, [L][heads].
func (m *Model) Exact() [][]attention.Head {
	return m.heads(func(h int) attention.Head {
		return attention.Softmax{Causal: m.config.Causal, Slope: m.Slope(h)}
	})
}

// Uniform returns for every layer heads that give each token they see the same
// weight, [L][heads].
func (m *Model) Uniform() [][]attention.Head {
	return m.heads(func(int) attention.Head { return attention.Uniform{Causal: m.config.Causal} })
}

func (m *Model) heads(of func(h int) attention.Head) [][]attention.Head {
	heads := make([][]attention.Head, m.Layers())
	for l := range heads {
		heads[l] = make([]attention.Head, m.Heads())
		for h := range heads[l] {
			heads[l][h] = of(h)
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
	// Hidden, unless nil, is called L+1 times with hidden state i [N, D], counted
	// as transformers does: the first comes out of the embedding, projected and
	// normalized where the model does so; the last comes before the final
	// normalization in ViT, DeiT and AST, and is what Forward returns elsewhere.
	// The matrix is valid during the call.
	Hidden func(i int, states tensor.Matrix)
	// Trace, unless nil, is called after each layer, from 0, with what its heads
	// received and returned. It is valid during the call.
	Trace func(layer int, trace *nn.Trace)
	// Tape, unless nil, keeps what Backward needs.
	Tape *Tape
}

// Forward runs a batch through the network and returns the last hidden states
// [N, D], normalized where the network ends with that, which belong to the
// caller. It reports a batch that the model cannot take (see [Batch]), and between
// layers that ctx was cancelled.
func (m *Model) Forward(ctx context.Context, b Batch, run Run) (tensor.Matrix, error) {
	run = m.prepare(run)
	b, err := m.check(b)
	if err != nil {
		return tensor.Matrix{}, err
	}
	x := tensor.New(b.Tokens(), m.Width())
	if run.Tape != nil {
		run.Tape.begin(m, b.Sequences)
	}
	var trace *nn.Trace
	if run.Trace != nil {
		trace = new(nn.Trace)
	}
	return x, m.forward(ctx, x, b, run, nil, trace)
}

// prepare fills in what was left out.
func (m *Model) prepare(run Run) Run {
	if run.Heads == nil {
		run.Heads = m.Exact()
	}
	if len(run.Heads) != m.Layers() {
		panic(fmt.Sprintf("model: heads of %d layers for a model of %d", len(run.Heads), m.Layers()))
	}
	if run.Work == nil {
		panic("model: a run needs a workspace; make one with nn.NewWorkspace")
	}
	return run
}

// forward is Forward into x [N, D] of a batch that was checked. States, unless
// nil, are those of every layer that its one sequence continues. Trace is what
// Run.Trace is shown, nil where nobody asks.
func (m *Model) forward(ctx context.Context, x tensor.Matrix, b Batch, run Run, states [][]attention.State, trace *nn.Trace) error {
	if err := m.embedding.forward(x, b, run.Work.Pool()); err != nil {
		return err
	}
	pass := nn.Pass{Sequences: b.Sequences, Work: run.Work, Trace: trace}
	for i, block := range m.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if run.Hidden != nil {
			run.Hidden(i, x)
		}
		pass.Heads = run.Heads[i]
		if states != nil {
			pass.States = states[i]
		}
		if run.Tape != nil {
			pass.Tape = &run.Tape.blocks[i]
		}
		block.Forward(x, x, pass)
		if trace != nil {
			run.Trace(i, trace)
		}
	}
	counted := m.final != nil && m.final.counted
	if run.Hidden != nil && !counted {
		run.Hidden(m.Layers(), x)
	}
	if m.final != nil {
		if t := run.Tape; t != nil {
			t.last = t.last.Resize(x.Rows, x.Cols)
			t.last.CopyFrom(x)
		}
		m.final.Forward(x, x)
	}
	if run.Hidden != nil && counted {
		run.Hidden(m.Layers(), x)
	}
	return nil
}

// HasPooler reports whether the model makes one vector of a sequence.
func (m *Model) HasPooler() bool { return m.pooler != nil }

// PoolerWidth returns the width of that vector, 0 for a model without pooler.
func (m *Model) PoolerWidth() int {
	switch p := m.pooler; {
	case p == nil:
		return 0
	case p.dense == nil:
		return m.Width()
	default:
		return p.dense.Out()
	}
}

// Pool returns one vector for every sequence [n, PoolerWidth], given last hidden
// states [N, D]: tanh(W x + b) of the first token or, in AST, the mean of the
// first two. Empty sequences give zeros. It panics for a model without pooler.
func (m *Model) Pool(states tensor.Matrix, seqs tensor.Sequences, pool *tensor.Pool) tensor.Matrix {
	if m.pooler == nil {
		panic("model: " + m.name + " has no pooler")
	}
	return m.pooler.forward(states, seqs, pool)
}

// HasLogits reports whether the checkpoint has logits of words: a
// masked-language-model head, or in a causal model the decoder of the next token.
func (m *Model) HasLogits() bool { return m.words != nil }

// Logits returns the logits of every word of the vocabulary [n, V] given the
// last hidden states [n, D] of the tokens of interest: of the word at their place
// or, in a causal model, of the one after. It panics for a model without them.
func (m *Model) Logits(states tensor.Matrix, pool *tensor.Pool) tensor.Matrix {
	if m.words == nil {
		panic("model: " + m.name + " has no logits of words")
	}
	return m.words.forward(states, pool)
}

// HasClassifier reports whether the checkpoint tells labels apart, which
// Config.Labels names.
func (m *Model) HasClassifier() bool { return m.classifier != nil }

// Classify returns the logits of every label [n, labels] for every sequence,
// given last hidden states [N, D]. It panics for a model without classifier.
func (m *Model) Classify(states tensor.Matrix, seqs tensor.Sequences, pool *tensor.Pool) tensor.Matrix {
	if m.classifier == nil {
		panic("model: " + m.name + " has no classifier")
	}
	return m.classifier.forward(states, seqs, pool)
}
