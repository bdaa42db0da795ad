package nn

import "github.com/tripartite-go/tripartite/tensor"

// A pass over few tokens is bound by reading the weights: every block of rows
// meets all of them. Threads therefore share the outputs of every product instead
// of its rows, so that each weight is read once. The sums are the same, to the
// bit.

// shortRows is how many rows for each thread are few: with more of them, blocks of
// rows are large enough, and need no waiting between products.
const shortRows = 24

// short holds the activations of a short pass, which all its tasks read.
type short struct {
	normed tensor.Matrix // [N, D] the input of attention, then of the feed-forward layer; unused without PreNorm
	a      tensor.Matrix // [N, D] the sum of input and attention, normalized without PreNorm
	hidden tensor.Matrix // [N, F] after the activation
	task   outputsTask
}

// isShort says whether the pass at work shares outputs.
func (w *Workspace) isShort() bool {
	return w.pool.Threads() > 1 && w.x.Rows <= shortRows*w.pool.Threads() && w.pass.Tape == nil
}

// forwardShort is the pass at work.
func (w *Workspace) forwardShort() {
	b, s, n := w.block, &w.short, w.x.Rows
	s.a = s.a.Resize(n, b.width)
	s.hidden = s.hidden.Resize(n, b.up.Out())
	in := w.x
	if b.preNorm {
		s.normed = s.normed.Resize(n, b.width)
		b.first.Forward(s.normed, w.x)
		in = s.normed
	}
	w.linear(outputsTask{linear: b.inputs, dst: w.inputs, x: in})
	w.list()
	w.runHeads()
	w.linear(outputsTask{linear: b.output, dst: s.a, x: w.mixed, residual: w.x})
	if b.preNorm {
		b.last.Forward(s.normed, s.a)
	} else {
		b.first.Forward(s.a, s.a)
		in = s.a
	}
	w.linear(outputsTask{linear: b.up, dst: s.hidden, x: in, activation: &b.activation})
	w.linear(outputsTask{linear: b.down, dst: w.dst, x: s.hidden, residual: s.a})
	if !b.preNorm {
		b.last.Forward(w.dst, w.dst)
	}
}

// linear computes a linear map, the threads sharing its outputs where that is worth
// it.
func (w *Workspace) linear(t outputsTask) {
	t.parts = 1
	if w.worthSharing(t.linear.cost(t.x.Rows)) {
		t.parts = 4 * w.pool.Threads() // so that a thread that is held up costs little
	}
	w.short.task = t
	w.pool.Run(t.parts, &w.short.task)
	w.short.task = outputsTask{}
}

// Outputs is Linear.Forward for few rows: the threads share its outputs instead of
// its rows. The result is the same, to the bit; nothing is allocated.
func (w *Workspace) Outputs(dst tensor.Matrix, l Linear, x tensor.Matrix) {
	w.linear(outputsTask{linear: l, dst: dst, x: x})
}

// outputsTask computes some outputs of a linear map of all rows:
//
//	dst = activation(linear(x)) + residual
type outputsTask struct {
	linear     Linear
	parts      int
	dst, x     tensor.Matrix
	activation *Activation   // nil for none
	residual   tensor.Matrix // no rows for none
}

// Do implements tensor.Task.
func (t *outputsTask) Do(_, i int) {
	lo, part := t.linear.part(i, t.parts)
	hi := lo + part.Out()
	if lo == hi {
		return
	}
	dst := t.dst.SliceCols(lo, hi)
	part.apply(dst, t.x)
	if t.activation != nil {
		for r := range dst.Rows {
			t.activation.Apply(dst.Row(r), dst.Row(r))
		}
	}
	if t.residual.Rows > 0 {
		addRows(dst, t.residual.SliceCols(lo, hi))
	}
}
