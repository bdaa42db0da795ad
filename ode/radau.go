package ode

import "math"

// Radau IIA with three stages, at the nodes (4-√6)/10, (4+√6)/10 and 1. Its Newton
// systems fall apart into a real and a complex one by the eigenvectors of the
// inverse of its matrix (Hairer & Wanner, section IV.8, where T and its inverse
// are printed).
const (
	root6       = 2.449489742783178098197284074705891
	radauReal   = 3.6378342527444957 // 3 + 3^(2/3) - 3^(1/3)
	radauRe     = 2.6810828736277521 // 3 + (3^(1/3) - 3^(2/3))/2
	radauIm     = 3.0504301992474105 // (3^(5/6) + 3^(7/6))/2
	newtonMost  = 7
	errorOrder  = 3
	leastFactor = 0.125
	mostFactor  = 8
)

var (
	radauC = [3]float64{(4 - root6) / 10, (4 + root6) / 10, 1}
	radauT = [3][3]float64{
		{0.09443876248897524, -0.14125529502095421, 0.03002919410514742},
		{0.25021312296533332, 0.20412935229379994, -0.38294211275726192},
		{1, 1, 0},
	}
	radauTI = [3][3]float64{
		{4.17871859155190428, 0.32768282076106237, 0.52337644549944951},
		{-4.17871859155190428, -0.32768282076106237, 0.47662355450055044},
		{0.50287263494578682, -2.57192694985560522, 0.59603920482822492},
	}
	// Weights of the stages in the error estimate.
	radauE = [3]float64{(-13 - 7*root6) / 3, (-13 + 7*root6) / 3, -1.0 / 3}
	// From stages to the coefficients of the polynomial through them.
	radauP = [3][3]float64{
		{13.0/3 + 7*root6/3, -23.0/3 - 22*root6/3, 10.0/3 + 5*root6},
		{13.0/3 - 7*root6/3, -23.0/3 + 22*root6/3, 10.0/3 - 5*root6},
		{1.0 / 3, -8.0 / 3, 10.0 / 3},
	}
)

// radau is the implicit method.
type radau struct {
	c            *course
	n            int
	t0           float64
	y0, f0       []float64
	z, w, f      [3][]float64 // stages less y0, the same in eigenvectors, f at the stages
	q            [3][]float64 // polynomial of the last accepted step
	jac          []float64    // [n, n]
	current      bool         // jac belongs to y0
	keep         bool         // jac is good enough for the next step
	real         lu[float64]
	complex      lu[complex128]
	factored     float64 // the step that the factors belong to, 0 for none
	b, e, at1    []float64
	bc           []complex128
	hOld, errOld float64 // of the last accepted step
	tOld         float64
	yOld         []float64
	rejected     bool
	tolerance    float64 // of Newton's iteration
}

func newRadau(c *course) *radau {
	n := len(c.y)
	vector := func() []float64 { return make([]float64, n) }
	r := &radau{c: c, n: n, y0: append([]float64(nil), c.y...), f0: vector(), jac: make([]float64, n*n),
		b: vector(), e: vector(), at1: vector(), bc: make([]complex128, n), yOld: vector(),
		real:    lu[float64]{n, make([]float64, n*n), make([]int, n)},
		complex: lu[complex128]{n, make([]complex128, n*n), make([]int, n)},
	}
	for i := range 3 {
		r.z[i], r.w[i], r.f[i], r.q[i] = vector(), vector(), vector(), vector()
	}
	const rounding = 0x1p-52
	r.tolerance = max(10*rounding/c.o.RelTol, min(0.03, math.Sqrt(c.o.RelTol)))
	return r
}

func (r *radau) begin() float64 {
	r.t0 = r.c.t
	r.c.f(r.t0, r.y0, r.f0)
	r.jacobian()
	return r.c.firstStep(r.f0, errorOrder)
}

