package attention

import (
	"errors"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// CircuitConfig describes one head made of neurons and astrocytes. The fields
// are those of tripartite.Config, and one of speed.
type CircuitConfig struct {
	// Tuning holds the tuning curves of the hidden neurons: R^d -> R^m.
	Tuning *tuning.Curves[float32]
	// Causal: token t is written, then read, then t+1. Otherwise all tokens are
	// written, then all are read.
	Causal bool
	// HalfSaturation is sigma >= 0 in l = H h / (sigma + c). Default 0.
	HalfSaturation float64
	// Forget is lambda in [0, 1), the fraction of H and g lost at every write.
	// Default 0; 1 - exp(-slope) is ALiBi with that slope.
	Forget float64
	// Precision in which the drives of neurons by queries are computed. What is
	// packed in a pass, such as keys and memories, has that of the arena. Only
	// circuits in Float32, the default, go backward.
	Precision tensor.Precision
}

// Circuit is the circuit of package tripartite in blocks of neurons and of tokens:
// drives, writing and reading are matrix products. Time is linear in the length
// of the sequence. Scratch memory does not depend on it, but for four numbers per
// token of heads that are not causal, and their output once more if neurons come
// in groups, which threads can share (see Groups).
//
// Rates are kept relative to one shift per hidden neuron as in
// tripartite.Memory, so that logits up to 1e4 stay finite. What rounding leaves:
// the exponent of a rate is the difference of a drive and a shift, both float32,
// so that for maps of one sign the relative error of outputs and calcium is
// about 1e-7 times the spread of the drives: below 1e-5 for logits up to 1e2,
// 1e-4 for logits of 1e4 (a test holds it to that). The levels |x|²/2 of a
// calibrated head are float32 products and add about 1e-7 of themselves. Signed
// maps lose, on top, whatever cancels in c.
type Circuit struct {
	cfg   CircuitConfig
	write features
	read  features
	decay float64 // log(1 - lambda)
}

// NewCircuit returns a head. It reports missing tuning curves and parameters
// out of range.
func NewCircuit(cfg CircuitConfig) (*Circuit, error) {
	if cfg.Tuning == nil {
		return nil, errors.New("circuit head: no tuning curves; build some with tuning.New")
	}
	if s := cfg.HalfSaturation; !(s >= 0) || math.IsInf(s, 0) {
		return nil, fmt.Errorf("circuit head: half-saturation %v, want a finite number of at least 0", s)
	}
	if f := cfg.Forget; !(f >= 0 && f < 1) {
		return nil, fmt.Errorf("circuit head: forgetting %v, want a fraction in [0, 1)", f)
	}
	d := cfg.Tuning.Inputs()
	return &Circuit{
		cfg:   cfg,
		write: newFeatures(cfg.Tuning.Form(tuning.Writing), d, cfg.Precision),
		read:  newFeatures(cfg.Tuning.Form(tuning.Reading), d, cfg.Precision),
		decay: math.Log1p(-cfg.Forget),
	}, nil
}

// Neurons returns m, the number of hidden neurons.
func (c *Circuit) Neurons() int { return c.cfg.Tuning.Neurons() }

// NewState returns an empty memory.
func (c *Circuit) NewState() State { return &memory{} }

// causalBlock is how many tokens a causal head writes and reads at a time. They
// see one another through their n×n kernel values, so the block is short; the
// more so if much is forgotten in it, as the exponents of its keys, float32, then
// lie far apart.
func (c *Circuit) causalBlock() int {
	if c.decay < -0.5 {
		return 16
	}
	return 32
}

// Forward implements Head.
func (c *Circuit) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, work *tensor.Arena) {
	check("circuit", dst, logC, q, k, v, seqs, state, trace)
	c.checkWidth(q)
	defer work.Release(work.Mark())
	past := own[memory]("circuit", state)
	if past != nil && past.shift == nil {
		*past = newMemory(c.Neurons(), v.Cols, nil)
	}
	r := reading{readout: readout{c: c}, work: work}
	if past != nil {
		r.mem = *past
	} else if c.cfg.Causal {
		r.mem = newMemory(c.Neurons(), v.Cols, work)
	}
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		r.q, r.dst = q.SliceRows(lo, hi), dst.SliceRows(lo, hi)
		if logC != nil {
			r.logC = logC[lo:hi]
		}
		r.trace = Trace{}
		if c.cfg.Causal {
			if past == nil {
				r.mem.Reset()
			}
			c.causal(&r, k.SliceRows(lo, hi), v.SliceRows(lo, hi))
		} else {
			c.whole(&r.readout, r.q, k.SliceRows(lo, hi), v.SliceRows(lo, hi), past, work)
		}
		if past != nil {
			past.tokens += hi - lo
		}
		r.record(trace, r.q, lo)
	}
}

func (c *Circuit) checkWidth(q tensor.Matrix) {
	if d := c.cfg.Tuning.Inputs(); q.Cols != d {
		panic(fmt.Sprintf("attention: circuit: queries of width %d for tuning curves of d=%d", q.Cols, d))
	}
}

// causal writes and reads token by token, in effect. Tokens of a block share
// their shifts; where a key exceeds a shift by more than headroom, the block is
// divided before it. That, and all else that concerns a token, depends on the
// tokens up to it alone.
func (c *Circuit) causal(r *reading, k, v tensor.Matrix) {
	work, m, block := r.work, c.Neurons(), c.causalBlock()
	for lo := 0; lo < k.Rows; lo += block {
		hi := min(lo+block, k.Rows)
		level := work.Mark()
		rates, sign := work.Matrix(m, hi-lo), c.write.signs(m, hi-lo, work)
		top := work.Floats(m)
		x := c.write.keys(k.SliceRows(lo, hi), nil, c.decay, true, work)
		c.write.exponents(rates, sign, top, &x)
		r.begin(lo, hi)
		for first := 0; first < hi-lo; {
			end := c.share(&r.mem, rates, top, first, x.ref)
			part := rates.SliceCols(first, end)
			for i, bias := range c.write.bias {
				s := signRow(sign, i)
				if s != nil {
					s = s[first:end]
				}
				r.mem.rates(i, part.Row(i), s, x.ref+bias)
			}
			values := v.SliceRows(lo+first, lo+end)
			r.read(first, end, part, values)
			r.mem.plasticity(part, values, work)
			first = end
		}
		r.mem.forget(c.decay, hi-lo)
		work.Release(level)
	}
}

// share raises the shifts for key first of a block and returns the end of the
// keys after it that fit the same shifts.
func (c *Circuit) share(mem *memory, exponents tensor.Matrix, top []float32, first int, ref float64) (end int) {
	end = exponents.Cols
	for i, bias := range c.write.bias {
		row := exponents.Row(i)
		mem.raise(i, float64(row[first])+ref+bias)
		limit := float32(mem.shift[i] + headroom - ref - bias)
		if top[i] <= limit {
			continue
		}
		for t := first + 1; t < end; t++ {
			if row[t] > limit {
				end = t
			}
		}
	}
	return end
}
