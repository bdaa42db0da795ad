package experiment

import (
	"context"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// whole is the exact network on some inputs, with which others are compared. It is
// asked what its model is for: words that are masked, every next token, or labels.
type whole struct {
	lab   *Lab
	which []int // of the lab's inputs
	batch model.Batch
	asked [][]int // of every input, the rows whose words are asked for; nil for a classifier
	exact outcome
}

// outcome is what a network makes of the inputs.
type outcome struct {
	hidden  tensor.Matrix // [N, D] last hidden states
	answers [][]int       // of every input, the likeliest ones
}

const (
	maskStream = 0x6d61 // of the tokens that are masked, the same for every seed
	maskShare  = 0.15   // of tokens, as in training
)

// whole runs the exact network on inputs that hold about so many tokens.
func (l *Lab) whole(ctx context.Context, tokens int) (*whole, error) {
	l.progress("running exactly", 0)
	w := &whole{lab: l, which: network.Spread(l.inputs.Lengths(), tokens)}
	var err error
	if w.batch, err = l.inputs.Batch(ctx, w.which, l.Pool); err != nil {
		return nil, err
	}
	m, t := l.Network.Model, l.Network.Tokenizer
	c := m.Config()
	switch {
	case c.Input != model.Tokens || !m.HasLogits():
	case c.Causal:
		w.each(func(i, lo, hi int) {
			var rows []int
			for r := lo; r+1 < hi; r++ {
				rows = append(rows, r)
			}
			w.asked = append(w.asked, rows)
		})
	case t.Special().Mask >= 0:
		w.batch.IDs = slices.Clone(w.batch.IDs)
		w.each(func(i, lo, hi int) {
			var rows []int
			for r := lo; r < hi; r++ {
				if !t.IsSpecial(w.batch.IDs[r]) {
					rows = append(rows, r)
				}
			}
			rng := tuning.NewRand(1, maskStream, w.which[i])
			rng.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
			rows = rows[:min(len(rows), max(1, int(math.Round(maskShare*float64(len(rows))))))]
			for _, r := range rows {
				w.batch.IDs[r] = t.Special().Mask
			}
			w.asked = append(w.asked, rows)
		})
	}
	w.exact, err = w.run(ctx, nil)
	return w, err
}

// each calls do for every input with its rows.
func (w *whole) each(do func(i, lo, hi int)) {
	for i := range w.batch.Sequences.Len() {
		lo, hi := w.batch.Sequences.Bounds(i)
		do(i, lo, hi)
	}
}

// run runs a network with these heads, nil for the exact one.
func (w *whole) run(ctx context.Context, heads [][]attention.Head) (outcome, error) {
	m := w.lab.Network.Model
	o := outcome{answers: make([][]int, w.batch.Sequences.Len())}
	last, err := m.Forward(ctx, w.batch, model.Run{Heads: heads, Work: w.lab.work, Hidden: func(i int, x tensor.Matrix) {
		if i == m.Layers() {
			o.hidden = x.Clone()
		}
	}})
	if err != nil {
		return o, err
	}
	if m.HasClassifier() && m.Config().Input != model.Tokens {
		logits := m.Classify(last, w.batch.Sequences, w.lab.Pool)
		w.each(func(i, _, _ int) { o.answers[i] = []int{likeliest(logits.Row(i))} })
		return o, nil
	}
	for i, rows := range w.asked { // an input at a time: a large vocabulary has many logits
		picked := tensor.New(len(rows), last.Cols)
		for j, r := range rows {
			copy(picked.Row(j), last.Row(r))
		}
		logits := m.Logits(picked, w.lab.Pool)
		for j := range rows {
			o.answers[i] = append(o.answers[i], likeliest(logits.Row(j)))
		}
	}
	return o, nil
}

func likeliest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// Sums of one input, of a network against another.
const (
	wholeTokens  = iota
	wholeCosine  // of last hidden states
	wholeAnswers // that were asked for
	wholeSame    // that are the other's
	wholeSums
)

// against compares two networks, input by input.
func (w *whole) against(a, b outcome) [][]float64 {
	out := make([][]float64, len(w.which))
	w.each(func(i, lo, hi int) {
		s := make([]float64, wholeSums)
		for r := lo; r < hi; r++ {
			s[wholeTokens]++
			if x := cosine(a.hidden.Row(r), b.hidden.Row(r)); finite(x) { // states that are not numbers are no likeness
				s[wholeCosine] += x
			}
		}
		for j, answer := range a.answers[i] {
			s[wholeAnswers]++
			if answer == b.answers[i][j] {
				s[wholeSame]++
			}
		}
		out[i] = s
	})
	return out
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab += float64(x) * y
		aa += float64(x) * float64(x)
		bb += y * y
	}
	return ab / math.Sqrt(aa*bb)
}

// tokens counts those of all inputs.
func (w *whole) tokens() int { return w.batch.Tokens() }

// timed builds every head as a circuit in time, its curves drawn by a seed.
func (l *Lab) timed(ctx context.Context, c Curves, seed uint64, dynamics func(layer, head int, curves *tuning.Curves[float32]) (rate.Config, error)) (*network.Circuits, error) {
	o, err := l.options(ctx, c, seed)
	if err != nil {
		return nil, err
	}
	if o.Selection, err = attention.ParseSelection(attention.KindRate.String()); err != nil {
		panic("experiment: " + err.Error()) // a kind is a selection
	}
	o.Dynamics = dynamics
	return network.Build(l.Network.Model, o)
}