// jacobian evaluates df/dy at y0.
func (r *radau) jacobian() {
	r.c.stats.Jacobians++
	r.current, r.factored = true, 0
	if r.c.p.Jacobian != nil {
		r.c.p.Jacobian(r.t0, r.y0, r.jac)
		return
	}
	y, f := r.b, r.e
	copy(y, r.y0)
	for j, x := range r.y0 {
		d := math.Sqrt(0x1p-52 * max(1e-5, math.Abs(x)))
		y[j] = x + d
		d = y[j] - x
		r.c.f(r.t0, y, f)
		for i := range f {
			r.jac[i*r.n+j] = (f[i] - r.f0[i]) / d
		}
		y[j] = x
	}
}

// factor prepares the systems (mu/h - J) for a step of size h.
func (r *radau) factor(h float64) bool {
	if r.factored == h {
		return true
	}
	r.c.stats.Factorizations++
	for i, x := range r.jac {
		r.real.a[i], r.complex.a[i] = -x, complex(-x, 0)
	}
	for i := 0; i < r.n*r.n; i += r.n + 1 {
		r.real.a[i] += radauReal / h
		r.complex.a[i] += complex(radauRe/h, -radauIm/h)
	}
	r.factored = 0
	if !r.real.factor() || !r.complex.factor() {
		return false
	}
	r.factored = h
	return true
}

func (r *radau) try(h float64, y []float64) (float64, bool) {
	size := math.Abs(h)
	if !r.factor(h) {
		return size / 2, false
	}
	iterations, rate, converged := r.newton(h)
	if !converged {
		if !r.current { // with the Jacobian of this place, perhaps
			r.jacobian()
			return size, false
		}
		return size / 2, false
	}
	for i := range y {
		y[i] = r.y0[i] + r.z[2][i]
	}
	r.estimate(h, r.f0)
	err := r.c.o.norm(r.e, r.y0, y)
	if err >= 1 && (r.rejected || r.hOld == 0) { // filtered once more, for stiff components
		for i := range r.at1 {
			r.at1[i] = r.y0[i] + r.e[i]
		}
		r.c.f(r.t0, r.at1, r.b)
		copy(r.at1, r.b)
		r.estimate(h, r.at1)
		err = r.c.o.norm(r.e, r.y0, y)
	}
	safety := 0.9 * (2*newtonMost + 1) / float64(2*newtonMost+iterations)
	factor := safety * math.Pow(max(err, 1e-12), -1.0/(errorOrder+1))
	if !(err < 1) {
		r.rejected = true
		if math.IsNaN(err) || math.IsInf(err, 0) {
			return size / 10, false
		}
		return size * max(leastFactor, min(factor, 0.95)), false
	}
	if r.hOld != 0 { // the predictive controller of Gustafsson (1994)
		predicted := safety * size / math.Abs(r.hOld) * math.Pow(r.errOld/(err*err), 1.0/(errorOrder+1))
		if err > 0 {
			factor = min(factor, predicted)
		}
	}
	factor = max(leastFactor, min(mostFactor, factor))
	if r.rejected {
		factor = min(factor, 1)
	}
	if factor >= 1 && factor < 1.2 { // the factors stay
		factor = 1
	}
	r.rejected = false
	r.hOld, r.errOld = h, max(err, 1e-2)
	r.polynomial()
	copy(r.yOld, r.y0)
	r.tOld = r.t0
	r.keep = iterations <= 2 || rate < 1e-3
	return size * factor, true
}

// estimate writes (mu_1/h - J)^-1 (f + z E/h) to e.
func (r *radau) estimate(h float64, f []float64) {
	for i := range r.e {
		r.e[i] = f[i] + (radauE[0]*r.z[0][i]+radauE[1]*r.z[1][i]+radauE[2]*r.z[2][i])/h
	}
	r.real.solve(r.e)
}

