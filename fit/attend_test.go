package fit

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// gaussian returns n numbers ~ N(0, std²).
func gaussian(seed uint64, n int, std float64) []float32 {
	rng := tuning.NewRand(seed, 5)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(std * rng.NormFloat64())
	}
	return x
}

func newSample(seed uint64, n, d int) sample {
	return sample{
		q: tensor.FromData(gaussian(seed, n*d, 0.8), n, d), k: tensor.FromData(gaussian(seed+1, n*d, 0.8), n, d),
		keyBias: gaussian(seed+2, n, 0.5), queryBias: gaussian(seed+3, n, 0.5),
	}
}

// plainCurves are curves in float64.
type plainCurves struct {
	readW, writeW, b, readMetric, readCenter, writeMetric, writeCenter []float64
}

func plain(m, d int, data []float64) plainCurves {
	var p plainCurves
	for _, s := range []struct {
		to *[]float64
		n  int
	}{{&p.readW, m * d}, {&p.writeW, m * d}, {&p.b, m}, {&p.readMetric, d * d}, {&p.readCenter, d}, {&p.writeMetric, d * d}, {&p.writeCenter, d}} {
		*s.to, data = data[:s.n], data[s.n:]
	}
	return p
}

func plainLog(w, metric, center []float64, x []float32, i int) float64 {
	d := len(center)
	sum := 0.0
	for j := range d {
		sum += w[i*d+j] * float64(x[j])
		z := 0.0
		for l := range d {
			z += metric[j*d+l] * (float64(x[l]) - center[l])
		}
		sum -= z * z / 2
	}
	return sum
}

// plainLoss is the loss of one sample as the equations have it, summed over rows.
func plainLoss(l loss, m, d int, data []float64, s sample) (total, divergence, off float64) {
	p := plain(m, d, data)
	n := s.q.Rows
	for t := range n {
		seen := n
		if l.causal {
			seen = t + 1
		}
		logits, kernel := make([]float64, seen), make([]float64, seen)
		var z, c float64
		for u := range seen {
			aged := -float64(l.slope) * float64(t-u)
			logits[u] = float64(s.keyBias[u]) + float64(s.queryBias[t]) + aged
			for j := range d {
				logits[u] += float64(s.q.At(t, j)) * float64(s.k.At(u, j))
			}
			z += math.Exp(logits[u])
			for i := range m {
				kernel[u] += math.Exp(p.b[i] + aged + plainLog(p.readW, p.readMetric, p.readCenter, s.q.Row(t), i) +
					plainLog(p.writeW, p.writeMetric, p.writeCenter, s.k.Row(u), i))
			}
			c += kernel[u]
		}
		kl := 0.0
		for u := range seen {
			w := math.Exp(logits[u]) / z
			kl += w * (math.Log(w) - math.Log(kernel[u]/c))
		}
		r := math.Log(c / z)
		divergence += kl
		off += math.Abs(r)
		total += l.rows*kl + l.calcium*r*r
	}
	return total, divergence, off
}

func TestTheLossOfAHeadAndItsGradient(t *testing.T) {
	const n, m, d = 9, 5, 3
	s := newSample(1, n, d)
	data := gaussian(7, sizeOf(m, d), 0.6)
	wide := make([]float64, len(data))
	for i, v := range data {
		wide[i] = float64(v)
	}
	for _, l := range []loss{{rows: 1, calcium: 0.3}, {rows: 1, calcium: 0.3, causal: true}, {rows: 1, calcium: 0.1, causal: true, slope: 0.25}, {rows: 1}, {calcium: 0.5, causal: true}} {
		c, grad := newCurves(m, d, data), newCurves(m, d, nil)
		var work tensor.Arena
		p := c.pack(&work)
		const weight = 0.7
		got := l.sequence(&p, grad, s, weight, true, &work)
		_, divergence, off := plainLoss(l, m, d, wide, s)
		name := fmt.Sprintf("%+v", l)
		// Sums of a hundred terms of size 1 in float32.
		if got.rows != n || !(math.Abs(got.divergence-divergence) <= 1e-5*divergence) || !(math.Abs(got.calcium-off) <= 1e-5*off) {
			t.Errorf("%s: %+v, want %v and %v", name, got, divergence, off)
		}
		largest := 0.0
		want := make([]float64, len(wide))
		for i := range wide {
			const h = 1e-5
			before := wide[i]
			wide[i] = before + h
			up, _, _ := plainLoss(l, m, d, wide, s)
			wide[i] = before - h
			down, _, _ := plainLoss(l, m, d, wide, s)
			wide[i] = before
			want[i] = weight * (up - down) / (2 * h)
			largest = max(largest, math.Abs(want[i]))
		}
		for i, g := range grad.data {
			// Central differences err by h² of the third derivative, float32 sums by
			// 1e-7 of their terms.
			if !(math.Abs(float64(g)-want[i]) <= 1e-5*largest) {
				t.Errorf("%s: gradient %d is %v, want %v (of at most %v)", name, i, g, want[i], largest)
			}
		}
		if silent := l.sequence(&p, nil, s, weight, true, &work); silent != got {
			t.Errorf("%s: without a gradient the score is %+v, not %+v", name, silent, got)
		}
	}
}

// Keys that are all but forgotten weigh as little as a float32 can, and divided by
// the kernel, which is not aged, still less.
func TestForgottenKeysKeepTheDivergenceFinite(t *testing.T) {
	const m, d, n = 64, 4, 300
	s, c := newSample(9, n, d), newCurves(m, d, nil) // all neurons alike: the kernel is m
	l := loss{rows: 1, causal: true, slope: 0.5}
	packed := c.pack(new(tensor.Arena))
	got := l.sequence(&packed, nil, s, 0, true, new(tensor.Arena))
	if math.IsNaN(got.divergence) || math.IsInf(got.divergence, 0) || got.rows != n {
		t.Errorf("the divergence of %d rows is %v", got.rows, got.divergence)
	}
}
