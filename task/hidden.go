package task

import (
	"context"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
)

// Ints is an array of whole numbers [n] or [rows, columns], row-major.
type Ints struct {
	Shape []int
	Data  []int64
}

// Arrays are the inputs of an encoder of text, as transformers names them. A
// batch is padded where AttentionMask is 0.
type Arrays struct {
	InputIDs      Ints  // [N] or [B, N]
	TokenTypeIDs  *Ints // nil for 0 throughout
	AttentionMask *Ints // nil for 1 throughout
}

// States are the outputs, as transformers names and counts them; B is left out
// of shapes where there is one sequence. Padding gives zeros.
type States struct {
	HiddenStates    Floats  // [L+1, B, N, D]
	LastHiddenState Floats  // [B, N, D]
	Logits          *Floats // [B, N, V], of models with a masked-language-model head
	PoolerOutput    *Floats // [B, D], of models with a pooler
}

// Floats is an array of float32, row-major.
type Floats struct {
	Shape []int
	Data  []float32
}

// maxOutputs bounds the elements of one output: 16 GB of float32.
const maxOutputs = 1 << 32

// Hidden runs arrays through the network. It reports shapes that do not fit, ids
// that the model does not know and sequences beyond its positions.
func Hidden(ctx context.Context, m *model.Model, in Arrays, o Options) (*States, error) {
	p, err := in.padded()
	if err != nil {
		return nil, err
	}
	b, err := p.Ragged()
	if err != nil {
		return nil, err
	}
	if err := m.Check(b); err != nil {
		return nil, err
	}
	out, err := newStates(m, p)
	if err != nil {
		return nil, err
	}
	lengths := slices.Repeat([]int{p.Cols}, p.Rows)
	err = o.batches(ctx, lengths, func(lo, hi int) error { return out.run(ctx, m, p, lo, hi, &o) })
	if err != nil {
		return nil, err
	}
	// The last hidden state is the end of them all.
	copy(out.LastHiddenState.Data, out.HiddenStates.Data[len(out.HiddenStates.Data)-len(out.LastHiddenState.Data):])
	return out, nil
}

// newStates makes room for the outputs.
func newStates(m *model.Model, p model.Padded) (*States, error) {
	n, d, v, layers := p.Rows*p.Cols, m.Width(), m.Config().Vocabulary, m.Layers()+1
	if n > maxOutputs/(layers*d) || m.HasLogits() && n > maxOutputs/v {
		return nil, fmt.Errorf("input_ids: the outputs for %d tokens are too large; run fewer rows at a time", n)
	}
	batch := []int{p.Rows}
	if p.Rows == 1 {
		batch = nil
	}
	tokens := append(slices.Clone(batch), p.Cols)
	out := &States{
		HiddenStates:    newFloats(append(append([]int{layers}, tokens...), d)),
		LastHiddenState: newFloats(append(slices.Clone(tokens), d)),
	}
	if m.HasLogits() {
		f := newFloats(append(slices.Clone(tokens), v))
		out.Logits = &f
	}
	if m.HasPooler() {
		f := newFloats(append(slices.Clone(batch), d))
		out.PoolerOutput = &f
	}
	return out, nil
}

func newFloats(shape []int) Floats {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return Floats{Shape: shape, Data: make([]float32, n)}
}

// run fills in rows lo to hi.
func (s *States) run(ctx context.Context, m *model.Model, p model.Padded, lo, hi int, o *Options) error {
	from, to := lo*p.Cols, hi*p.Cols
	part := model.Padded{Rows: hi - lo, Cols: p.Cols, IDs: p.IDs[from:to]}
	if p.Segments != nil {
		part.Segments = p.Segments[from:to]
	}
	if p.Mask != nil {
		part.Mask = p.Mask[from:to]
	}
	b, err := part.Ragged()
	if err != nil {
		return err
	}
	d, all := m.Width(), p.Rows*p.Cols
	last, err := m.Forward(ctx, b, model.Run{Heads: o.Heads, Work: o.Work, Hidden: func(i int, states tensor.Matrix) {
		part.Spread(s.HiddenStates.Data[(i*all+from)*d:(i*all+to)*d], states, b)
	}})
	if err != nil {
		return err
	}
	if s.Logits != nil {
		v := m.Config().Vocabulary
		part.Spread(s.Logits.Data[from*v:to*v], m.Logits(last, o.Work.Pool()), b)
	}
	if s.PoolerOutput != nil {
		copy(s.PoolerOutput.Data[lo*d:hi*d], m.Pool(last, b.Sequences, o.Work.Pool()).Data)
	}
	return nil
}

// padded returns the batch that the arrays describe.
func (in *Arrays) padded() (model.Padded, error) {
	shape := in.InputIDs.Shape
	var p model.Padded
	switch len(shape) {
	case 1:
		p.Rows, p.Cols = 1, shape[0]
	case 2:
		p.Rows, p.Cols = shape[0], shape[1]
	default:
		return p, fmt.Errorf("input_ids has the shape %v; want [tokens] or [rows, tokens]", shape)
	}
	if p.Rows == 0 || p.Cols == 0 {
		return p, fmt.Errorf("input_ids has the shape %v and holds no token; give at least one", shape)
	}
	p.IDs = in.InputIDs.Data
	for _, a := range []struct {
		name string
		from *Ints
		to   *[]int64
	}{{"token_type_ids", in.TokenTypeIDs, &p.Segments}, {"attention_mask", in.AttentionMask, &p.Mask}} {
		if a.from == nil {
			continue
		}
		if !slices.Equal(a.from.Shape, shape) {
			return p, fmt.Errorf("%s has the shape %v, input_ids %v; give both the same", a.name, a.from.Shape, shape)
		}
		*a.to = a.from.Data
	}
	return p, nil
}
