package fit

import (
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/tensor"
)

const (
	centrePoints = 4000 // that centres are found among
	centreRounds = 12
	jitter       = 0.05 // of centres that share a point
)

// start sets curves to Gaussians of unit width where keys fall: with centres c_i,
//
//	log phi_i(k') = -|k'-c_i|²/2 + keyBias,  log phi_i(q') = q'.c_i - |q'|²/2 + queryBias
//
// whose kernel is exp(q'.k' + biases) times the share exp(-|q'+k'-c_i|²/2) of
// every neuron; where queries have a mean, centres are moved by it. The biases are linear, q'.keyShift and k'.queryShift.
func (c *curves) start(b balanced, keys tensor.Matrix, rng *rand.Rand, work *tensor.Arena) {
	centres := centresOf(keys, c.m, rng, work)
	if b.queryMean != nil {
		for i := range c.m {
			tensor.Add(centres.Row(i), centres.Row(i), b.queryMean)
		}
	}
	constant := 0.0
	for j, v := range b.queryShift {
		constant += v * b.keyShift[j]
	}
	for i := range c.m {
		square := 0.0
		for j, v := range centres.Row(i) {
			c.readW[i*c.d+j] = v + float32(b.keyShift[j])
			c.writeW[i*c.d+j] = v + float32(b.queryShift[j])
			square += float64(v) * float64(v)
		}
		c.b[i] = float32(constant - square/2)
	}
	clear(c.readCenter)
	clear(c.writeCenter)
	for _, metric := range [][]float32{c.readMetric, c.writeMetric} {
		clear(metric)
		for j := range c.d {
			metric[j*c.d+j] = 1
		}
	}
}

// centresOf returns m centres of points in random order, by Lloyd's algorithm that
// begins with the first of them.
func centresOf(points tensor.Matrix, m int, rng *rand.Rand, work *tensor.Arena) tensor.Matrix {
	centres := tensor.New(m, points.Cols)
	for i := range m {
		copy(centres.Row(i), points.Row(i%points.Rows))
		if i >= points.Rows {
			for j := range centres.Row(i) {
				centres.Row(i)[j] += float32(jitter * rng.NormFloat64())
			}
		}
	}
	half, near := make([]float32, m), make([]int, points.Rows)
	sums, counts := tensor.New(m, points.Cols), make([]int, m)
	for range centreRounds {
		level := work.Mark()
		for i := range m {
			half[i] = -tensor.Dot(centres.Row(i), centres.Row(i)) / 2
		}
		scores := work.Matrix(points.Rows, m) // x.c - |c|²/2
		tensor.ProductBias(scores, points, tensor.Pack(centres, work), half)
		sums.Zero()
		clear(counts)
		for t := range near {
			best := 0
			for i, v := range scores.Row(t) {
				if v > scores.Row(t)[best] {
					best = i
				}
			}
			tensor.Add(sums.Row(best), sums.Row(best), points.Row(t))
			counts[best]++
		}
		for i, n := range counts {
			if n > 0 { // else it stays where it is
				tensor.Scale(centres.Row(i), 1/float32(n), sums.Row(i))
			}
		}
		work.Release(level)
	}
	return centres
}
