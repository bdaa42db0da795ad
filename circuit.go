package tripartite

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tuning"
)

// Float is the arithmetic of a circuit: float32 or float64.
type Float = tuning.Float

// Phase is the phase s of the circuit, set by a neuromodulator.
type Phase = tuning.Phase

// The two phases.
const (
	Writing = tuning.Writing // s = 0
	Reading = tuning.Reading // s = 1
)

// Config describes one head.
type Config[F Float] struct {
	// Tuning holds the tuning curves phi of the hidden neurons: R^d -> R^m.
	Tuning *tuning.Curves[F]
	// Outputs is dv, the number of output neurons and the width of a value.
	Outputs int
	// HalfSaturation is sigma >= 0 in l = H h / (sigma + c), in units of calcium.
	// The default 0 is the paper's circuit; sigma > 0 equals one more token of
	// value 0 whose kernel with every query is sigma (an attention sink). The
	// calcium meant is the circuit's own: where curves are calibrated, the sink's
	// kernel next to exp(q.k) is sigma exp(Tuning.LogFactor(q)), which depends on
	// the query.
	HalfSaturation float64
	// Forget is lambda in [0, 1), the fraction of H and g lost at every write.
	// Default 0. lambda = 1 - exp(-slope) is ALiBi's bias with that slope.
	Forget float64
}

// Circuit is one head: hidden neurons, output neurons, and the astrocyte whose
// processes wrap the synapses between them. It is not safe for concurrent use.
type Circuit[F Float] struct {
	cfg    Config[F]
	memory *Memory[F]
	// Hidden rates are kept as logarithm and sign (see Memory on why).
	logh, sign []float64
	h          []F
	l          []F
}

// New returns a circuit with an empty memory.
func New[F Float](cfg Config[F]) (*Circuit[F], error) {
	if cfg.Tuning == nil {
		return nil, fmt.Errorf("circuit: no tuning curves; build some with tuning.New")
	}
	if cfg.Outputs < 1 {
		return nil, fmt.Errorf("circuit: %d output neurons, want at least 1", cfg.Outputs)
	}
	if s := cfg.HalfSaturation; !(s >= 0) || math.IsInf(s, 0) {
		return nil, fmt.Errorf("circuit: half-saturation %v, want a finite number of at least 0", s)
	}
	if f := cfg.Forget; !(f >= 0 && f < 1) {
		return nil, fmt.Errorf("circuit: forgetting %v, want a fraction in [0, 1)", f)
	}
	m := cfg.Tuning.Neurons()
	return &Circuit[F]{
		cfg:    cfg,
		memory: newMemory[F](cfg),
		logh:   make([]float64, m),
		sign:   make([]float64, m),
		h:      make([]F, m),
		l:      make([]F, cfg.Outputs),
	}, nil
}

// Write presents one token in the writing phase: key k [d] drives the hidden
// neurons, value v [dv] the output neurons, and plasticity stores their product.
// Their values must be finite: one NaN stays in the memory for good (Save and
// WriteTo refuse such a memory).
//
//	H <- (1 - lambda) H + l h^T,  g <- (1 - lambda) g + h    with h = phi(k), l = v
func (c *Circuit[F]) Write(k, v []F) {
	if len(v) != c.cfg.Outputs {
		panic(fmt.Sprintf("tripartite: value of width %d, want %d", len(v), c.cfg.Outputs))
	}
	c.cfg.Tuning.Log(c.logh, c.sign, Writing, k)
	c.memory.forget(c.cfg.Forget)
	c.memory.raise(c.logh)
	for i, shift := range c.memory.shift {
		c.h[i] = rate[F](c.logh[i]-shift, c.sign[i])
	}
	c.memory.plasticity(v, c.h)
}

// Read presents one token in the reading phase: query q [d] drives the hidden
// neurons, the astrocyte's calcium normalizes, and the output rates go to y
// [dv].
//
//	c = g.h,  l = H h / (sigma + c)    with h = phi(q)
//
// It returns the calcium c. Where signed tuning curves bring c to zero or below,
// y is what the equation gives, and 0 where sigma + c is exactly 0.
func (c *Circuit[F]) Read(y, q []F) Calcium {
	if len(y) != c.cfg.Outputs {
		panic(fmt.Sprintf("tripartite: output of width %d, want %d", len(y), c.cfg.Outputs))
	}
	c.cfg.Tuning.Log(c.logh, c.sign, Reading, q)
	// The largest exponent is taken out: it cancels in H h / c and returns in c.
	top := math.Inf(-1)
	for i, shift := range c.memory.shift {
		if c.sign[i] != 0 { // -Inf + Inf would not be a number
			c.logh[i] += shift
		}
		top = max(top, c.logh[i])
	}
	if math.IsInf(top, -1) { // nothing written, or no neuron that fires was written
		clear(y)
		return Calcium{Log: top}
	}
	for i := range c.h {
		c.h[i] = rate[F](c.logh[i]-top, c.sign[i])
	}
	g := c.memory.astrocyte(c.h)
	c.memory.output(c.l, c.h)

	sigma := F(math.Exp(math.Log(c.cfg.HalfSaturation) - top)) // 0 stays 0 at every scale
	for j, l := range c.l {
		y[j] = l / (sigma + g)
		if sigma+g == 0 {
			y[j] = 0
		}
	}
	return calcium(float64(g), top)
}

// rate returns sign exp(log), 0 for a silent neuron.
func rate[F Float](log, sign float64) F {
	if sign == 0 {
		return 0
	}
	return F(sign * math.Exp(log))
}

// Memory returns the circuit's memory (H, g), which later writes change, until
// Restore puts another in its place.
func (c *Circuit[F]) Memory() *Memory[F] { return c.memory }

// Reset forgets everything.
func (c *Circuit[F]) Reset() { c.memory.reset() }

// Calcium is the astrocyte's calcium c at one reading, as sign and logarithm:
// logits of a few hundred take c out of the range of any float. Without
// calibration, c estimates the softmax normalizer; with it, c times
// exp(Tuning.LogFactor(q)) does. Half-saturation is no part of it.
type Calcium struct {
	Log float64 // log |c|, -Inf where c is 0
	// Sign is the sign of c: -1 only with signed tuning curves; 0 for an empty
	// memory, silent neurons and curves that cancel, and where c is NaN.
	Sign int
}

// calcium returns g exp(top).
func calcium(g, top float64) Calcium {
	switch {
	case g > 0:
		return Calcium{Log: math.Log(g) + top, Sign: 1}
	case g < 0:
		return Calcium{Log: math.Log(-g) + top, Sign: -1}
	case g == 0:
		return Calcium{Log: math.Inf(-1)}
	}
	return Calcium{Log: math.NaN()}
}

// Value returns c, infinite where a float64 cannot hold it.
func (c Calcium) Value() float64 {
	if c.Sign == 0 && !math.IsNaN(c.Log) {
		return 0
	}
	return float64(c.Sign) * math.Exp(c.Log)
}

// LogValue returns log c: -Inf where c is 0, NaN where it is negative.
func (c Calcium) LogValue() float64 {
	if c.Sign < 0 {
		return math.NaN()
	}
	return c.Log
}