// newton solves for the stages z, from those that the last step's polynomial
// foretells. It returns how many iterations that took and how fast they converged.
func (r *radau) newton(h float64) (iterations int, rate float64, ok bool) {
	for s := range r.z {
		if r.hOld == 0 {
			clear(r.z[s])
			continue
		}
		r.at(r.t0+radauC[s]*h, r.z[s])
		for i := range r.z[s] {
			r.z[s][i] -= r.y0[i]
		}
	}
	combine(&r.w, &radauTI, &r.z)
	small := r.tolerance / 10 // where rounding may be all that is left
	before := 0.0
	for k := 1; k <= newtonMost; k++ {
		for s := range r.f {
			for i := range r.at1 {
				r.at1[i] = r.y0[i] + r.z[s][i]
			}
			r.c.f(r.t0+radauC[s]*h, r.at1, r.f[s])
			if r.c.bad = notFinite(r.f[s]); r.c.bad >= 0 {
				return k, 0, false
			}
		}
		for i := range r.b {
			f := func(row int) float64 {
				return radauTI[row][0]*r.f[0][i] + radauTI[row][1]*r.f[1][i] + radauTI[row][2]*r.f[2][i]
			}
			r.b[i] = f(0) - radauReal/h*r.w[0][i]
			r.bc[i] = complex(f(1), f(2)) - complex(radauRe/h, -radauIm/h)*complex(r.w[1][i], r.w[2][i])
		}
		r.real.solve(r.b)
		r.complex.solve(r.bc)
		change := r.change()
		rate = 0
		if k > 1 {
			rate = change / before
			hopeless := rate < 1 && math.Pow(rate, float64(newtonMost-k))/(1-rate)*change > r.tolerance
			if change > small && (rate >= 1 || hopeless) {
				return k, rate, false
			}
		}
		for i := range r.b {
			r.w[0][i] += r.b[i]
			r.w[1][i] += real(r.bc[i])
			r.w[2][i] += imag(r.bc[i])
		}
		combine(&r.z, &radauT, &r.w)
		if change == 0 || k > 1 && (change <= small || rate < 1 && rate/(1-rate)*change < r.tolerance) {
			return k, rate, true
		}
		before = change
	}
	return newtonMost, rate, false
}

// change is the size of Newton's last correction relative to the tolerance.
func (r *radau) change() float64 {
	s := 0.0
	for i, y := range r.y0 {
		w := r.c.o.AbsTol + r.c.o.RelTol*math.Abs(y)
		re, im := real(r.bc[i])/w, imag(r.bc[i])/w
		s += r.b[i]/w*(r.b[i]/w) + re*re + im*im
	}
	return math.Sqrt(s / float64(3*r.n))
}

// combine writes m x to dst, component by component.
func combine(dst *[3][]float64, m *[3][3]float64, x *[3][]float64) {
	for i := range x[0] {
		a, b, c := x[0][i], x[1][i], x[2][i]
		for s := range m {
			dst[s][i] = m[s][0]*a + m[s][1]*b + m[s][2]*c
		}
	}
}

func (r *radau) accept(h float64, y []float64) {
	r.t0 = r.c.t
	copy(r.y0, y)
	r.c.f(r.t0, r.y0, r.f0)
	if r.current = false; !r.keep {
		r.jacobian()
	}
}

// polynomial forms the collocation polynomial y0 + q_0 x + q_1 x² + q_2 x³ of the
// step.
func (r *radau) polynomial() {
	for i := range r.q[0] {
		for k := range r.q {
			r.q[k][i] = radauP[0][k]*r.z[0][i] + radauP[1][k]*r.z[1][i] + radauP[2][k]*r.z[2][i]
		}
	}
}

// at evaluates the polynomial of the last accepted step, also beyond it.
func (r *radau) at(t float64, dst []float64) {
	x := (t - r.tOld) / r.hOld
	for i := range dst {
		dst[i] = r.yOld[i] + x*(r.q[0][i]+x*(r.q[1][i]+x*r.q[2][i]))
	}
}
