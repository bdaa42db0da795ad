package transfer

import (
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Streams of random numbers by purpose. Those of heads have two numbers, layer
// and head, and are never the same as one of another length.
const (
	maskStream    = 1
	scalingStream = 2
)

// fill masks tokens and lets the exact, the circuit and the uniform network fill
// them. Models without a masked-language-model head are passed over.
func (r *run) fill() error {
	net := r.cfg.Network
	mask := net.Tokenizer.Special().Mask
	if !net.Model.HasLogits() || mask < 0 {
		return nil
	}
	masked, rows := maskTokens(r.batch, mask, net.Tokenizer.IsSpecial, tuning.NewRand(r.cfg.Seed, maskStream))
	r.report.Input.Masked = len(rows)
	if len(rows) == 0 {
		return nil
	}
	var first [3][]int
	for i, heads := range [][][]attention.Head{nil, r.circuits.Heads(), net.Model.Uniform()} {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		states, err := net.Model.Forward(r.ctx, masked, model.Run{Heads: heads, Work: r.work})
		if err != nil {
			return err
		}
		picked := tensor.New(len(rows), states.Cols)
		for j, row := range rows {
			copy(picked.Row(j), states.Row(row))
		}
		logits := net.Model.Logits(picked, r.cfg.Pool)
		for j := range rows {
			first[i] = append(first[i], argmax(logits.Row(j)))
		}
		r.progress(float64(i+1) / 3)
	}
	want := make([]int, len(rows))
	for j, row := range rows {
		want[j] = r.batch.IDs[row]
	}
	exact, circuit, uniform := first[0], first[1], first[2]
	r.report.Network.Task = &Task{
		Name:      "fill",
		Agreement: agreement(circuit, exact), AgreementUniform: agreement(uniform, exact),
		Exact: agreement(exact, want), Circuit: agreement(circuit, want), Uniform: agreement(uniform, want),
	}
	return nil
}

// maskTokens replaces a share of the tokens that are not special, at least one
// in every sequence that has any, and returns the rows that it masked.
func maskTokens(b model.Batch, mask int, special func(id int) bool, rng *rand.Rand) (masked model.Batch, rows []int) {
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

// agreement returns the share of equal elements.
func agreement(a, b []int) Number {
	equal := 0
	for i, x := range a {
		if x == b[i] {
			equal++
		}
	}
	return Number(float64(equal) / float64(len(a)))
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
