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

// balanced is the change of variables of one head.
type balanced struct {
	*tuning.Calibration
	queryShift []float64 // M a: q' + queryShift = M q
	keyShift   []float64 // M^-T mu: k' + keyShift = M^-T k
	query, key transform
	shared     bool      // one curve serves both phases; see oneCurve
	queryMean  []float32 // mean of q', nil for 0
}

func newBalanced(c *tuning.Calibration) balanced {
	d := c.Inputs()
	b := balanced{Calibration: c, queryShift: make([]float64, d), keyShift: make([]float64, d)}
	for i := range d {
		for j := range d {
			b.queryShift[i] += c.M[i*d+j] * c.QueryMean[j]
			b.keyShift[i] += c.MInvT[i*d+j] * c.KeyMean[j]
		}
	}
	b.query = newTransform(c.M, c.QueryMean, c.MInvT, b.queryShift)
	b.key = newTransform(c.MInvT, c.KeyMean, c.M, b.keyShift)
	return b
}

// transform is x' = T(x - x0), in which numbers of curves are folded.
type transform struct {
	forward, back tensor.Weight // for products x T and x Tᵀ
	zero          []float32     // x0 [d]
	shift         []float32     // T x0 [d]
	inverse       tensor.Weight // for products x T^-T
	inverted      tensor.Weight // x T^-1
}

func newTransform(t, zero, inverseT, shift []float64) transform {
	d := len(zero)
	m, inv := tensor.FromData(narrow(t), d, d), tensor.FromData(narrow(inverseT), d, d)
	return transform{
		forward: tensor.PackTransposed(m, nil), back: tensor.Pack(m, nil), zero: narrow(zero), shift: narrow(shift),
		inverse: tensor.PackTransposed(inv, nil), inverted: tensor.Pack(inv, nil),
	}
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
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
func (c *curves) fold(f *forms, b *balanced) {
	clear(f.read.B)
	c.drive(f.write.B)
	if b.shared {
		tensor.Scale(f.write.B, 0.5, f.write.B)
		copy(f.read.B, f.write.B)
	}
	b.query.fold(&f.read, c.readW, c.readMetric, c.readCenter)
	b.key.fold(&f.write, c.writeW, c.writeMetric, c.writeCenter)
}

// fold folds one phase, whose form has B' already.
func (t *transform) fold(f *tuning.Form[float32], w, metric, center []float32) {
	m, d := len(f.B), len(center)
	row := func(x []float32) tensor.Matrix { return tensor.FromData(x, len(x)/d, d) }
	tensor.Product(row(f.W), row(w), t.forward)
	tensor.Product(row(f.Metric), row(metric), t.forward)
	tensor.Product(row(f.Center), row(center), t.inverse)
	tensor.Add(f.Center, f.Center, t.zero)
	for i := range m {
		f.B[i] -= tensor.Dot(w[i*d:(i+1)*d], t.shift)
	}
}

// unfold adds to grad what the gradient of the forms says of the curves: the
// transpose of fold.
func (c *curves) unfold(grad *curves, f *attention.CurvesGradient, b *balanced) {
	read, write := &f[tuning.Reading], &f[tuning.Writing]
	b.query.unfold(grad.readW, grad.readMetric, grad.readCenter, read)
	b.key.unfold(grad.writeW, grad.writeMetric, grad.writeCenter, write)
	tensor.Add(grad.b, grad.b, write.B)
	c.around(grad)
	if b.shared {
		grad.tie()
	}
}

func (t *transform) unfold(w, metric, center []float32, f *attention.FormGradient) {
	d := len(center)
	row := func(x []float32) tensor.Matrix { return tensor.FromData(x, len(x)/d, d) }
	tensor.AddProduct(row(w), row(f.W), t.back)
	tensor.AddProduct(row(metric), row(f.Metric), t.back)
	tensor.AddProduct(row(center), row(f.Center), t.inverted)
	for i, g := range f.B {
		tensor.AddScaled(w[i*d:(i+1)*d], -g, t.shift)
	}
}
