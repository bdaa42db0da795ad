package rate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestAssignments(t *testing.T) {
	if got := fmt.Sprint(Interleaved(7, 3), Contiguous(7, 3)); got != "[0 1 2 0 1 2 0] [0 0 0 1 1 2 2]" {
		t.Error(got)
	}
	for _, k := range []int{1, 2, 3, 7} {
		of := Contiguous(7, k)
		if d := (Domains{Of: of}); d.count() != k || d.check(7) != nil {
			t.Errorf("%d domains: %v", k, of)
		}
	}
}

func TestMoreDomainsThanNeuronsAreRefused(t *testing.T) {
	x := []float64{3, 1, 2}
	for _, a := range Assignments() {
		for _, k := range []int{0, 4} {
			if of, err := Assign(a, x, 3, k); err == nil {
				t.Errorf("%s: %d domains: %v", a, k, of)
			}
		}
		of, err := Assign(a, x, 3, 3)
		if err != nil || (&Domains{Of: of}).check(3) != nil {
			t.Errorf("%s: %v, %v", a, of, err)
		}
	}
}

// Neurons drawn around three centres come back together, whatever their order.
func TestSimilarNeuronsShareADomain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	centres := [][]float64{{5, 0}, {-4, 3}, {-4, -3}}
	var x []float64
	kind := rng.Perm(30)
	for _, k := range kind {
		for _, c := range centres[k%3] {
			x = append(x, c+0.5*rng.NormFloat64())
		}
	}
	of := Similar(x, 30, 3)
	seen := map[int]int{}
	for i, k := range kind {
		if d, ok := seen[k%3]; ok && d != of[i] {
			t.Fatalf("neurons of centre %d are in domains %d and %d", k%3, d, of[i])
		}
		seen[k%3] = of[i]
	}
	if err := (&Domains{Of: Similar(x, 30, 30)}).check(30); err != nil {
		t.Error(err)
	}
	if err := (&Domains{Of: Similar(make([]float64, 30), 30, 7)}).check(30); err != nil { // all alike
		t.Error(err)
	}
}

func TestShapesOfCoupling(t *testing.T) {
	for _, c := range []struct {
		shape Shape
		n     int
		want  string
	}{
		{AllToAll, 4, "[[0 1] [0 2] [0 3] [1 2] [1 3] [2 3]]"},
		{Chain, 4, "[[0 1] [1 2] [2 3]]"},
		{Ring, 4, "[[0 1] [1 2] [2 3] [3 0]]"},
		{Ring, 2, "[[0 1]]"},
		{Grid, 6, "[[0 1] [0 3] [1 2] [1 4] [2 5] [3 4] [4 5]]"},
		{Grid, 5, "[[0 1] [1 2] [2 3] [3 4]]"},
		{AllToAll, 1, "[]"},
	} {
		if got := fmt.Sprint(edges(c.shape, c.n)); got != c.want {
			t.Errorf("%s of %d: %s, want %s", c.shape, c.n, got, c.want)
		}
	}
	c := CoupleAstrocytes(3, 2, Chain, 5, Ring, 0.5)
	want := map[[2]int]float64{{0, 1}: 5, {2, 3}: 5, {4, 5}: 5, {1, 2}: 0.5, {3, 4}: 0.5, {0, 5}: 0.5}
	for i := range 6 {
		for j := range i {
			if got := c.At(i, j); got != want[[2]int{j, i}] || got != c.At(j, i) {
				t.Errorf("strength between %d and %d is %v", i, j, got)
			}
		}
	}
	if got := CoupleAstrocytes(1, 4, Grid, 3, Ring, 9); fmt.Sprint(got) != fmt.Sprint(Couple(Grid, 4, 3)) {
		t.Errorf("one astrocyte has gap junctions: %v", got)
	}
	for _, a := range [][]float64{{0, 1, 2, 0}, {0, -1, -1, 0}, {0, math.NaN(), 1, 0}, {0, 1, 1}} {
		if _, err := CoupleBy(2, a); err == nil {
			t.Errorf("%v: accepted", a)
		}
	}
	if c, err := CoupleBy(2, []float64{7, 1, 1, 7}); err != nil || c.At(0, 1) != 1 || c.At(0, 0) != 0 {
		t.Errorf("%v, %v", c, err)
	}
}

// Coupled calcium in modes is the matrix exponential of the network.
func TestModesAreTheMatrixExponential(t *testing.T) {
	const k, tau, seconds = 5, 0.3, 0.7
	rng := rand.New(rand.NewPCG(2, 2))
	a := make([]float64, k*k)
	for i := range k {
		for j := range i {
			a[i*k+j] = 3 * rng.Float64()
			a[j*k+i] = a[i*k+j]
		}
	}
	coupling, err := CoupleBy(k, a)
	if err != nil {
		t.Fatal(err)
	}
	m := mat.NewDense(k, k, nil)
	c := make([]float64, k)
	for i := range k {
		c[i] = rng.Float64()
		m.Set(i, i, -seconds/tau)
		for j := range k {
			m.Set(i, j, m.At(i, j)+a[i*k+j]*seconds/tau)
			m.Set(i, i, m.At(i, i)-a[i*k+j]*seconds/tau)
		}
	}
	var exp mat.Dense
	exp.Exp(m)
	want := mat.NewVecDense(k, nil)
	want.MulVec(&exp, mat.NewVecDense(k, c))
	net := newNetwork(k, coupling)
	course := newCourse(&net, tau, 1)
	course.set(c, make([]float64, k), make([]float64, k))
	got := make([]float64, k)
	course.at(seconds, got)
	if e := worst(got, want.RawVector().Data); !(e < 1e-14*10) {
		t.Errorf("off by %.2g", e)
	}
}

