package activations

import (
	"context"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Head is what one head of the exact network received and returned, for all
// sequences.
type Head struct {
	Mask
	Q, K, V, Y tensor.Matrix // [N, d], [N, dv]
	LogZ       []float32     // [N] logarithm of the softmax normalizer
	Seqs       tensor.Sequences
}

// MaskOf says which keys the queries of a model's heads see.
func MaskOf(m *model.Model, head int) Mask {
	return Mask{Causal: m.Config().Causal, Slope: float64(m.Slope(head))}
}

// Record runs the exact network and keeps what every head received and returned,
// [L][heads]. Progress, unless nil, is told how far it is, 0 to 1.
func Record(ctx context.Context, m *model.Model, batch model.Batch, work *nn.Workspace, progress func(done float64)) ([][]Head, error) {
	heads := make([][]Head, m.Layers())
	_, err := m.Forward(ctx, batch, model.Run{
		Work: work,
		Trace: func(l int, t *nn.Trace) {
			for h := range m.Heads() {
				heads[l] = append(heads[l], Head{
					Mask: MaskOf(m, h),
					Q:    t.Query(h).Clone(), K: t.Key(h).Clone(), V: t.Value(h).Clone(), Y: t.Output(h).Clone(),
					LogZ: append([]float32(nil), t.LogC(h)...), Seqs: batch.Sequences,
				})
			}
			if progress != nil {
				progress(float64(l+1) / float64(m.Layers()))
			}
		},
	})
	return heads, err
}

// Answered runs another head on what the exact one received: outputs y, log c, and
// what the trace holds.
func (x *Head) Answered(head attention.Head, work *tensor.Arena) (y tensor.Matrix, logC []float32, trace attention.Trace) {
	y = tensor.New(x.Y.Rows, x.Y.Cols)
	logC = make([]float32, x.Y.Rows)
	trace = attention.Trace{LogFactor: make([]float32, x.Y.Rows)}
	head.Forward(y, logC, x.Q, x.K, x.V, x.Seqs, nil, &trace, work)
	return y, logC, trace
}

// Sequences returns the queries and keys of every sequence.
func (x *Head) Sequences() []Sequence {
	out := make([]Sequence, x.Seqs.Len())
	for i := range out {
		lo, hi := x.Seqs.Bounds(i)
		out[i] = Sequence{Mask: x.Mask, D: x.Q.Cols, Q: widen(x.Q.SliceRows(lo, hi)), K: widen(x.K.SliceRows(lo, hi)), At: make([]int, hi-lo)}
		for t := range out[i].At {
			out[i].At[t] = t
		}
	}
	return out
}

func widen(m tensor.Matrix) []float64 {
	out := make([]float64, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		for _, v := range m.Row(i) {
			out = append(out, float64(v))
		}
	}
	return out
}
