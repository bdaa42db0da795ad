package tripartite

import (
	"fmt"
	"math"
)

// Afferents are the synapses by which tokens reach a head: the weights that a
// trained transformer calls query, key and value projections. D is the width of
// a token. Weights may be nil for the identity, biases for none.
type Afferents[F Float] struct {
	WQ, QueryBias []F // W_Q [d, D], [d]
	WK, KeyBias   []F // W_K [d, D], [d]
	WV, ValueBias []F // W_V [dv, D], [dv]
}

// Drive writes what drives the hidden neurons in phase s for token x [D], dst [d]:
//
//	((1-s) W_K + s W_Q) x / d^(1/4)
//
// with the bias of the phase added to the product. So the product of the drives
// of a query and a key is the attention logit.
func (a *Afferents[F]) Drive(dst []F, s Phase, x []F) {
	w, b := a.WK, a.KeyBias
	if s == Reading {
		w, b = a.WQ, a.QueryBias
	}
	project(dst, w, b, x)
	scale := F(1 / math.Sqrt(math.Sqrt(float64(len(dst)))))
	for i := range dst {
		dst[i] *= scale
	}
}

// Value writes what drives the output neurons while writing, dst [dv]: W_V x, and
// the bias.
func (a *Afferents[F]) Value(dst, x []F) { project(dst, a.WV, a.ValueBias, x) }

func project[F Float](dst, w, b, x []F) {
	if w == nil && len(dst) == len(x) && (b == nil || len(b) == len(dst)) {
		copy(dst, x)
		for i, v := range b {
			dst[i] += v
		}
		return
	}
	if len(dst) == 0 || len(x) == 0 || len(w) != len(dst)*len(x) || b != nil && len(b) != len(dst) {
		panic(fmt.Sprintf("tripartite: weights of %d values and a bias of %d, want [%d, %d] and [%d], all at least 1",
			len(w), len(b), len(dst), len(x), len(dst)))
	}
	for i := range dst {
		s := dot(w[i*len(x):(i+1)*len(x)], x)
		if b != nil {
			s += float64(b[i])
		}
		dst[i] = F(s)
	}
}
