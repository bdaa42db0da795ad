package attention

import (
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// features are the tuning curves of one phase, made ready for blocks of tokens.
// The logarithm of the rate of hidden neuron i for token x is kept in parts, so
// that the large common terms stay in float64:
//
//	log|phi_i(x)| = exponent_i(x) + common(x) + bias_i
//
// For the exponential link the exponent is the bare drive W_i.x, and bias the
// constant drive; for the others bias is 0.
type features struct {
	link     tuning.Link
	levels   float64       // the level n enters common as levels·n
	signed   bool          // rates can be negative
	w        tensor.Matrix // [m, d]
	packed   tensor.Weight // the same, packed
	drive    []float64     // [m] B, inside the link
	bias     []float64     // [m] outside
	logScale float64
	metric   tensor.Weight // [d, d], unused without inMetric
	inMetric bool
	center   []float32 // [d] or nil
	excite   []float64 // [d] or nil
}

func newFeatures(form tuning.Form[float32], d int, precision tensor.Precision) features {
	m := len(form.W) / d
	f := features{
		link:     form.Link,
		w:        tensor.FromData(form.W, m, d),
		drive:    doubles(form.B),
		bias:     make([]float64, m),
		logScale: form.LogScale,
		center:   form.Center,
	}
	f.packed = precision.Pack(f.w)
	if form.Metric != nil {
		f.metric = tensor.Pack(tensor.FromData(form.Metric, d, d), nil)
		f.inMetric = true
	}
	if form.Excite != nil {
		f.excite = doubles(form.Excite)
	}
	switch form.Link {
	case tuning.LinkExp:
		f.levels = -1
		f.bias = f.drive
	case tuning.LinkTruncatedExp:
		f.levels = -1
	case tuning.LinkCosine, tuning.LinkClippedSine:
		f.levels, f.signed = 1, true
	case tuning.LinkPositiveCosine:
		f.levels = 1
	case tuning.LinkLinear:
		f.signed = true
	case tuning.LinkElu1, tuning.LinkReLU:
	default:
		panic(fmt.Sprintf("attention: circuit: no fused form of tuning link %d", form.Link))
	}
	return f
}

func doubles(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// common writes the level n and the common part of the logarithm for every
// token of x [n, d].
func (f *features) common(level, common []float64, x tensor.Matrix, work *tensor.Arena) {
	defer work.Release(work.Mark())
	z := x
	if f.center != nil {
		z = work.Matrix(x.Rows, x.Cols)
		for t := range x.Rows {
			row := z.Row(t)
			for j, v := range x.Row(t) {
				row[j] = v - f.center[j]
			}
		}
	}
	if f.inMetric {
		centred := z
		z = work.Matrix(x.Rows, x.Cols)
		tensor.Product(z, centred, f.metric)
	}
	for t := range x.Rows {
		level[t] = squares(z.Row(t)) / 2
		c := f.logScale + f.levels*level[t]
		if f.excite != nil {
			for j, v := range x.Row(t) {
				c += f.excite[j] * float64(v)
			}
		}
		common[t] = c
	}
}

// squares returns |x|², in sums side by side so that additions do not wait for one
// another.
func squares(x []float32) float64 {
	var s [4]float64
	for ; len(x) >= 4; x = x[4:] {
		for i, v := range (*[4]float32)(x) {
			s[i] += float64(v) * float64(v)
		}
	}
	for i, v := range x {
		s[i] += float64(v) * float64(v)
	}
	return s[0] + s[1] + s[2] + s[3]
}

// exponent turns the drive W_i.x of neuron i into its exponent and its sign (see
// features), for any link but the exponential, which needs neither.
func (f *features) exponent(i int, u float32, level float64) (exponent, sign float64) {
	log, sign := f.link.Log(float64(u)+f.drive[i], level)
	return log - f.levels*level, sign
}

// keys are tokens made ready to be written to neurons, whichever these are.
type keys struct {
	packed tensor.Weight // [n, d]
	level  []float64     // [n]
	offset []float32     // [n] what all neurons have in common, relative to ref
	ref    float64
}

// keys makes tokens k [n, d] ready: with common, minus decay·(position+1) and
// extra [n], unless nil, added. The reference of a causal block does not look at
// its later tokens.
func (f *features) keys(k tensor.Matrix, extra []float64, decay float64, causal bool, work *tensor.Arena) keys {
	x := keys{level: work.Doubles(k.Rows), offset: work.Floats(k.Rows), packed: tensor.Pack(k, work)}
	if k.Rows == 0 {
		return x
	}
	defer work.Release(work.Mark())
	common := work.Doubles(k.Rows)
	f.common(x.level, common, k, work)
	for t := range common {
		// Forgetting lowers the shifts before every write; later keys stand out.
		common[t] -= decay * float64(t+1)
		if extra != nil {
			common[t] += extra[t]
		}
	}
	x.ref = common[0]
	if !causal {
		x.ref = slices.Max(common)
	}
	for t, c := range common {
		x.offset[t] = float32(c - x.ref)
	}
	return x
}

// exponents computes the exponents of keys [n], neuron by neuron: dst [m, n]
// relative to ref + bias, and the largest of every neuron in top [m]. sign [m, n]
// is written for signed links.
func (f *features) exponents(dst, sign tensor.Matrix, top []float32, x *keys) {
	tensor.Product(dst, f.w, x.packed)
	for i := range top {
		top[i] = f.exponentsOf(i, dst.Row(i), signRow(sign, i), x)
	}
}

// exponentsOf turns the drives of neuron i by keys into their exponents and
// returns the largest.
func (f *features) exponentsOf(i int, row, sign []float32, x *keys) (top float32) {
	if f.link != tuning.LinkExp {
		for t, u := range row {
			e, s := f.exponent(i, u, x.level[t])
			row[t] = float32(e)
			if f.signed {
				sign[t] = float32(s)
			}
		}
	}
	return tensor.AddMax(row, row, x.offset)
}

// drivesOf computes the exponents of queries q [n, d], token by token, for as many
// neurons from first on as dst [n, ·] has columns, relative to what these tokens
// have in common and to bias. sign, of the same shape, is written for signed links.
func (f *features) drivesOf(dst, sign tensor.Matrix, first int, level []float64, q tensor.Matrix) {
	tensor.Product(dst, q, f.packed.Slice(first, first+dst.Cols))
	if f.link == tuning.LinkExp {
		return
	}
	for t := range dst.Rows {
		row := dst.Row(t)
		for i, u := range row {
			e, s := f.exponent(first+i, u, level[t])
			row[i] = float32(e)
			if f.signed {
				sign.Row(t)[i] = float32(s)
			}
		}
	}
}

// queries computes the exponents of a block of queries q [n, d] for all neurons,
// dst [n, m], and what is common to them, common [n]; see drivesOf.
func (f *features) queries(dst, sign tensor.Matrix, common []float64, q tensor.Matrix, work *tensor.Arena) {
	defer work.Release(work.Mark())
	level := work.Doubles(q.Rows)
	f.common(level, common, q, work)
	f.drivesOf(dst, sign, 0, level, q)
}

// signs returns room for the signs of a block, empty if rates are not negative.
func (f *features) signs(rows, cols int, work *tensor.Arena) tensor.Matrix {
	if !f.signed {
		return tensor.Matrix{}
	}
	return work.Matrix(rows, cols)
}

// signRow returns row i of signs, nil if there are none.
func signRow(sign tensor.Matrix, i int) []float32 {
	if sign.Rows == 0 {
		return nil
	}
	return sign.Row(i)
}
