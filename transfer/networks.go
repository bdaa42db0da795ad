package transfer

import (
	"cmp"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// The three networks that are compared.
const (
	exactNetwork = iota
	circuitNetwork
	uniformNetwork
	networksCompared
)

// comparison gathers what whole networks have in common, part by part.
type comparison struct {
	layers     []mean                          // [L] cosines of hidden states, circuit's to exact's
	uniform    mean                            // of the last ones, uniform's to exact's
	embeddings [networksCompared]tensor.Matrix // of the present part, [n, D]
	circuit    []float64                       // cosines of embeddings, circuit's to exact's
	floor      mean                            // uniform's to exact's
	exact, got [][]float32                     // all embeddings, exact and circuit's
}

// mean is one of numbers that come one by one, NaN of none.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum += x; m.n++ }

func (m *mean) value() Number {
	if m.n == 0 {
		return Number(math.NaN())
	}
	return Number(m.sum / float64(m.n))
}

func (m *mean) cosines(x, y tensor.Matrix) {
	for i := range x.Rows {
		m.add(stats.Cosine(x.Row(i), y.Row(i)))
	}
}

// networks runs the whole network exactly, with its replaced heads and with
// uniform ones, on all inputs, and lets each do what it is for.
func (r *run) networks() error {
	net := r.cfg.Network.Model
	heads := [networksCompared][][]attention.Head{circuitNetwork: r.circuits.Heads(), uniformNetwork: net.Uniform()}
	c := &comparison{layers: make([]mean, net.Layers())}
	ask := r.newAsking()
	parts := network.Parts(r.inputs.Lengths(), partTokens)
	for i, part := range parts {
		which := make([]int, part[1]-part[0])
		for j := range which {
			which[j] = part[0] + j
		}
		b, err := r.inputs.Batch(r.ctx, which, r.cfg.Pool)
		if err != nil {
			return err
		}
		if ask != nil {
			ask.begin(&b, part[0])
		}
		var exact []tensor.Matrix // hidden states
		for n := range heads {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			var failed error
			last, err := net.Forward(r.ctx, b, model.Run{Heads: heads[n], Work: r.work, Hidden: func(l int, x tensor.Matrix) {
				if n == exactNetwork {
					exact = append(exact, x.Clone())
					failed = cmp.Or(failed, network.CheckStates(net, l, x))
				}
				c.hidden(n, l, exact[l], x)
				if l == net.Layers() {
					c.embeddings[n] = r.embeddings(x, b.Sequences)
				}
			}})
			if n == exactNetwork {
				err = cmp.Or(err, failed, network.CheckStates(net, net.Layers(), last))
			}
			if err == nil && ask != nil {
				err = ask.answer(n, heads[n], &b, last)
			}
			if err != nil {
				return err
			}
			r.progress((float64(i) + float64(n+1)/networksCompared) / float64(len(parts)))
		}
		c.embed()
	}
	if err := r.circuits.Incidents().Err; err != nil {
		return err
	}
	c.report(&r.report)
	if ask != nil {
		r.report.Network.Task = ask.result()
		if ask.name == Fill {
			r.report.Input.Masked = len(ask.want)
		}
	}
	return nil
}

// hidden compares hidden state l of a network with the exact one.
func (c *comparison) hidden(n, l int, exact, x tensor.Matrix) {
	switch {
	case n == circuitNetwork && l > 0:
		c.layers[l-1].cosines(exact, x)
	case n == uniformNetwork && l == len(c.layers):
		c.uniform.cosines(exact, x)
	}
}

// embed compares the embeddings of a part.
func (c *comparison) embed() {
	want := c.embeddings[exactNetwork]
	for i := range want.Rows {
		row := want.Row(i)
		c.circuit = append(c.circuit, stats.Cosine(row, c.embeddings[circuitNetwork].Row(i)))
		c.floor.add(stats.Cosine(row, c.embeddings[uniformNetwork].Row(i)))
		c.exact, c.got = append(c.exact, row), append(c.got, c.embeddings[circuitNetwork].Row(i))
	}
}

func (c *comparison) report(r *Report) {
	for l := range c.layers {
		r.Layers[l].HiddenCosine = c.layers[l].value()
	}
	n := &r.Network
	n.HiddenCosine, n.HiddenUniform = r.Layers[len(c.layers)-1].HiddenCosine, c.uniform.value()
	n.EmbeddingCosine, n.EmbeddingUniform = Number(stats.Mean(c.circuit)), c.floor.value()
	n.EmbeddingP05 = Number(stats.Quantile(c.circuit, 0.05))
	n.EmbeddingCentred = Number(stats.CentredCosine(c.exact, c.got))
	n.SimilarityRank = Number(stats.SimilarityRank(spread(c.exact, rankedInputs), spread(c.got, rankedInputs)))
	n.EmbeddingOther = c.other()
}

// rankedInputs is among how many inputs at most the similarities of all pairs are
// ranked.
const rankedInputs = 1000

// spread returns at most n of all, evenly spaced.
func spread(all [][]float32, n int) [][]float32 {
	if len(all) <= n {
		return all
	}
	out := make([][]float32, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}

// other returns the mean cosine of exact embeddings of two different inputs: of
// each and the one that is half of all inputs away, since in a folder neighbours
// are of one label.
func (c *comparison) other() Number {
	var m mean
	n := len(c.exact)
	for i := range n {
		if far := (i + n/2) % n; far != i {
			m.add(stats.Cosine(c.exact[i], c.exact[far]))
		}
	}
	return m.value()
}

// embeddings returns one vector for every sequence [n, D]: the mean of its last
// hidden states or, of pictures and sounds, of those that the answer is read from.
// Cosines do not ask for unit length.
func (r *run) embeddings(states tensor.Matrix, seqs tensor.Sequences) tensor.Matrix {
	c := r.cfg.Network.Model.Config()
	out := tensor.New(seqs.Len(), states.Cols)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		if c.Input != model.Tokens {
			hi = lo + leading(&c)
		}
		for t := lo; t < hi; t++ {
			tensor.AddScaled(out.Row(i), 1/float32(hi-lo), states.Row(t))
		}
	}
	return out
}
