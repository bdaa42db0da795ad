package attention

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Backward implements Trainable for tuning curves of the exponential link; with
// others, whose rates can be 0 or change sign, it panics (see HasBackward). So it
// does for a causal head.
//
// With T = sigma + c, the gradient g_t of y_t and D_t = g_t.y_t, the gradients
// with respect to the logarithms of the rates h of queries and f of keys are
//
//	alpha_ti = h_ti (g_t.H_i - D_t g_i) / T_t
//	beta_ui  = f_ui (A_i.v_u - a_i),  A_i = sum_t h_ti g_t/T_t,  a_i = sum_t h_ti D_t/T_t
//	dv_u     = sum_i f_ui A_i
//
// and those of q, k and the tuning curves follow, since these logarithms are
// affine in all but the level. A is the memory of a circuit that runs back: it is
// written by gradients and read by keys. Key u weighs the less by what was
// forgotten since.
//
// Rates are kept relative to the shifts of the memory as in Forward: h to M_i and
// to the largest of the query, f to -M_i, so that h·f/T is at most 1 for any
// logits, and so are alpha and beta for values and gradients around 1.
func (c *Circuit) Backward(grad Gradient, dy, y tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, work *tensor.Arena) {
	checkBackward("circuit", grad, dy, y, logC, q, k, v, seqs)
	if err := c.HasBackward(); err != nil {
		panic("attention: " + err.Error())
	}
	m, d := c.Neurons(), c.cfg.Tuning.Inputs()
	if q.Cols != d {
		panic(fmt.Sprintf("attention: circuit: queries of width %d for tuning curves of d=%d", q.Cols, d))
	}
	defer work.Release(work.Mark())
	b := circuitBackward{c: c, work: work, dv: v.Cols}
	var forms [2]*FormGradient
	if grad.Curves != nil {
		grad.Curves.check(m, d)
		forms = [2]*FormGradient{&grad.Curves[0], &grad.Curves[1]}
	}
	b.write = newDrives(&c.write, forms[tuning.Writing], m, d, work)
	b.read = newDrives(&c.read, forms[tuning.Reading], m, d, work)
	b.mem = newMemory(m, v.Cols, work)
	b.adjoint = work.Matrix(v.Cols+1, m)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		b.q, b.k, b.v = q.SliceRows(lo, hi), k.SliceRows(lo, hi), v.SliceRows(lo, hi)
		b.y, b.dy = y.SliceRows(lo, hi), dy.SliceRows(lo, hi)
		b.dq, b.dk, b.dvalue = grad.Query.SliceRows(lo, hi), grad.Key.SliceRows(lo, hi), grad.Value.SliceRows(lo, hi)
		b.sequence()
	}
	b.write.finish()
	b.read.finish()
}

// HasBackward reports why the head cannot go backward, nil if it can.
func (c *Circuit) HasBackward() error {
	if c.write.link != tuning.LinkExp || c.read.link != tuning.LinkExp {
		return fmt.Errorf("circuit: tuning curves %q have no backward pass; exponential ones have: %s, %s, %s, calibrated or not",
			c.cfg.Tuning.Map(), tuning.Exp, tuning.Gerf, tuning.Hyperbolic)
	}
	if c.cfg.Causal {
		return fmt.Errorf("circuit: a causal head has no backward pass; only one that writes all tokens before it reads")
	}
	return nil
}

// circuitBackward is the backward pass of one sequence after another.
type circuitBackward struct {
	c           *Circuit
	work        *tensor.Arena
	dv          int
	write, read drives
	mem         memory
	adjoint     tensor.Matrix // [dv+1, m] A and -a, transposed, relative to -M_i

	q, k, v, y, dy tensor.Matrix
	dq, dk, dvalue tensor.Matrix
}

func (b *circuitBackward) sequence() {
	work := b.work
	defer work.Release(work.Mark())
	b.mem.Reset()
	b.c.writeAll(&b.mem, b.k, b.v, work)
	b.adjoint.Zero()

	// H and g side by side: [m, dv+1].
	side := work.Matrix(b.c.Neurons(), b.dv+1)
	for i, g := range b.mem.gain {
		row := side.Row(i)
		copy(row, b.mem.hebb.Row(i))
		row[b.dv] = g
	}
	stored := tensor.Pack(side, work)
	n, block := b.q.Rows, b.c.block()
	for lo := 0; lo < n; lo += block {
		b.queries(lo, min(lo+block, n), stored)
	}

	received := tensor.PackTransposed(b.adjoint, work)
	back := tensor.Pack(b.adjoint.SliceRows(0, b.dv), work)
	shifts := work.Floats(b.c.Neurons())
	ref := b.shifts(shifts)
	for lo := 0; lo < n; lo += block {
		b.keys(lo, min(lo+block, n), received, back, shifts, ref)
	}
}

