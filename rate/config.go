package rate

import (
	"fmt"
	"math"
)

// Kinetics are the time constants of one head, in seconds.
type Kinetics struct {
	// Hidden is tau_h of the hidden neurons. Default 0.02: membranes of cortical neurons
	// take 10 to 30 ms (ours, after the values that textbooks give, such as Dayan &
	// Abbott, Theoretical Neuroscience, 2001, chapter 5).
	Hidden float64 `json:"tau_hidden_s"`
	// Output is tau_out of the output neurons. Default 0.02, as for the hidden ones.
	Output float64 `json:"tau_output_s"`
	// Astrocyte is tau_astro of calcium. Default 0.2 (ours): fast enough to settle
	// within a presentation of a second. IP3, which drives slow calcium, decays in 7 s in
	// NEST's astrocyte_lr_1994 (0.14/s, after Wang et al. 1995; in Li & Rinzel
	// 1994, whose calcium that model has, IP3 is a parameter).
	Astrocyte float64 `json:"tau_astrocyte_s"`
}

// Timing says how tokens are presented.
type Timing struct {
	Present float64 `json:"present_s"` // seconds per token and phase; default 1 (ours)
	// Window is the last fraction of a presentation, in (0, 1], in which synapses are
	// plastic. Default 0.25 (ours): late enough for rates to have settled.
	Window float64 `json:"window"`
}

// Forgetting is how fast memory fades while the circuit writes. While it reads,
// H and g hold, as at the algebraic level. Where both rates are equal, and the
// kinetics fast, a token fades by lambda = 1 - exp(-rate present) with every write.
type Forgetting struct {
	Hebb float64 `json:"forget_hebb_per_s"` // of H, 1/s; default 0 (ours)
	Gain float64 `json:"forget_gain_per_s"` // of g, 1/s; default 0 (ours)
}

// Readout says how calcium divides.
type Readout struct {
	// HalfSaturation is sigma >= 0, in units of calcium: it divides by sigma + c.
	// Default 0 (ours).
	HalfSaturation float64 `json:"sigma"`
	// Shunting lets calcium divide as a conductance does, by making the output
	// neurons' leak as large as itself, instead of dividing what reaches them. One
	// domain only. Default false (both ours).
	Shunting bool `json:"shunting"`
}

// Saturation limits the rates of the hidden neurons.
type Saturation struct {
	// Hidden is the rate r that drives saturate at: a drive x becomes x r / (r + |x|)
	// (Naka & Rushton 1966, with exponent 1). In units of phi; default 0, no limit (ours).
	Hidden float64 `json:"saturation"`
}

// Domains divide the astrocyte.
type Domains struct {
	// Of [m] is the domain of each hidden neuron, 0 to K-1, none of them empty. Default
	// nil: one domain.
	Of []int `json:"-"`
	// Coupling between domains. Default: none.
	Coupling Coupling `json:"-"`
}

// Config describes one head at the rate level.
type Config struct {
	Neurons    int // m, hidden neurons
	Outputs    int // dv, width of a value
	Kinetics   Kinetics
	Timing     Timing
	Forgetting Forgetting
	Readout    Readout
	Saturation Saturation
	Domains    Domains
	Noise      Noise
	// Dale gives every output two neurons of non-negative rate, one that excites and
	// one that inhibits what comes after: v = v+ - v-, y = l+ - l-, under one calcium.
	// The equations are linear in v, so that without noise it changes nothing.
	Dale bool
	// Causal writes token t, then reads it, then goes on to t + 1. Otherwise all tokens
	// are written, then all are read. It is Run that heeds it.
	Causal bool
}

// Default returns a config with the defaults, for m hidden neurons and values of
// width dv.
func Default(neurons, outputs int) Config {
	return Config{
		Neurons: neurons, Outputs: outputs,
		Kinetics: Kinetics{Hidden: 0.02, Output: 0.02, Astrocyte: 0.2},
		Timing:   Timing{Present: 1, Window: 0.25},
		Noise:    Noise{Correlation: 0.1, Hold: 0.02},
	}
}

// Ratio of the longest to the shortest time that arithmetic is asked to bear.
const widest = 1e15

// check refuses what makes no circuit.
func (c *Config) check() error {
	if c.Neurons < 1 || c.Outputs < 1 {
		return fmt.Errorf("rate: %d hidden and %d output neurons, want at least 1 of each", c.Neurons, c.Outputs)
	}
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"presentation", c.Timing.Present}, {"time constant of the hidden neurons", c.Kinetics.Hidden},
		{"time constant of the output neurons", c.Kinetics.Output}, {"time constant of the astrocyte", c.Kinetics.Astrocyte},
	} {
		if !positive(p.value) {
			return fmt.Errorf("rate: the %s is %v s, want a finite number above 0", p.name, p.value)
		}
		if r := p.value / c.Timing.Present; r > widest || r < 1/widest {
			return fmt.Errorf("rate: the %s is %v s and a presentation takes %v s; choose values within a factor of %g", p.name, p.value, c.Timing.Present, widest)
		}
	}
	if !(c.Timing.Window > 0 && c.Timing.Window <= 1) {
		return fmt.Errorf("rate: the plasticity window is %v, want a fraction in (0, 1]: without one, nothing is stored", c.Timing.Window)
	}
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"forgetting of H", c.Forgetting.Hebb}, {"forgetting of g", c.Forgetting.Gain},
		{"half-saturation", c.Readout.HalfSaturation}, {"saturation of the hidden neurons", c.Saturation.Hidden},
	} {
		if !(p.value >= 0) || math.IsInf(p.value, 0) {
			return fmt.Errorf("rate: the %s is %v, want a finite number of at least 0", p.name, p.value)
		}
	}
	if err := c.Domains.check(c.Neurons); err != nil {
		return err
	}
	if k := c.Domains.count(); c.Readout.Shunting && k > 1 {
		return fmt.Errorf("rate: shunting with %d domains: the output neurons have one leak, which one calcium sets; use one domain, or division", k)
	}
	return c.Noise.check(c.Timing.Present)
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
