package nn

import (
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// Trace records what the heads of one block received and returned in its last
// pass. Its memory is used again in the next; views of it hold until then.
type Trace struct {
	block     *Block
	inputs    tensor.Matrix
	mixed     tensor.Matrix
	logC      tensor.Matrix // [heads, N]
	logFactor tensor.Matrix // [heads, N]
	counts    []attention.Trace
}

func (t *Trace) begin(b *Block, n int) {
	t.block = b
	t.inputs = t.inputs.Resize(n, b.inputs.Out())
	t.mixed = t.mixed.Resize(n, b.heads*b.valueWidth)
	t.logC = t.logC.Resize(b.heads, n)
	t.logFactor = t.logFactor.Resize(b.heads, n)
	if cap(t.counts) < b.heads {
		t.counts = make([]attention.Trace, b.heads)
	}
	t.counts = t.counts[:b.heads]
	clear(t.counts)
}

// Query returns the queries [N, d] of head h, scaled so that q.k is the logit.
func (t *Trace) Query(h int) tensor.Matrix {
	q, _, _ := t.block.split(t.inputs, h)
	return q
}

// Key returns the keys [N, d] of head h, scaled so that q.k is the logit.
func (t *Trace) Key(h int) tensor.Matrix {
	_, k, _ := t.block.split(t.inputs, h)
	return k
}

// Value returns the values [N, dv] of head h.
func (t *Trace) Value(h int) tensor.Matrix {
	_, _, v := t.block.split(t.inputs, h)
	return v
}

// Output returns what head h returned [N, dv], before the output projection.
func (t *Trace) Output(h int) tensor.Matrix {
	return t.mixed.SliceCols(h*t.block.valueWidth, (h+1)*t.block.valueWidth)
}

// LogC returns the logarithm of the normalizer of head h for every query [N].
func (t *Trace) LogC(h int) []float32 { return t.logC.Row(h) }

// LogFactor returns for every query [N] of head h the logarithm of the factor
// that turns calcium into an estimate of the softmax normalizer.
func (t *Trace) LogFactor(h int) []float32 { return t.logFactor.Row(h) }

// Counts returns what head h counted over all sequences; its LogFactor is nil.
func (t *Trace) Counts(h int) attention.Trace { return t.counts[h] }
