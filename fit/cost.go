package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
)

// costs returns what the error of every head costs the output, [L·heads]: the loss
// of the joint fit, without calcium, on some sequences, of a network in which that head alone is a
// circuit.
func costs(ctx context.Context, t *teacher, chosen []int, heads [][]attention.Head, w *Weights, progress func(done float64)) ([]float64, error) {
	m, b := t.model, t.corpus.pick(chosen)
	n, layers := b.Tokens(), m.Layers()
	want := make([]tensor.Matrix, layers+1)
	for i := range want {
		want[i] = tensor.New(n, m.Width())
	}
	if err := t.states(ctx, want, chosen); err != nil {
		return nil, err
	}
	exact, out := m.Exact(), make([]float64, 0, layers*m.Heads())
	for l := range heads {
		for h := range heads[l] {
			alone := slices.Clone(exact)
			alone[l] = slices.Clone(exact[l])
			alone[l][h] = heads[l][h]
			loss := 0.0
			x, err := m.Forward(ctx, b, model.Run{Heads: alone, Work: t.work, Hidden: func(i int, x tensor.Matrix) {
				if i > l {
					loss += cosineLoss(tensor.Matrix{}, x, want[i-1], w.Hidden/float64(layers*n))
				}
			}})
			if err != nil {
				return nil, err
			}
			if embeds(m) {
				loss += embeddingLoss(tensor.Matrix{}, x, want[layers], b.Sequences, w.Embedding)
			}
			var masked [][]int
			if t.corpus.masked != nil {
				for _, s := range chosen {
					masked = append(masked, t.corpus.masked[s])
				}
			}
			answer, err := answerLoss(m, tensor.Matrix{}, x, want[layers], b.Sequences, masked, w.Answer, t.work)
			if err != nil {
				return nil, err
			}
			if loss += answer; math.IsNaN(loss) || math.IsInf(loss, 0) {
				return nil, fmt.Errorf("layer %d, head %d: with its curves the network comes to no numbers: the fit of the head went astray; give more, and more varied, inputs, or another seed", l, h)
			}
			out = append(out, loss)
			if progress != nil {
				progress(float64(len(out)) / float64(layers*m.Heads()))
			}
		}
	}
	return out, nil
}
