package transfer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

const (
	// fidelityTokens is on about how many tokens networks are compared for every kind
	// of curves and every number of neurons.
	fidelityTokens = 1500
	// fidelityLogits bounds the multiply-adds of the logits of one network: 64 words of
	// a vocabulary of 250,000 and a width of 1,024 are as many.
	fidelityLogits = 1 << 34
	// fewestWords is how many words are asked for whatever that takes.
	fewestWords = 64
)

// fidelity runs whole networks with random, calibrated and fitted curves against
// the number of their neurons. Heads in time are algebraic here, the level that they
// settle to.
func (r *run) fidelity() error {
	if !r.cfg.Selection.UsesCircuits() {
		return nil
	}
	f, err := r.newFaithful(fidelityTokens)
	if err != nil {
		return err
	}
	r.report.Fidelity = Fidelity{Texts: f.texts, Tokens: f.batch.Tokens(), Task: f.task, Answers: len(f.answers)}
	m := r.cfg.Network.Model
	r.report.Fidelity.HiddenUniform, r.report.Fidelity.AgreementUniform, err = f.of(m.Uniform())
	if err != nil {
		return err
	}
	kinds := []FidelityCurve{{Name: string(tuning.Exp), Draw: string(tuning.IID)}}
	if r.calibrated != nil {
		kinds = append(kinds, FidelityCurve{Name: network.Calibrated, Draw: string(tuning.Orthogonal)})
	}
	fitted := r.allFitted()
	sizes, done, all := scalingNeurons(), 0, 0
	for _, n := range sizes {
		all += n * len(kinds)
	}
	for i := range kinds {
		k := &kinds[i]
		for _, n := range sizes {
			if err := f.add(k, network.Options{
				Tuning: k.Name, Draw: tuning.Draw(k.Draw), Neurons: func(int, int) int { return n }, Calibration: r.calibrated,
			}); err != nil {
				return err
			}
			done += n
			r.progress(float64(done) / float64(all))
		}
	}
	for _, k := range []FidelityCurve{{Name: string(tuning.Fitted)}, {Name: FittedShared}} {
		for _, t := range fitted {
			if t.Info.Shared != (k.Name == FittedShared) {
				continue
			}
			if err := f.add(&k, network.Options{Fitted: t}); err != nil {
				return err
			}
		}
		if len(k.Neurons) > 0 {
			kinds = append(kinds, k)
		}
	}
	r.report.Fidelity.Curves = kinds
	return nil
}

// allFitted returns all fitted curves that were given, the fewest neurons first,
// each once.
func (r *run) allFitted() []*network.Tuning {
	var out []*network.Tuning
	seen := map[string]bool{}
	for _, t := range append([]*network.Tuning{r.cfg.Fitted}, r.cfg.Compare...) {
		if t != nil && !seen[t.Fingerprint()] {
			seen[t.Fingerprint()] = true
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *network.Tuning) int { return cmp.Compare(a.Info.Neurons, b.Info.Neurons) })
	return out
}

// faithful compares networks with the exact one on some inputs.
type faithful struct {
	r     *run
	texts int // how many inputs
	batch model.Batch
	task  string // what is asked, as Task.Name has it, "" for nothing
	words []int  // rows whose words are asked for; nil for a classifier
	exact outcome
	// answers are the exact network's, nil where nothing is asked.
	answers []int
}

// outcome is what a network makes of the inputs.
type outcome struct {
	hidden tensor.Matrix // [N, D] last hidden states
	logits tensor.Matrix // a row for each answer
}

// answers returns the likeliest ones.
func (o *outcome) answers() []int {
	var out []int
	for i := range o.logits.Rows {
		out = append(out, answers.Likeliest(o.logits.Row(i)))
	}
	return out
}

// newFaithful runs the exact network on inputs of about so many tokens that lie
// evenly among all. Words that are to be filled are masked, so that one pass serves
// both measures.
func (r *run) newFaithful(tokens int) (*faithful, error) {
	some := network.Spread(r.inputs.Lengths(), tokens)
	f := &faithful{r: r, texts: len(some)}
	var err error
	if f.batch, err = r.inputs.Batch(r.ctx, some, r.cfg.Pool); err != nil {
		return nil, err
	}
	net, b := r.cfg.Network, &f.batch
	f.task = answers.Purpose(net)
	switch f.task {
	case Fill:
		t := net.Tokenizer
		*b, f.words = answers.MaskTokens(*b, t.Special().Mask, t.IsSpecial, tuning.NewRand(r.cfg.Seed, fidelityStream))
	case Next:
		for i := range b.Sequences.Len() {
			lo, hi := b.Sequences.Bounds(i)
			for t := lo; t+1 < hi; t++ {
				f.words = append(f.words, t)
			}
		}
	}
	c := net.Model.Config()
	most := max(fewestWords, fidelityLogits/(max(1, c.Vocabulary)*net.Model.Width()))
	if n := len(f.words); n > most {
		for i := range most {
			f.words[i] = f.words[i*n/most]
		}
		f.words = f.words[:most]
	}
	if f.exact, err = f.run(nil); err != nil {
		return nil, err
	}
	if f.answers = f.exact.answers(); len(f.answers) == 0 {
		f.task = ""
	}
	return f, nil
}

// run returns what a network makes of the inputs, copies.
func (f *faithful) run(heads [][]attention.Head) (outcome, error) {
	m, pool := f.r.cfg.Network.Model, f.r.cfg.Pool
	var o outcome
	last, err := m.Forward(f.r.ctx, f.batch, model.Run{Heads: heads, Work: f.r.work, Hidden: func(l int, x tensor.Matrix) {
		if l == m.Layers() {
			o.hidden = x.Clone()
		}
	}})
	if err != nil {
		return o, err
	}
	switch {
	case f.task == Classify:
		o.logits = m.Classify(last, f.batch.Sequences, pool)
	case len(f.words) > 0:
		picked := tensor.New(len(f.words), last.Cols)
		for i, row := range f.words {
			copy(picked.Row(i), last.Row(row))
		}
		o.logits = m.Logits(picked, pool)
	}
	return o, nil
}

// compare compares a network with the exact one: mean cosine of the last hidden
// states, and the share of answers that are the same, NaN where nothing is asked.
func (f *faithful) compare(o outcome) (hidden, same Number) {
	var c mean
	c.cosines(f.exact.hidden, o.hidden)
	return c.value(), agreement(o.answers(), f.answers)
}

// of runs a network and compares it.
func (f *faithful) of(heads [][]attention.Head) (hidden, same Number, err error) {
	o, err := f.run(heads)
	if err != nil {
		return hidden, same, err
	}
	hidden, same = f.compare(o)
	return hidden, same, nil
}

// add adds a network to a curve.
func (f *faithful) add(k *FidelityCurve, o network.Options) error {
	r := f.r
	if err := r.ctx.Err(); err != nil {
		return err
	}
	o.Selection, o.Seed = r.cfg.Selection.Settled(), r.cfg.Seed
	circuits, err := network.Build(r.cfg.Network.Model, o)
	if err != nil {
		return fmt.Errorf("fidelity against number of neurons, %s curves: %w", k.Name, err)
	}
	hidden, same, err := f.of(circuits.Heads())
	if err != nil {
		return err
	}
	k.Neurons = append(k.Neurons, Number(circuits.MeanNeurons()))
	k.Hidden = append(k.Hidden, hidden)
	if len(f.answers) > 0 {
		k.Agreement = append(k.Agreement, same)
	}
	return nil
}
