package tuning

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Calibration is a change of variables that leaves softmax attention exactly
// as it is and shrinks |q + k|, on which the error of random tuning curves
// depends exponentially. With a the mean query and mu the mean key,
//
//	exp(q.k) = exp(q'.k') exp(a.k) exp((q-a).mu),  q' = M(q - a),  k' = M^-T(k - mu)
//
// where M makes both covariances the same diagonal. The second factor is the
// excitability of the hidden neurons for a key; the third is one number per
// query, cancels in the output and is not computed by the circuit.
//
// Constants come from a calibration set, never from the sequence being read,
// so that a causal circuit stays causal.
//
// A circuit's calcium is the softmax normalizer without the third factor, and a
// half-saturation sigma is in its units: the sink that sigma stands for has the
// kernel sigma exp((q-a).mu) next to exp(q.k), which depends on the query.
//
// Linear transforms of queries and keys that depend on the data, and parameters
// per axis of positive random features, are known from Likhosherstov et al.,
// FAVOR#: Sharp Attention Kernel Approximations via New Classes of Positive
// Random Features, arXiv:2302.00787. This project's, and not the paper's, are
// the centring of both sides and its reading as excitability.
type Calibration struct {
	QueryMean []float64 // a [d]
	KeyMean   []float64 // mu [d]
	M         []float64 // [d, d], q' = M(q - a)
	MInvT     []float64 // [d, d], k' = M^-T(k - mu)
	Variance  []float64 // L [d], the variance of q' and of k' along each axis
}

// ridge is added to both covariances, in units of their mean variance, so that
// directions which the calibration set never visits stay finite. Any invertible
// M is exact; the ridge only moves M off its optimum there.
const ridge = 1e-4

// noise is the variance, in units of the mean square, below which rows are one
// token repeated: the rounding of float32 is 2^-24, squared 4e-15.
const noise = 1e-12

// Calibrate computes the constants from calibration queries and keys, both
// [n, d] row-major; the numbers of rows may differ.
//
// With Cq = T T^T (Cholesky) and U S U^T = T^T Ck T: M = S^(1/4) U^T T^-1,
// L = S^(1/2).
func Calibrate[F Float](q, k []F, d int) (*Calibration, error) {
	if d < 1 || len(q) == 0 || len(k) == 0 || len(q)%d != 0 || len(k)%d != 0 {
		return nil, fmt.Errorf("calibration: %d query and %d key values are not rows of d=%d", len(q), len(k), d)
	}
	if i := notFinite(q); i >= 0 {
		return nil, fmt.Errorf("calibration: query %d holds %v on axis %d, every value must be finite", i/d, q[i], i%d)
	}
	if i := notFinite(k); i >= 0 {
		return nil, fmt.Errorf("calibration: key %d holds %v on axis %d, every value must be finite", i/d, k[i], i%d)
	}
	a, cq := moments(q, d)
	mu, ck := moments(k, d)

	var chol mat.Cholesky
	if !chol.Factorize(cq) {
		return nil, errors.New("calibration: the covariance of the queries is not positive definite")
	}
	var t mat.TriDense
	chol.LTo(&t)

	var inner mat.Dense // T^T Ck T
	inner.Product(t.T(), ck, &t)
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric(&inner), true) {
		return nil, errors.New("calibration: the covariances could not be diagonalized")
	}
	s := eigen.Values(nil)
	var u mat.Dense
	eigen.VectorsTo(&u)

	var tinv mat.TriDense
	if err := tinv.InverseTri(&t); err != nil {
		return nil, fmt.Errorf("calibration: the covariance of the queries cannot be inverted: %w", err)
	}
	cal := &Calibration{QueryMean: a, KeyMean: mu, Variance: make([]float64, d)}
	up, down := make([]float64, d), make([]float64, d)
	for i, v := range s {
		if !(v > 0) {
			return nil, fmt.Errorf("calibration: axis %d has variance %g; give more varied calibration data", i, v)
		}
		cal.Variance[i] = math.Sqrt(v)
		up[i], down[i] = math.Pow(v, 0.25), math.Pow(v, -0.25)
	}
	// M^-T = S^(-1/4) U^T T^T, so no further inverse is taken.
	var m, minvt mat.Dense
	m.Product(mat.NewDiagDense(d, up), u.T(), &tinv)
	minvt.Product(mat.NewDiagDense(d, down), u.T(), t.T())
	cal.M, cal.MInvT = flatten(&m), flatten(&minvt)
	return cal, nil
}

// Inputs returns d.
func (c *Calibration) Inputs() int { return len(c.QueryMean) }

// Query writes q' = M(q - a), dst and q [d].
func (c *Calibration) Query(dst, q []float64) { transform(dst, c.M, q, c.QueryMean) }

// Key writes k' = M^-T(k - mu), dst and k [d].
func (c *Calibration) Key(dst, k []float64) { transform(dst, c.MInvT, k, c.KeyMean) }

// LogExcitability returns a.k, the logarithm of the factor on a key's rates.
func (c *Calibration) LogExcitability(k []float64) float64 { return dot(c.QueryMean, k) }

