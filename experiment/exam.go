package experiment

import (
	"context"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// exam asks whole networks for what they are for: words that are masked, next tokens,
// labels. Networks are told apart by their heads.
type exam struct {
	lab    *Lab
	task   string // as answers.Purpose has it, "" where the network gives no answers
	batch  model.Batch
	rows   []int         // whose states the answers are read from; nil for a classifier
	of     []int         // the input of every answer
	want   []int         // the right answers, -1 where not known
	said   []int         // the exact network's
	states tensor.Matrix // the exact network's last hidden states [N, D]
}

// Sums over one input of what a network with perturbed heads does.
const (
	examTokens = iota
	examCosine // of last hidden states with the exact network's
	examAsked
	examSame  // answers that are the exact network's
	examKnown // answers of which the right one is known
	examRight
	examNats // -log p of the right ones
	examSums
)

// examStream is the stream of the masks' random numbers.
const examStream = 0xe8a3

// newExam draws up an exam on inputs that hold about so many tokens; a seed chooses
// which words are masked.
func (l *Lab) newExam(ctx context.Context, tokens int, seed uint64) (*exam, error) {
	x := &exam{lab: l, task: answers.Purpose(l.Network)}
	which := network.Spread(l.inputs.Lengths(), tokens)
	var err error
	if x.batch, err = l.inputs.Batch(ctx, which, l.Pool); err != nil {
		return nil, err
	}
	switch x.task {
	case answers.Fill:
		t := l.Network.Tokenizer
		whole := x.batch
		x.batch, x.rows = answers.MaskTokens(whole, t.Special().Mask, t.IsSpecial, tuning.NewRand(seed, examStream))
		for _, row := range x.rows {
			x.want = append(x.want, whole.IDs[row])
		}
	case answers.Next:
		for i := range x.batch.Sequences.Len() {
			lo, hi := x.batch.Sequences.Bounds(i)
			for t := lo; t+1 < hi; t++ {
				x.rows = append(x.rows, t)
				x.want = append(x.want, x.batch.IDs[t+1])
			}
		}
	case answers.Classify:
		for i, w := range which {
			x.of = append(x.of, i)
			want := -1
			if l.Truth != nil {
				want = l.Truth[w]
			}
			x.want = append(x.want, want)
		}
	}
	input := 0
	for _, row := range x.rows {
		for _, hi := x.batch.Sequences.Bounds(input); row >= hi; _, hi = x.batch.Sequences.Bounds(input) {
			input++
		}
		x.of = append(x.of, input)
	}
	var last tensor.Matrix
	if x.states, last, err = x.forward(ctx, nil); err != nil {
		return nil, err
	}
	x.said, _ = x.answer(last)
	return x, nil
}

// forward returns the last hidden states of a network, and what answers are read from.
func (x *exam) forward(ctx context.Context, heads [][]attention.Head) (states, last tensor.Matrix, err error) {
	m := x.lab.Network.Model
	last, err = m.Forward(ctx, x.batch, model.Run{Heads: heads, Work: x.lab.work, Hidden: func(i int, h tensor.Matrix) {
		if i == m.Layers() {
			states = h.Clone()
		}
	}})
	return states, last, err
}

// logitsHeld is how many logits are held at a time: 128 MB.
const logitsHeld = 1 << 25

// answer returns the likeliest answers and, where the right one is known, -log p of it.
func (x *exam) answer(last tensor.Matrix) (said []int, nats []float64) {
	m, pool := x.lab.Network.Model, x.lab.Pool
	said, nats = make([]int, len(x.want)), make([]float64, len(x.want))
	mark := func(first int, logits tensor.Matrix) {
		pool.For(logits.Rows, func(_, i int) {
			said[first+i] = answers.Likeliest(logits.Row(i))
			if want := x.want[first+i]; want >= 0 {
				nats[first+i] = -answers.LogProbability(logits.Row(i), want)
			}
		})
	}
	if x.task == answers.Classify {
		mark(0, m.Classify(last, x.batch.Sequences, pool))
		return said, nats
	}
	step := max(1, logitsHeld/max(1, m.Config().Vocabulary))
	for lo := 0; lo < len(x.rows); lo += step {
		rows := x.rows[lo:min(lo+step, len(x.rows))]
		picked := tensor.New(len(rows), last.Cols)
		for i, row := range rows {
			copy(picked.Row(i), last.Row(row))
		}
		mark(lo, m.Logits(picked, pool))
	}
	return said, nats
}

// take lets a network take the exam and returns the sums of every input.
func (x *exam) take(ctx context.Context, heads [][]attention.Head) ([][]float64, error) {
	states, last, err := x.forward(ctx, heads)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, x.batch.Sequences.Len())
	for i := range out {
		out[i] = make([]float64, examSums)
		lo, hi := x.batch.Sequences.Bounds(i)
		for t := lo; t < hi; t++ {
			out[i][examTokens]++
			out[i][examCosine] += cosine(states.Row(t), x.states.Row(t))
		}
	}
	said, nats := x.answer(last)
	for a, i := range x.of {
		out[i][examAsked]++
		if said[a] == x.said[a] {
			out[i][examSame]++
		}
		if x.want[a] < 0 {
			continue
		}
		out[i][examKnown]++
		out[i][examNats] += nats[a]
		if said[a] == x.want[a] {
			out[i][examRight]++
		}
	}
	return out, nil
}

// cosine returns the cosine of the angle between x and y; 0 where one of them is zero,
// or not finite: a state without a value is like nothing.
func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for i, a := range x {
		b := float64(y[i])
		xy += float64(a) * b
		xx += float64(a) * float64(a)
		yy += b * b
	}
	if c := xy / math.Sqrt(xx*yy); finite(c) {
		return c
	}
	return 0
}

// asked names the answers of a task.
func asked(task string) string {
	return map[string]string{answers.Fill: "masked words", answers.Next: "next tokens", answers.Classify: "inputs"}[task]
}
