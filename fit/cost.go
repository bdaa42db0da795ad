package fit

import (
	"context"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// costs returns what the error of every head costs the output, [L·heads]: the loss
// of the joint fit on a batch, of a network in which that head alone is a circuit.
func costs(ctx context.Context, m *model.Model, b model.Batch, heads [][]attention.Head, p *jointPlan, work *nn.Workspace, progress func(done float64)) ([]float64, error) {
	states := func(heads [][]attention.Head) ([]tensor.Matrix, error) {
		var out []tensor.Matrix
		_, err := m.Forward(ctx, b, model.Run{Heads: heads, Work: work, Hidden: func(i int, x tensor.Matrix) {
			if i > 0 {
				out = append(out, x.Clone())
			}
		}})
		return out, err
	}
	want, err := states(nil)
	if err != nil {
		return nil, err
	}
	exact, out := m.Exact(), make([]float64, 0, m.Layers()*m.Heads())
	for l := range heads {
		for h := range heads[l] {
			alone := slices.Clone(exact)
			alone[l] = slices.Clone(exact[l])
			alone[l][h] = heads[l][h]
			got, err := states(alone)
			if err != nil {
				return nil, err
			}
			out = append(out, p.loss(got, want, b.Sequences))
			if progress != nil {
				progress(float64(len(out)) / float64(cap(out)))
			}
		}
	}
	return out, nil
}

// loss is that of the joint fit without its gradient.
func (p *jointPlan) loss(got, want []tensor.Matrix, seqs tensor.Sequences) float64 {
	last := len(got) - 1
	total := 0.0
	for i, x := range got {
		for t := range x.Rows {
			total += p.hidden / float64(len(got)*x.Rows) * (1 - cosine(x.Row(t), want[i].Row(t)))
		}
	}
	for _, c := range cosines(means(got[last], seqs), means(want[last], seqs)) {
		total += p.embedding / float64(seqs.Len()) * (1 - c)
	}
	return total
}
