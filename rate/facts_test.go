package rate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// algebraic is what the dynamics should settle to: everything written with weight 1,
// or faded by keep per token written later when causal.
func algebraic(in Input, m, dv int, causal bool, keep float64) []float64 {
	n := len(in.Values) / dv
	out := make([]float64, n*dv)
	for t := range n {
		sum := 0.0
		for s := range n {
			if causal && s > t {
				break
			}
			w := dot(in.Queries[t*m:(t+1)*m], in.Keys[s*m:(s+1)*m])
			if causal {
				w *= math.Pow(keep, float64(t-s))
			}
			sum += w
			for o := range dv {
				out[t*dv+o] += w * in.Values[s*dv+o]
			}
		}
		for o := range dv {
			out[t*dv+o] /= sum
		}
	}
	return out
}

// all is a config with one time constant for all.
func all(tau, window float64) Config {
	c := Default(24, 5)
	c.Kinetics = Kinetics{tau, tau, tau}
	c.Timing = Timing{Present: 1, Window: window}
	return c
}

// errorOf runs the golden sequence and compares with the algebraic level.
func errorOf(t *testing.T, c Config) float64 {
	_, in, array := golden(t)
	return relative(run(t, c, in).Y, array("algebraic_y"))
}

func TestWithPlasticityAlwaysOnTheErrorFallsLikeTau(t *testing.T) {
	last := errorOf(t, all(0.02, 1))
	for _, tau := range []float64{0.01, 0.005, 0.0025} {
		e := errorOf(t, all(tau, 1))
		if ratio := last / e; !(math.Abs(ratio-2) < 0.02) {
			t.Errorf("tau %g: the error falls by %.3f where tau is halved", tau, ratio)
		}
		last = e
	}
}

func TestWithALateWindowTheErrorFallsExponentially(t *testing.T) {
	// Rates have (1 - window) present to settle before plasticity begins; what they lack
	// then is e^(-0.75/tau), and every step of 1 in 1/tau divides the error by about
	// e^0.75. (From tau 0.05 on, calcium and outputs, with 1/tau, count less.)
	last := errorOf(t, all(1.0/16, 0.25))
	for rate := 18.0; rate <= 30; rate += 2 {
		e := errorOf(t, all(1/rate, 0.25))
		if slope := math.Log(last/e) / 2; !(slope > 0.7 && slope < 1) {
			t.Errorf("1/tau %g: the error falls by e^%.3f for 1 more", rate, slope)
		}
		last = e
	}
	if e := errorOf(t, all(0.05, 0.25)); !(e < 8e-7) {
		t.Errorf("error %.2g at tau 0.05 s", e)
	}
}

func TestASlowerAstrocyteNeedsALongerPresentation(t *testing.T) {
	slow := all(0.05, 0.25)
	slow.Kinetics.Astrocyte = 0.5
	if e := errorOf(t, slow); !(e > 0.15) {
		t.Errorf("an astrocyte of 0.5 s has an error of %.2g within a second", e)
	}
	slow.Timing.Present = 10
	if e := errorOf(t, slow); !(e < 1e-6) {
		t.Errorf("with ten times the time its error is %.2g", e)
	}
	// Physiological IP3: 7 s. After 16 s what calcium lacks has fallen to a tenth.
	slow.Kinetics.Astrocyte, slow.Timing.Present = 7, 16
	if left := math.Exp(-slow.Timing.Present / slow.Kinetics.Astrocyte); !(math.Abs(left-0.1) < 0.002) {
		t.Errorf("a tenth is %v", left)
	}
	if e := errorOf(t, slow); !(e > 0.05 && e < 0.2) {
		t.Errorf("error %.2g with 16 s a token", e)
	}
}

