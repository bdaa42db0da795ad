package attention

import (
	"fmt"

	"github.com/tripartite-go/tripartite/tensor"
)

// Head is one attention head. Heads are immutable and safe for concurrent use.
//
// Heads that can be trained have a backward pass besides; see [Trainable].
type Head interface {
	// Forward computes the attention of every sequence of a ragged batch and
	// writes it to dst [N, dv].
	//
	// q, k [N, d] are the queries and keys, each already scaled by d^(-1/4), so
	// that q.k is the logit; v [N, dv] are the values. All may be strided views,
	// such as the columns of one head. dst must not overlap them.
	//
	// logC [N], unless nil, receives the logarithm of the normalizer for every
	// query: of the softmax sum for exact attention, of calcium for the circuit
	// (without half-saturation): -Inf where it is 0, NaN where it is negative.
	//
	// Rows that no sequence of seqs covers are neither read nor written. A
	// sequence's result does not depend on the others in the batch, and of a
	// causal head not on the tokens that follow.
	//
	// state is nil for whole sequences. Otherwise it comes from NewState of the
	// same head, seqs holds one sequence, and its tokens continue those that the
	// state has taken in.
	//
	// trace, unless nil, is added to. Scratch memory comes from work, which may
	// be nil.
	Forward(dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace, work *tensor.Arena)

	// NewState returns the state of a sequence that has not begun.
	NewState() State
}

// State is what a head carries from one part of a sequence to the next while
// tokens arrive: keys and values for exact attention, which grow; the memory
// for the circuit, which does not. It belongs to one head and one sequence and
// is not safe for concurrent use.
type State interface {
	// Tokens returns how many tokens it has taken in.
	Tokens() int
	// Bytes returns the size of what it holds.
	Bytes() int
	// Reset returns it to the beginning of a sequence.
	Reset()
}

// Trace records what a report needs to know of a head beyond its output.
type Trace struct {
	// Tokens counts the queries that were read.
	Tokens int
	// NonPositive counts those whose calcium was 0 or below: only tuning curves
	// that are signed or silent reach it. Nothing is clamped.
	NonPositive int
	// Zero counts those whose calcium was exactly 0. Without half-saturation
	// their output is 0.
	Zero int
	// Lost counts those that have no value and are NaN, as only heads in time have;
	// see Incidents.
	Lost int
	// LogFactor [N], unless nil, receives for every query the logarithm of the
	// factor that a calibration leaves out because it cancels in the output:
	// logC + LogFactor estimates the logarithm of the softmax normalizer. It is
	// 0 for heads without calibration.
	LogFactor []float32
}

// Add adds the counts of other.
func (t *Trace) Add(other Trace) {
	t.Tokens += other.Tokens
	t.NonPositive += other.NonPositive
	t.Zero += other.Zero
	t.Lost += other.Lost
}

// check panics unless the arguments of Forward fit one another.
func check(head string, dst tensor.Matrix, logC []float32, q, k, v tensor.Matrix, seqs tensor.Sequences, state State, trace *Trace) {
	n := q.Rows
	if k.Rows != n || k.Cols != q.Cols || v.Rows != n || dst.Rows != n || dst.Cols != v.Cols {
		panic(fmt.Sprintf("attention: %s: q [%d, %d], k [%d, %d], v [%d, %d] into [%d, %d]", head,
			q.Rows, q.Cols, k.Rows, k.Cols, v.Rows, v.Cols, dst.Rows, dst.Cols))
	}
	if logC != nil && len(logC) != n {
		panic(fmt.Sprintf("attention: %s: log c has length %d for %d tokens", head, len(logC), n))
	}
	if trace != nil && trace.LogFactor != nil && len(trace.LogFactor) != n {
		panic(fmt.Sprintf("attention: %s: the log factor has length %d for %d tokens", head, len(trace.LogFactor), n))
	}
	if state != nil && seqs.Len() != 1 {
		panic(fmt.Sprintf("attention: %s: a state belongs to one sequence, not %d", head, seqs.Len()))
	}
	seqs.Check(n)
}

// own returns the state as the head's own kind, nil if there is none.
func own[S any](head string, state State) *S {
	if state == nil {
		return nil
	}
	s, ok := any(state).(*S)
	if !ok {
		panic(fmt.Sprintf("attention: %s: a state of type %T is not from this head", head, state))
	}
	return s
}

// unfactored records queries lo to hi of a head whose normalizer is complete and
// positive.
func (t *Trace) unfactored(lo, hi int) {
	if t == nil {
		return
	}
	t.Tokens += hi - lo
	if t.LogFactor != nil {
		clear(t.LogFactor[lo:hi])
	}
}
