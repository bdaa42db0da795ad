package rate

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
)

func TestBadConfigurationsAreRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		change func(*Config)
		words  []string
	}{
		{func(c *Config) { c.Neurons = 0 }, []string{"0 hidden"}},
		{func(c *Config) { c.Outputs = -1 }, []string{"-1 output"}},
		{func(c *Config) { c.Kinetics.Hidden = 0 }, []string{"time constant of the hidden neurons is 0 s", "above 0"}},
		{func(c *Config) { c.Kinetics.Output = -1 }, []string{"output neurons is -1 s"}},
		{func(c *Config) { c.Kinetics.Astrocyte = nan }, []string{"astrocyte is NaN s"}},
		{func(c *Config) { c.Kinetics.Astrocyte = 1e-16 }, []string{"astrocyte is 1e-16 s", "factor of 1e+15"}},
		{func(c *Config) { c.Kinetics.Output = inf }, []string{"output neurons is +Inf s"}},
		{func(c *Config) { c.Timing.Present = 0 }, []string{"presentation is 0 s"}},
		{func(c *Config) { c.Timing.Window = 0 }, []string{"window is 0", "nothing is stored"}},
		{func(c *Config) { c.Timing.Window = 1.01 }, []string{"window is 1.01"}},
		{func(c *Config) { c.Forgetting.Hebb = -1 }, []string{"forgetting of H is -1"}},
		{func(c *Config) { c.Forgetting.Gain = inf }, []string{"forgetting of g is +Inf"}},
		{func(c *Config) { c.Readout.HalfSaturation = nan }, []string{"half-saturation is NaN"}},
		{func(c *Config) { c.Saturation.Hidden = -2 }, []string{"saturation of the hidden neurons is -2"}},
		{func(c *Config) { c.Domains.Of = []int{0} }, []string{"for 1 neurons", "there are 3"}},
		{func(c *Config) { c.Domains.Of = []int{0, -1, 0} }, []string{"neuron 1 is in domain -1"}},
		{func(c *Config) { c.Domains.Of = []int{0, 3, 1} }, []string{"more domains than the 3 neurons"}},
		{func(c *Config) { c.Domains.Of = []int{0, 2, 0} }, []string{"domain 1 of 3 has no neurons"}},
		{func(c *Config) { c.Domains.Of = []int{0, 1, 0}; c.Readout.Shunting = true }, []string{"shunting with 2 domains"}},
		{func(c *Config) { c.Domains.Coupling = Couple(Ring, 3, 1) }, []string{"between 3 domains", "there are 1"}},
		{func(c *Config) { c.Noise.Hidden = -1 }, []string{"noise of -1"}},
		{func(c *Config) { c.Noise.Output, c.Noise.Hold = 1, 0 }, []string{"held for 0 s"}},
		{func(c *Config) { c.Noise.Output, c.Noise.Correlation = 1, nan }, []string{"correlation time of NaN s"}},
		{func(c *Config) { c.Noise.Output, c.Noise.Hold = 1, 1e-9 }, []string{"1e+09 pieces"}},
	} {
		cfg := Default(3, 2)
		c.change(&cfg)
		_, err := New(cfg)
		if err == nil {
			t.Errorf("%v: accepted", c.words)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
}

func TestBadDrivesAreRefused(t *testing.T) {
	h, err := New(Default(2, 1))
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float64, 1)
	for _, c := range []struct {
		err   error
		words string
	}{
		{h.Write([]float64{1, math.NaN()}, []float64{1}), "hidden neuron 1 is NaN"},
		{h.Write([]float64{1, 1}, []float64{math.Inf(-1)}), "value 0 is -Inf"},
		{h.Read(y, []float64{math.Inf(1), 1}), "hidden neuron 0 is +Inf"},
		{h.Write([]float64{1e200, 1}, []float64{1e200}), "H[0 0] is beyond"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.words) {
			t.Errorf("%v does not say %q", c.err, c.words)
		}
	}
}

