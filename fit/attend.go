package fit

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// sample is one sequence as one head sees it, in balanced coordinates: the logit
// of query t and key u is q'_t.k'_u + keyBias_u + queryBias_t.
type sample struct {
	q, k               tensor.Matrix // [n, d]
	keyBias, queryBias []float32     // [n]
}

// loss compares the attention of a circuit with that of a softmax, row by row:
// with the softmax row P, its normalizer Z, the kernel values phi(q).phi(k) and
// their sum, calcium c,
//
//	Rows·KL(P || kernel/c) + Calcium·log²(c/Z)
//
// The first term fits attention, the second makes calcium the softmax normalizer.
// They do not compete: the level of reading changes c and nothing else.
type loss struct {
	rows, calcium float64 // weights; rows is 1 where heads are fitted one by one, 0 for calcium alone
	causal        bool
	slope         float32 // of ALiBi, with causal: what is forgotten in a step
}

// score is the loss of some rows, summed.
type score struct {
	rows       int
	divergence float64 // KL
	calcium    float64 // |log c - log Z|
}

func (s *score) add(other score) {
	s.rows += other.rows
	s.divergence += other.divergence
	s.calcium += other.calcium
}

// features are the rates of all neurons for the tokens of one sample.
type features struct {
	f     tensor.Matrix // [m, n] rates of writing, each neuron relative to exp(shift)
	h     tensor.Matrix // [n, m] of reading, relative to exp(-shift), each query to exp(top)
	top   []float64     // [n]
	zq    tensor.Matrix // [n, d] Metric (q' - Center)
	zk    tensor.Matrix
	cq    tensor.Matrix // [n, d] q' - Center
	ck    tensor.Matrix
	total []float32 // [m] sum of f over keys
}

// packed are curves ready for products.
type packed struct {
	*curves
	offset                []float32     // [m] B
	drive                 tensor.Weight // [m, d] W of reading
	readLevel, writeLevel tensor.Weight // [d, d] Metric
}

func (c *curves) pack(work *tensor.Arena) packed {
	offset := work.Floats(c.m)
	c.drive(offset)
	return packed{
		curves:     c,
		offset:     offset,
		drive:      tensor.Pack(tensor.FromData(c.readW, c.m, c.d), work),
		readLevel:  tensor.Pack(tensor.FromData(c.readMetric, c.d, c.d), work),
		writeLevel: tensor.Pack(tensor.FromData(c.writeMetric, c.d, c.d), work),
	}
}

// level writes x - Center, Metric (x - Center) and minus half the square of the
// latter.
func level(x tensor.Matrix, center []float32, metric tensor.Weight, work *tensor.Arena) (centred, z tensor.Matrix, level []float32) {
	centred, z, level = work.Matrix(x.Rows, x.Cols), work.Matrix(x.Rows, x.Cols), work.Floats(x.Rows)
	for t := range x.Rows {
		row := centred.Row(t)
		for j, v := range x.Row(t) {
			row[j] = v - center[j]
		}
	}
	tensor.Product(z, centred, metric)
	for t := range level {
		level[t] = -tensor.Dot(z.Row(t), z.Row(t)) / 2
	}
	return centred, z, level
}

// features computes the rates of a sample.
func (p *packed) features(s sample, work *tensor.Arena) features {
	n, m := s.q.Rows, p.m
	x := features{f: work.Matrix(m, n), h: work.Matrix(n, m), top: work.Doubles(n), total: work.Floats(m)}
	shift := work.Floats(m)
	var levels []float32
	x.ck, x.zk, levels = level(s.k, p.writeCenter, p.writeLevel, work)
	tensor.Product(x.f, tensor.FromData(p.writeW, m, p.d), tensor.Pack(s.k, work))
	for i := range m {
		row := x.f.Row(i)
		top := tensor.AddMax(row, row, levels)
		x.total[i] = float32(tensor.ExpSum(row, row, top))
		shift[i] = top + p.offset[i]
	}
	x.cq, x.zq, levels = level(s.q, p.readCenter, p.readLevel, work)
	tensor.Product(x.h, s.q, p.drive)
	for t := range n {
		row := x.h.Row(t)
		top := tensor.AddMax(row, row, shift)
		tensor.ExpShift(row, row, top)
		x.top[t] = float64(top) + float64(levels[t])
	}
	return x
}

