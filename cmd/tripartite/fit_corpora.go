package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/fit"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// fewTokens is below how many tokens a fit is told that it has little to go by.
const fewTokens = 50_000

// corpora returns what is fitted to, and what the fit is judged by. Nothing is in
// both, and nothing is fitted to twice.
func (f *fitFlags) corpora(ctx context.Context, e *env, m modelFiles, net *network.Network, pool *tensor.Pool) (corpus, validation *fit.Corpus, err error) {
	in, held, err := f.inputs(ctx, e, m, net)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := f.tokens(ctx, net, in)
	if err != nil {
		return nil, nil, err
	}
	have := fmt.Sprintf("%s of %s in all", counts.Plural(in.Len(), inputOf(net)), counts.Plural(tokens, "token"))
	switch least := fit.FewestTokens(net.Model); {
	case tokens < least:
		return nil, nil, fmt.Errorf("too little to fit to: %s, and a head needs %s at the very least; give %s or more by --input", have, counts.Format(least), counts.Format(fewTokens))
	case tokens < fewTokens:
		e.warnf("there is little to fit to, %s: curves will suit these better than others of their kind; give more by --input, %s tokens or more", have, counts.Format(fewTokens))
	}
	if corpus, err = f.corpus(ctx, e, net, in, pool, tokens); err != nil {
		return nil, nil, err
	}
	validation, err = f.corpus(ctx, e, net, held, pool, 0)
	return corpus, validation, err
}

// inputOf names what a model reads, one of it.
func inputOf(net *network.Network) string { return strings.TrimSuffix(kindOf(net), "s") }

// inputs returns what is fitted to, and what is held out.
func (f *fitFlags) inputs(ctx context.Context, e *env, m modelFiles, net *network.Network) (in, held network.Inputs, err error) {
	from := source{"--input", f.input, "text", calibrating("").own}
	given, err := e.inputsFor(ctx, m, net, from)
	if err != nil {
		return in, held, err
	}
	if in, err = distinct(ctx, given, nil); err != nil {
		return in, held, err
	}
	one, several := inputOf(net), kindOf(net)
	if n := given.Len() - in.Len(); n > 0 {
		e.warnf("%s of %s %s are the same as others, and left out", counts.Format(n), counts.Format(given.Len()), several)
	}
	if f.validation == "" {
		rest, held, ok := everyTenth(in)
		if !ok {
			for _, name := range in.Files { // what cannot be read is what is wrong
				if _, err := net.Preprocessor.Open(name, in.Open); err != nil {
					return in, held, fmt.Errorf("%s: %w", name, err)
				}
			}
			return in, held, fmt.Errorf("too little to fit to, and to hold out to judge the fit by: %s; give some thousand, or others to judge by with --validation", counts.Plural(in.Len(), "different "+one))
		}
		return rest, held, nil
	}
	if held, err = e.inputsFor(ctx, m, net, source{"--validation", f.validation, "validation text", from.own}); err != nil {
		return in, held, err
	}
	all := in.Len()
	if in, err = distinct(ctx, in, &held); err != nil {
		return in, held, err
	}
	if in.Len() == 0 {
		return in, held, fmt.Errorf("every %s to fit to is also one of --validation, and would judge itself; give others to one of the two", one)
	}
	if n := all - in.Len(); n > 0 {
		e.warnf("%s also in --validation, and left out", counts.Nouns(n, one+" to fit to is", several+" to fit to are"))
	}
	return in, held, nil
}

// distinct returns inputs without those that came before among them, or that are
// among others, nil for none.
func distinct(ctx context.Context, in network.Inputs, others *network.Inputs) (network.Inputs, error) {
	seen := map[string]bool{}
	if others != nil {
		for i := range others.Len() {
			name, err := fingerprint(ctx, others, i)
			if err != nil {
				return in, err
			}
			seen[name] = true
		}
	}
	out := in
	out.Texts, out.Files = nil, nil
	for i := range in.Len() {
		name, err := fingerprint(ctx, &in, i)
		if err != nil {
			return in, err
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		if in.Texts != nil {
			out.Texts = append(out.Texts, in.Texts[i])
		} else {
			out.Files = append(out.Files, in.Files[i])
		}
	}
	return out, nil
}

// fingerprint returns what tells input i from others: a text itself, and of a file
// the hash of what is in it.
func fingerprint(ctx context.Context, in *network.Inputs, i int) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if in.Texts != nil {
		if strings.TrimSpace(in.Texts[i]) == "" {
			return "", fmt.Errorf("%s %d is empty; leave it out", in.What, i+1)
		}
		return in.Texts[i], nil
	}
	name := in.Files[i]
	r, err := in.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", fmt.Errorf("%s: %w; check that it can be read", name, cause(err))
	}
	return string(sum.Sum(nil)), nil
}

