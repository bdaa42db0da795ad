package attention

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// A circuit that is not causal takes its neurons in blocks: all keys are written
// to a block and all queries read it before the next one begins, so that its
// weights, its memory and the rates of a block of tokens stay in the second-level
// cache while they are worked on. What the blocks contribute to a query adds up
// relative to the largest rate that the query has met so far.
//
// A group of blocks is what one thread takes at a time. Blocks, groups and the
// order of their sums follow from the number of neurons alone.
const (
	blockNeurons = 384                // the depth and a multiple of the sides of a product's tiles
	blockRates   = blockNeurons * 256 // in a block of tokens, of neurons
	longestBlock = 256                // tokens
	groupBlocks  = 8                  // the fewest in one of several groups
)

// Groups returns into how many groups Forward divides the neurons: 1 unless there
// are thousands of them, and for a causal head, which goes from token to token.
// Who wants to share the work of one head among threads calls ForwardGroup for
// each group and Join for the results; Forward is the same in sequence.
func (c *Circuit) Groups() int {
	if c.cfg.Causal {
		return 1
	}
	return max(1, c.blocks()/groupBlocks)
}

func (c *Circuit) blocks() int { return (c.Neurons() + blockNeurons - 1) / blockNeurons }

// group returns the neurons of group g.
func (c *Circuit) group(g int) (lo, hi int) {
	blocks, groups := c.blocks(), c.Groups()
	return g * blocks / groups * blockNeurons, min((g+1)*blocks/groups*blockNeurons, c.Neurons())
}

// Partial is what some neurons contribute to every query of a sequence, relative
// to exp(Scale).
type Partial struct {
	Sum     tensor.Matrix // [N, dv] sum of H_i h_i
	Calcium []float64     // [N] sum of g_i h_i
	Scale   []float64     // [N]
}

// NewPartial returns room for n queries and values of width dv; work may be nil.
func NewPartial(n, dv int, work *tensor.Arena) Partial {
	return Partial{Sum: work.Matrix(n, dv), Calcium: work.Doubles(n), Scale: work.Doubles(n)}
}

func (p *Partial) reset() {
	p.Sum.Zero()
	clear(p.Calcium)
	for t := range p.Scale {
		p.Scale[t] = math.Inf(-1)
	}
}

// raise makes query t relative to at least exp(scale).
func (p *Partial) raise(t int, scale float64) {
	if !(scale > p.Scale[t]) {
		return
	}
	if !math.IsInf(p.Scale[t], -1) {
		f := math.Exp(p.Scale[t] - scale)
		tensor.Scale(p.Sum.Row(t), float32(f), p.Sum.Row(t))
		p.Calcium[t] *= f
	}
	p.Scale[t] = scale
}

// add adds what other neurons contribute.
func (p *Partial) add(other *Partial) {
	for t, scale := range other.Scale {
		p.raise(t, scale)
		f := 1.0
		if scale != p.Scale[t] {
			f = math.Exp(scale - p.Scale[t])
		}
		tensor.AddScaled(p.Sum.Row(t), float32(f), other.Sum.Row(t))
		p.Calcium[t] += f * other.Calcium[t]
	}
}

// ForwardGroup computes what group g contributes to one whole sequence: q, k
// [N, d], v [N, dv]. Scratch memory comes from work, which may be nil.
func (c *Circuit) ForwardGroup(dst Partial, g int, q, k, v tensor.Matrix, work *tensor.Arena) {
	check("circuit", dst.Sum, nil, q, k, v, tensor.Sequences{}, nil, nil)
	c.checkWidth(q)
	if g < 0 || g >= c.Groups() || len(dst.Calcium) != q.Rows || len(dst.Scale) != q.Rows {
		panic(fmt.Sprintf("attention: circuit: group %d of %d into room for %d and %d of %d queries",
			g, c.Groups(), len(dst.Calcium), len(dst.Scale), q.Rows))
	}
	defer work.Release(work.Mark())
	x := c.meet(q, k, v, work)
	lo, hi := c.group(g)
	c.gather(&dst, lo, hi, &x, nil, work)
}

// Join adds up what the groups contribute to one sequence, in their order, and
// divides by calcium; see Head for the arguments. It writes to the first partial.
func (c *Circuit) Join(dst tensor.Matrix, logC []float32, groups []Partial, q tensor.Matrix, trace *Trace) {
	if len(groups) != c.Groups() {
		panic(fmt.Sprintf("attention: circuit: %d partial results of %d groups", len(groups), c.Groups()))
	}
	check("circuit", dst, logC, q, q, dst, tensor.Sequences{}, nil, trace)
	sum := &groups[0]
	for i := range groups[1:] {
		sum.add(&groups[1+i])
	}
	out := readout{c: c, dst: dst, logC: logC}
	for t := range q.Rows {
		copy(dst.Row(t), sum.Sum.Row(t))
		out.finish(t, sum.Calcium[t], sum.Scale[t])
	}
	out.record(trace, q, 0)
}

// tokens are the keys, values and queries of a sequence, made ready to meet any
// neurons.
type tokens struct {
	k, v   tensor.Matrix // [N, d], [N, dv]
	block  int           // tokens in a block
	keys   keys          // the keys and values made ready, if they are one block
	values tensor.Weight
	q      tensor.Matrix // [N, d]
	level  []float64     // [N] of queries
	common []float64     // [N] what all neurons have in common
}

