package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Tape keeps of one run what the way back needs, for one model at a time. Its
// memory is used again in the next run.
type Tape struct {
	model  *Model
	seqs   tensor.Sequences
	blocks []nn.Tape     // [L]
	last   tensor.Matrix // [N, D] before the final normalization
	arena  tensor.Arena
}

func (t *Tape) begin(m *Model, seqs tensor.Sequences) {
	t.model, t.seqs = m, seqs
	if len(t.blocks) != m.Layers() {
		t.blocks = make([]nn.Tape, m.Layers())
	}
}

// Backward takes gradients back through the last run of a tape, down to the
// tuning curves of all heads, to which it adds: curves is [L][heads], nil for
// heads whose curves are frozen. Weights are frozen. run is that of the forward
// pass; its Hidden and Trace play no part.
//
// dx [N, D] is the gradient with respect to what Forward returned, and is written
// over. Hidden, unless nil, is called with i from L down to 1 and what has come
// down to hidden state i (see Run.Hidden), to which it may add.
func (m *Model) Backward(dx tensor.Matrix, curves [][]*attention.CurvesGradient, run Run, hidden func(i int, dx tensor.Matrix)) {
	run = m.prepare(run)
	t := run.Tape
	if t == nil || t.model != m || dx.Rows != t.seqs.Tokens() || dx.Cols != m.Width() {
		panic("model: a way back needs the tape of the last run, and a gradient of the shape of its result")
	}
	if len(curves) != m.Layers() {
		panic(fmt.Sprintf("model: gradients of %d layers for a model of %d", len(curves), m.Layers()))
	}
	counted := m.final != nil && m.final.counted
	if hidden != nil && counted {
		hidden(m.Layers(), dx)
	}
	if m.final != nil {
		m.final.Backward(dx, nn.LayerNorm{}, dx, t.last, &t.arena)
	}
	for i := m.Layers() - 1; i >= 0; i-- {
		if hidden != nil && !(counted && i == m.Layers()-1) {
			hidden(i+1, dx)
		}
		to := dx
		if i == 0 {
			to = tensor.Matrix{} // nobody is there
		}
		pass := nn.Pass{Sequences: t.seqs, Heads: run.Heads[i], Tape: &t.blocks[i], Work: run.Work}
		m.blocks[i].Backward(to, &nn.BlockGradient{Curves: curves[i]}, dx, pass)
	}
}

// LogitsBackward takes the gradient dlogits [n, V] of what Logits returned for
// states [n, D] back to them.
func (m *Model) LogitsBackward(dlogits, states tensor.Matrix, work *nn.Workspace) tensor.Matrix {
	h := m.words
	decoder := h.decoder()
	dx := tensor.New(dlogits.Rows, decoder.In())
	decoder.Backward(work, dx, nn.Projection{}, dlogits, tensor.Matrix{})
	t := h.transform
	if t == nil {
		return dx
	}
	before, after := tensor.New(states.Rows, t.dense.Out()), tensor.New(states.Rows, t.dense.Out())
	t.dense.Forward(work.Pool(), before, states)
	t.activation.Apply(after.Data, before.Data)
	t.norm.Backward(dx, nn.LayerNorm{}, dx, after, nil)
	t.activation.Backward(dx.Data, dx.Data, before.Data)
	out := tensor.New(states.Rows, states.Cols)
	t.dense.Backward(work, out, nn.Projection{}, dx, tensor.Matrix{})
	return out
}

// ClassifyBackward takes the gradient dlogits [n, labels] of what Classify
// returned for states [N, D] back to them: it adds to dx [N, D].
func (m *Model) ClassifyBackward(dx, dlogits, states tensor.Matrix, seqs tensor.Sequences, work *nn.Workspace) {
	parts := m.classifier.parts
	for _, v := range parts {
		x := firstTokens(states, seqs, v.from, v.tokens)
		d := tensor.New(x.Rows, x.Cols)
		v.dense.Backward(work, d, nn.Projection{}, dlogits, tensor.Matrix{})
		if v.norm != nil {
			v.norm.Backward(d, nn.LayerNorm{}, d, x, nil)
		}
		share := 1 / float32(len(parts)*v.tokens)
		for i := range seqs.Len() {
			lo, hi := seqs.Bounds(i)
			if hi-lo < v.from+v.tokens {
				continue
			}
			for t := range v.tokens {
				tensor.AddScaled(dx.Row(lo+v.from+t), share, d.Row(i))
			}
		}
	}
}
