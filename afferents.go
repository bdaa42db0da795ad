package tripartite

import (
	"fmt"
	"math"
)

// Afferents are the synapses by which tokens reach a head: the weight matrices
// that a trained transformer calls query, key and value projections.
type Afferents[F Float] struct {
	Width  int // D, the width of a token x
	Query  []F // W_Q [d, D]
	Key    []F // W_K [d, D]
	Value  []F // W_V [dv, D]
	Inputs int // d
}

// Hidden writes what drives the hidden neurons in phase s, dst [d]:
//
//	((1-s) W_K + s W_Q) x / d^(1/4)
//
// so that the product of a query's and a key's drive is the attention logit.
func (a *Afferents[F]) Hidden(dst []F, s Phase, x []F) {
	w := a.Key
	if s == Reading {
		w = a.Query
	}
	a.project(dst, w, x, 1/math.Sqrt(math.Sqrt(float64(a.Inputs))))
}

// Output writes what drives the output neurons while writing, dst [dv]: W_V x.
func (a *Afferents[F]) Output(dst, x []F) { a.project(dst, a.Value, x, 1) }

func (a *Afferents[F]) project(dst, w, x []F, scale float64) {
	if len(x) != a.Width || len(w) != len(dst)*a.Width {
		panic(fmt.Sprintf("tripartite: a token of width %d and %d weights for %d inputs, want width %d",
			len(x), len(w), len(dst), a.Width))
	}
	for i := range dst {
		dst[i] = F(scale * dot(w[i*a.Width:(i+1)*a.Width], x))
	}
}