// least keeps kernel values that underflow from dividing: a key of that share of
// the largest rates weighs nothing.
const least = 1e-30

// sequence returns the loss of one sample and, unless grad is nil, adds weight
// times its gradient to grad: with respect to B, where curves have b (see
// curves.around). The score is left out unless scored, since it takes
// more logarithms than the gradient.
//
// With s_t the derivative of the loss with respect to c_t, and G_tu = s_t - Rows·P_tu/ker_tu,
// the gradients with respect to the logarithms of rates are
//
//	alpha_ti = h_ti sum_u G_tu f_iu,  beta_iu = f_iu sum_t h_ti G_tu
func (l *loss) sequence(p *packed, grad *curves, s sample, weight float32, scored bool, work *tensor.Arena) (out score) {
	return l.compare(p, grad, s, weight, scored, nil, work)
}

// calciumErrors returns log c - log Z of every query [n], which lives in the arena.
func (l *loss) calciumErrors(p *packed, s sample, work *tensor.Arena) []float64 {
	out := work.Doubles(s.q.Rows)
	l.compare(p, nil, s, 0, false, out, work)
	return out
}

// compare is sequence that also writes log c - log Z of every query to offs, unless
// nil.
func (l *loss) compare(p *packed, grad *curves, s sample, weight float32, scored bool, offs []float64, work *tensor.Arena) (out score) {
	defer work.Release(work.Mark())
	n, m := s.q.Rows, p.m
	x := p.features(s, work)
	kernel, g := work.Matrix(n, n), work.Matrix(n, n)
	tensor.Product(kernel, x.h, tensor.PackTransposed(x.f, work))
	tensor.Product(g, s.q, tensor.Pack(s.k, work))
	aged := l.age(n, work)
	both, sums := work.Floats(n), work.Floats(n) // of G·kernel: by key
	clear(sums)
	queries := work.Floats(n) // by query
	for t := range n {
		seen := n
		if l.causal {
			seen = t + 1
		}
		row, ker := g.Row(t)[:seen], kernel.Row(t)[:seen]
		tensor.Add(row, row, s.keyBias[:seen])
		if l.slope != 0 {
			tensor.Add(row, row, aged.logs[n-seen:])
		}
		largest := tensor.Max(row)
		z := tensor.ExpSum(row, row, largest)
		c := l.calciumOf(&x, t, ker, aged) + least
		off := math.Log(c) + x.top[t] - math.Log(z) - float64(largest) - float64(s.queryBias[t])
		if offs != nil {
			offs[t] = off
		}
		if scored {
			out.divergence += l.divergence(row, ker, aged, z, c)
			out.calcium += math.Abs(off)
			out.rows++
		}
		if grad == nil {
			continue
		}
		slope := float32((l.rows + 2*l.calcium*off) / c * float64(weight))
		share := float32(l.rows * float64(weight) / z)
		if l.slope != 0 {
			for u, w := range aged.weights[n-seen:] {
				row[u] = slope*w - share*row[u]/(ker[u]+least)
			}
		} else {
			for u, v := range row {
				row[u] = slope - share*v/(ker[u]+least)
			}
		}
		clear(g.Row(t)[seen:])
		tensor.Mul(both[:seen], row, ker)
		queries[t] = tensor.Sum(both[:seen])
		tensor.Add(sums[:seen], sums[:seen], both[:seen])
	}
	if grad == nil {
		return out
	}
	alpha := work.Matrix(n, m)
	tensor.Product(alpha, g, tensor.Pack(x.f, work))
	tensor.Mul(alpha.Data, alpha.Data, x.h.Data)
	turned, beta := work.Matrix(m, n), work.Matrix(m, n)
	tensor.Transpose(turned, x.h)
	tensor.Product(beta, turned, tensor.PackTransposed(g, work))
	tensor.Mul(beta.Data, beta.Data, x.f.Data)

	tensor.AddProduct(tensor.FromData(grad.writeW, m, p.d), beta, tensor.PackTransposed(s.k, work))
	for i := range m {
		grad.b[i] += tensor.Sum(beta.Row(i))
	}
	tensor.Transpose(turned, alpha)
	tensor.AddProduct(tensor.FromData(grad.readW, m, p.d), turned, tensor.PackTransposed(s.q, work))
	levelBack(grad.readMetric, grad.readCenter, p.readMetric, x.zq, x.cq, queries, work)
	levelBack(grad.writeMetric, grad.writeCenter, p.writeMetric, x.zk, x.ck, sums, work)
	return out
}

