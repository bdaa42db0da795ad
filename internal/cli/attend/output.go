package attend

import (
	"io"
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/npz"
)

// Result is a summary and the arrays behind it.
type Result struct {
	Summary Summary
	out     interface {
		write(w *npz.Writer) error
		saveMemory(path string) error
		writeMemory(w io.Writer) error
	}
}

// Write writes the arrays, in the circuit's precision:
//
//	y [N, dv]                  output of the circuit
//	normalizer [N]             calcium c at true scale, without sigma
//	log_normalizer [N]         log c, NaN where c < 0, -inf where c is 0
//	corrected_normalizer,      with calibration: c times the query's factor,
//	log_corrected_normalizer   which is what estimates the softmax normalizer
//	exact_y [N, dv]            plain softmax, no forgetting, no sigma
//	exact_normalizer [N], exact_log_normalizer [N]
//	hebb [dv, m], gain [m]     the memory after the last token at true scale,
//	                           0 or inf where the type cannot hold it
//
// The exact arrays are left out when the circuit started from a memory, whose
// tokens exact attention does not see.
func (r *Result) Write(w *npz.Writer) error { return r.out.write(w) }

// SaveMemory replaces the file at path by the circuit's memory.
func (r *Result) SaveMemory(path string) error { return r.out.saveMemory(path) }

// WriteMemory writes the circuit's memory as a safetensors file.
func (r *Result) WriteMemory(w io.Writer) error { return r.out.writeMemory(w) }

// arrays is what a run computed.
type arrays[F tripartite.Float] struct {
	tokens, outputs int
	calibrated      bool
	alone           bool // no memory before the first token
	got             tripartite.Attention[F]
	want            tripartite.Attention[float64]
	factor          []float64 // [N] log of the query's factor, 0 without calibration
	memory          *tripartite.Memory[F]
}

func (a *arrays[F]) saveMemory(path string) error { return a.memory.Save(path) }

func (a *arrays[F]) writeMemory(w io.Writer) error {
	_, err := a.memory.WriteTo(w)
	return err
}

func (a *arrays[F]) write(w *npz.Writer) error {
	n, dv, m := a.tokens, a.outputs, a.memory.Neurons()
	put := writer[F]{w: w}
	put.array("y", []int{n, dv}, a.got.Y)
	put.normalizer("", a.got.Calcium)
	if a.calibrated {
		put.normalizer("corrected_", corrected(a.got.Calcium, a.factor))
	}
	if a.alone {
		put.array("exact_y", []int{n, dv}, narrow[F](a.want.Y))
		put.array("exact_normalizer", []int{n}, normalizers[F](a.want.Calcium))
		put.array("exact_log_normalizer", []int{n}, logNormalizers[F](a.want.Calcium))
	}
	put.array("hebb", []int{dv, m}, a.memory.Hebb())
	put.array("gain", []int{m}, a.memory.Gain())
	return put.err
}

// corrected multiplies calcium by the query's factor.
func corrected(c []tripartite.Calcium, logFactor []float64) []tripartite.Calcium {
	out := make([]tripartite.Calcium, len(c))
	for t := range c {
		out[t] = tripartite.Calcium{Log: c[t].Log + logFactor[t], Sign: c[t].Sign}
	}
	return out
}

func normalizers[F tripartite.Float](c []tripartite.Calcium) []F {
	out := make([]F, len(c))
	for t := range c {
		out[t] = F(c[t].Value())
	}
	return out
}

func logNormalizers[F tripartite.Float](c []tripartite.Calcium) []F {
	out := make([]F, len(c))
	for t := range c {
		out[t] = F(c[t].LogValue())
	}
	return out
}

// writer writes arrays of F until one fails.
type writer[F tripartite.Float] struct {
	w   *npz.Writer
	err error
}

func (w *writer[F]) array(name string, shape []int, x []F) {
	if w.err != nil {
		return
	}
	switch x := any(x).(type) {
	case []float32:
		w.err = w.w.Float32(name, shape, x)
	case []float64:
		w.err = w.w.Float64(name, shape, x)
	}
}

// normalizer writes calcium and its logarithm.
func (w *writer[F]) normalizer(prefix string, c []tripartite.Calcium) {
	w.array(prefix+"normalizer", []int{len(c)}, normalizers[F](c))
	w.array("log_"+prefix+"normalizer", []int{len(c)}, logNormalizers[F](c))
}

// isPositive reports whether calcium normalizes.
func isPositive(c tripartite.Calcium) bool {
	return c.Sign > 0 && !math.IsInf(c.Log, 0) && !math.IsNaN(c.Log)
}
