package attention

import (
	"errors"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// CircuitConfig describes one head made of neurons and astrocytes. The fields
// are those of tripartite.Config.
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
}

// Circuit is the circuit of package tripartite in blocks of tokens: drives,
// writing and reading are matrix products. Time is linear in the length of the
// sequence, and scratch memory does not depend on it.
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
		write: newFeatures(cfg.Tuning.Form(tuning.Writing), d),
		read:  newFeatures(cfg.Tuning.Form(tuning.Reading), d),
		decay: math.Log1p(-cfg.Forget),
	}, nil
}

// Neurons returns m, the number of hidden neurons.
func (c *Circuit) Neurons() int { return c.cfg.Tuning.Neurons() }

// NewState returns an empty memory.
func (c *Circuit) NewState() State { return &memory{} }

// Tokens are written and read in blocks. A causal block is short because its
// tokens see one another through their n×n kernel values; the others are as long
// as the rates of a block take no more than blockRates values, within bounds.
const (
	causalBlock  = 16
	longestBlock = 64
	blockRates   = 1 << 20
)

func (c *Circuit) block() int {
	return min(max(blockRates/c.Neurons(), causalBlock), longestBlock)
}

// Forward implements Head.
func (c *Circuit) Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, work *tensor.Arena) {
	check("circuit", dst, logC, q, k, v, seqs, state, trace)
	if d := c.cfg.Tuning.Inputs(); q.Cols != d {
		panic(fmt.Sprintf("attention: circuit: queries of width %d for tuning curves of d=%d", q.Cols, d))
	}
	defer work.Release(work.Mark())
	past := own[memory]("circuit", state)
	r := reading{c: c, work: work}
	if past == nil {
		r.mem = newMemory(c.Neurons(), v.Cols, work)
	} else if r.mem = *past; r.mem.shift == nil {
		r.mem = newMemory(c.Neurons(), v.Cols, nil)
	}
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		if past == nil {
			r.mem.Reset()
		}
		r.dst, r.q = dst.SliceRows(lo, hi), q.SliceRows(lo, hi)
		if logC != nil {
			r.logC = logC[lo:hi]
		}
		if c.cfg.Causal {
			c.causal(&r, k.SliceRows(lo, hi), v.SliceRows(lo, hi))
		} else {
			c.writeAll(&r.mem, k.SliceRows(lo, hi), v.SliceRows(lo, hi), work)
			r.readAll()
		}
		if trace != nil && trace.LogFactor != nil {
			for t := lo; t < hi; t++ {
				trace.LogFactor[t] = float32(c.cfg.Tuning.LogFactor(q.Row(t)))
			}
		}
	}
	if past != nil {
		*past = r.mem
	}
	if trace != nil {
		trace.Add(r.trace)
	}
}

// writeAll writes all keys and values, a block at a time.
func (c *Circuit) writeAll(mem *memory, k, v tensor.Matrix, work *tensor.Arena) {
	m, block := c.Neurons(), c.block()
	for lo := 0; lo < k.Rows; lo += block {
		hi := min(lo+block, k.Rows)
		level := work.Mark()
		rates, sign := work.Matrix(m, hi-lo), c.write.signs(m, hi-lo, work)
		top := work.Floats(m)
		ref := c.write.keys(rates, sign, top, k.SliceRows(lo, hi), nil, c.decay, c.cfg.Causal, work)
		for i, bias := range c.write.bias {
			mem.raise(i, float64(top[i])+ref+bias)
			mem.rates(i, rates.Row(i), signRow(sign, i), ref+bias)
		}
		mem.plasticity(rates, v.SliceRows(lo, hi), work)
		mem.forget(c.decay, hi-lo)
		work.Release(level)
	}
}

// causal writes and reads token by token, in effect. Tokens of a block share
// their shifts; where a key exceeds a shift by more than headroom, the block is
// divided before it. That, and all else that concerns a token, depends on the
// tokens up to it alone.
func (c *Circuit) causal(r *reading, k, v tensor.Matrix) {
	work, m := r.work, c.Neurons()
	for lo := 0; lo < k.Rows; lo += causalBlock {
		hi := min(lo+causalBlock, k.Rows)
		level := work.Mark()
		rates, sign := work.Matrix(m, hi-lo), c.write.signs(m, hi-lo, work)
		top := work.Floats(m)
		ref := c.write.keys(rates, sign, top, k.SliceRows(lo, hi), nil, c.decay, c.cfg.Causal, work)
		r.begin(lo, hi)
		for first := 0; first < hi-lo; {
			end := c.share(&r.mem, rates, top, first, ref)
			part := rates.SliceCols(first, end)
			for i, bias := range c.write.bias {
				s := signRow(sign, i)
				if s != nil {
					s = s[first:end]
				}
				r.mem.rates(i, part.Row(i), s, ref+bias)
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
