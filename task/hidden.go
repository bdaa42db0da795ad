package task

import (
	"context"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
)

// States are the outputs, as transformers names and counts them; B is left out
// of shapes where there is one sequence. Padding gives zeros.
type States struct {
	HiddenStates    Floats  // [L+1, B, N, D]
	LastHiddenState Floats  // [B, N, D]
	Logits          *Floats // [B, N, V] of models with logits of words, [B, labels] of those with a classifier
	PoolerOutput    *Floats // [B, D], of models with a pooler
}

// maxOutputs bounds the elements of one output: 16 GB of float32.
const maxOutputs = 1 << 32

// Hidden runs arrays through the network. It reports arrays that the model does
// not read, shapes that do not fit, ids that it does not know and sequences
// beyond its positions.
func Hidden(ctx context.Context, m *model.Model, in Arrays, o Options) (*States, error) {
	r, err := in.rows(m)
	if err != nil {
		return nil, err
	}
	b, _, err := r.batch(m, 0, r.Rows)
	if err != nil {
		return nil, err
	}
	if err := m.Check(b); err != nil {
		return nil, err
	}
	out, err := newStates(m, r.Padded)
	if err != nil {
		return nil, err
	}
	lengths := slices.Repeat([]int{r.Cols}, r.Rows)
	err = o.batches(ctx, lengths, func(lo, hi int) error { return out.run(ctx, m, &r, lo, hi, &o) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// newStates makes room for the outputs.
func newStates(m *model.Model, p model.Padded) (*States, error) {
	c := m.Config()
	n, d, v, layers := p.Rows*p.Cols, m.Width(), c.Vocabulary, m.Layers()+1
	if n > maxOutputs/(layers*d) || m.HasLogits() && n > maxOutputs/v {
		return nil, fmt.Errorf("%v: the outputs for %d tokens are too large; run fewer rows at a time", c.Input, n)
	}
	batch := []int{p.Rows}
	if p.Rows == 1 {
		batch = nil
	}
	shape := func(sizes ...int) []int { return append(slices.Clone(batch), sizes...) }
	out := &States{
		HiddenStates:    newFloats(append([]int{layers}, shape(p.Cols, d)...)),
		LastHiddenState: newFloats(shape(p.Cols, d)),
	}
	switch {
	case m.HasLogits():
		f := newFloats(shape(p.Cols, v))
		out.Logits = &f
	case m.HasClassifier():
		f := newFloats(shape(len(c.Labels)))
		out.Logits = &f
	}
	if m.HasPooler() {
		f := newFloats(shape(m.PoolerWidth()))
		out.PoolerOutput = &f
	}
	return out, nil
}

// run fills in rows lo to hi.
func (s *States) run(ctx context.Context, m *model.Model, r *rows, lo, hi int, o *Options) error {
	b, part, err := r.batch(m, lo, hi)
	if err != nil {
		return err
	}
	from, to := lo*r.Cols, hi*r.Cols
	d, all := m.Width(), r.Rows*r.Cols
	last, err := m.Forward(ctx, b, model.Run{Heads: o.Heads, Work: o.Work, Hidden: func(i int, states tensor.Matrix) {
		part.Spread(s.HiddenStates.Data[(i*all+from)*d:(i*all+to)*d], states, b)
	}})
	if err != nil {
		return err
	}
	part.Spread(s.LastHiddenState.Data[from*d:to*d], last, b)
	pool := o.Work.Pool()
	switch {
	case m.HasLogits():
		v := m.Config().Vocabulary
		part.Spread(s.Logits.Data[from*v:to*v], m.Logits(last, pool), b)
	case m.HasClassifier():
		logits := m.Classify(last, b.Sequences, pool)
		copy(s.Logits.Data[lo*logits.Cols:], logits.Data)
	}
	if s.PoolerOutput != nil {
		pooled := m.Pool(last, b.Sequences, pool)
		copy(s.PoolerOutput.Data[lo*pooled.Cols:], pooled.Data)
	}
	return nil
}
