package attention

import (
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// memory is (H, g) of one head and one sequence, each neuron relative to its own
// shift as in tripartite.Memory: H_i exp(-M_i), g_i exp(-M_i).
//
// Here a shift follows the largest key only when a key exceeds it by headroom,
// which leaves the arithmetic alone (float32 holds exp(87)) and lets a block of
// tokens share its shifts. Forgetting lowers the shifts.
type memory struct {
	tokens int
	shift  []float64     // [m] M_i, -Inf for a neuron that never fired
	gain   []float32     // [m]
	hebb   tensor.Matrix // [m, dv]: transposed, a row per hidden neuron
}

// headroom is how far the logarithm of a rate may exceed its shift.
const headroom = 40

// newMemory returns an empty memory, in scratch memory or, if work is nil, in
// memory of its own.
func newMemory(m, dv int, work *tensor.Arena) memory {
	mem := memory{shift: work.Doubles(m), gain: work.Floats(m), hebb: work.Matrix(m, dv)}
	mem.Reset()
	return mem
}

// Tokens implements State.
func (mem *memory) Tokens() int { return mem.tokens }

// Bytes implements State.
func (mem *memory) Bytes() int {
	return 8*len(mem.shift) + 4*(len(mem.gain)+len(mem.hebb.Data))
}

// Reset implements State.
func (mem *memory) Reset() {
	mem.tokens = 0
	for i := range mem.shift {
		mem.shift[i] = math.Inf(-1)
	}
	clear(mem.gain)
	mem.hebb.Zero()
}

// neurons returns the memory of neurons lo to hi, which it shares but for the
// number of tokens.
func (mem *memory) neurons(lo, hi int) memory {
	return memory{shift: mem.shift[lo:hi], gain: mem.gain[lo:hi], hebb: mem.hebb.SliceRows(lo, hi)}
}

// raise lifts the shift of neuron i to the logarithm of a rate, if that exceeds
// it by more than headroom.
func (mem *memory) raise(i int, log float64) {
	if log <= mem.shift[i]+headroom {
		return
	}
	if math.IsInf(mem.shift[i], -1) { // nothing to scale
		mem.shift[i] = log
		return
	}
	f := float32(math.Exp(mem.shift[i] - log))
	mem.gain[i] *= f
	tensor.Scale(mem.hebb.Row(i), f, mem.hebb.Row(i))
	mem.shift[i] = log
}

// rates turns the exponents of neuron i for some keys, relative to base, into
// rates relative to its shift.
func (mem *memory) rates(i int, exponents, sign []float32, base float64) {
	if math.IsInf(mem.shift[i], -1) {
		for t, e := range exponents {
			if e == e { // silent so far, unless a key was NaN
				exponents[t] = 0
			}
		}
		return
	}
	tensor.ExpShift(exponents, exponents, float32(mem.shift[i]-base))
	for t, s := range sign {
		exponents[t] *= s
	}
}

// plasticity is H += l h^T, g += h for a block: rates [m, n] relative to the
// shifts, values [n, dv].
func (mem *memory) plasticity(rates, values tensor.Matrix, work *tensor.Arena) {
	defer work.Release(work.Mark())
	tensor.AddProduct(mem.hebb, rates, tensor.PackTransposed(values, work))
	for i := range mem.gain {
		mem.gain[i] += tensor.Sum(rates.Row(i))
	}
}

// forget takes the fraction lambda from H and g n times; decay is log(1-lambda).
func (mem *memory) forget(decay float64, n int) {
	if decay == 0 {
		return
	}
	for i := range mem.shift {
		mem.shift[i] += decay * float64(n)
	}
}

// shiftsOf writes the bias plus sign times the shift of every neuron,
// -Inf for those that never fired, relative to the largest, which it returns.
func shiftsOf(dst []float32, bias, shift []float64, sign float64) (ref float64) {
	ref = math.Inf(-1)
	for i, s := range shift {
		if !math.IsInf(s, -1) {
			ref = max(ref, bias[i]+sign*s)
		}
	}
	if math.IsInf(ref, -1) {
		ref = 0
	}
	for i, s := range shift {
		dst[i] = float32(bias[i] + sign*s - ref)
		if math.IsInf(s, -1) {
			dst[i] = float32(math.Inf(-1))
		}
	}
	return ref
}
