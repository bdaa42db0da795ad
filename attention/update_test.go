package attention

import (
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// fittedForm returns a form with every part.
func fittedForm(seed uint64, m, d int) tuning.Form[float32] {
	values := func(i uint64, n int, std float64) []float32 { return random(seed+i, 1, n, std).Data }
	return tuning.Form[float32]{
		W: values(1, m*d, 0.5), B: values(2, m, 1), LogScale: 0.25,
		Metric: values(3, d*d, 0.4), Center: values(4, d, 0.5), Excite: values(5, d, 0.3),
	}
}

func fittedCircuit(t *testing.T, write, read tuning.Form[float32], causal bool) *Circuit {
	t.Helper()
	curves, err := tuning.NewFitted(write, read)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCircuit(CircuitConfig{Tuning: curves, Causal: causal, Forget: 0.05, HalfSaturation: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnUpdatedCircuitIsTheOneBuiltAnew(t *testing.T) {
	const m, d, dv = 19, 5, 4
	in := newInput(1, d, dv, 0.8, 30, 7)
	dy := random(9, 37, dv, 1)
	for _, causal := range []bool{false, true} {
		c := fittedCircuit(t, fittedForm(100, m, d), fittedForm(200, m, d), causal)
		write, read := fittedForm(300, m, d), fittedForm(400, m, d)
		c.Update(write, read)
		want := fittedCircuit(t, write, read, causal)
		a, b := run(c, in), run(want, in)
		if !slices.Equal(bitsOf(a.y), bitsOf(b.y)) || !slices.Equal(a.logC, b.logC) {
			t.Errorf("causal %v: another output", causal)
		}
		ga, gb := NewCurvesGradient(c.cfg.Tuning), NewCurvesGradient(c.cfg.Tuning)
		x, y := back(c, in, dy, ga, nil), back(want, in, dy, gb, nil)
		if !slices.Equal(bitsOf(x.Query, x.Key, x.Value), bitsOf(y.Query, y.Key, y.Value)) {
			t.Errorf("causal %v: other gradients of the input", causal)
		}
		for p := range ga {
			if !slices.Equal(ga[p].W, gb[p].W) || !slices.Equal(ga[p].Metric, gb[p].Metric) {
				t.Errorf("causal %v: other gradients of the curves", causal)
			}
		}
		if n := testing.AllocsPerRun(5, func() { c.Update(write, read) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestAnUpdateWithOtherPartsPanics(t *testing.T) {
	const m, d = 4, 3
	c := fittedCircuit(t, fittedForm(1, m, d), fittedForm(2, m, d), false)
	for name, change := range map[string]func(f *tuning.Form[float32]){
		"fewer neurons": func(f *tuning.Form[float32]) { f.W, f.B = f.W[:d], f.B[:1] },
		"no metric":     func(f *tuning.Form[float32]) { f.Metric = nil },
		"no center":     func(f *tuning.Form[float32]) { f.Center = nil },
		"another link":  func(f *tuning.Form[float32]) { f.Link = tuning.LinkReLU },
	} {
		read := fittedForm(3, m, d)
		change(&read)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			c.Update(fittedForm(4, m, d), read)
		}()
	}
}
