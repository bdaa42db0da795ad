package tripartite

import (
	"fmt"
	"math"
	"unsafe"
)

// Memory is what the synapses and the astrocyte's processes hold: the Hebbian
// weights H [dv, m] from hidden to output neurons and the gains g [m] from
// hidden neurons to the astrocyte. Its size does not depend on how many tokens
// were written.
//
// Tuning curves are exponentials and overflow soon, so that H and g are kept
// relative to one running shift per hidden neuron,
//
//	M_i = max over the keys written of log|phi_i(k)|
//
// that is, as H_i exp(-M_i) and g_i exp(-M_i). Forgetting lowers every M_i by
// log(1 - lambda), which costs nothing and never underflows. One shift for all
// neurons would not do: a neuron that keys hardly drive would underflow, though
// a query may single it out.
//
// Every write adds to H and g at a rounding of 2^-24 in float32: after N writes
// of like size the relative error is up to N 2^-24, and from 2^24 writes of one
// rate on, g no longer grows. For longer input use float64 or forgetting, or
// write parts and merge them.
type Memory[F Float] struct {
	outputs, neurons int
	circuit          Identity
	tokens           int
	hebb             []F       // [dv, m] H_i exp(-M_i)
	gain             []F       // [m] g_i exp(-M_i)
	shift            []float64 // [m] M_i, -Inf for a neuron that never fired
}

// Identity says which circuit a memory belongs to. Half-saturation is not part of
// it: sigma acts when reading, not on what is stored.
type Identity struct {
	Tuning      string  `json:"tuning"` // name of the map
	Calibrated  bool    `json:"calibrated"`
	Inputs      int     `json:"inputs"`      // d
	Fingerprint string  `json:"fingerprint"` // of the tuning curves, weights included
	Forget      float64 `json:"forget"`      // lambda
}

func newMemory[F Float](cfg Config[F]) *Memory[F] {
	m := &Memory[F]{
		outputs: cfg.Outputs, neurons: cfg.Tuning.Neurons(),
		circuit: Identity{
			Tuning: string(cfg.Tuning.Map()), Calibrated: cfg.Tuning.Calibrated(), Inputs: cfg.Tuning.Inputs(),
			Fingerprint: cfg.Tuning.Fingerprint(), Forget: cfg.Forget,
		},
	}
	m.hebb = make([]F, m.outputs*m.neurons)
	m.gain = make([]F, m.neurons)
	m.shift = make([]float64, m.neurons)
	m.reset()
	return m
}

func (m *Memory[F]) reset() {
	m.tokens = 0
	clear(m.hebb)
	clear(m.gain)
	for i := range m.shift {
		m.shift[i] = math.Inf(-1)
	}
}

// forget takes the fraction lambda from H and g.
func (m *Memory[F]) forget(lambda float64) {
	if lambda == 0 {
		return
	}
	decay := math.Log1p(-lambda)
	for i := range m.shift {
		m.shift[i] += decay
	}
}

// raise lets the shifts grow to the logarithms of the rates that come, and
// rescales what is stored.
func (m *Memory[F]) raise(log []float64) {
	for i, a := range log {
		if a > m.shift[i] || math.IsNaN(a) { // NaN stays, to be seen when reading
			m.rescale(i, m.shift[i]-a)
			m.shift[i] = a
		}
	}
}

// rescale multiplies the i-th column of H and g by exp(log), log <= 0.
func (m *Memory[F]) rescale(i int, log float64) {
	f := F(math.Exp(log))
	m.gain[i] *= f
	for j := i; j < len(m.hebb); j += m.neurons {
		m.hebb[j] *= f
	}
}

// plasticity is H += l h^T and g += h, h relative to the shifts.
func (m *Memory[F]) plasticity(l, h []F) {
	for j, lj := range l {
		row := m.hebb[j*m.neurons : (j+1)*m.neurons]
		for i, hi := range h {
			row[i] += lj * hi
		}
	}
	for i, hi := range h {
		m.gain[i] += hi
	}
	m.tokens++
}

// astrocyte is c = g.h: the processes' signals sum into calcium.
func (m *Memory[F]) astrocyte(h []F) F {
	var c F
	for i, g := range m.gain {
		c += g * h[i]
	}
	return c
}

