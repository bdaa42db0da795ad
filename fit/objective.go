package fit

import (
	"math"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Weights say what counts in the joint fit. With hidden states x_i behind layer i,
// their mean over a sequence e, and the answer of the read-out p, a distribution
// over words or labels, each of the circuits and of the exact network:
//
//	Hidden·mean over layers and tokens of (1 - cos(x_i, exact x_i))
//	+ Embedding·mean over sequences of (1 - cos(e, exact e))
//	+ Answer·mean of KL(exact p || p)
//	+ Calcium·mean over heads and sequences of (mean over queries of log²(c/Z))
//
// with the calcium c of a query and the softmax normalizer Z of the same queries and
// keys, which the last part leaves as they are: it moves curves alone (see follow).
// Calcium is in units of the sum of the other parts on validation when the joint fit
// begins.
// Parts that the model does not have are left out.
type Weights struct {
	Hidden    float64 `json:"hidden"`
	Embedding float64 `json:"embedding"`
	Answer    float64 `json:"answer"`
	Calcium   float64 `json:"calcium"`
}

// embeds reports whether sequences of the model have embeddings: the mean over the
// tokens of a text that is read as a whole.
func embeds(m *model.Model) bool {
	c := m.Config()
	return c.Input == model.Tokens && !c.Causal
}

// cosineLoss returns weight times the sum of 1 - cos over rows, and adds its
// gradient with respect to x to dx, unless that is empty.
func cosineLoss(dx, x, want tensor.Matrix, weight float64) (total float64) {
	for t := range x.Rows {
		var to []float32
		if dx.Rows > 0 {
			to = dx.Row(t)
		}
		total += cosineRow(to, x.Row(t), want.Row(t), weight)
	}
	return total
}

// cosineRow is one row of cosineLoss. The gradient of cos(x, w) is
// (w/|w| - cos x/|x|)/|x|. A row of zeros has no direction.
func cosineRow(dx, x, want []float32, weight float64) float64 {
	xw, xx, ww := float64(tensor.Dot(x, want)), tensor.Squares(x), tensor.Squares(want)
	if xx == 0 || ww == 0 {
		return weight
	}
	cos := xw / math.Sqrt(xx*ww)
	if dx != nil {
		tensor.AddScaled(dx, float32(-weight/math.Sqrt(xx*ww)), want)
		tensor.AddScaled(dx, float32(weight*cos/xx), x)
	}
	return weight * (1 - cos)
}

// embeddingLoss returns weight times the mean over sequences of 1 - cos of their
// mean rows, and adds its gradient with respect to x to dx, unless that is empty.
func embeddingLoss(dx, x, want tensor.Matrix, seqs tensor.Sequences, weight float64) (total float64) {
	a, b := means(x, seqs), means(want, seqs)
	if dx.Rows == 0 {
		return cosineLoss(dx, a, b, weight/float64(seqs.Len()))
	}
	da := tensor.New(a.Rows, a.Cols)
	total = cosineLoss(da, a, b, weight/float64(seqs.Len()))
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := lo; t < hi; t++ {
			tensor.AddScaled(dx.Row(t), 1/float32(hi-lo), da.Row(i))
		}
	}
	return total
}

// answerLoss returns weight times the divergence of the answers of the read-out
// for states x from those for the exact states want, and adds its gradient with
// respect to x to dx, unless that is empty: of labels, of the next word of every
// token, or of masked words.
func answerLoss(m *model.Model, dx, x, want tensor.Matrix, seqs tensor.Sequences, masked [][]int, weight float64, work *nn.Workspace) (float64, error) {
	pool := work.Pool()
	if m.HasClassifier() {
		logits, exact := m.Classify(x, seqs, pool), m.Classify(want, seqs, pool)
		loss, err := nn.Divergence(work, logits, logits, exact)
		if err == nil && dx.Rows > 0 {
			tensor.Scale(logits.Data, float32(weight), logits.Data)
			m.ClassifyBackward(dx, logits, x, seqs, work)
		}
		return weight * loss, err
	}
	if !m.HasLogits() {
		return 0, nil
	}
	rows := answerRows(m, seqs, masked)
	if len(rows) == 0 {
		return 0, nil
	}
	states, exact := gather(x, rows), gather(want, rows)
	logits := m.Logits(states, pool)
	loss, err := nn.Divergence(work, logits, logits, m.Logits(exact, pool))
	if err == nil && dx.Rows > 0 {
		tensor.Scale(logits.Data, float32(weight), logits.Data)
		back := m.LogitsBackward(logits, states, work)
		for i, r := range rows {
			tensor.Add(dx.Row(r), dx.Row(r), back.Row(i))
		}
	}
	return weight * loss, err
}

// answerRows returns the rows whose words are asked for: all in a causal model,
// else the masked ones.
func answerRows(m *model.Model, seqs tensor.Sequences, masked [][]int) (rows []int) {
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		if m.Config().Causal {
			for t := lo; t < hi; t++ {
				rows = append(rows, t)
			}
			continue
		}
		if masked != nil {
			for _, t := range masked[i] {
				rows = append(rows, lo+t)
			}
		}
	}
	return rows
}

func gather(x tensor.Matrix, rows []int) tensor.Matrix {
	out := tensor.New(len(rows), x.Cols)
	for i, r := range rows {
		copy(out.Row(i), x.Row(r))
	}
	return out
}