func TestSplitDomainsNeverConvergeAndCouplingRepairsThem(t *testing.T) {
	split := func(tau, coupling float64) Config {
		c := all(tau, 0.25)
		c.Domains = Domains{Interleaved(24, 4), Couple(AllToAll, 4, coupling)}
		return c
	}
	for _, tau := range []float64{0.05, 0.01, 1e-4} {
		if e := errorOf(t, split(tau, 0)); !(e > 0.38) {
			t.Errorf("tau %g: uncoupled domains have an error of %.3g", tau, e)
		}
	}
	last := 1.0
	for _, coupling := range []float64{0.1, 1, 10, 100, 1000} {
		e := errorOf(t, split(0.02, coupling))
		if !(e < last) {
			t.Errorf("coupling %g: error %.3g after %.3g", coupling, e, last)
		}
		last = e
	}
	if !(last < 1e-3) {
		t.Errorf("coupling 1000 leaves an error of %.3g", last)
	}
	// A chain of as many domains is repaired later: its slowest mode mixes more slowly.
	chain := split(0.02, 0)
	chain.Domains.Coupling = Couple(Chain, 4, 10)
	if all, chain := errorOf(t, split(0.02, 10)), errorOf(t, chain); !(chain > 2*all) {
		t.Errorf("a chain has an error of %.3g, all to all %.3g", chain, all)
	}
}

// At fast kinetics, forgetting at equal rates is the algebraic level's, with lambda
// = 1 - exp(-rate present).
func TestForgettingIsTheAlgebraicLevels(t *testing.T) {
	_, in, _ := golden(t)
	c := all(0.01, 0.25)
	c.Causal = true
	c.Timing.Present = 2
	c.Forgetting = Forgetting{Hebb: 0.3, Gain: 0.3}
	if e := relative(run(t, c, in).Y, algebraic(in, 24, 5, true, math.Exp(-0.6))); !(e < 1e-9) {
		t.Errorf("error %.2g against lambda = 1 - exp(-0.6)", e)
	}
	c.Forgetting.Gain = 0 // calcium then counts tokens that H has forgotten
	if e := relative(run(t, c, in).Y, algebraic(in, 24, 5, true, math.Exp(-0.6))); !(e > 0.05) {
		t.Errorf("forgetting H alone changes the output by %.2g only", e)
	}
}

func TestHalfSaturationIsASink(t *testing.T) {
	_, in, array := golden(t)
	want, c := append([]float64(nil), array("algebraic_y")...), array("algebraic_normalizer")
	for i := range want {
		want[i] *= c[i/5] / (c[i/5] + 0.7)
	}
	for _, shunting := range []bool{false, true} {
		cfg := all(0.01, 0.25)
		cfg.Readout = Readout{HalfSaturation: 0.7, Shunting: shunting}
		if e := relative(run(t, cfg, in).Y, want); !(e < 1e-9) {
			t.Errorf("shunting %v: error %.2g", shunting, e)
		}
	}
}

func TestDalesLawChangesNothing(t *testing.T) {
	_, in, _ := golden(t)
	for _, c := range []Config{all(0.1, 1), all(0.03, 0.25)} {
		plain := run(t, c, in)
		c.Dale = true
		two := run(t, c, in)
		if e := worst(two.Y, plain.Y); !(e < 1e-13) {
			t.Errorf("two channels differ by %.2g", e)
		}
		for i, w := range two.Hebb {
			if w < 0 {
				t.Fatalf("H[%d,%d] is %v", i/24, i%24, w)
			}
		}
		if two.Channels != 10 || len(two.Hebb) != 10*24 {
			t.Errorf("%d channels, H has %d", two.Channels, len(two.Hebb))
		}
	}
}

func TestSaturationLimitsRates(t *testing.T) {
	in := positiveInput(rand.New(rand.NewPCG(3, 3)), 4, 24, 5)
	c := all(0.01, 0.25)
	for _, r := range []float64{0.5, 2, 1e9} {
		c.Saturation.Hidden = r
		limited := Input{Values: in.Values}
		for i := range in.Keys {
			limited.Keys = append(limited.Keys, in.Keys[i]*r/(r+in.Keys[i]))
			limited.Queries = append(limited.Queries, in.Queries[i]*r/(r+in.Queries[i]))
		}
		if e := relative(run(t, c, in).Y, algebraic(limited, 24, 5, false, 1)); !(e < 1e-9) {
			t.Errorf("limit %g: error %.2g", r, e)
		}
	}
}

