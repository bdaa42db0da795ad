package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tripartite-go/tripartite/tensor"
)

// settleTokens is how many queries the level of reading is found by.
const settleTokens = 20000

// Least absolute deviations are found by least squares whose weights are, again and
// again, 1/|deviation|, of at least leastDeviation.
const (
	settleRounds   = 6
	leastDeviation = 0.03
)

// settleRidge is added to the covariance of what is regressed on, in units of its
// mean variance: directions that no query takes stay as they are.
const settleRidge = 1e-3

// settle gives a head the level of reading under which calcium is as close to the
// softmax normalizer as such a level can bring it:
//
//	log Z_t - log c_t ~ e0 + e.q_t - q_tᵀ A q_t/2,  A = Metricᵀ Metric
//
// by least absolute deviations over the queries of the head: a few of them, which
// attention to single keys makes large, should not move all others. The level
// multiplies all rates of a query alike and cancels in the output, so that attention
// stays as it is. A curve that both phases share has no such level: see settleShared.
func (h *head) settle(l *loss, work *tensor.Arena) error {
	if h.balanced.shared {
		h.settleShared(l, work)
		return nil
	}
	defer work.Release(work.Mark())
	c, d := h.curves, h.curves.d
	clear(c.readMetric) // from where there is no level
	clear(c.readCenter)
	packed := c.pack(work)

	// Columns: 1, q_i, q_i q_j for i <= j (halved for i < j below), and last the
	// target, so that one product gives all that the normal equations need.
	n, sequences := 0, 0
	for ; sequences < h.sequences() && n < settleTokens; sequences++ {
		n += h.sample(sequences).q.Rows
	}
	width := 1 + d + d*(d+1)/2
	x := tensor.New(n, width+1)
	for i, at := 0, 0; i < sequences; i++ {
		s := h.sample(i)
		for t, off := range l.calciumErrors(&packed, s, work) {
			row, q := x.Row(at+t), s.q.Row(t)
			row[0], row[width] = 1, float32(-off)
			copy(row[1:], q)
			to := row[1+d:]
			for a := range d {
				for b := a; b < d; b++ {
					to[0], to = q[a]*q[b], to[1:]
				}
			}
		}
		at += s.q.Rows
	}
	beta, err := deviateLeast(x)
	if err != nil {
		return fmt.Errorf("layer %d, head %d: the level of reading: %w", h.layer, h.index, err)
	}
	a := mat.NewSymDense(d, nil)
	for i, at := 0, 1+d; i < d; i++ {
		for j := i; j < d; j++ {
			v := -beta[at]
			if i == j {
				v *= 2
			}
			a.SetSym(i, j, v)
			at++
		}
	}
	metric, positive, err := root(a)
	if err != nil {
		return fmt.Errorf("layer %d, head %d: the level of reading: %w", h.layer, h.index, err)
	}
	if !positive { // what is linear makes up for what was cut off
		for at := range n {
			row := x.Row(at)
			row[1+d] = row[width] + float32(quadratic(metric, row[1:1+d])/2)
		}
		if beta, err = deviateLeast(x.SliceCols(0, 2+d).Clone()); err != nil {
			return fmt.Errorf("layer %d, head %d: the level of reading: %w", h.layer, h.index, err)
		}
	}
	copy(c.readMetric, narrow(metric.RawMatrix().Data))
	e := narrow(beta[1 : 1+d])
	for i := range c.m {
		lo, hi := i*d, (i+1)*d
		tensor.Add(c.readW[lo:hi], c.readW[lo:hi], e)
		c.b[i] += float32(beta[0]) + tensor.Dot(e, c.readAnchor[lo:hi])
	}
	return nil
}

// deviateLeast regresses the last column of x [n, width+1] on the others, of which
// the first is 1, by least absolute deviations.
func deviateLeast(x tensor.Matrix) (beta []float64, err error) {
	n, width := x.Rows, x.Cols-1
	packed := tensor.PackTransposed(x, nil)
	turned, moments := tensor.New(width+1, n), tensor.New(width+1, width+1)
	weights := make([]float32, n)
	for t := range weights {
		weights[t] = 1
	}
	for round := range settleRounds {
		if round > 0 {
			b := narrow(beta)
			for t := range weights {
				row := x.Row(t)
				weights[t] = 1 / max(leastDeviation, float32(math.Abs(float64(row[width]-tensor.Dot(row[:width], b)))))
			}
		}
		tensor.Transpose(turned, x)
		for i := range turned.Rows {
			tensor.Mul(turned.Row(i), turned.Row(i), weights)
		}
		tensor.Product(moments, turned, packed)
		if beta, err = regress(moments, width); err != nil {
			return nil, err
		}
	}
	return beta, nil
}

// regress solves the normal equations of the last column on the first width ones.
func regress(moments tensor.Matrix, width int) ([]float64, error) {
	a, b := mat.NewSymDense(width, nil), mat.NewVecDense(width, nil)
	n := float64(moments.At(0, 0)) // the first column is 1
	var trace float64
	for i := range width {
		trace += float64(moments.At(i, i)) / n / float64(width)
	}
	for i := range width {
		for j := i; j < width; j++ {
			a.SetSym(i, j, float64(moments.At(i, j))/n)
		}
		if i > 0 {
			a.SetSym(i, i, a.At(i, i)+settleRidge*trace)
		}
		b.SetVec(i, float64(moments.At(i, width))/n)
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return nil, fmt.Errorf("the queries vary too little; give more varied texts")
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, b); err != nil {
		return nil, err
	}
	return x.RawVector().Data, nil
}

// root returns R with RᵀR = A, without the directions in which A is negative, and
// whether there were none of them.
func root(a *mat.SymDense) (r *mat.Dense, positive bool, err error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(a, true) {
		return nil, false, fmt.Errorf("it could not be diagonalized")
	}
	d := a.SymmetricDim()
	var v mat.Dense
	eigen.VectorsTo(&v)
	positive = true
	scale := make([]float64, d)
	for i, x := range eigen.Values(nil) {
		if x < 0 {
			positive = false
		}
		scale[i] = math.Sqrt(max(0, x))
	}
	r = mat.NewDense(d, d, nil)
	r.Mul(mat.NewDiagDense(d, scale), v.T())
	return r, positive, nil
}

// quadratic returns |R q|².
func quadratic(r *mat.Dense, q []float32) (sum float64) {
	d := len(q)
	for i := range d {
		var z float64
		for j, v := range r.RawRowView(i) {
			z += v * float64(q[j])
		}
		sum += z * z
	}
	return sum
}
