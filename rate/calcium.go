package rate

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// network is the exchange of calcium between domains in its own modes. Coupling is
// symmetric, so that I + L, L the Laplacian of the graph, has orthogonal
// eigenvectors, in which every mode decays by itself: they are found once per head.
type network struct {
	k     int
	rate  []float64 // [K] eigenvalues of I + L: how fast modes decay, in units of 1/tau_astro
	modes []float64 // [K, K] eigenvectors in columns; nil where domains are not coupled
}

func newNetwork(k int, c Coupling) network {
	n := network{k: k, rate: make([]float64, k)}
	for i := range n.rate {
		n.rate[i] = 1
	}
	coupled := false
	for _, x := range c.a {
		coupled = coupled || x != 0
	}
	if !coupled {
		return n
	}
	a := mat.NewSymDense(k, nil)
	for i := range k {
		a.SetSym(i, i, 1)
	}
	for i := range k {
		for j := i + 1; j < k; j++ {
			x := c.At(i, j)
			a.SetSym(i, j, -x)
			a.SetSym(i, i, a.At(i, i)+x)
			a.SetSym(j, j, a.At(j, j)+x)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(a, true) {
		panic("rate: the modes of the coupling were not found")
	}
	e.Values(n.rate)
	for i, r := range n.rate {
		n.rate[i] = max(r, 1) // which rounding may have missed
	}
	var v mat.Dense
	e.VectorsTo(&v)
	n.modes = append([]float64(nil), v.RawMatrix().Data...)
	return n
}

// toModes writes the modes of x [K] to dst.
func (n *network) toModes(dst, x []float64) {
	if n.modes == nil {
		copy(dst, x)
		return
	}
	clear(dst)
	for j, xj := range x {
		for i := range dst {
			dst[i] += n.modes[j*n.k+i] * xj
		}
	}
}

// fromModes is the inverse.
func (n *network) fromModes(dst, x []float64) {
	if n.modes == nil {
		copy(dst, x)
		return
	}
	for j := range dst {
		s := 0.0
		for i, xi := range x {
			s += n.modes[j*n.k+i] * xi
		}
		dst[j] = s
	}
}

// fastest returns the largest rate of a mode.
func (n *network) fastest() float64 {
	most := 1.0
	for _, r := range n.rate {
		most = max(most, r)
	}
	return most
}

// course is calcium over a piece of a presentation, in which what drives domain j
// goes from start_j to end_j as the hidden neurons do, at rate hidden = 1/tau_h.
type course struct {
	*network
	tau, hidden    float64
	c0, start, end []float64 // [K], of modes
	mode           []float64
}

func newCourse(n *network, tau, hidden float64) *course {
	v := func() []float64 { return make([]float64, n.k) }
	return &course{network: n, tau: tau, hidden: hidden, c0: v(), start: v(), end: v(), mode: v()}
}

// set begins a piece at calcium c.
func (c *course) set(calcium, start, end []float64) {
	c.toModes(c.c0, calcium)
	c.toModes(c.start, start)
	c.toModes(c.end, end)
}

// at writes calcium [K] at time t of the piece to dst, and returns e^-bt, b the rate
// of the hidden neurons.
func (c *course) at(t float64, dst []float64) fall {
	h := falling(c.hidden * t)
	for i, nu := range c.rate {
		own := falling(nu / c.tau * t)
		first, second := means(own, h)
		c.mode[i] = own.left*c.c0[i] + t/c.tau*(c.start[i]*first+c.end[i]*h.x*second)
	}
	c.fromModes(dst, c.mode)
	return h
}

// integral returns the integral of calcium from s to s + t, of a single domain
// whose calcium at s is now.
func (c *course) integral(s, t, now float64) float64 {
	x, y := c.hidden*t, t/c.tau
	fade := math.Exp(-c.hidden * s)
	drive := c.start[0]*fade - c.end[0]*math.Expm1(-c.hidden*s)
	return now*t*phi1(y) + t*y*(drive*mean2(0, x, y)+c.end[0]*x*mean3(x, y))
}

// driven reports whether nothing negative drives domain j.
func (c *course) driven(j int) bool {
	if c.modes == nil {
		return c.start[j] >= 0 && c.end[j] >= 0
	}
	start, end := 0.0, 0.0
	for i := range c.k {
		start += c.modes[j*c.k+i] * c.start[i]
		end += c.modes[j*c.k+i] * c.end[i]
	}
	return start >= 0 && end >= 0
}