// output is l = H h.
func (m *Memory[F]) output(l, h []F) {
	for j := range l {
		row := m.hebb[j*m.neurons : (j+1)*m.neurons]
		var s F
		for i, w := range row {
			s += w * h[i]
		}
		l[j] = s
	}
}

// Tokens returns how many tokens were written.
func (m *Memory[F]) Tokens() int { return m.tokens }

// Neurons returns m, the number of hidden neurons.
func (m *Memory[F]) Neurons() int { return m.neurons }

// Outputs returns dv, the number of output neurons.
func (m *Memory[F]) Outputs() int { return m.outputs }

// Bytes returns the size of the memory: H, g and the shifts.
func (m *Memory[F]) Bytes() int64 {
	var f F
	return int64(unsafe.Sizeof(f))*int64(len(m.hebb)+len(m.gain)) + 8*int64(len(m.shift))
}

// Hebb returns the Hebbian weights H [dv, m] at their true scale: 0 or infinite
// where F cannot hold them.
func (m *Memory[F]) Hebb() []F {
	out := make([]F, len(m.hebb))
	for j, w := range m.hebb {
		out[j] = unshift(w, m.shift[j%m.neurons])
	}
	return out
}

// Gain returns the process gains g [m] at their true scale: 0 or infinite where
// F cannot hold them.
func (m *Memory[F]) Gain() []F {
	out := make([]F, len(m.gain))
	for i, g := range m.gain {
		out[i] = unshift(g, m.shift[i])
	}
	return out
}

// unshift returns x exp(shift), also where exp(shift) alone is out of range.
func unshift[F Float](x F, shift float64) F {
	if x == 0 {
		return 0 // not 0 * Inf
	}
	return F(math.Copysign(math.Exp(math.Log(math.Abs(float64(x)))+shift), float64(x)))
}

// Merge makes m the memory of a circuit that was written m's tokens and then
// next's. Without forgetting, memories simply add and the order is immaterial;
// with it, what m holds fades by (1 - lambda) for each of next's tokens. Memories
// of different circuits do not merge.
func (m *Memory[F]) Merge(next *Memory[F]) error {
	if err := m.compatible(next); err != nil {
		return fmt.Errorf("merge memories: %w", err)
	}
	if next == m {
		next = m.Clone() // read below while m changes
	}
	decay := float64(next.tokens) * math.Log1p(-m.circuit.Forget)
	for i, s := range next.shift {
		m.shift[i] += decay
		if s > m.shift[i] || math.IsNaN(s) {
			m.rescale(i, m.shift[i]-s)
			m.shift[i] = s
		}
		if math.IsInf(s, -1) {
			continue // next's neuron never fired
		}
		f := F(math.Exp(s - m.shift[i]))
		m.gain[i] += f * next.gain[i]
		for j := i; j < len(m.hebb); j += m.neurons {
			m.hebb[j] += f * next.hebb[j]
		}
	}
	m.tokens += next.tokens
	return nil
}

// compatible reports why two memories are not of one circuit.
func (m *Memory[F]) compatible(o *Memory[F]) error {
	if m.outputs != o.outputs || m.neurons != o.neurons {
		return fmt.Errorf("sizes differ: %d output and %d hidden neurons, and %d and %d; use memories of one circuit",
			m.outputs, m.neurons, o.outputs, o.neurons)
	}
	return m.circuit.same(o.circuit)
}

// same reports why two circuits differ.
func (c Identity) same(o Identity) error {
	switch {
	case c.Forget != o.Forget:
		return fmt.Errorf("forgetting differs: %g and %g; use the same", c.Forget, o.Forget)
	case c != o:
		return fmt.Errorf("tuning curves differ: %v and %v; use the same map, seed, draw, number of neurons and calibration", c, o)
	}
	return nil
}

// String names the tuning curves and the beginning of their fingerprint.
func (c Identity) String() string {
	name := c.Tuning
	if c.Calibrated {
		name = "calibrated " + name
	}
	return fmt.Sprintf("%s of width %d (%.8s)", name, c.Inputs, c.Fingerprint)
}

// Circuit says which circuit the memory belongs to.
func (m *Memory[F]) Circuit() Identity { return m.circuit }

// Clone returns a copy that shares nothing with m.
func (m *Memory[F]) Clone() *Memory[F] {
	c := *m
	c.hebb = append([]F(nil), m.hebb...)
	c.gain = append([]F(nil), m.gain...)
	c.shift = append([]float64(nil), m.shift...)
	return &c
}
