package ode

import "math"

// dop is the explicit method.
type dop struct {
	c        *course
	k        [dopExtended][]float64 // stages; those of dense output are made when asked for
	y0       []float64              // where the step began
	t0, h    float64
	stage, e []float64
	dense    [7][]float64
	made     bool    // dense belongs to the step tried
	last     float64 // error of the last accepted step
	rejected bool
}

func newDop(c *course) *dop {
	d := &dop{c: c, last: 1e-4}
	n := len(c.y)
	for i := range d.k {
		d.k[i] = make([]float64, n)
	}
	for i := range d.dense {
		d.dense[i] = make([]float64, n)
	}
	d.y0, d.stage, d.e = append([]float64(nil), c.y...), make([]float64, n), make([]float64, n)
	return d
}

func (d *dop) begin() float64 {
	d.t0 = d.c.t
	d.c.f(d.t0, d.y0, d.k[0])
	return d.c.firstStep(d.k[0], 8)
}

// to writes the point that stage i starts from: y0 + h sum_j a_ij k_j.
func (d *dop) to(i int, h float64, dst []float64) {
	copy(dst, d.y0)
	for j, a := range dopA[i] {
		if a == 0 {
			continue
		}
		for l, k := range d.k[j] {
			dst[l] += h * a * k
		}
	}
}

func (d *dop) try(h float64, y []float64) (float64, bool) {
	d.h, d.made = h, false
	for i := 1; i < dopStages; i++ {
		d.to(i, h, d.stage)
		d.c.f(d.t0+dopC[i]*h, d.stage, d.k[i])
	}
	d.to(dopStages, h, y)
	d.c.f(d.t0+h, y, d.k[dopStages])
	err := d.error(h, y)

	// The PI control of section IV.2, with the constants of the authors' program.
	const beta, safety, least, most = 0.04, 0.9, 0.333, 6.0
	size := math.Abs(h)
	d.c.bad = notFinite(d.k[dopStages])
	if !(err < 1) || d.c.bad >= 0 {
		d.rejected = true
		if math.IsNaN(err) || math.IsInf(err, 0) || d.c.bad >= 0 {
			return size * 0.1, false
		}
		return size * max(least, safety*math.Pow(err, -1.0/8)), false
	}
	factor := safety * math.Pow(max(err, 1e-10), -(1.0/8-0.2*beta)) * math.Pow(d.last, beta)
	factor = max(least, min(most, factor))
	if d.rejected {
		factor = min(factor, 1)
	}
	d.last, d.rejected = max(err, 1e-4), false
	return size * factor, true
}

// error combines the estimates of orders 5 and 3 into one of order 8 (section
// II.10, formula 10.17).
func (d *dop) error(h float64, y []float64) float64 {
	part := func(weights []float64) float64 {
		clear(d.e)
		for j, w := range weights {
			for l, k := range d.k[j] {
				d.e[l] += w * k
			}
		}
		return d.c.o.norm(d.e, d.y0, y)
	}
	e5, e3 := part(dopE5), part(dopE3)
	if e5 == 0 && e3 == 0 {
		return 0
	}
	return math.Abs(h) * e5 * e5 / math.Sqrt(e5*e5+0.01*e3*e3)
}

func (d *dop) accept(h float64, y []float64) {
	d.t0 = d.c.t
	copy(d.y0, y)
	d.k[0], d.k[dopStages] = d.k[dopStages], d.k[0]
}

// at evaluates the polynomial of the step in nested form (section II.6).
func (d *dop) at(t float64, dst []float64) {
	if !d.made {
		d.prepare()
	}
	x := (t - d.t0) / d.h
	for l := range dst {
		s := 0.0
		for i := len(d.dense) - 1; i >= 0; i-- {
			s += d.dense[i][l]
			if i%2 == 0 {
				s *= x
			} else {
				s *= 1 - x
			}
		}
		dst[l] = d.y0[l] + s
	}
}

// prepare evaluates the three further stages and forms the polynomial.
func (d *dop) prepare() {
	for i := dopStages + 1; i < dopExtended; i++ {
		d.to(i, d.h, d.stage)
		d.c.f(d.t0+dopC[i]*d.h, d.stage, d.k[i])
	}
	d.to(dopStages, d.h, d.stage)
	for l := range d.stage {
		change, f0, f1 := d.stage[l]-d.y0[l], d.k[0][l], d.k[dopStages][l]
		d.dense[0][l] = change
		d.dense[1][l] = d.h*f0 - change
		d.dense[2][l] = 2*change - d.h*(f0+f1)
	}
	for i, row := range dopD {
		out := d.dense[3+i]
		clear(out)
		for j, w := range row {
			if w == 0 {
				continue
			}
			for l, k := range d.k[j] {
				out[l] += d.h * w * k
			}
		}
	}
	d.made = true
}
