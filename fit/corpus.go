package fit

import (
	"fmt"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Corpus is input to fit to, or to judge a fit by: texts as ids, or images or
// sounds as the model reads them, a sequence each.
type Corpus struct {
	batch model.Batch
	// Tokens that were masked, counted from the beginning of each sequence; nil
	// where nothing is masked.
	masked [][]int
}

// NewCorpus returns the corpus of a batch, of sequences that are not empty.
func NewCorpus(b model.Batch) (*Corpus, error) {
	if b.Sequences.Len() == 0 {
		return nil, fmt.Errorf("there is nothing to fit to; give some hundred texts, images or sounds of the kind that will be read")
	}
	for i := range b.Sequences.Len() {
		if lo, hi := b.Sequences.Bounds(i); lo == hi {
			return nil, fmt.Errorf("sequence %d is empty; leave it out", i+1)
		}
	}
	return &Corpus{batch: b}, nil
}

// Len returns the number of sequences.
func (c *Corpus) Len() int { return c.batch.Sequences.Len() }

// Tokens returns the number of tokens of all sequences.
func (c *Corpus) Tokens() int { return c.batch.Tokens() }

// pick returns the batch of some sequences.
func (c *Corpus) pick(chosen []int) model.Batch {
	lengths := make([]int, len(chosen))
	for i, s := range chosen {
		lo, hi := c.batch.Sequences.Bounds(s)
		lengths[i] = hi - lo
	}
	b := model.Batch{Sequences: tensor.NewSequences(lengths...)}
	if c.batch.IDs == nil {
		b.Values = tensor.New(len(chosen), c.batch.Values.Cols)
		for i, s := range chosen {
			copy(b.Values.Row(i), c.batch.Values.Row(s))
		}
		return b
	}
	b.IDs = make([]int, 0, b.Tokens())
	for _, s := range chosen {
		lo, hi := c.batch.Sequences.Bounds(s)
		b.IDs = append(b.IDs, c.batch.IDs[lo:hi]...)
	}
	return b
}

// first returns the sequences from the beginning that hold about n tokens.
func (c *Corpus) first(n int) []int {
	var out []int
	for i := 0; i < c.Len() && (i == 0 || c.batch.Sequences.Offsets[i] < n); i++ {
		out = append(out, i)
	}
	return out
}

// part returns the corpus of the sequences from the beginning that hold about n
// tokens.
func (c *Corpus) part(n int) *Corpus {
	chosen := c.first(n)
	if len(chosen) == c.Len() {
		return c
	}
	out := &Corpus{batch: c.pick(chosen)}
	if c.masked != nil {
		out.masked = c.masked[:len(chosen)]
	}
	return out
}

// maskShare is the share of words that are masked to be filled, as in training.
const maskShare = 0.15

// wholeEvery is how many sequences there are to one that is read whole, without
// masks.
const wholeEvery = 4

// mask returns the corpus with words masked in most sequences, so that the network
// is fitted both to fill them and to read whole texts: the answers to masked words
// are few, and say most.
func (c *Corpus) mask(id int, special func(id int) bool, rng *rand.Rand) *Corpus {
	out := &Corpus{batch: c.batch, masked: make([][]int, c.Len())}
	out.batch.IDs = append([]int(nil), c.batch.IDs...)
	for i := range c.Len() {
		if i%wholeEvery == wholeEvery-1 {
			continue
		}
		lo, hi := c.batch.Sequences.Bounds(i)
		for t := lo; t < hi; t++ {
			if !special(c.batch.IDs[t]) && rng.Float64() < maskShare {
				out.batch.IDs[t] = id
				out.masked[i] = append(out.masked[i], t-lo)
			}
		}
	}
	return out
}

// order is the order in which a corpus is gone through: all sequences once, in
// random order, then again in another.
type order struct {
	epoch int
	perm  []int
}

// shuffler returns the generator of every epoch.
func shuffler(seed uint64, stream int) func(epoch int) *rand.Rand {
	return func(epoch int) *rand.Rand { return tuning.NewRand(seed, stream, epoch) }
}

// at returns the sequence at place i.
func (o *order) at(i, n int, reseed func(epoch int) *rand.Rand) int {
	if e := i / n; o.perm == nil || o.epoch != e {
		o.epoch, o.perm = e, reseed(e).Perm(n)
	}
	return o.perm[i%n]
}