// calciumOf returns the calcium of query t, relative to exp(top): the sum of its
// kernel values ker, aged.
func (l *loss) calciumOf(x *features, t int, ker []float32, aged age) float64 {
	switch {
	case l.slope != 0:
		return float64(tensor.Dot(ker, aged.weights[len(aged.weights)-len(ker):]))
	case l.causal:
		return float64(tensor.Sum(ker))
	}
	return float64(tensor.Dot(x.h.Row(t), x.total))
}

// divergence returns KL of one row: row holds exp(logit - largest), z their sum.
func (l *loss) divergence(row, ker []float32, aged age, z, c float64) float64 {
	var sum float64
	for u, v := range row {
		if v > 0 { // the quotient of a key that is all but forgotten is no float32
			sum += float64(v) * math.Log(float64(v)/float64(ker[u]+least))
		}
	}
	if l.slope != 0 {
		for u, a := range aged.logs[len(aged.logs)-len(row):] {
			sum -= float64(row[u]) * float64(a)
		}
	}
	return sum/z - math.Log(z) + math.Log(c)
}

// age is what keys weigh less by their age: of n keys, the last is present.
type age struct {
	logs, weights []float32 // [n]
}

func (l *loss) age(n int, work *tensor.Arena) (a age) {
	if l.slope == 0 {
		return a
	}
	a = age{work.Floats(n), work.Floats(n)}
	for u := range n {
		a.logs[u] = -l.slope * float32(n-1-u)
	}
	tensor.ExpShift(a.weights, a.logs, 0)
	return a
}

// levelBack adds the gradient of the level -|z|²/2, z = Metric (x - Center), where
// s [n] is that of the logarithm of the rates of all neurons together.
func levelBack(metricGrad, centerGrad, metric []float32, z, centred tensor.Matrix, s []float32, work *tensor.Arena) {
	n, d := z.Rows, z.Cols
	sum := work.Floats(d) // of s z
	clear(sum)
	for t, v := range s {
		row := z.Row(t)
		tensor.Scale(row, v, row)
		tensor.Add(sum, sum, row)
	}
	turned := work.Matrix(d, n)
	tensor.Transpose(turned, z)
	product := work.Matrix(d, d)
	tensor.Product(product, turned, tensor.PackTransposed(centred, work))
	tensor.AddScaled(metricGrad, -1, product.Data)
	for i, v := range sum {
		tensor.AddScaled(centerGrad, v, metric[i*d:(i+1)*d])
	}
}

// serve adds to read and write [m, d+1] the queries and keys of a sample, each as
// often as a neuron serves it, and in the last column how often that is.
func (p *packed) serve(read, write tensor.Matrix, s sample, work *tensor.Arena) {
	defer work.Release(work.Mark())
	n, m, d := s.q.Rows, p.m, p.d
	x := p.features(s, work)
	sum := work.Floats(m) // of h/c over queries
	clear(sum)
	share := work.Matrix(n, m)
	for t := range n {
		row := share.Row(t)
		tensor.Scale(row, 1/(tensor.Dot(x.h.Row(t), x.total)+least), x.h.Row(t))
		tensor.Add(sum, sum, row)
		tensor.Mul(row, row, x.total)
	}
	turned := work.Matrix(m, n)
	tensor.Transpose(turned, share)
	add := func(to, share, tokens tensor.Matrix) {
		tensor.AddProduct(to.SliceCols(0, d), share, tensor.PackTransposed(tokens, work))
		for i := range m {
			to.Row(i)[d] += tensor.Sum(share.Row(i))
		}
	}
	add(read, turned, s.q)
	for i, v := range sum {
		tensor.Scale(turned.Row(i), v, x.f.Row(i))
	}
	add(write, turned, s.k)
}
