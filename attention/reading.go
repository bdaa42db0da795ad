package attention

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// reading is the reading phase of a sequence, a block of queries at a time.
type reading struct {
	readout
	mem  memory
	q    tensor.Matrix // [N, d]
	work *tensor.Arena

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

// read reads queries first to end of the block: from the memory, and from the
// keys up to each query, which are not in the memory yet: rates [m, end-first],
// values [end-first, dv]. Per query,
//
//	h = phi(q),  c = g.h,  l = H h / (sigma + c)
func (r *reading) read(first, end int, rates, values tensor.Matrix) {
	defer r.work.Release(r.work.Mark())
	n := end - first
	h, scale := r.hidden(first, end)
	out := r.dst.SliceRows(r.lo+first, r.lo+end)
	tensor.Product(out, h, tensor.PackTransposed(r.mem.hebb, r.work))
	recent := r.work.Matrix(n, n) // kernel values of the block's own keys
	tensor.Product(recent, h, tensor.PackTransposed(rates, r.work))
	for t := range n {
		y := out.Row(t)
		c := tensor.Dot(h.Row(t), r.mem.gain)
		for u, w := range recent.Row(t)[:t+1] {
			c += w
			tensor.AddScaled(y, w, values.Row(u))
		}
		r.finish(r.lo+first+t, float64(c), scale[t])
	}
}

// hidden turns the drives of queries first to end of the block into their rates
// h [n, m], those of query t relative to exp(scale[t]) and to the shifts of the
// memory.
func (r *reading) hidden(first, end int) (h tensor.Matrix, scale []float64) {
	h, scale = r.drives.SliceRows(first, end), r.work.Doubles(end-first)
	defer r.work.Release(r.work.Mark())
	shifts := r.work.Floats(r.c.Neurons())
	ref := shiftsOf(shifts, r.c.read.bias, r.mem.shift, 1)
	for t := range scale {
		row := h.Row(t)
		top := float64(tensor.AddMax(row, row, shifts))
		ratesOf(row, signRow(r.sign, first+t), top)
		if math.IsInf(top, -1) {
			top = 0
		}
		scale[t] = top + ref + r.common[first+t]
	}
	return h, scale
}

// readout is where the queries of a sequence leave their results.
type readout struct {
	c     *Circuit
	dst   tensor.Matrix // [N, dv]
	logC  []float32     // [N] or nil
	trace Trace
}

// finish divides H h of query t, which dst holds, by sigma plus calcium c, all
// relative to exp(scale), and records calcium.
func (r *readout) finish(t int, c, scale float64) {
	sigma := 0.0
	if s := r.c.cfg.HalfSaturation; s > 0 {
		sigma = s * math.Exp(-scale)
	}
	y := r.dst.Row(t)
	if total := sigma + c; total == 0 {
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
	if r.logC != nil {
		// log 0 is -Inf; of a negative number, NaN.
		r.logC[t] = float32(math.Log(c) + scale)
	}
}

// record adds what happened to queries q, the first of which is token lo.
func (r *readout) record(trace *Trace, q tensor.Matrix, lo int) {
	if trace == nil {
		return
	}
	trace.Add(r.trace)
	if trace.LogFactor == nil {
		return
	}
	for t := range q.Rows {
		trace.LogFactor[lo+t] = float32(r.c.cfg.Tuning.LogFactor(q.Row(t)))
	}
}