// The factors have mean 1, the spread and the correlation in time that they are said
// to have, and one seed gives one result.
func TestNoiseHasTheLawItIsSaidToHave(t *testing.T) {
	const n, steps, a, tau, dt = 4000, 60, 0.5, 0.1, 0.03
	f := newFluctuation(n, a, Noise{Correlation: tau, Seed: 5}, 1)
	ones, factors := make([]float64, n), make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	first := append([]float64(nil), f.x...)
	var mean, square, product float64
	for s := range steps {
		f.apply(factors, ones)
		for i, x := range factors {
			mean += x / (n * steps)
			square += x * x / (n * steps)
			if s == 3 {
				product += f.x[i] * first[i] / n
			}
		}
		f.step(dt)
	}
	// 4,000 processes over 1.8 s hold some 30,000 independent samples.
	if !(math.Abs(mean-1) < 0.01) || !(math.Abs(square-math.Exp(a*a)) < 0.03) {
		t.Errorf("mean %.4f and mean square %.4f, want 1 and %.4f", mean, square, math.Exp(a*a))
	}
	if want := math.Exp(-3 * dt / tau); !(math.Abs(product-want) < 0.05) {
		t.Errorf("correlation over %g s is %.3f, want %.3f", 3*dt, product, want)
	}
}

func TestNoiseIsSeededAndVanishesWithItsAmplitude(t *testing.T) {
	_, in, _ := golden(t)
	c := all(0.02, 0.25)
	plain := run(t, c, in).Y
	c.Noise = Noise{Hidden: 0.3, Output: 0.2, Astrocyte: 0.4, Correlation: 0.1, Hold: 0.05, Seed: 1}
	one := run(t, c, in).Y
	if e := relative(one, plain); !(e > 0.02) {
		t.Errorf("noise changes the output by %.2g only", e)
	}
	if again := run(t, c, in).Y; fmt.Sprint(again) != fmt.Sprint(one) {
		t.Error("the same seed gives another result")
	}
	c.Noise.Seed = 2
	if other := run(t, c, in).Y; relative(other, one) < 0.01 {
		t.Error("another seed gives the same result")
	}
	c.Noise.Hidden, c.Noise.Output, c.Noise.Astrocyte = 1e-7, 1e-7, 1e-7
	if e := relative(run(t, c, in).Y, plain); !(e < 1e-6) {
		t.Errorf("noise of 1e-7 changes the output by %.2g", e)
	}
}

// A presentation in pieces is the presentation: holding constant drives at the
// borders of pieces changes nothing but rounding.
func TestPiecesJoin(t *testing.T) {
	_, in, _ := golden(t)
	for _, c := range []Config{all(0.05, 0.3), all(1e-4, 1), all(3, 0.01)} {
		whole := run(t, c, in)
		c.Noise = Noise{Hidden: 1e-300, Correlation: 1, Hold: 0.07}
		parts := run(t, c, in)
		for _, q := range [][2][]float64{{parts.Y, whole.Y}, {parts.Hebb, whole.Hebb}, {parts.Gain, whole.Gain}, {parts.Calcium, whole.Calcium}} {
			if e := worst(q[0], q[1]); !(e < 1e-12) {
				t.Errorf("tau %g: pieces differ by %.2g", c.Kinetics.Hidden, e)
			}
		}
	}
}

func TestRunStopsWithTheContextAndCountsPresentations(t *testing.T) {
	_, in, _ := golden(t)
	steps := 0
	r, err := Run(context.Background(), all(0.05, 1), in, Options{Step: func() { steps++ }})
	if err != nil || steps != 12 || r.Seconds != 12 {
		t.Fatalf("%d steps, %v", steps, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	steps = 0
	_, err = Run(ctx, all(0.05, 1), in, Options{Step: func() {
		if steps++; steps == 3 {
			cancel()
		}
	}})
	if err != context.Canceled || steps != 3 {
		t.Errorf("%d steps, then %v", steps, err)
	}
}
