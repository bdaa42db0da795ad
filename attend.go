package tripartite

import (
	"fmt"
	"math"
)

// Attention is the output of one head for a sequence of N tokens.
type Attention[F Float] struct {
	Y       []F       // [N, dv] outputs l
	Calcium []Calcium // [N] the circuit's calcium, or the softmax normalizer
}

// Attend runs a sequence through the circuit: queries q and keys k [N, d]
// (scaled so that q.k is the attention logit) and values v [N, dv], row-major.
//
// Not causal, every token is written, then every token is read. Causal, token t
// is written, then read, then t+1: its output does not depend on what follows.
// Tokens already in the circuit's memory count as context in both cases.
func (c *Circuit[F]) Attend(q, k, v []F, causal bool) Attention[F] {
	d, dv := c.cfg.Tuning.Inputs(), c.cfg.Outputs
	n := rows(q, k, v, d, dv)
	out := Attention[F]{Y: make([]F, n*dv), Calcium: make([]Calcium, n)}
	write := func(t int) { c.Write(k[t*d:(t+1)*d], v[t*dv:(t+1)*dv]) }
	read := func(t int) { out.Calcium[t] = c.Read(out.Y[t*dv:(t+1)*dv], q[t*d:(t+1)*d]) }
	if causal {
		for t := range n {
			write(t)
			read(t)
		}
		return out
	}
	for t := range n {
		write(t)
	}
	for t := range n {
		read(t)
	}
	return out
}

// Softmax computes the attention that the circuit approximates, exactly and in
// float64 inside:
//
//	y_t = sum_tau v_tau exp(q_t.k_tau) / Z_t,  Z_t = sum_tau exp(q_t.k_tau)
//
// over all tokens tau, or causal, over tau <= t. Shapes are those of Attend; d
// is the width of keys and queries, dv that of values. Calcium holds Z.
func Softmax[F Float](q, k, v []F, d, dv int, causal bool) Attention[F] {
	n := rows(q, k, v, d, dv)
	out := Attention[F]{Y: make([]F, n*dv), Calcium: make([]Calcium, n)}
	p := make([]float64, n)
	y := make([]float64, dv)
	for t := range n {
		seen := n
		if causal {
			seen = t + 1
		}
		top := math.Inf(-1)
		for u := range seen {
			p[u] = dot(q[t*d:(t+1)*d], k[u*d:(u+1)*d])
			top = max(top, p[u])
		}
		var z float64
		clear(y)
		for u := range seen {
			w := math.Exp(p[u] - top)
			z += w
			for j := range y {
				y[j] += w * float64(v[u*dv+j])
			}
		}
		for j := range y {
			out.Y[t*dv+j] = F(y[j] / z)
		}
		out.Calcium[t] = calcium(z, top)
	}
	return out
}

func rows[F Float](q, k, v []F, d, dv int) int {
	if d < 1 || dv < 1 {
		panic(fmt.Sprintf("tripartite: d=%d and dv=%d, both must be at least 1", d, dv))
	}
	n := len(q) / d
	if len(q) != n*d || len(k) != n*d || len(v) != n*dv {
		panic(fmt.Sprintf("tripartite: q, k, v of %d, %d, %d values are not N rows of d=%d, d=%d, dv=%d",
			len(q), len(k), len(v), d, d, dv))
	}
	return n
}

// dot returns a.b, accumulated in float64.
func dot[F Float](a, b []F) float64 {
	var s float64
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
