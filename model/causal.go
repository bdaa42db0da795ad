package model

import (
	"slices"
	"sync"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// What GPT-2 and BLOOM have in common: how the next word leaves.

// nextWord mirrors the decoder of a causal language model, which is most often
// the table of words and then may be stored or not.
type nextWord struct {
	Weight []float32 `tensor:"weight,optional" shape:"vocab_size hidden_size"`
}

// demand asks for the decoder where it is not the table of words. A backbone
// saved alone has none, and needs none.
func (d *nextWord) demand(b *binder, name string) {
	if weight := join(name, "weight"); !b.config.Tied && !b.bare && !b.has(weight) {
		b.lack(weight)
	}
}

// head returns the logits of the next word, nil for a backbone that was saved
// without decoder though it has one of its own.
func (d *nextWord) head(c *Config, words []float32) *wordHead {
	weight := d.Weight
	switch {
	case weight == nil && !c.Tied:
		return nil
	case weight == nil || slices.Equal(weight, words):
		weight = words
	}
	return &wordHead{decoder: sync.OnceValue(func() nn.Linear {
		return nn.NewLinear(nn.Projection{Weight: tensor.FromData(weight, c.Vocabulary, c.Width)}, c.precision)
	})}
}
