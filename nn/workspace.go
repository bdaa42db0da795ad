package nn

import (
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// Workspace holds threads and scratch memory, which it keeps from one block to
// the next: after the first pass of the largest batch nothing is allocated. It
// serves one pass at a time.
type Workspace struct {
	pool   *tensor.Pool
	least  int            // work that threads share, in multiply-adds
	arenas []tensor.Arena // one per worker
	traces []attention.Trace
	heads  heads
	local  [][2]int                              // per worker, the bounds of the sequence at work
	room   struct{ inputs, mixed tensor.Matrix } // for passes without a tape
	short  short
	back   backward
	loss   loss

	repacks []repack

	// The pass at work.
	block  *Block
	pass   Pass
	dst, x tensor.Matrix
	inputs tensor.Matrix // [N, 2·heads·d + heads·dv] queries, keys, values
	mixed  tensor.Matrix // [N, heads·dv] what the heads return
	rows   int           // rows in a block of rows
	blocks int
}

// NewWorkspace returns a workspace on a pool; nil is one thread.
func NewWorkspace(pool *tensor.Pool) *Workspace {
	n := pool.Threads()
	return &Workspace{pool: pool, least: leastShared, arenas: make([]tensor.Arena, n), local: make([][2]int, n)}
}

// Pool returns the pool that the workspace runs on.
func (w *Workspace) Pool() *tensor.Pool { return w.pool }

// maxRows is the most rows that a task takes: its activations stay in the
// second-level cache while the weights pass by.
const maxRows = 64

func (w *Workspace) begin(b *Block, dst, x tensor.Matrix, pass Pass) {
	w.block, w.pass, w.dst, w.x = b, pass, dst, x
	w.setPrecision(b.precision)
	switch t := pass.Tape; {
	case t != nil:
		t.begin(b, x)
		w.inputs, w.mixed = t.inputs, t.mixed
	case !w.bySequence():
		w.room.inputs = w.room.inputs.Resize(x.Rows, b.inputs.Out())
		w.room.mixed = w.room.mixed.Resize(x.Rows, b.heads*b.valueWidth)
		w.inputs, w.mixed = w.room.inputs, w.room.mixed
	}
	// Two tasks for each of several threads, or more; an even number of rows suits
	// the tiles.
	share := w.pool.Threads()
	if share > 1 {
		share *= 2
	}
	w.rows = min(maxRows, (x.Rows+share-1)/share+1) &^ 1
	w.rows = max(w.rows, 2)
	w.blocks = (x.Rows + w.rows - 1) / w.rows
	if t := pass.Trace; t != nil {
		t.begin(b, x.Rows)
		n := b.heads * pass.Sequences.Len()
		if cap(w.traces) < n {
			w.traces = make([]attention.Trace, n)
		}
		w.traces = w.traces[:n]
		clear(w.traces)
	}
}

// setPrecision sets the precision of what is packed in a pass.
func (w *Workspace) setPrecision(p tensor.Precision) {
	for i := range w.arenas {
		w.arenas[i].Precision = p
	}
}

// end records the pass and lets go of the caller's data.
func (w *Workspace) end() {
	if t := w.pass.Trace; t != nil {
		t.inputs.CopyFrom(w.inputs)
		t.mixed.CopyFrom(w.mixed)
		if w.pass.Tape != nil {
			t.logC.CopyFrom(w.pass.Tape.logC)
		}
		for i, h := range w.traces {
			t.counts[i%w.block.heads].Add(h)
		}
	}
	w.block, w.pass, w.dst, w.x = nil, Pass{}, tensor.Matrix{}, tensor.Matrix{}
	w.inputs, w.mixed = tensor.Matrix{}, tensor.Matrix{}
}

// span returns the rows of block i.
func (w *Workspace) span(i int) (lo, hi int) {
	return i * w.rows, min((i+1)*w.rows, w.x.Rows)
}

// inputTask computes queries, keys and values, a block of rows at a time.
type inputTask Workspace

// Do implements tensor.Task.
func (t *inputTask) Do(worker, i int) {
	w := (*Workspace)(t)
	lo, hi := w.span(i)
	w.inputRows(w.inputs.SliceRows(lo, hi), w.x.SliceRows(lo, hi), &w.arenas[worker])
}

// inputRows computes queries, keys and values of some rows x of the input.
func (w *Workspace) inputRows(dst, x tensor.Matrix, arena *tensor.Arena) {
	defer arena.Release(arena.Mark())
	if w.block.preNorm {
		normed := arena.Matrix(x.Rows, x.Cols)
		w.block.first.Forward(normed, x)
		x = normed
	}
	w.block.inputs.apply(dst, x)
}

// list lists the heads of all sequences.
func (w *Workspace) list() {
	b := w.block
	for i := range b.heads * w.pass.Sequences.Len() {
		s := i / b.heads
		c := w.call(i, w.mixed, w.inputs, w.pass.Sequences.Slice(s, s+1))
		if t := w.pass.Trace; t != nil {
			h := i % b.heads
			c.logC = t.logC.Row(h)
			c.trace = &w.traces[i]
			c.trace.LogFactor = t.logFactor.Row(h)
		}
		if w.pass.Tape != nil {
			c.logC = w.pass.Tape.logC.Row(i % b.heads)
		}
		w.heads.add(c)
	}
}

// call returns call i, of one head on one sequence, which lies in these matrices
// where seqs says.
func (w *Workspace) call(i int, mixed, inputs tensor.Matrix, seqs tensor.Sequences) call {
	b := w.block
	h := i % b.heads
	c := call{head: w.pass.Heads[h], dst: mixed.SliceCols(h*b.valueWidth, (h+1)*b.valueWidth), seqs: seqs}
	c.q, c.k, c.v = b.split(inputs, h)
	if w.pass.States != nil {
		c.state = w.pass.States[i]
	}
	return c
}

// split returns the queries, keys and values of one head.
func (b *Block) split(inputs tensor.Matrix, h int) (q, k, v tensor.Matrix) {
	d, dv, keys := b.keyWidth, b.valueWidth, b.heads*b.keyWidth
	q = inputs.SliceCols(h*d, (h+1)*d)
	k = inputs.SliceCols(keys+h*d, keys+(h+1)*d)
	v = inputs.SliceCols(2*keys+h*dv, 2*keys+(h+1)*dv)
	return q, k, v
}

// outputTask computes all that follows attention, a block of rows at a time.
type outputTask Workspace

// Do implements tensor.Task.
func (t *outputTask) Do(worker, i int) {
	w := (*Workspace)(t)
	lo, hi := w.span(i)
	w.outputRows(lo, hi, w.mixed.SliceRows(lo, hi), &w.arenas[worker])
}

// outputRows computes what follows attention for rows lo to hi of the pass, of
// which mixed holds what the heads return. What a tape keeps is computed where it
// keeps it.
func (w *Workspace) outputRows(lo, hi int, mixed tensor.Matrix, arena *tensor.Arena) {
	defer arena.Release(arena.Mark())
	b, x, dst := w.block, w.x.SliceRows(lo, hi), w.dst.SliceRows(lo, hi)
	a, normed := arena.Matrix(hi-lo, b.width), arena.Matrix(hi-lo, b.width)
	hidden := arena.Matrix(hi-lo, b.up.Out())
	before, sum := hidden, dst
	if tape := w.pass.Tape; tape != nil {
		a, before = tape.attended.SliceRows(lo, hi), tape.hidden.SliceRows(lo, hi)
		if !b.preNorm {
			sum = tape.sum.SliceRows(lo, hi)
		}
	}
	b.output.apply(a, mixed)
	addRows(a, x)
	if b.preNorm {
		b.last.Forward(normed, a)
	} else {
		b.first.Forward(normed, a)
		a = normed
	}
	b.up.apply(before, normed)
	b.activation.Apply(hidden.Data, before.Data)
	b.down.apply(sum, hidden)
	addRows(sum, a)
	if !b.preNorm {
		b.last.Forward(dst, sum)
	}
}

func addRows(dst, x tensor.Matrix) {
	for t := range dst.Rows {
		tensor.Add(dst.Row(t), dst.Row(t), x.Row(t))
	}
}