// LogFactor returns (q-a).mu, the logarithm of the factor of a query that
// cancels in the output.
func (c *Calibration) LogFactor(q []float64) float64 {
	return dot(c.KeyMean, q) - dot(c.KeyMean, c.QueryMean)
}

// GerfA returns the parameter of gerf for every axis as the function GerfA does:
// along axis i the mean of (q'+k')² is 2 L_i.
func (c *Calibration) GerfA() []float64 {
	a := make([]float64, len(c.Variance))
	for i, l := range c.Variance {
		a[i] = GerfA(2*l, 1)
	}
	return a
}

// GerfA returns the parameter A of gerf that minimizes the second moment of a
// single kernel value whose |q+k|² is the given mean, in d dimensions
// (Likhosherstov et al. 2022). It is not the A that minimizes the variance of
// calcium, a sum over many keys: see Law for that.
func GerfA(meanSquaredNorm float64, d int) float64 {
	r := meanSquaredNorm / float64(d)
	return (1 - 2*r - math.Sqrt((2*r+1)*(2*r+1)+8*r)) / 16
}

// MeanSquaredNorm returns the mean of |q+k|² over all pairs of rows of q [n, d]
// and k [n', d].
func MeanSquaredNorm[F Float](q, k []F, d int) float64 {
	mean := func(x []F) (mean []float64, square float64) {
		mean = make([]float64, d)
		for lo := 0; lo < len(x); lo += d {
			for j, v := range x[lo : lo+d] {
				mean[j] += float64(v)
				square += float64(v) * float64(v)
			}
		}
		n := float64(len(x) / d)
		scale(mean, 1/n)
		return mean, square / n
	}
	mq, sq := mean(q)
	mk, sk := mean(k)
	return sq + sk + 2*dot(mq, mk)
}

func transform(dst, m, x, center []float64) {
	d := len(center)
	for i := range d {
		var s float64
		for j, w := range m[i*d : (i+1)*d] {
			s += w * (x[j] - center[j])
		}
		dst[i] = s
	}
}

// moments returns the mean [d] and the covariance [d, d] of rows, with a ridge.
// Rows that are one token repeated say nothing about spread. Any M is exact
// there; their covariance is taken to be the mean square (1 if that is 0) on
// every axis, so that M keeps other tokens at an ordinary size.
func moments[F Float](x []F, d int) (mean []float64, cov *mat.SymDense) {
	n := len(x) / d
	mean = make([]float64, d)
	var square float64 // the mean of x²
	for lo := 0; lo < len(x); lo += d {
		for j, v := range x[lo : lo+d] {
			mean[j] += float64(v)
			square += float64(v) * float64(v)
		}
	}
	scale(mean, 1/float64(n))
	square /= float64(len(x))
	c := make([]float64, d*d)
	z := make([]float64, d)
	for lo := 0; lo < len(x); lo += d {
		for j, v := range x[lo : lo+d] {
			z[j] = float64(v) - mean[j]
		}
		for i, zi := range z {
			axpy(c[i*d:i*d+i+1], zi, z[:i+1])
		}
	}
	scale(c, 1/float64(n))
	var variance float64 // the mean over axes
	for i := range d {
		variance += c[i*d+i] / float64(d)
	}
	eps := ridge * variance
	if variance <= noise*square {
		clear(c)
		if eps = square; eps == 0 {
			eps = 1
		}
	}
	cov = mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			v := c[i*d+j]
			if i == j {
				v += eps
			}
			cov.SetSym(i, j, v)
		}
	}
	return mean, cov
}

// symmetric copies a matrix that is symmetric up to rounding.
func symmetric(a *mat.Dense) *mat.SymDense {
	d, _ := a.Dims()
	s := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

func flatten(a *mat.Dense) []float64 {
	r, c := a.Dims()
	out := make([]float64, 0, r*c)
	for i := range r {
		out = append(out, a.RawRowView(i)...)
	}
	return out
}

// check reports what keeps the calibration from serving curves of width d.
func (c *Calibration) check(d int) error {
	if len(c.QueryMean) != d {
		return fmt.Errorf("calibrated for d=%d, but d is %d", len(c.QueryMean), d)
	}
	for _, v := range []struct {
		name   string
		values []float64
		want   int
	}{{"QueryMean", c.QueryMean, d}, {"KeyMean", c.KeyMean, d}, {"M", c.M, d * d}, {"MInvT", c.MInvT, d * d}} {
		if len(v.values) != v.want {
			return fmt.Errorf("calibration: %s has %d values, want %d for d=%d; use Calibrate", v.name, len(v.values), v.want, d)
		}
		if i := notFinite(v.values); i >= 0 {
			return fmt.Errorf("calibration: %s[%d] is %v, every constant must be finite", v.name, i, v.values[i])
		}
	}
	return nil
}

// notFinite returns the index of the first value that is NaN or infinite, or -1.
func notFinite[F Float](x []F) int {
	for i, v := range x {
		if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
			return i
		}
	}
	return -1
}
