package model

import (
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// What follows the last hidden states of a sequence as a whole: a vector, or
// logits of labels.

// pooler makes one vector of a sequence: the mean of its first tokens, through a
// dense layer where there is one.
type pooler struct {
	tokens     int        // one or two
	dense      *nn.Linear // nil for none
	activation nn.Activation
}

// pooler builds the pooler of the first token.
func (s *source) pooler(c *Config, dense *linear, activation nn.Activation) (*pooler, error) {
	l, err := s.layer(c, dense)
	return &pooler{1, &l, activation}, err
}

// forward returns the vectors [n, width]. Empty sequences give zeros.
func (p *pooler) forward(states tensor.Matrix, seqs tensor.Sequences, pool *tensor.Pool) tensor.Matrix {
	mean := firstTokens(states, seqs, 0, p.tokens)
	if p.dense == nil {
		return mean
	}
	dst := tensor.New(mean.Rows, p.dense.Out())
	p.dense.Forward(pool, dst, mean)
	p.activation.Apply(dst.Data, dst.Data)
	for i := range seqs.Len() {
		if lo, hi := seqs.Bounds(i); lo == hi {
			clear(dst.Row(i))
		}
	}
	return dst
}

// firstTokens returns for every sequence the mean of n of its tokens, from the
// given one on. Sequences that are too short give zeros.
func firstTokens(states tensor.Matrix, seqs tensor.Sequences, from, n int) tensor.Matrix {
	mean := tensor.New(seqs.Len(), states.Cols)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		if hi-lo < from+n {
			continue
		}
		row := mean.Row(i)
		copy(row, states.Row(lo+from))
		for t := 1; t < n; t++ {
			tensor.Add(row, row, states.Row(lo+from+t))
		}
		tensor.Scale(row, 1/float32(n), row)
	}
	return mean
}

// classifier gives the logits of labels: the mean of what its parts say.
type classifier struct{ parts []verdict }

// verdict is a linear map of the mean of some of the first tokens, normalized
// where there is a norm.
type verdict struct {
	from, tokens int
	norm         *nn.LayerNorm
	dense        nn.Linear
}

// verdict builds the linear map of one token.
func (s *source) verdict(c *Config, dense *linear, token int) (verdict, error) {
	l, err := s.layer(c, dense)
	return verdict{from: token, tokens: 1, dense: l}, err
}

// forward returns logits [n, labels].
func (c *classifier) forward(states tensor.Matrix, seqs tensor.Sequences, pool *tensor.Pool) tensor.Matrix {
	var sum tensor.Matrix
	for i, v := range c.parts {
		x := firstTokens(states, seqs, v.from, v.tokens)
		if v.norm != nil {
			v.norm.Forward(x, x)
		}
		logits := tensor.New(x.Rows, v.dense.Out())
		v.dense.Forward(pool, logits, x)
		if i == 0 {
			sum = logits
			continue
		}
		tensor.Add(sum.Data, sum.Data, logits.Data)
	}
	if n := len(c.parts); n > 1 {
		tensor.Scale(sum.Data, 1/float32(n), sum.Data)
	}
	return sum
}