// A sample is what a presentation that ended there would give, and taking samples
// changes nothing.
func TestTraces(t *testing.T) {
	_, in, _ := golden(t)
	for _, causal := range []bool{false, true} {
		c := all(0.05, 0.3)
		c.Causal = causal
		c.Kinetics.Astrocyte = 0.2
		c.Domains = Domains{Interleaved(24, 3), Couple(Ring, 3, 2)}
		c.Noise = Noise{Output: 0.1, Hidden: 0.1, Correlation: 0.1, Hold: 0.23, Seed: 1}
		plain := run(t, c, in)
		for _, step := range []float64{1, 0.125, 0.0101} {
			r, err := Run(t.Context(), c, in, Options{Record: step})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(r.Y, r.Calcium, r.Hebb) != fmt.Sprint(plain.Y, plain.Calcium, plain.Hebb) {
				t.Errorf("step %g: taking samples changes the result", step)
			}
			tr := r.Trace
			s := tr.Samples()
			if want := int(12/step+1e-6) + 1; s != want || len(tr.Phase) != s || len(tr.Token) != s || len(tr.Hidden) != 24*s || len(tr.Output) != 5*s ||
				len(tr.HebbNorm) != s || len(tr.Gain) != 24*s || len(tr.Calcium) != 3*s {
				t.Fatalf("step %g: %d samples, want %d", step, s, want)
			}
			if step != 0.0101 { // samples fall on the ends of presentations
				last := s - 1
				norm := math.Sqrt(dot(r.Hebb, r.Hebb))
				for _, q := range [][2][]float64{
					{tr.Output[last*5:], r.Y[25:]}, {tr.Calcium[last*3:], r.Calcium[15:]}, {tr.Gain[last*24:], r.Gain}, {tr.HebbNorm[last:], {norm}},
				} {
					if e := worst(q[0], q[1]); !(e < 1e-12) {
						t.Errorf("step %g: the last sample differs by %.2g", step, e)
					}
				}
			}
			for i := 1; i < s; i++ {
				if tr.Time[i] != float64(i)*step {
					t.Fatalf("sample %d is at %v", i, tr.Time[i])
				}
				presentation := int(math.Ceil(tr.Time[i]-1e-6)) - 1
				token, phase := presentation%6, presentation/6
				if causal {
					token, phase = presentation/2, presentation%2
				}
				if tr.Token[i] != token || int(tr.Phase[i]) != phase {
					t.Fatalf("at %v s token %d, phase %v", tr.Time[i], tr.Token[i], tr.Phase[i])
				}
			}
		}
	}
}

// Samples between the ends follow from a presentation that is as much shorter.
func TestSamplesWithinAPresentation(t *testing.T) {
	_, in, _ := golden(t)
	one := Input{Keys: in.Keys[:24], Queries: in.Queries[:24], Values: in.Values[:5]}
	for _, shunting := range []bool{false, true} {
		c := all(0.2, 1)
		c.Readout.Shunting = shunting
		r, err := Run(t.Context(), c, one, Options{Record: 0.25})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i <= 3; i++ { // written for a second, then read for a quarter, ...
			h, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Write(one.Keys, one.Values); err != nil {
				t.Fatal(err)
			}
			h.cfg.Timing.Present = 0.25 * float64(i)
			y := make([]float64, 5)
			if err := h.Read(y, one.Queries); err != nil {
				t.Fatal(err)
			}
			if e := worst(r.Trace.Output[(4+i)*5:(5+i)*5], y); !(e < 1e-12) {
				t.Errorf("shunting %v: l after %d quarters of reading differs by %.2g", shunting, i, e)
			}
			if e := worst(r.Trace.Hidden[(4+i)*24:(5+i)*24], h.Hidden()); !(e < 1e-13) {
				t.Errorf("h differs by %.2g", e)
			}
			if e := worst(r.Trace.Calcium[4+i:5+i], h.Calcium()); !(e < 1e-13) {
				t.Errorf("c differs by %.2g", e)
			}
		}
	}
}

func TestTracesThatFillTheMemoryAreRefused(t *testing.T) {
	_, in, _ := golden(t)
	for _, step := range []float64{1e-9, -1, math.NaN()} {
		if _, err := Run(t.Context(), all(0.1, 1), in, Options{Record: step}); err == nil {
			t.Errorf("step %g: accepted", step)
		}
	}
}
