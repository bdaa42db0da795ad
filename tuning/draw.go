package tuning

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Generator names the random number generator and the order of draws. It is
// stored with results: a seed means the same only under the same generator.
const Generator = "pcg-dxsm/1"

// NewRand returns the generator for a seed and a stream. Streams (layer, head,
// or any other numbers) of one seed are independent of one another, so that
// neither the order in which heads are built nor the number of threads changes
// what is drawn.
func NewRand(seed uint64, stream ...int) *rand.Rand {
	source := new(rand.PCG)
	Reseed(source, seed, stream...)
	return rand.New(source)
}

// Reseed puts a generator where NewRand begins, without allocating.
func Reseed(source *rand.PCG, seed uint64, stream ...int) {
	mix := uint64(len(stream))
	for _, s := range stream {
		mix = splitMix(mix ^ uint64(s))
	}
	source.Seed(seed, mix)
}

// splitMix is the finalizer of SplitMix64 (Steele, Lea & Flood 2014).
func splitMix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Draw says how the rows of W are drawn.
type Draw string

const (
	IID        Draw = "iid"        // rows independent, ~ N(0, I)
	Orthogonal Draw = "orthogonal" // blocks of d rows orthogonal, norms ~ chi(d)
)

// ParseDraw finds a draw by name.
func ParseDraw(name string) (Draw, error) {
	switch d := Draw(name); d {
	case IID, Orthogonal:
		return d, nil
	}
	return "", fmt.Errorf("unknown draw %q: use %s or %s", name, IID, Orthogonal)
}

// Weights draws W [m, d]; ParseDraw checks a name that users gave. Every row is N(0, I) in law under both draws;
// orthogonal rows repeat less of one another, which lowers the variance.
func Weights(draw Draw, m, d int, rng *rand.Rand) []float64 {
	if m < 1 || d < 1 {
		panic(fmt.Sprintf("tuning: weights of %d rows and %d columns", m, d))
	}
	if draw != IID && draw != Orthogonal {
		panic(fmt.Sprintf("tuning: unknown draw %q: use %s or %s", draw, IID, Orthogonal))
	}
	w := make([]float64, m*d)
	for i := range w {
		w[i] = rng.NormFloat64()
	}
	if draw == IID {
		return w
	}
	for lo := 0; lo < m; lo += d {
		orthogonalize(w[lo*d:min(lo+d, m)*d], d, rng)
	}
	return w
}

// orthogonalize replaces Gaussian rows [<= d, d] by orthogonal rows of the
// same law: directions by Gram-Schmidt, which keeps them uniform, and fresh
// norms ~ chi(d).
func orthogonalize(rows []float64, d int, rng *rand.Rand) {
	for i := 0; i < len(rows); i += d {
		row := rows[i : i+d]
		// A second pass removes what rounding left of the first.
		for range 2 {
			for j := 0; j < i; j += d {
				axpy(row, -dot(row, rows[j:j+d]), rows[j:j+d])
			}
			scale(row, 1/math.Sqrt(dot(row, row)))
		}
	}
	for i := 0; i < len(rows); i += d {
		var chi float64
		for range d {
			z := rng.NormFloat64()
			chi += z * z
		}
		scale(rows[i:i+d], math.Sqrt(chi))
	}
}

// Phases draws b [m] ~ U(0, 2 pi).
func Phases(m int, rng *rand.Rand) []float64 {
	b := make([]float64, m)
	for i := range b {
		b[i] = 2 * math.Pi * rng.Float64()
	}
	return b
}

func axpy(y []float64, a float64, x []float64) {
	for i := range y {
		y[i] += a * x[i]
	}
}

func scale(x []float64, a float64) {
	for i := range x {
		x[i] *= a
	}
}