// Calcium that signed curves drive through zero has no quotient: the reading is
// reported, the next one starts from rest, and nothing else is NaN.
func TestVanishingCalciumIsReported(t *testing.T) {
	c := Default(2, 1)
	c.Kinetics = Kinetics{0.01, 0.01, 0.05}
	in := Input{Keys: []float64{1, 1, 1, 1, 1, 1}, Queries: []float64{1, 1, -2, 1, 2, 2}, Values: []float64{1, 2, 3}}
	r, err := Run(context.Background(), c, in, Options{Record: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	// Calcium of token 1 goes from 6 to g.h = 3 (-2 + 1) = -3, that of token 2 back.
	if len(r.Events) != 3 || r.Events[0].Kind != Vanishing || r.Events[1].Kind != NonPositive || r.Events[2].Kind != Vanishing {
		t.Fatalf("events: %v", r.Events)
	}
	if e := r.Events[0]; e.Token != 1 || !(e.Time > 0.05 && e.Time < 0.07) { // 0.05 ln 3 and what the neurons take
		t.Errorf("%v", e)
	}
	if !math.IsNaN(r.Y[1]) || !math.IsNaN(r.Y[2]) || !(math.Abs(r.Y[0]-2) < 1e-6) {
		t.Errorf("outputs %v", r.Y)
	}
	for i, v := range append(append(append([]float64{}, r.Calcium...), r.Hebb...), r.Gain...) {
		if math.IsNaN(v) {
			t.Errorf("value %d of calcium and memory is NaN", i)
		}
	}
	for i, at := range r.Trace.Time {
		token := r.Trace.Token[i]
		since := at - 3 - float64(token)
		lost := r.Trace.Phase[i] == tripartite.Reading && (token == 1 && since > r.Events[0].Time || token == 2 && since > r.Events[2].Time)
		if math.IsNaN(r.Trace.Output[i]) != lost {
			t.Errorf("the trace at %g s is %v", at, r.Trace.Output[i])
			break
		}
	}

	// With shunting, or a half-saturation that is large enough, there is a value.
	c.Readout.Shunting = true
	r, err = Run(context.Background(), c, in, Options{})
	if err != nil || len(r.Events) == 0 || math.IsNaN(r.Y[2]) {
		t.Errorf("shunting: %v, %v, %v", r.Y, r.Events, err)
	}
	c.Readout = Readout{HalfSaturation: 4}
	r, err = Run(context.Background(), c, in, Options{})
	if err != nil || len(r.Events) != 1 || r.Events[0].Kind != NonPositive || notFinite(r.Y) >= 0 {
		t.Errorf("half-saturation: %v, %v, %v", r.Y, r.Events, err)
	}
	if text := r.Events[0].String(); text != "nonpositive in domain 0, 1 s into reading token 1" {
		t.Error(text)
	}
}

// Negative calcium makes a conductance that amplifies, up to where numbers end.
func TestOverflowIsReported(t *testing.T) {
	c := Default(1, 1)
	c.Kinetics = Kinetics{1e-3, 1e-5, 1e-3}
	c.Readout.Shunting = true
	in := Input{Keys: []float64{1, 1}, Queries: []float64{-3, 2}, Values: []float64{1, 1}}
	r, err := Run(context.Background(), c, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Events) != 2 || r.Events[0].Kind != Overflow || r.Events[1].Kind != NonPositive || !math.IsNaN(r.Y[0]) || !(math.Abs(r.Y[1]-1) < 1e-9) {
		t.Errorf("%v, events %v", r.Y, r.Events)
	}
}

// Neurons that never fire let calcium and outputs decay.
func TestSilenceIsZero(t *testing.T) {
	c := Default(2, 1)
	c.Kinetics.Astrocyte = 1e-4 // so that c is 0 at the end
	r, err := Run(context.Background(), c, Input{Keys: make([]float64, 4), Queries: make([]float64, 4), Values: []float64{1, 2}}, Options{})
	if err != nil || !(r.Y[0] < 1e-20 && r.Y[1] < 1e-40) { // what is left of v after 50 and 100 time constants
		t.Fatalf("%v, %v", r, err)
	}
	if len(r.Events) != 2 || r.Events[0].Kind != NonPositive {
		t.Errorf("events: %v", r.Events)
	}
}
