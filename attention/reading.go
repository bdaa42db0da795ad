package attention

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// reading is the reading phase of one sequence.
type reading struct {
	c     *Circuit
	mem   memory
	dst   tensor.Matrix // [N, dv]
	logC  []float32     // [N] or nil
	q     tensor.Matrix // [N, d]
	trace Trace
	work  *tensor.Arena

	// Of the present block of queries:
	lo     int           // its first token
	drives tensor.Matrix // [n, m] exponents of the queries
	sign   tensor.Matrix // [n, m], empty unless signed
	common []float64     // [n] logarithms common to all neurons
}

// begin computes the drives of queries lo to hi.
func (r *reading) begin(lo, hi int) {
	m := r.c.Neurons()
	r.lo = lo
	r.drives, r.sign = r.work.Matrix(hi-lo, m), r.c.read.signs(hi-lo, m, r.work)
	r.common = r.work.Doubles(hi - lo)
	r.c.read.queries(r.drives, r.sign, r.common, r.q.SliceRows(lo, hi), r.work)
	if r.c.cfg.Causal {
		// The memory that token t reads was forgotten t+1 times since the block
		// began; its shifts are lowered when the block ends.
		for t := range r.common {
			r.common[t] += r.c.decay * float64(t+1)
		}
	}
}

// readAll reads every query out of the complete memory.
func (r *reading) readAll() {
	block := r.c.block()
	for lo := 0; lo < r.q.Rows; lo += block {
		hi := min(lo+block, r.q.Rows)
		level := r.work.Mark()
		r.begin(lo, hi)
		r.read(0, hi-lo, tensor.Matrix{}, tensor.Matrix{})
		r.work.Release(level)
	}
}

// read reads queries first to end of the block: from the memory, and, if rates
// [m, end-first] is not empty, from the keys up to each query, which are not in
// the memory yet. Per query,
//
//	h = phi(q),  c = g.h,  l = H h / (sigma + c)
func (r *reading) read(first, end int, rates, values tensor.Matrix) {
	defer r.work.Release(r.work.Mark())
	n := end - first
	h, scale := r.hidden(first, end)
	out := r.dst.SliceRows(r.lo+first, r.lo+end)
	tensor.Product(out, h, tensor.PackTransposed(r.mem.hebb, r.work))
	var recent tensor.Matrix // [n, n] kernel values of the block's own keys
	if rates.Cols > 0 {
		recent = r.work.Matrix(n, n)
		tensor.Product(recent, h, tensor.PackTransposed(rates, r.work))
	}
	for t := range n {
		y := out.Row(t)
		c := tensor.Dot(h.Row(t), r.mem.gain)
		if rates.Cols > 0 {
			for u, w := range recent.Row(t)[:t+1] {
				c += w
				tensor.AddScaled(y, w, values.Row(u))
			}
		}
		r.finish(r.lo+first+t, y, c, scale[t])
	}
}

// hidden returns the rates h [n, m] of queries first to end of the block, those of
// query t relative to exp(scale[t]) and to the shifts of the memory.
func (r *reading) hidden(first, end int) (h tensor.Matrix, scale []float64) {
	n, m := end-first, r.c.Neurons()
	h, scale = r.work.Matrix(n, m), r.work.Doubles(n)
	defer r.work.Release(r.work.Mark())
	shifts := r.work.Floats(m)
	ref := r.shifts(shifts)
	for t := range n {
		row := h.Row(t)
		top := tensor.AddMax(row, r.drives.Row(first+t), shifts)
		if math.IsInf(float64(top), -1) {
			top = 0 // no neuron fires that was written, or the query is NaN
		}
		tensor.ExpSum(row, row, top)
		for i, s := range signRow(r.sign, first+t) {
			row[i] *= s
		}
		scale[t] = float64(top) + ref + r.common[first+t]
	}
	return h, scale
}

// shifts writes the shifts of the memory plus the bias of reading, relative to
// the largest, which it returns.
func (r *reading) shifts(dst []float32) (ref float64) {
	bias := r.c.read.bias
	ref = math.Inf(-1)
	for i, s := range r.mem.shift {
		ref = max(ref, s+bias[i])
	}
	if math.IsInf(ref, -1) {
		ref = 0 // nothing written yet
	}
	for i, s := range r.mem.shift {
		dst[i] = float32(s + bias[i] - ref)
	}
	return ref
}

// finish divides by calcium, c·exp(scale), and records it.
func (r *reading) finish(t int, y []float32, c float32, scale float64) {
	sigma := 0.0
	if s := r.c.cfg.HalfSaturation; s > 0 {
		sigma = s * math.Exp(-scale)
	}
	if total := sigma + float64(c); total == 0 {
		clear(y)
	} else {
		for j, v := range y {
			y[j] = float32(float64(v) / total)
		}
	}
	r.trace.Tokens++
	if c <= 0 {
		r.trace.NonPositive++
	}
	if c == 0 {
		r.trace.Zero++
	}
	if r.logC == nil {
		return
	}
	// log 0 is -Inf; of a negative number, NaN.
	r.logC[t] = float32(math.Log(float64(c)) + scale)
}
