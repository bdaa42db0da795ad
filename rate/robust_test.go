package rate

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Curves that are never negative leave calcium above zero: whatever the time
// constants, sizes of rates and mechanisms, every reading has a value.
func TestPositiveCurvesNeverLoseAReading(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	n := 1000
	if testing.Short() {
		n = 100
	}
	for i := range n {
		in := positiveInput(rng, 2, 3, 2)
		scale := math.Pow(10, 16*rng.Float64()-8)
		for j := range in.Keys {
			in.Keys[j] *= scale * math.Pow(10, 6*rng.Float64()-3)
			in.Queries[j] *= scale
		}
		c := Default(3, 2)
		c.Timing.Window = rng.Float64()/2 + 0.5
		tau := func() float64 { return math.Pow(10, 24*rng.Float64()-12) }
		c.Kinetics = Kinetics{tau(), tau(), tau()}
		switch i % 4 {
		case 1:
			c.Readout = Readout{Shunting: true, HalfSaturation: rng.Float64()}
		case 2:
			c.Domains = Domains{[]int{0, 1, 2}, Couple(Ring, 3, math.Pow(10, 8*rng.Float64()-4))}
		case 3:
			c.Forgetting = Forgetting{1 / tau(), 1 / tau()}
		}
		c.Causal = i%8 < 4
		r, err := Run(context.Background(), c, in, Options{Record: 0.37})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		for _, e := range r.Events {
			if e.Kind != NonPositive { // calcium may fade to 0 where memory does
				t.Fatalf("%d: %v: %+v, scale %g", i, e, c, scale)
			}
		}
		for _, x := range [][]float64{r.Y, r.Calcium, r.Hebb, r.Gain, r.Trace.Output, r.Trace.HebbNorm, r.Trace.Calcium} {
			if j := notFinite(x); j >= 0 {
				t.Fatalf("%d: %v at %d: %+v", i, x[j], j, c)
			}
		}
	}
}

// Signed curves may: then an event tells, and what has no event is a number.
func TestSignedCurvesLoseNoReadingInSilence(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	lost := 0
	for i := range 500 {
		var in Input
		for range 4 * 3 {
			in.Keys, in.Queries = append(in.Keys, rng.NormFloat64()), append(in.Queries, rng.NormFloat64())
		}
		for range 4 * 2 {
			in.Values = append(in.Values, rng.NormFloat64())
		}
		c := Default(3, 2)
		tau := func() float64 { return math.Pow(10, 6*rng.Float64()-4) }
		c.Kinetics = Kinetics{tau(), tau(), tau()}
		switch i % 3 {
		case 1:
			c.Readout.Shunting = true
		case 2:
			c.Domains = Domains{[]int{0, 1, 0}, Couple(Chain, 2, 10*rng.Float64())}
		}
		r, err := Run(context.Background(), c, in, Options{})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		told := map[int]bool{}
		for _, e := range r.Events {
			if e.Kind != NonPositive {
				told[e.Token] = true
				lost++
			}
			if !(e.Time >= 0 && e.Time <= 1) {
				t.Errorf("%v", e)
			}
		}
		for j, y := range r.Y {
			if math.IsNaN(y) != told[j/2] || math.IsInf(y, 0) {
				t.Fatalf("%d: y[%d] is %v, events %v", i, j, y, r.Events)
			}
		}
		if notFinite(r.Calcium) >= 0 || notFinite(r.Hebb) >= 0 {
			t.Fatalf("%d: calcium %v, H %v", i, r.Calcium, r.Hebb)
		}
	}
	if lost < 100 {
		t.Errorf("only %d readings were lost: the test does not test", lost)
	}
}
