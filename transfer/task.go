package transfer

import (
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Streams of random numbers by purpose. Those of heads have two numbers, layer
// and head, and are never the same as one of another length.
const (
	maskStream     = 1
	scalingStream  = 2
	fidelityStream = 3
)

// asking lets the three networks do what they are for, part by part of the
// inputs, and keeps their first answers.
type asking struct {
	run  *run
	name string
	rng  *rand.Rand // for masks

	// Of the present part:
	masked model.Batch // where there are masks
	rows   []int       // whose states the answers are read from, but for a classifier
	begun  int         // how many answers there were before

	want  []int                   // the right answers, -1 where not known
	first [networksCompared][]int // the likeliest ones
	nats  [networksCompared]mean  // -log p of the right ones
	bytes int                     // that they stand for
}

// newAsking returns nil for a network that gives no answers.
func (r *run) newAsking() *asking {
	a := &asking{run: r, name: answers.Purpose(r.cfg.Network)}
	switch a.name {
	case "":
		return nil
	case Fill:
		a.rng = tuning.NewRand(r.cfg.Seed, maskStream)
	}
	return a
}

// begin takes in a part of the inputs, from the given one on: what is asked, and
// which answers are right.
func (a *asking) begin(b *model.Batch, input int) {
	a.rows, a.begun = nil, len(a.want)
	switch a.name {
	case Classify:
		for i := range b.Sequences.Len() {
			want := -1
			if truth := a.run.cfg.Truth; truth != nil {
				want = truth[input+i]
			}
			a.want = append(a.want, want)
		}
	case Next:
		for i := range b.Sequences.Len() {
			lo, hi := b.Sequences.Bounds(i)
			for t := lo; t+1 < hi; t++ {
				a.rows = append(a.rows, t)
				a.want = append(a.want, b.IDs[t+1])
			}
			a.bytes += a.predicted(input + i)
		}
	case Fill:
		t := a.run.cfg.Network.Tokenizer
		a.masked, a.rows = answers.MaskTokens(*b, t.Special().Mask, t.IsSpecial, a.rng)
		for _, row := range a.rows {
			a.want = append(a.want, b.IDs[row])
		}
	}
}

// predicted returns how many bytes of a text are predicted: all but those of a
// first token that no token comes before.
func (a *asking) predicted(input int) int {
	s := a.run.cfg.Inputs.Texts[input]
	if e := a.run.cfg.Network.Tokenizer.EncodeAligned(s); len(e.IDs) > 0 && e.Sequences[0] >= 0 {
		return len(s) - e.Offsets[0].To
	}
	return len(s)
}

// answer takes in what a network with these heads, the n-th, says of the present
// part; states [N, D] are its last ones.
func (a *asking) answer(n int, heads [][]attention.Head, b *model.Batch, states tensor.Matrix) error {
	r := a.run
	m := r.cfg.Network.Model
	switch a.name {
	case Classify:
		logits := m.Classify(states, b.Sequences, r.cfg.Pool)
		for i := range logits.Rows {
			a.first[n] = append(a.first[n], answers.Likeliest(logits.Row(i)))
		}
		return nil
	case Fill:
		if len(a.rows) == 0 {
			return nil
		}
		var err error
		if states, err = m.Forward(r.ctx, a.masked, model.Run{Heads: heads, Work: r.work}); err != nil {
			return err
		}
	}
	// Logits of a large vocabulary are computed for some rows at a time.
	step := max(1, logitsHeld/m.Config().Vocabulary)
	first, nats := make([]int, len(a.rows)), make([]float64, len(a.rows))
	for lo := 0; lo < len(a.rows); lo += step {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		rows := a.rows[lo:min(lo+step, len(a.rows))]
		picked := tensor.New(len(rows), states.Cols)
		for i, row := range rows {
			copy(picked.Row(i), states.Row(row))
		}
		logits := m.Logits(picked, r.cfg.Pool)
		r.cfg.Pool.For(len(rows), func(_, i int) {
			first[lo+i] = answers.Likeliest(logits.Row(i))
			if a.name == Next {
				nats[lo+i] = -answers.LogProbability(logits.Row(i), a.want[a.begun+lo+i])
			}
		})
	}
	a.first[n] = append(a.first[n], first...)
	if a.name == Next {
		for _, x := range nats {
			a.nats[n].add(x)
		}
	}
	return nil
}

// logitsHeld is how many logits are held at a time: 128 MB.
const logitsHeld = 1 << 25

// result returns what was found, nil if there was nothing to answer.
func (a *asking) result() *Task {
	if len(a.want) == 0 {
		return nil
	}
	exact, circuit, uniform := a.first[exactNetwork], a.first[circuitNetwork], a.first[uniformNetwork]
	t := &Task{
		Name: a.name, Answers: len(a.want),
		Agreement: agreement(circuit, exact), AgreementUniform: agreement(uniform, exact),
		Exact: agreement(exact, a.want), Circuit: agreement(circuit, a.want), Uniform: agreement(uniform, a.want),
	}
	for _, want := range a.want {
		if want >= 0 {
			t.Known++
		}
	}
	if a.name == Next {
		bits := float64(len(a.want)) / math.Ln2 / float64(a.bytes)
		t.Loss = &Loss{Exact: a.nats[exactNetwork].value(), Circuit: a.nats[circuitNetwork].value(), Uniform: a.nats[uniformNetwork].value()}
		t.BitsPerByte = &Loss{Exact: t.Loss.Exact * Number(bits), Circuit: t.Loss.Circuit * Number(bits), Uniform: t.Loss.Uniform * Number(bits)}
	}
	return t
}

// agreement returns the share of equal elements, of those of b that are known.
func agreement(a, b []int) Number {
	var equal mean
	for i, x := range a {
		switch {
		case b[i] < 0:
		case x == b[i]:
			equal.add(1)
		default:
			equal.add(0)
		}
	}
	return equal.value()
}
