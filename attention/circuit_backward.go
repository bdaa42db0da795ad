package attention

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Backward implements Trainable for tuning curves of the exponential link; with
// others, whose rates can be 0 or change sign, it panics (see HasBackward).
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
	if c.cfg.Precision != tensor.Float32 {
		return fmt.Errorf("circuit: products in precision %s have no backward pass; build the head in float32", c.cfg.Precision)
	}
	if c.write.link != tuning.LinkExp || c.read.link != tuning.LinkExp {
		return fmt.Errorf("circuit: tuning curves %q have no backward pass; exponential ones have: %s, %s, %s, calibrated or not",
			c.cfg.Tuning.Map(), tuning.Exp, tuning.Gerf, tuning.Hyperbolic)
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

// backwardRates bounds the rates of a block of tokens, which is 16 to 64 long.
const backwardRates = 1 << 20

func (b *circuitBackward) sequence() {
	work := b.work
	defer work.Release(work.Mark())
	b.mem.Reset()
	b.dq.Zero()
	b.dk.Zero()
	b.dvalue.Zero()
	if b.c.cfg.Causal {
		b.causal()
		return
	}
	b.writeAll()
	b.adjoint.Zero()

	stored := b.stored()
	n, block := b.q.Rows, min(max(backwardRates/b.c.Neurons(), 16), 64)
	for lo := 0; lo < n; lo += block {
		b.queries(lo, min(lo+block, n), stored)
	}

	received := tensor.PackTransposed(b.adjoint, work)
	back := tensor.Pack(b.adjoint.SliceRows(0, b.dv), work)
	shifts := work.Floats(b.c.Neurons())
	ref := shiftsOf(shifts, b.c.write.bias, b.mem.shift, -1)
	for lo := 0; lo < n; lo += block {
		b.keys(lo, min(lo+block, n), n-1, received, back, shifts, ref)
	}
}

// writeAll writes all keys and values.
func (b *circuitBackward) writeAll() {
	defer b.work.Release(b.work.Mark())
	x := b.c.written(b.k, b.v, b.work)
	for lo := 0; lo < b.c.Neurons(); lo += blockNeurons {
		mem := b.mem.neurons(lo, min(lo+blockNeurons, b.c.Neurons()))
		b.c.writeBlock(&mem, lo, &x, b.work)
	}
}

// stored returns H and g of the memory side by side: [m, dv+1].
func (b *circuitBackward) stored() tensor.Weight {
	side := b.work.Matrix(b.c.Neurons(), b.dv+1)
	for i, g := range b.mem.gain {
		row := side.Row(i)
		copy(row, b.mem.hebb.Row(i))
		row[b.dv] = g
	}
	return tensor.Pack(side, b.work)
}

// queries takes a block of queries back and writes their gradients into A.
func (b *circuitBackward) queries(lo, hi int, stored tensor.Weight) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := hi-lo, b.c.Neurons()
	r := reading{readout: readout{c: b.c}, mem: b.mem, q: b.q, work: work}
	r.begin(lo, hi)
	h, scale := r.hidden(0, n)
	g := work.Matrix(n, b.dv+1) // [g_t, -D_t] / T_t
	slack := work.Doubles(n)    // what sigma leaves of the sum of alpha_ti over i
	for t := range n {
		c := float64(tensor.Dot(h.Row(t), b.mem.gain))
		slack[t], _ = b.gradient(g.Row(t), lo+t, c, scale[t])
	}
	alpha := work.Matrix(n, m)
	tensor.Product(alpha, g, stored)
	for t := range n {
		tensor.Mul(alpha.Row(t), alpha.Row(t), h.Row(t))
	}
	gt := work.Matrix(b.dv+1, n)
	tensor.Transpose(gt, g)
	tensor.AddProduct(b.adjoint, gt, tensor.PackTransposed(h, work))
	b.read.backward(b.dq.SliceRows(lo, hi), b.q.SliceRows(lo, hi), alpha, slack, work)
}

// gradient writes [g_t, -D_t]/T_t of query t for calcium c, relative to
// exp(scale), and returns D_t sigma/T_t, which is the sum of alpha_ti over i, and
// the logarithm of T_t.
func (b *circuitBackward) gradient(dst []float32, t int, c, scale float64) (slack, logTotal float64) {
	sigma := 0.0
	if s := b.c.cfg.HalfSaturation; s > 0 {
		sigma = s * math.Exp(-scale)
	}
	total := sigma + c
	if total == 0 || math.IsInf(total, 1) {
		clear(dst) // no calcium, or next to none: y is 0 whatever came in
		return 0, farAway
	}
	dy := b.dy.Row(t)
	d := float64(tensor.Dot(dy, b.y.Row(t)))
	tensor.Scale(dst[:b.dv], float32(1/total), dy)
	dst[b.dv] = float32(-d / total)
	return d * sigma / total, math.Log(total) + scale
}

// farAway stands for an infinite logarithm where differences must not be NaN.
const farAway = 1e300

// keys takes a block of keys and values back: received is A and -a, for products
// with values; back is A, for products with rates; shifts and ref are those of
// A. What keys weigh less by age counts up to token end.
func (b *circuitBackward) keys(lo, hi, end int, received, back tensor.Weight, shifts []float32, ref float64) {
	work := b.work
	defer work.Release(work.Mark())
	n, m := hi-lo, b.c.Neurons()
	f, common := work.Matrix(n, m), work.Doubles(n)
	b.c.write.queries(f, tensor.Matrix{}, common, b.k.SliceRows(lo, hi), work)
	for t := range n {
		row := f.Row(t)
		tensor.Add(row, row, shifts)
		forgotten := b.c.decay * float64(end-lo-t)
		tensor.ExpShift(row, row, float32(-(common[t] + forgotten + ref)))
	}
	tensor.AddProduct(b.dvalue.SliceRows(lo, hi), f, back)
	beta := work.Matrix(n, m)
	tensor.Product(beta, b.values(lo, hi), received)
	for t := range n {
		tensor.Mul(beta.Row(t), beta.Row(t), f.Row(t))
	}
	b.finishKeys(lo, hi, beta)
}

// values returns values and a 1 for calcium [n, dv+1].
func (b *circuitBackward) values(lo, hi int) tensor.Matrix {
	v := b.work.Matrix(hi-lo, b.dv+1)
	for t := range v.Rows {
		copy(v.Row(t), b.v.Row(lo+t))
		v.Row(t)[b.dv] = 1
	}
	return v
}

// finishKeys takes beta [n, m] back to the keys.
func (b *circuitBackward) finishKeys(lo, hi int, beta tensor.Matrix) {
	defer b.work.Release(b.work.Mark())
	sum := b.work.Doubles(beta.Rows)
	for t := range sum {
		sum[t] = float64(tensor.Sum(beta.Row(t)))
	}
	b.write.backward(b.dk.SliceRows(lo, hi), b.k.SliceRows(lo, hi), beta, sum, b.work)
}
