package attention

import "github.com/tripartite-go/tripartite/tensor"

// causal takes a sequence back in two sweeps over the parts in which Forward
// wrote and read it (see Circuit.causal): ahead, for queries, and for what the
// tokens of one part mean to each other; then from the end, for what keys mean to
// the queries of later parts. The memory A of the second sweep has shifts of its
// own, the largest log(h_ti/T_t) of the later queries; as T_t holds every key that
// query t reads, f·h/T stays at most 1 there too.
func (b *circuitBackward) causal() {
	work, n, m := b.work, b.q.Rows, b.c.Neurons()
	logTotal := work.Doubles(n)
	begins := work.Doubles(n) // where parts begin; every token may be a part
	parts, block := 0, b.c.causalBlock()
	for lo := 0; lo < n; lo += block {
		hi := min(lo+block, n)
		level := work.Mark()
		rates, top := work.Matrix(m, hi-lo), work.Floats(m)
		x := b.c.write.keys(b.k.SliceRows(lo, hi), nil, b.c.decay, true, work)
		b.c.write.exponents(rates, tensor.Matrix{}, top, &x)
		r := reading{readout: readout{c: b.c}, mem: b.mem, q: b.q, work: work}
		r.begin(lo, hi)
		for first := 0; first < hi-lo; {
			end := b.c.share(&b.mem, rates, top, first, x.ref)
			part := rates.SliceCols(first, end)
			for i, bias := range b.c.write.bias {
				b.mem.rates(i, part.Row(i), nil, x.ref+bias)
			}
			b.part(&r, first, end, part, logTotal)
			b.mem.plasticity(part, b.v.SliceRows(lo+first, lo+end), work)
			begins[parts] = float64(lo + first)
			parts++
			first = end
		}
		b.mem.forget(b.c.decay, hi-lo)
		work.Release(level)
	}

	later := newMemory(m, b.dv+1, work)
	for end := n; parts > 0; parts-- {
		lo := int(begins[parts-1])
		b.recall(&later, lo, end, logTotal)
		end = lo
	}
}

// part takes the queries first to end of the block of r back, and the keys and
// values of these same tokens as far as these queries read them. f [m, n] holds
// the rates of the keys.
func (b *circuitBackward) part(r *reading, first, end int, f tensor.Matrix, logTotal []float64) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := end-first, b.c.Neurons()
	lo, hi := r.lo+first, r.lo+end
	h, scale := r.hidden(first, end)
	kernel := work.Matrix(n, n)
	tensor.Product(kernel, h, tensor.PackTransposed(f, work))
	g, slack := work.Matrix(n, b.dv+1), work.Doubles(n)
	for t := range n {
		c := float64(tensor.Dot(h.Row(t), b.mem.gain))
		for _, w := range kernel.Row(t)[:t+1] {
			c += float64(w)
		}
		slack[t], logTotal[lo+t] = b.gradient(g.Row(t), lo+t, c, scale[t])
	}

	// seen [n, n]: (g_t.v_u - D_t)/T_t, 0 for later keys u.
	seen := work.Matrix(n, n)
	tensor.Product(seen, g, tensor.Pack(b.values(lo, hi), work))
	for t := range n {
		clear(seen.Row(t)[t+1:])
		clear(kernel.Row(t)[t+1:])
	}
	alpha := work.Matrix(n, m)
	tensor.Product(alpha, g, b.stored())
	tensor.AddProduct(alpha, seen, tensor.Pack(f, work))
	for t := range n {
		tensor.Mul(alpha.Row(t), alpha.Row(t), h.Row(t))
	}
	b.read.backward(b.dq.SliceRows(lo, hi), b.q.SliceRows(lo, hi), alpha, slack, work)

	turned, beta := work.Matrix(n, n), work.Matrix(n, m)
	tensor.Transpose(turned, seen)
	tensor.Product(beta, turned, tensor.PackTransposed(h, work))
	byToken := work.Matrix(n, m)
	tensor.Transpose(byToken, f)
	for t := range n {
		tensor.Mul(beta.Row(t), beta.Row(t), byToken.Row(t))
	}
	b.finishKeys(lo, hi, beta)
	tensor.Transpose(turned, kernel)
	tensor.AddProduct(b.dvalue.SliceRows(lo, hi), turned, tensor.PackTransposed(g.SliceCols(0, b.dv), work))
}

// recall takes keys and values lo to hi back as far as later queries read them,
// and writes the gradients of the queries lo to hi into the memory.
func (b *circuitBackward) recall(later *memory, lo, hi int, logTotal []float64) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := hi-lo, b.c.Neurons()
	shifts := work.Floats(m)
	ref := shiftsOf(shifts, b.c.write.bias, later.shift, 1)
	received := tensor.Pack(later.hebb, work)
	back := tensor.PackTransposed(later.hebb.SliceCols(0, b.dv), work)
	b.keys(lo, hi, hi, received, back, shifts, ref)

	extra, g := work.Doubles(n), work.Matrix(n, b.dv+1)
	for t := range n {
		extra[t] = -logTotal[lo+t] + b.c.decay*float64(t-n)
		row := g.Row(t)
		copy(row, b.dy.Row(lo+t))
		row[b.dv] = -tensor.Dot(b.dy.Row(lo+t), b.y.Row(lo+t))
	}
	rates, top := work.Matrix(m, n), work.Floats(m)
	x := b.c.read.keys(b.q.SliceRows(lo, hi), extra, 0, false, work)
	b.c.read.exponents(rates, tensor.Matrix{}, top, &x)
	for i, bias := range b.c.read.bias {
		later.raise(i, float64(top[i])+x.ref+bias)
		later.rates(i, rates.Row(i), nil, x.ref+bias)
	}
	later.plasticity(rates, g, work)
	later.forget(b.c.decay, n)
}
