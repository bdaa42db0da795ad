package fit

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Fidelity says how much of the exact network another one keeps, on texts that
// nothing was fitted to.
type Fidelity struct {
	// Cosines of the embeddings of the two networks, the mean over all tokens of
	// the last hidden state: mean, 5th percentile, least.
	Embedding    float64 `json:"embedding_cosine"`
	EmbeddingP05 float64 `json:"embedding_cosine_p05"`
	EmbeddingMin float64 `json:"embedding_cosine_min"`
	// Centred is the mean cosine after the mean exact embedding was taken off
	// both: what tells one text from another.
	Centred float64 `json:"embedding_cosine_centred"`
	// Rank is the Spearman correlation of the similarities of all pairs of texts.
	Rank float64 `json:"similarity_rank_correlation"`
	// Hidden is the mean cosine of the last hidden states over all tokens.
	Hidden float64 `json:"hidden_cosine"`
}

// evaluation holds what the exact network does on some batch.
type evaluation struct {
	model  *model.Model
	batch  model.Batch
	states tensor.Matrix // [N, D]
	embed  tensor.Matrix // [n, D]
	work   *nn.Workspace
}

func newEvaluation(ctx context.Context, m *model.Model, b model.Batch, work *nn.Workspace) (*evaluation, error) {
	e := &evaluation{model: m, batch: b, work: work}
	var err error
	if e.states, err = m.Forward(ctx, b, model.Run{Work: work}); err != nil {
		return nil, err
	}
	e.embed = means(e.states, b.Sequences)
	return e, nil
}

// of returns the fidelity of a network with these heads.
func (e *evaluation) of(ctx context.Context, heads [][]attention.Head) (Fidelity, error) {
	states, err := e.model.Forward(ctx, e.batch, model.Run{Heads: heads, Work: e.work})
	if err != nil {
		return Fidelity{}, err
	}
	got := means(states, e.batch.Sequences)
	c := cosines(e.embed, got)
	return Fidelity{
		Embedding: stats.Mean(c), EmbeddingP05: stats.Quantile(c, 0.05), EmbeddingMin: stats.Quantile(c, 0),
		Centred: stats.Mean(cosines(centred(e.embed, e.embed), centred(got, e.embed))),
		Rank:    rankCorrelation(similarities(e.embed), similarities(got)),
		Hidden:  stats.Mean(cosines(e.states, states)),
	}, nil
}

// means returns the mean of every sequence's rows [n, D].
func means(states tensor.Matrix, seqs tensor.Sequences) tensor.Matrix {
	out := tensor.New(seqs.Len(), states.Cols)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := lo; t < hi; t++ {
			tensor.AddScaled(out.Row(i), 1/float32(hi-lo), states.Row(t))
		}
	}
	return out
}

func cosines(x, y tensor.Matrix) []float64 {
	out := make([]float64, x.Rows)
	for i := range out {
		out[i] = cosine(x.Row(i), y.Row(i))
	}
	return out
}

func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for i, v := range x {
		a, b := float64(v), float64(y[i])
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	return xy / math.Sqrt(xx*yy)
}

// centred returns the rows of x less the mean row of zero.
func centred(x, zero tensor.Matrix) tensor.Matrix {
	mean := means(zero, tensor.NewSequences(zero.Rows))
	out := x.Clone()
	for i := range out.Rows {
		tensor.AddScaled(out.Row(i), -1, mean.Row(0))
	}
	return out
}

// similarities returns the cosines of all pairs of rows.
func similarities(x tensor.Matrix) []float64 {
	var out []float64
	for i := range x.Rows {
		for j := range i {
			out = append(out, cosine(x.Row(i), x.Row(j)))
		}
	}
	return out
}

// rankCorrelation is Spearman's: the correlation of ranks, ties sharing theirs.
func rankCorrelation(x, y []float64) float64 { return stats.Correlation(ranks(x), ranks(y)) }

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = float64(lo+hi-1) / 2
		}
		lo = hi
	}
	return out
}
