// Package answers holds what asking a network for what it is for comes down to:
// which tokens are masked, which answer is the likeliest, how likely the right one is.
// Packages transfer and experiment ask.
package answers

import (
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
)

// What models are for.
const (
	Fill     = "fill"     // guess masked tokens
	Classify = "classify" // name pictures or sounds
	Next     = "next"     // guess every token of a text from those before it
)

// Purpose returns what a network is for, "" where it gives no answers.
func Purpose(n *network.Network) string {
	m := n.Model
	c := m.Config()
	switch {
	case c.Input != model.Tokens && m.HasClassifier() && c.Problem != "regression":
		return Classify
	case c.Input == model.Tokens && m.HasLogits() && c.Causal:
		return Next
	case c.Input == model.Tokens && m.HasLogits() && n.Tokenizer.Special().Mask >= 0:
		return Fill
	}
	return ""
}

// maskShare is the share of tokens that are masked to be filled, as in training.
const maskShare = 0.15

// MaskTokens replaces a share of the tokens that are not special, at least one
// in every sequence that has any, and returns the rows that it masked.
func MaskTokens(b model.Batch, mask int, special func(id int) bool, rng *rand.Rand) (masked model.Batch, rows []int) {
	masked = b
	masked.IDs = append([]int(nil), b.IDs...)
	for i := range b.Sequences.Len() {
		lo, hi := b.Sequences.Bounds(i)
		var words []int
		for t := lo; t < hi; t++ {
			if !special(b.IDs[t]) {
				words = append(words, t)
			}
		}
		rng.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		n := min(len(words), max(1, int(maskShare*float64(len(words))+0.5)))
		for _, t := range words[:n] {
			masked.IDs[t] = mask
			rows = append(rows, t)
		}
	}
	return masked, rows
}

// Likeliest returns the first of the largest logits.
func Likeliest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// LogProbability returns that of one of the answers that logits are given for.
func LogProbability(logits []float32, answer int) float64 {
	top := float64(logits[Likeliest(logits)])
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - top)
	}
	return float64(logits[answer]) - top - math.Log(sum)
}