// written makes keys and values ready. Those of several blocks are made ready one
// block at a time, when they are in the cache.
func (c *Circuit) written(k, v tensor.Matrix, work *tensor.Arena) tokens {
	x := tokens{k: k, v: v, block: min(blockRates/min(c.Neurons(), blockNeurons), longestBlock)}
	if v.Rows <= x.block {
		x.keys, x.values = c.prepare(k, v, work)
	}
	return x
}

func (c *Circuit) prepare(k, v tensor.Matrix, work *tensor.Arena) (keys, tensor.Weight) {
	return c.write.keys(k, nil, c.decay, false, work), tensor.PackTransposed(v, work)
}

// meet makes queries ready, too.
func (c *Circuit) meet(q, k, v tensor.Matrix, work *tensor.Arena) tokens {
	x := c.written(k, v, work)
	x.q, x.level, x.common = q, work.Doubles(q.Rows), work.Doubles(q.Rows)
	c.read.common(x.level, x.common, q, work)
	return x
}

// whole computes one sequence, group by group.
func (c *Circuit) whole(out *readout, q, k, v tensor.Matrix, past *memory, work *tensor.Arena) {
	defer work.Release(work.Mark())
	x := c.meet(q, k, v, work)
	sum := Partial{Sum: out.dst, Calcium: work.Doubles(q.Rows), Scale: work.Doubles(q.Rows)}
	lo, hi := c.group(0)
	c.gather(&sum, lo, hi, &x, past, work)
	if groups := c.Groups(); groups > 1 {
		next := NewPartial(q.Rows, v.Cols, work)
		for g := 1; g < groups; g++ {
			lo, hi := c.group(g)
			c.gather(&next, lo, hi, &x, past, work)
			sum.add(&next)
		}
	}
	for t := range q.Rows {
		out.finish(t, sum.Calcium[t], sum.Scale[t])
	}
}

// gather writes all tokens to neurons first to end and reads them, a block of
// neurons at a time. past, unless nil, holds what was written before.
func (c *Circuit) gather(dst *Partial, first, end int, x *tokens, past *memory, work *tensor.Arena) {
	dst.reset()
	for lo := first; lo < end; lo += blockNeurons {
		hi := min(lo+blockNeurons, end)
		level := work.Mark()
		var mem memory
		if past != nil {
			mem = past.neurons(lo, hi)
		} else {
			mem = newMemory(hi-lo, x.v.Cols, work)
		}
		c.writeBlock(&mem, lo, x, work)
		c.readBlock(dst, &mem, lo, x, work)
		work.Release(level)
	}
	for t, common := range x.common {
		dst.Scale[t] += common
	}
}

// writeBlock writes all keys and values to the neurons of mem, of which the first
// is neuron first of the circuit.
func (c *Circuit) writeBlock(mem *memory, first int, x *tokens, work *tensor.Arena) {
	m, f := len(mem.gain), &c.write
	w := f.w.SliceRows(first, first+m)
	for lo := 0; lo < x.v.Rows; lo += x.block {
		hi := min(lo+x.block, x.v.Rows)
		level := work.Mark()
		ready, values := x.keys, x.values
		if hi-lo < x.v.Rows {
			ready, values = c.prepare(x.k.SliceRows(lo, hi), x.v.SliceRows(lo, hi), work)
		}
		rates, sign := work.Matrix(m, hi-lo), signRow(f.signs(1, hi-lo, work), 0)
		tensor.Product(rates, w, ready.packed)
		for i := range m {
			row, base := rates.Row(i), ready.ref+f.bias[first+i]
			top := f.exponentsOf(first+i, row, sign, &ready)
			mem.raise(i, float64(top)+base)
			mem.rates(i, row, sign, base)
			mem.gain[i] += tensor.Sum(row)
		}
		tensor.AddProduct(mem.hebb, rates, values)
		mem.forget(c.decay, hi-lo)
		work.Release(level)
	}
}

// readBlock adds what the neurons of mem contribute to every query, without what
// the neurons have in common.
func (c *Circuit) readBlock(dst *Partial, mem *memory, first int, x *tokens, work *tensor.Arena) {
	defer work.Release(work.Mark())
	m, f := len(mem.gain), &c.read
	stored := tensor.PackTransposed(mem.hebb, work)
	shifts := work.Floats(m)
	ref := shiftsOf(shifts, f.bias[first:first+m], mem.shift, 1)
	for lo := 0; lo < x.q.Rows; lo += x.block {
		hi := min(lo+x.block, x.q.Rows)
		level := work.Mark()
		h, sign := work.Matrix(hi-lo, m), f.signs(hi-lo, m, work)
		f.drivesOf(h, sign, first, x.level[lo:hi], x.q.SliceRows(lo, hi))
		for t := range hi - lo {
			row := h.Row(t)
			top := tensor.AddMax(row, row, shifts)
			if !math.IsInf(float64(top), -1) {
				dst.raise(lo+t, float64(top)+ref)
			}
			ratesOf(row, signRow(sign, t), dst.Scale[lo+t]-ref)
			dst.Calcium[lo+t] += float64(tensor.Dot(row, mem.gain))
		}
		tensor.AddProduct(dst.Sum.SliceRows(lo, hi), h, stored)
		work.Release(level)
	}
}

// ratesOf turns the exponents of a query into rates relative to exp(scale). It is
// -Inf as long as no neuron fires that was written, or if the query is NaN.
func ratesOf(exponents, sign []float32, scale float64) {
	if math.IsInf(scale, -1) {
		scale = 0
	}
	tensor.ExpShift(exponents, exponents, float32(scale))
	for i, s := range sign {
		exponents[i] *= s
	}
}
