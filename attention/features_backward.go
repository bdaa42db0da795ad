package attention

import "github.com/tripartite-go/tripartite/tensor"

// drives is the way back through the tuning curves of one phase, from gradients
// a_ti with respect to log phi_i(x_t), and their sum s_t over i, to tokens and to
// the curves. With z = Metric (x - Center), for the exponential link:
//
//	dx_t    = sum_i a_ti W_i + s_t (Excite - Metricᵀ z_t)
//	dW_i    = sum_t a_ti x_t,  dB_i = sum_t a_ti
//	dMetric = -sum_t s_t z_t (x_t - Center)ᵀ
//	dCenter = sum_t s_t Metricᵀ z_t,  dExcite = sum_t s_t x_t
//
// s is taken apart from a, because of queries it is known better than the sum:
// it is 0 without half-saturation.
type drives struct {
	f     *features
	grad  *FormGradient // nil if the curves are frozen
	back  tensor.Weight // W, for a·W
	level tensor.Weight // Metric, for z·Metric; unused without
	sums  tensor.Matrix // [d+1, m] dWᵀ, and dB in the last row
}

func newDrives(f *features, grad *FormGradient, m, d int, work *tensor.Arena) drives {
	w := drives{f: f, grad: grad, back: tensor.PackTransposed(f.w, work)}
	if f.inMetric {
		w.level = f.metric.Transpose(work)
	}
	if grad != nil {
		w.sums = work.Matrix(d+1, m)
		w.sums.Zero()
	}
	return w
}

// finish adds what was gathered to the gradient.
func (w *drives) finish() {
	if w.grad == nil {
		return
	}
	d := w.sums.Rows - 1
	if w.grad.W != nil {
		for j := range d {
			for i, v := range w.sums.Row(j) {
				w.grad.W[i*d+j] += v
			}
		}
	}
	if w.grad.B != nil {
		tensor.Add(w.grad.B, w.grad.B, w.sums.Row(d))
	}
}

// backward adds to dx [n, d] for a block of tokens x [n, d]: a [n, m], s [n].
func (w *drives) backward(dx, x, a tensor.Matrix, s []float64, work *tensor.Arena) {
	defer work.Release(work.Mark())
	tensor.AddProduct(dx, a, w.back)
	n, d := x.Rows, x.Cols
	if w.grad != nil {
		// [d+1, n]: the tokens, and a 1 for the constant drive.
		xt := work.Matrix(d+1, n)
		tensor.Transpose(xt.SliceRows(0, d), x)
		for t := range xt.Row(d) {
			xt.Row(d)[t] = 1
		}
		tensor.AddProduct(w.sums, xt, tensor.PackTransposed(a, work))
	}
	for _, v := range s {
		if v != 0 {
			w.common(dx, x, s, work)
			return
		}
	}
}

// common is the part of backward that all neurons share.
func (w *drives) common(dx, x tensor.Matrix, s []float64, work *tensor.Arena) {
	f, n, d := w.f, x.Rows, x.Cols
	centred := work.Matrix(n, d)
	centred.CopyFrom(x)
	if f.center != nil {
		for t := range n {
			tensor.AddScaled(centred.Row(t), -1, f.center)
		}
	}
	z, pull := centred, centred // pull is Metricᵀ z
	if f.inMetric {
		z, pull = work.Matrix(n, d), work.Matrix(n, d)
		tensor.Product(z, centred, f.metric)
		tensor.Product(pull, z, w.level)
	}
	for t, v := range s {
		row := dx.Row(t)
		tensor.AddScaled(row, float32(-v), pull.Row(t))
		for j, e := range f.excite {
			row[j] += float32(v * e)
		}
		if w.grad == nil {
			continue
		}
		if w.grad.Center != nil {
			tensor.AddScaled(w.grad.Center, float32(v), pull.Row(t))
		}
		if w.grad.Excite != nil {
			tensor.AddScaled(w.grad.Excite, float32(v), x.Row(t))
		}
	}
	if w.grad == nil || w.grad.Metric == nil {
		return
	}
	zt := work.Matrix(d, n)
	tensor.Transpose(zt, z)
	for i := range d {
		row := zt.Row(i)
		for t, v := range s {
			row[t] *= float32(-v)
		}
	}
	tensor.AddProduct(tensor.FromData(w.grad.Metric, d, d), zt, tensor.PackTransposed(centred, work))
}