// queries takes a block of queries back and writes their gradients into A.
func (b *circuitBackward) queries(lo, hi int, stored tensor.Weight) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := hi-lo, b.c.Neurons()
	r := reading{c: b.c, mem: b.mem, q: b.q, work: work}
	r.begin(lo, hi)
	h, scale := r.hidden(0, n)
	g := work.Matrix(n, b.dv+1) // [g_t, -D_t] / T_t
	slack := work.Doubles(n)    // what sigma leaves of the sum of alpha_ti over i
	for t := range n {
		c := float64(tensor.Dot(h.Row(t), b.mem.gain))
		sigma := 0.0
		if s := b.c.cfg.HalfSaturation; s > 0 {
			sigma = s * math.Exp(-scale[t])
		}
		row := g.Row(t)
		slack[t] = 0
		if total := sigma + c; total == 0 || math.IsInf(total, 1) {
			clear(row) // nothing came in, or sigma is all there is: y is 0
		} else {
			dy := b.dy.Row(lo + t)
			d := float64(tensor.Dot(dy, b.y.Row(lo+t)))
			tensor.Scale(row[:b.dv], float32(1/total), dy)
			row[b.dv] = float32(-d / total)
			slack[t] = d * sigma / total
		}
	}
	alpha := work.Matrix(n, m)
	tensor.Product(alpha, g, stored)
	for t := range n {
		multiply(alpha.Row(t), h.Row(t))
	}
	gt := work.Matrix(b.dv+1, n)
	tensor.Transpose(gt, g)
	tensor.AddProduct(b.adjoint, gt, tensor.PackTransposed(h, work))
	b.read.backward(b.dq.SliceRows(lo, hi), b.q.SliceRows(lo, hi), alpha, slack, work)
}

// keys takes a block of keys and values back.
func (b *circuitBackward) keys(lo, hi int, received, back tensor.Weight, shifts []float32, ref float64) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := hi-lo, b.c.Neurons()
	f, common := work.Matrix(n, m), work.Doubles(n)
	b.c.write.queries(f, tensor.Matrix{}, common, b.k.SliceRows(lo, hi), work)
	v := work.Matrix(n, b.dv+1)
	for t := range n {
		row := f.Row(t)
		tensor.Add(row, row, shifts)
		forgotten := b.c.decay * float64(b.k.Rows-1-lo-t)
		tensor.ExpSum(row, row, float32(-(common[t] + forgotten + ref)))
		copy(v.Row(t), b.v.Row(lo+t))
		v.Row(t)[b.dv] = 1
	}
	tensor.Product(b.dvalue.SliceRows(lo, hi), f, back)
	beta, sum := work.Matrix(n, m), work.Doubles(n)
	tensor.Product(beta, v, received)
	for t := range n {
		multiply(beta.Row(t), f.Row(t))
		sum[t] = float64(tensor.Sum(beta.Row(t)))
	}
	b.write.backward(b.dk.SliceRows(lo, hi), b.k.SliceRows(lo, hi), beta, sum, work)
}

// shifts writes the bias of writing less the shift of every neuron, relative to
// the largest, which it returns.
func (b *circuitBackward) shifts(dst []float32) (ref float64) {
	ref = math.Inf(-1)
	for i, s := range b.mem.shift {
		if !math.IsInf(s, -1) {
			ref = max(ref, b.c.write.bias[i]-s)
		}
	}
	if math.IsInf(ref, -1) {
		ref = 0
	}
	for i, s := range b.mem.shift {
		dst[i] = float32(b.c.write.bias[i] - s - ref)
		if math.IsInf(s, -1) {
			dst[i] = float32(math.Inf(-1)) // never fired
		}
	}
	return ref
}

// multiply is dst *= x.
func multiply(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] *= v
	}
}
