package fit

import (
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// curves are the numbers of one head's tuning curves in balanced coordinates
//
//	q' = M(q - a),  k' = M^-T(k - mu)
//
// (see tuning.Calibration), in which queries and keys have the same, diagonal
// covariance, so that all numbers are of one size and one learning rate serves
// them. For each phase, with x' = q' when reading and k' when writing,
//
//	log phi_i = W_i.x' + B_i - |Metric (x' - Center)|²/2
//
// where B is that of writing: of reading it is 0, as only the sum of the two
// means anything. In place of B stands the drive at the neuron's anchors r_i and
// w_i, the mean query and key that it serves:
//
//	b_i = B_i + W_i(reading).r_i + W_i(writing).w_i
//
// Its weights then turn the curve around the tokens that the neuron is for, and do
// not lift it there, so that a step of one does not undo one of the other.
//
// All numbers that are fitted are parts of one slice, or of its gradient.
type curves struct {
	m, d                     int
	data                     []float32
	readW, writeW            []float32 // [m, d]
	b                        []float32 // [m]
	readMetric, readCenter   []float32 // [d, d], [d]
	writeMetric, writeCenter []float32
	readAnchor, writeAnchor  []float32 // [m, d] not fitted
}

// sizeOf returns how many numbers the curves of m neurons of width d are.
func sizeOf(m, d int) int { return 2*(m*d+d*d+d) + m }

// newCurves returns curves that live in data, nil for zeros of their own.
func newCurves(m, d int, data []float32) *curves {
	if data == nil {
		data = make([]float32, sizeOf(m, d))
	}
	c := &curves{m: m, d: d, data: data}
	for _, p := range []struct {
		to *[]float32
		n  int
	}{
		{&c.readW, m * d}, {&c.writeW, m * d}, {&c.b, m},
		{&c.readMetric, d * d}, {&c.readCenter, d}, {&c.writeMetric, d * d}, {&c.writeCenter, d},
	} {
		*p.to, data = data[:p.n:p.n], data[p.n:]
	}
	c.readAnchor, c.writeAnchor = make([]float32, m*d), make([]float32, m*d)
	return c
}

// copyTo returns a copy that lives in data.
func (c *curves) copyTo(data []float32) *curves {
	copy(data, c.data)
	n := newCurves(c.m, c.d, data)
	copy(n.readAnchor, c.readAnchor)
	copy(n.writeAnchor, c.writeAnchor)
	return n
}

// drive writes B [m].
func (c *curves) drive(dst []float32) {
	for i, b := range c.b {
		lo, hi := i*c.d, (i+1)*c.d
		dst[i] = b - tensor.Dot(c.readW[lo:hi], c.readAnchor[lo:hi]) - tensor.Dot(c.writeW[lo:hi], c.writeAnchor[lo:hi])
	}
}

// moveAnchors sets other anchors without changing a curve.
func (c *curves) moveAnchors(read, write []float32) {
	c.drive(c.b)
	copy(c.readAnchor, read)
	copy(c.writeAnchor, write)
	for i := range c.b {
		lo, hi := i*c.d, (i+1)*c.d
		c.b[i] += tensor.Dot(c.readW[lo:hi], read[lo:hi]) + tensor.Dot(c.writeW[lo:hi], write[lo:hi])
	}
}

// around turns a gradient with respect to W and B into that with respect to W and
// b.
func (c *curves) around(grad *curves) {
	for i, g := range grad.b {
		lo, hi := i*c.d, (i+1)*c.d
		tensor.AddScaled(grad.readW[lo:hi], -g, c.readAnchor[lo:hi])
		tensor.AddScaled(grad.writeW[lo:hi], -g, c.writeAnchor[lo:hi])
	}
}

// balanced is the change of variables of one head, in float64: row-major [d, d]
// and [d].
type balanced struct {
	*tuning.Calibration
	queryShift []float64 // M a: q' + queryShift = M q
	keyShift   []float64 // M^-T mu: k' + keyShift = M^-T k
}

func newBalanced(c *tuning.Calibration) balanced {
	d := c.Inputs()
	b := balanced{c, make([]float64, d), make([]float64, d)}
	for i := range d {
		for j := range d {
			b.queryShift[i] += c.M[i*d+j] * c.QueryMean[j]
			b.keyShift[i] += c.MInvT[i*d+j] * c.KeyMean[j]
		}
	}
	return b
}

// forms are where curves are written for a circuit, in the coordinates of the
// queries and keys that it sees.
type forms struct{ write, read tuning.Form[float32] }

func newForms(m, d int) *forms {
	form := func() tuning.Form[float32] {
		return tuning.Form[float32]{
			Link: tuning.LinkExp,
			W:    make([]float32, m*d), B: make([]float32, m), Metric: make([]float32, d*d), Center: make([]float32, d),
		}
	}
	return &forms{form(), form()}
}

// fold writes curves as forms. With x' = T(x - x0),
//
//	W = W' T,  B = B' - W'.(T x0),  Metric = Metric' T,  Center = x0 + T^-1 Center'
func (c *curves) fold(f *forms, b balanced) {
	drive := make([]float32, c.m)
	c.drive(drive)
	foldPhase(&f.read, c.readW, nil, c.readMetric, c.readCenter, b.M, b.queryShift, b.QueryMean, b.MInvT)
	foldPhase(&f.write, c.writeW, drive, c.writeMetric, c.writeCenter, b.MInvT, b.keyShift, b.KeyMean, b.M)
}

// foldPhase folds one phase: t is T, shift T x0, zero x0, and inverse T^-T.
func foldPhase(f *tuning.Form[float32], w, bias, metric, center []float32, t, shift, zero, inverse []float64) {
	d := len(zero)
	multiply(f.W, w, t, d)
	multiply(f.Metric, metric, t, d)
	for i := range f.B {
		s := 0.0
		for j, x := range w[i*d : (i+1)*d] {
			s -= float64(x) * shift[j]
		}
		if bias != nil {
			s += float64(bias[i])
		}
		f.B[i] = float32(s)
	}
	for j := range d {
		s := zero[j]
		for i, x := range center {
			s += float64(x) * inverse[i*d+j]
		}
		f.Center[j] = float32(s)
	}
}

// multiply is dst = x t: x, dst [n, d], t [d, d].
func multiply(dst, x []float32, t []float64, d int) {
	sum := make([]float64, d)
	for i := 0; i < len(x); i += d {
		clear(sum)
		for j, v := range x[i : i+d] {
			v := float64(v)
			for l, w := range t[j*d : (j+1)*d] {
				sum[l] += v * w
			}
		}
		for l, s := range sum {
			dst[i+l] = float32(s)
		}
	}
}

// unfold adds to grad what the gradient of the forms says of the curves: the
// transpose of fold.
func (c *curves) unfold(grad *curves, f *attention.CurvesGradient, b balanced) {
	read, write := &f[tuning.Reading], &f[tuning.Writing]
	unfoldPhase(grad.readW, nil, grad.readMetric, grad.readCenter, read, b.M, b.queryShift, b.MInvT)
	unfoldPhase(grad.writeW, grad.b, grad.writeMetric, grad.writeCenter, write, b.MInvT, b.keyShift, b.M)
	c.around(grad)
}

func unfoldPhase(w, bias, metric, center []float32, f *attention.FormGradient, t, shift, inverse []float64) {
	d := len(center)
	unmultiply(w, f.W, t, d)
	unmultiply(metric, f.Metric, t, d)
	for i, g := range f.B {
		row := w[i*d : (i+1)*d]
		for j, s := range shift {
			row[j] -= float32(float64(g) * s)
		}
		if bias != nil {
			bias[i] += g
		}
	}
	for i := range center {
		s := 0.0
		for j, g := range f.Center {
			s += float64(g) * inverse[i*d+j]
		}
		center[i] += float32(s)
	}
}

// unmultiply is dst += x tᵀ.
func unmultiply(dst, x []float32, t []float64, d int) {
	for i := 0; i < len(x); i += d {
		row := x[i : i+d]
		for j := range d {
			s := 0.0
			for l, w := range t[j*d : (j+1)*d] {
				s += float64(row[l]) * w
			}
			dst[i+j] += float32(s)
		}
	}
}
