package simulate

import (
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/rate"
)

// Result is a summary and the arrays behind it.
type Result struct {
	Summary       Summary
	Run           *rate.Result
	Algebraic     []float64 // [N, dv]
	RelativeError float64   // |y - algebraic_y| / |algebraic_y| over readings with a value; NaN where there are none

	tokens, neurons, outputs int
}

// Write writes the arrays, float64:
//
//	y [N, dv]            output; NaN for readings without a value
//	calcium [N, K]       of every domain at the end of each reading
//	hebb [dv, m]         H at the end; [2 dv, m] under Dale's law
//	gain [m]             g at the end
//	algebraic_y [N, dv]  the same head at the algebraic level
//	relative_error       |y - algebraic_y| / |algebraic_y|
//
// and, where traces were asked for, trace_time [S], trace_phase [S] (0 writing, 1
// reading), trace_token [S], trace_hidden [S, m], trace_output [S, dv],
// trace_hebb_norm [S], trace_gain [S, m] and trace_calcium [S, K].
func (r *Result) Write(w *npz.Writer) error {
	put := writer{w: w}
	put.array("y", r.Run.Y, r.tokens, r.outputs)
	put.array("calcium", r.Run.Calcium, r.tokens, r.Run.Domains)
	put.array("hebb", r.Run.Hebb, r.Run.Channels, r.neurons)
	put.array("gain", r.Run.Gain, r.neurons)
	put.array("algebraic_y", r.Algebraic, r.tokens, r.outputs)
	put.array("relative_error", []float64{r.RelativeError})
	if t := r.Run.Trace; t != nil {
		s := t.Samples()
		phase, token := make([]int64, s), make([]int64, s)
		for i := range s {
			phase[i], token[i] = int64(t.Phase[i]), int64(t.Token[i])
		}
		put.array("trace_time", t.Time, s)
		put.whole("trace_phase", phase)
		put.whole("trace_token", token)
		put.array("trace_hidden", t.Hidden, s, t.Neurons)
		put.array("trace_output", t.Output, s, t.Outputs)
		put.array("trace_hebb_norm", t.HebbNorm, s)
		put.array("trace_gain", t.Gain, s, t.Neurons)
		put.array("trace_calcium", t.Calcium, s, t.Domains)
	}
	return put.err
}

// writer writes arrays until one fails.
type writer struct {
	w   *npz.Writer
	err error
}

func (w *writer) array(name string, x []float64, shape ...int) {
	if w.err == nil {
		w.err = w.w.Float64(name, shape, x)
	}
}

func (w *writer) whole(name string, x []int64) {
	if w.err == nil {
		w.err = w.w.Int64(name, []int{len(x)}, x)
	}
}
