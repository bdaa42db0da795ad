package fit

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// exampleHead returns queries and keys with means and correlations, and the change of
// variables that balances them.
func exampleHead(t testing.TB, n, d int) (q, k tensor.Matrix, b *balanced) {
	t.Helper()
	mix := func(seed uint64) tensor.Matrix {
		x := tensor.New(n, d)
		tensor.Product(x, tensor.FromData(gaussian(seed, n*d, 1), n, d), tensor.Pack(tensor.FromData(gaussian(seed+1, d*d, 0.7), d, d), nil))
		for i := range n {
			tensor.Add(x.Row(i), x.Row(i), gaussian(seed+2, d, 1))
		}
		return x
	}
	q, k = mix(21), mix(31)
	c, err := tuning.Calibrate(q.Data, k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	x := newBalanced(c)
	return q, k, &x
}

func exampleCurves(m, d int) *curves {
	c := newCurves(m, d, gaussian(3, sizeOf(m, d), 0.4))
	c.moveAnchors(gaussian(4, m*d, 0.5), gaussian(5, m*d, 0.5))
	return c
}

func TestFoldedCurvesGiveTheCalciumOfBalancedOnes(t *testing.T) {
	const n, m, d = 40, 7, 4
	q, k, b := exampleHead(t, n, d)
	c := exampleCurves(m, d)
	f := newForms(m, d)
	c.fold(f, b)
	curves, err := tuning.NewFitted(f.write, f.read)
	if err != nil {
		t.Fatal(err)
	}
	circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves})
	if err != nil {
		t.Fatal(err)
	}
	y, logC := tensor.New(n, 2), make([]float32, n)
	circuit.Forward(y, logC, q, k, tensor.FromData(gaussian(6, 2*n, 1), n, 2), tensor.NewSequences(n), nil, nil, nil)
	p := c.pack(nil)
	x := p.features(b.see(q, k, tensor.NewSequences(n), nil).sample(0), nil)
	for i := range n {
		want := math.Log(float64(tensor.Dot(x.h.Row(i), x.total))) + x.top[i]
		// Logarithms of rates are sums of some ten terms of up to 10, in float32.
		if !(math.Abs(float64(logC[i])-want) <= 2e-5*max(1, math.Abs(want))) {
			t.Errorf("query %d: log c is %v, want %v", i, logC[i], want)
		}
	}
}

func TestBiasesMakeLogitsOfBalancedCoordinates(t *testing.T) {
	const n, d = 30, 5
	q, k, b := exampleHead(t, n, d)
	s := b.see(q, k, tensor.NewSequences(n), nil).sample(0)
	for i := range n {
		for u := range n {
			want := float64(tensor.Dot(q.Row(i), k.Row(u)))
			got := float64(tensor.Dot(s.q.Row(i), s.k.Row(u)) + s.queryBias[i] + s.keyBias[u])
			if !(math.Abs(got-want) <= 1e-5*max(1, math.Abs(want))) { // sums of five terms in float32
				t.Fatalf("the logit of query %d and key %d is %v, want %v", i, u, got, want)
			}
		}
	}
}

func TestMovedAnchorsLeaveCurvesAsTheyAre(t *testing.T) {
	const m, d = 6, 3
	c := exampleCurves(m, d)
	before, after := make([]float32, m), make([]float32, m)
	c.drive(before)
	c.moveAnchors(gaussian(7, m*d, 1), gaussian(8, m*d, 1))
	c.drive(after)
	for i := range m {
		if !(math.Abs(float64(before[i]-after[i])) <= 1e-5) { // a dozen terms of size 1
			t.Errorf("the drive of neuron %d goes from %v to %v", i, before[i], after[i])
		}
	}
}

// The gradient of curves is the transpose of fold: along any direction both say
// the same.
func TestUnfoldIsTheTransposeOfFold(t *testing.T) {
	const m, d = 5, 4
	_, _, b := exampleHead(t, 50, d)
	c := exampleCurves(m, d)
	value := func(f *forms) (sum float64) { // of the forms times the numbers below
		for p, form := range []*tuning.Form[float32]{&f.write, &f.read} {
			for i, x := range [][]float32{form.W, form.B, form.Metric, form.Center} {
				for j, g := range gaussian(uint64(10*p+i+50), len(x), 1) {
					sum += float64(g) * float64(x[j])
				}
			}
		}
		return sum
	}
	var grad attention.CurvesGradient
	for p := range grad {
		part := func(i, n int) []float32 { return gaussian(uint64(10*p+i+50), n, 1) }
		grad[p] = attention.FormGradient{W: part(0, m*d), B: part(1, m), Metric: part(2, d*d), Center: part(3, d)}
	}
	got := newCurves(m, d, nil)
	c.unfold(got, &grad, b)
	f, h := newForms(m, d), float32(0.5) // fold is affine: any step will do
	for i := range c.data {
		x := c.data[i]
		c.data[i] = x + h
		c.fold(f, b)
		up := value(f)
		c.data[i] = x - h
		c.fold(f, b)
		down := value(f)
		c.data[i] = x
		want := (up - down) / float64(2*h)
		if !(math.Abs(float64(got.data[i])-want) <= 1e-4*max(1, math.Abs(want))) { // float32 sums of a hundred terms of size 1
			t.Errorf("gradient %d is %v, want %v", i, got.data[i], want)
		}
	}
}
