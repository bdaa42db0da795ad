package transfer

import (
	"math"
	"path"
	"path/filepath"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// attendedInputs is how many inputs attention is shown for; attendedTokens how
// long texts are at best, so that words can be read.
const (
	attendedInputs = 6
	attendedTokens = 40
)

// attend shows the attention of the last layer for a few inputs.
func (r *run) attend() error {
	r.report.Attended.Layer = r.cfg.Network.Model.Layers() - 1
	for i, input := range shown(r.inputs.Lengths()) {
		one, err := r.attendOne(input)
		if err != nil {
			return err
		}
		r.report.Attended.Inputs = append(r.report.Attended.Inputs, one)
		r.progress(float64(i+1) / attendedInputs)
	}
	return nil
}

// shown chooses inputs that lie evenly among those of at most attendedTokens, or,
// where there are few of them, the shortest, and returns their numbers in order.
// Pictures and sounds, which are all of one length, lie evenly among all.
func shown(lengths []int) []int {
	longest := max(attendedTokens, slices.Min(lengths))
	order := make([]int, 0, len(lengths))
	for i, n := range lengths {
		if n <= longest {
			order = append(order, i)
		}
	}
	if few := min(attendedInputs, len(lengths)); len(order) < few {
		order = order[:0]
		for i := range lengths {
			order = append(order, i)
		}
		slices.SortStableFunc(order, func(a, b int) int { return lengths[a] - lengths[b] })
		order = order[:few]
		slices.Sort(order)
	}
	n := min(attendedInputs, len(order))
	out := make([]int, n)
	for i := range out {
		out[i] = order[i*len(order)/n]
	}
	return out
}

// attendOne runs one input through the three networks.
func (r *run) attendOne(input int) (AttendedInput, error) {
	net := r.cfg.Network
	out := AttendedInput{Input: input}
	b, err := r.inputs.Batch(r.ctx, []int{input}, r.cfg.Pool)
	if err != nil {
		return out, err
	}
	want := r.question(&b, &out)
	heads := [networksCompared][][]attention.Head{net.Model.Exact(), r.circuits.Heads(), net.Model.Uniform()}
	answers := [networksCompared]**Answer{&out.ExactAnswer, &out.CircuitAnswer, &out.UniformAnswer}
	weights := [networksCompared]*[][]Number{exactNetwork: &out.Exact, circuitNetwork: &out.Circuit}
	last := net.Model.Layers() - 1
	for n := range heads {
		run := model.Run{Heads: heads[n], Work: r.work}
		if to := weights[n]; to != nil {
			run.Trace = func(l int, t *nn.Trace) {
				if l == last {
					*to = r.weights(heads[n][l], t, b.Sequences, out.Readout)
				}
			}
		}
		states, err := net.Model.Forward(r.ctx, b, run)
		if err != nil {
			return out, err
		}
		*answers[n] = r.answerOf(&b, states, out.Readout[0])
	}
	if want >= 0 {
		out.Truth = r.answerText(want)
	}
	out.Correlation = Number(stats.Correlation(meanOfRows(out.Exact), meanOfRows(out.Circuit)))
	return out, nil
}

// question makes of an input what is asked, and returns the right answer, -1 where
// it is not known. Of a text for a model that fills, the longest token is masked;
// a text for a causal model ends before the token that is to be guessed.
func (r *run) question(b *model.Batch, out *AttendedInput) (want int) {
	want = -1
	net := r.cfg.Network
	c := net.Model.Config()
	n := b.Tokens()
	if c.Input != model.Tokens {
		for t := range leading(&c) {
			out.Readout = append(out.Readout, t)
		}
		if r.cfg.Truth != nil {
			want = r.cfg.Truth[out.Input]
		}
		out.Name = path.Base(filepath.ToSlash(r.cfg.Inputs.Files[out.Input]))
		out.Patches = r.patches(b.Values.Row(0))
		return want
	}
	out.Readout = []int{0}
	switch t := net.Tokenizer; answers.Purpose(net) {
	case Next:
		e := t.EncodeAligned(r.cfg.Inputs.Texts[out.Input])
		if at := guessed(r.cfg.Inputs.Texts[out.Input], &e); at > 0 {
			want = b.IDs[at]
			*b = model.NewBatch(b.IDs[:at])
		}
		out.Readout[0] = b.Tokens() - 1
	case Fill:
		at, length := -1, 0
		for i, id := range b.IDs {
			if token := t.Token(id); !t.IsSpecial(id) && len(token) > length {
				at, length = i, len(token)
			}
		}
		if at >= 0 {
			out.Readout[0], want = at, b.IDs[at]
			ids := slices.Clone(b.IDs)
			ids[at] = t.Special().Mask
			*b = model.NewBatch(ids)
		}
	default:
		if c.Causal {
			out.Readout[0] = n - 1
		}
	}
	for _, id := range b.IDs {
		out.Tokens = append(out.Tokens, net.Tokenizer.Token(id))
	}
	return want
}

// patches describes what a model sees of a picture or sound.
func (r *run) patches(values []float32) *Patches {
	g := r.cfg.Network.Model.Config().Grid
	p := &Patches{
		Channels: g.Channels, Height: g.Height, Width: g.Width,
		PatchHeight: g.PatchHeight, PatchWidth: g.PatchWidth, StrideHeight: g.StrideHeight, StrideWidth: g.StrideWidth,
		Seen: r.cfg.Network.Preprocessor.Seen(values),
	}
	p.Rows, p.Cols = g.Patches()
	return p
}

// weights returns the attention of the given tokens in each head [heads][tokens],
// their mean where they are several.
func (r *run) weights(heads []attention.Head, t *nn.Trace, seqs tensor.Sequences, of []int) [][]Number {
	out := make([][]Number, len(heads))
	r.cfg.Pool.For(len(heads), func(_, h int) {
		all := weightsOf(heads[h], t.Query(h), t.Key(h), seqs, r.cfg.Network.Model.Precision())
		out[h] = make([]Number, all.Cols)
		for _, row := range of {
			for i, w := range all.Row(row) {
				out[h][i] += Number(w) / Number(len(of))
			}
		}
	})
	return out
}

// weightsOf returns the weights [n, n] that a head gives every token, row by row,
// of one sequence. It is given what it received, but for the values: token t has a
// 1 on axis t and 0 elsewhere, so that outputs are weights.
func weightsOf(head attention.Head, q, k tensor.Matrix, seqs tensor.Sequences, p tensor.Precision) tensor.Matrix {
	n := seqs.Tokens()
	oneHot, y := tensor.New(n, n), tensor.New(n, n)
	for i := range n {
		oneHot.Row(i)[i] = 1
	}
	head.Forward(y, nil, q, k, oneHot, seqs, nil, nil, &tensor.Arena{Precision: p})
	return y
}

// answerOf returns the likeliest answer, read from the last states of an input,
// nil of a model that gives none.
func (r *run) answerOf(b *model.Batch, states tensor.Matrix, row int) *Answer {
	m := r.cfg.Network.Model
	var logits []float32
	p := answers.Purpose(r.cfg.Network)
	switch p {
	case "":
		return nil
	case Classify:
		logits = m.Classify(states, b.Sequences, r.cfg.Pool).Row(0)
	default:
		logits = m.Logits(states.SliceRows(row, row+1), r.cfg.Pool).Row(0)
	}
	best := answers.Likeliest(logits)
	probability := math.Exp(answers.LogProbability(logits, best))
	if c := m.Config(); p == Classify && (c.Problem == "multi_label_classification" || len(logits) == 1) {
		probability = 1 / (1 + math.Exp(-float64(logits[best]))) // of each label by itself
	}
	return &Answer{Text: r.answerText(best), Probability: Number(probability)}
}

// answerText names an answer: a label, or a token.
func (r *run) answerText(id int) string {
	if t := r.cfg.Network.Tokenizer; t != nil {
		return t.Token(id)
	}
	return r.cfg.Network.Model.Config().Labels[id]
}

// meanOfRows returns the mean over heads.
func meanOfRows(x [][]Number) []float64 {
	out := make([]float64, len(x[0]))
	for _, row := range x {
		for i, v := range row {
			out[i] += float64(v) / float64(len(x))
		}
	}
	return out
}