// tokens counts those of the inputs, of every text as many as are fitted to. It
// refuses texts that are one token, again and again: to what they say of their
// queries and keys, curves of no use can be fitted.
func (f *fitFlags) tokens(ctx context.Context, net *network.Network, in network.Inputs) (n int, err error) {
	t := net.Tokenizer
	if t == nil {
		return in.Len() * net.Model.Config().Positions, nil
	}
	word, several := -1, false
	for _, text := range in.Texts {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		ids := t.Encode(text)
		n += min(len(ids), f.length)
		for _, id := range ids {
			if !t.IsSpecial(id) && id != word {
				several = several || word >= 0
				word = id
			}
		}
	}
	switch {
	case word < 0:
		return 0, fmt.Errorf("the texts to fit to hold nothing that %s has tokens for; give passages of the kind that will be read", net.Model.Name())
	case !several:
		return 0, fmt.Errorf("the texts to fit to are one token, %q, again and again, and heads do nothing with it that curves could learn; give passages of the kind that will be read", t.Token(word))
	}
	return n, nil
}

// fewestHeld is how many inputs are held out at least, so that their likeness can
// be ranked.
const fewestHeld = 3

// everyTenth holds out every tenth input or, of few, more. It reports whether there
// are enough.
func everyTenth(in network.Inputs) (rest, held network.Inputs, ok bool) {
	every := min(10, in.Len()/fewestHeld)
	if every < 2 {
		return in, held, false
	}
	rest, held = in, in
	rest.Texts, held.Texts = split(in.Texts, every)
	rest.Files, held.Files = split(in.Files, every)
	return rest, held, true
}

// split holds out the last of every so many.
func split(all []string, every int) (rest, held []string) {
	for i, x := range all {
		if i%every == every-1 {
			held = append(held, x)
		} else {
			rest = append(rest, x)
		}
	}
	return rest, held
}

// How texts become sequences to fit to. Where the fit comes back to them, each has
// several turns, in which it is as it comes once on average, or in one of five, and
// varied otherwise. Sequences that are put together of several texts show contexts of
// all lengths: a third of all tokens.
const (
	leastSequences = 4000
	shortestPacked = 8
	mostVaried     = 0.8
	mostTurns      = 8         // what a fit of half an hour comes to of some ten thousand texts
	mostTokens     = 6_000_000 // of all turns, if there are several: 48 MB of ids
)

// corpus reads inputs. Texts that are fitted to, of so many tokens, are also put
// together; those of validation, of which tokens is 0, come as they are.
func (f *fitFlags) corpus(ctx context.Context, e *env, net *network.Network, in network.Inputs, pool *tensor.Pool, tokens int) (*fit.Corpus, error) {
	if net.Tokenizer == nil {
		p, err := net.Prepare(in)
		if err != nil {
			return nil, err
		}
		all := make([]int, in.Len())
		for i := range all {
			all[i] = i
		}
		b, err := p.Batch(ctx, all, pool)
		if err != nil {
			return nil, err
		}
		return fit.NewCorpus(b)
	}
	c := net.Model.Config()
	longest := f.length
	for longest > shortestPacked && !c.Fits(longest) {
		longest--
	}
	n, packing := len(in.Texts), fit.Packing{Longest: longest, Shortest: shortestPacked}
	if tokens > 0 {
		turns := f.turns(n, tokens)
		packing.Vary = min(mostVaried, 1-1/float64(turns))
		// Half of what is varied is cut to half of its length in the mean.
		alone, together := float64(tokens)/float64(n)*(1-packing.Vary/4), float64(shortestPacked+longest)/2
		packing.Share = alone / (alone + 2*together)
		n = max(leastSequences, int(float64(turns*n)/(1-packing.Share)))
	}
	sequences, err := fit.Pack(ctx, net, in.Texts, n, packing, e.seed)
	if err != nil {
		return nil, err
	}
	// Where nothing is put around a text, one without tokens leaves nothing.
	sequences = slices.DeleteFunc(sequences, func(s []int) bool { return len(s) == 0 })
	return fit.NewCorpus(model.NewBatch(sequences...))
}

// turns returns how many turns each of n texts, of so many tokens in all, has in the
// corpus: as many as the joint fit would come to, were none put together. Fits of
// given minutes, whose steps are not known yet, are taken for long ones.
func (f *fitFlags) turns(n, tokens int) int {
	turns := min(mostTurns, mostTokens/tokens)
	if f.jointSteps > 0 {
		turns = min(turns, min(f.jointSteps, mostTurns*n)*fit.DefaultSettings().JointBatch/n)
	}
	return max(1, turns)
}
