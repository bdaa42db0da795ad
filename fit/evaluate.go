package fit

import (
	"cmp"
	"context"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Fidelity says how much of the exact network another one keeps, on sequences that
// nothing was fitted to.
type Fidelity struct {
	// Hidden is the mean cosine of the last hidden states over all tokens.
	Hidden    float64    `json:"hidden_cosine"`
	Embedding *Embedding `json:"embedding,omitempty"` // of texts that are read as a whole
	Answer    *Answer    `json:"answer,omitempty"`    // of models with a read-out
	// Loss is what the joint fit lowers, without calcium; see Weights.
	Loss float64 `json:"loss"`
}

// Embedding compares the embeddings of two networks, the means over all tokens of
// the last hidden states.
type Embedding struct {
	// Mean, 5th percentile and least of the cosines.
	Cosine float64 `json:"cosine"`
	P05    float64 `json:"cosine_p05"`
	Min    float64 `json:"cosine_min"`
	// Centred is the mean cosine after the mean exact embedding was taken off both:
	// what tells one sequence from another.
	Centred float64 `json:"cosine_centred"`
	// Rank is the Spearman correlation of the similarities of all pairs, nil where
	// these have no order: of two sequences, or of equal ones.
	Rank *float64 `json:"similarity_rank_correlation,omitempty"`
}

// Answer compares the answers of two networks: labels, next words, or masked words.
type Answer struct {
	Agreement  float64 `json:"agreement"`  // of the most likely answers
	Divergence float64 `json:"divergence"` // mean KL(exact || other)
	Count      int     `json:"count"`
}

// evaluation holds what the exact network does on some corpus.
type evaluation struct {
	model   *model.Model
	corpus  *Corpus
	weights Weights
	work    *nn.Workspace
	states  []tensor.Matrix // [L+1] hidden states 1 to L, and what Forward returns
}

func newEvaluation(ctx context.Context, m *model.Model, c *Corpus, w Weights, work *nn.Workspace) (*evaluation, error) {
	e := &evaluation{model: m, corpus: c, weights: w, work: work}
	var failed error
	x, err := m.Forward(ctx, c.batch, model.Run{Work: work, Hidden: func(i int, x tensor.Matrix) {
		failed = cmp.Or(failed, network.CheckStates(m, i, x))
		if i > 0 {
			e.states = append(e.states, x.Clone())
		}
	}})
	e.states = append(e.states, x)
	return e, cmp.Or(err, failed, network.CheckStates(m, m.Layers(), x))
}

// of returns the fidelity of a network with these heads.
func (e *evaluation) of(ctx context.Context, heads [][]attention.Head) (f Fidelity, err error) {
	m, b := e.model, e.corpus.batch
	layers, none := m.Layers(), tensor.Matrix{}
	x, err := m.Forward(ctx, b, model.Run{Heads: heads, Work: e.work, Hidden: func(i int, x tensor.Matrix) {
		if i > 0 {
			f.Loss += cosineLoss(none, x, e.states[i-1], e.weights.Hidden/float64(layers*x.Rows))
		}
		if i == layers {
			f.Hidden = stats.Mean(cosines(e.states[i-1], x))
		}
	}})
	if err != nil {
		return f, err
	}
	exact := e.states[layers]
	if embeds(m) {
		f.Loss += embeddingLoss(none, x, exact, b.Sequences, e.weights.Embedding)
		f.Embedding = compareEmbeddings(means(exact, b.Sequences), means(x, b.Sequences))
	}
	loss, err := answerLoss(m, none, x, exact, b.Sequences, e.corpus.masked, e.weights.Answer, e.work)
	if err != nil {
		return f, err
	}
	f.Loss += loss
	if f.Answer = e.answers(x, exact); f.Answer != nil && e.weights.Answer > 0 {
		f.Answer.Divergence = loss / e.weights.Answer
	}
	return f, nil
}

func compareEmbeddings(exact, got tensor.Matrix) *Embedding {
	c, want, have := cosines(exact, got), vectors(exact), vectors(got)
	e := &Embedding{
		Cosine: stats.Mean(c), P05: stats.Quantile(c, 0.05), Min: stats.Quantile(c, 0),
		Centred: stats.CentredCosine(want, have),
	}
	if r := stats.SimilarityRank(want, have); !math.IsNaN(r) {
		e.Rank = &r
	}
	return e
}

// answers counts how often the most likely answers agree, nil without a read-out.
func (e *evaluation) answers(x, exact tensor.Matrix) *Answer {
	m, seqs, pool := e.model, e.corpus.batch.Sequences, e.work.Pool()
	var got, want tensor.Matrix
	switch {
	case m.HasClassifier():
		got, want = m.Classify(x, seqs, pool), m.Classify(exact, seqs, pool)
	case m.HasLogits():
		rows := answerRows(m, seqs, e.corpus.masked)
		if len(rows) == 0 {
			return nil
		}
		got, want = m.Logits(gather(x, rows), pool), m.Logits(gather(exact, rows), pool)
	default:
		return nil
	}
	a := &Answer{Count: got.Rows}
	for i := range got.Rows {
		if largest(got.Row(i)) == largest(want.Row(i)) {
			a.Agreement += 1 / float64(got.Rows)
		}
	}
	return a
}

func largest(x []float32) (best int) {
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
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
		out[i] = stats.Cosine(x.Row(i), y.Row(i))
	}
	return out
}

// vectors are the rows of x.
func vectors(x tensor.Matrix) [][]float32 {
	out := make([][]float32, x.Rows)
	for i := range out {
		out[i] = x.Row(i)
	}
	return out
}
