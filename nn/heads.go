package nn

import (
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// divisible is a head whose neurons may be divided among threads: the groups are
// computed apart, each into a partial result, and then joined.
type divisible interface {
	Groups() int
	ForwardGroup(dst attention.Partial, g int, q, k, v tensor.Matrix, work *tensor.Arena)
	Join(dst tensor.Matrix, logC []float32, groups []attention.Partial, q tensor.Matrix, trace *attention.Trace)
}

// measured is a head that knows how much work it is, in multiply-adds: for queries
// that meet their own keys and those of the past, of widths d and dv together. Others
// are taken to be worth sharing.
type measured interface {
	Work(queries, past, width int) int
}

// call is one head of one sequence: the arguments of its Forward.
type call struct {
	head         attention.Head
	dst, q, k, v tensor.Matrix
	logC         []float32
	seqs         tensor.Sequences
	state        attention.State
	trace        *attention.Trace
	groups       []attention.Partial // what its groups of neurons contribute, nil if it is not divided
}

// share is what one thread takes of a call: all of it, or a group of neurons.
type share struct{ call, group int }

// heads are the calls of a pass. Memory is kept from one pass to the next.
type heads struct {
	calls    []call
	shares   []share
	partials []attention.Partial
	room     tensor.Arena // of the partials
	cost     int          // of all calls
}

// add lists a call. Only whole sequences are divided: a state belongs to one
// thread.
func (h *heads) add(c call) {
	groups := 1
	if d, ok := c.head.(divisible); ok && c.state == nil {
		groups = d.Groups()
	}
	if groups > 1 {
		lo, hi := c.seqs.Bounds(0)
		from := len(h.partials)
		for range groups {
			h.partials = append(h.partials, attention.NewPartial(hi-lo, c.dst.Cols, &h.room))
		}
		c.groups = h.partials[from:len(h.partials):len(h.partials)]
	}
	for g := range groups {
		h.shares = append(h.shares, share{len(h.calls), g})
	}
	h.calls = append(h.calls, c)
	h.cost += c.cost()
}

// cost is how much work a call is.
func (c *call) cost() int {
	m, ok := c.head.(measured)
	if !ok {
		return leastShared
	}
	past := 0
	if c.state != nil {
		past = c.state.Tokens()
	}
	return m.Work(c.seqs.Tokens(), past, c.q.Cols+c.dst.Cols)
}

// runHeads does all calls that are listed and takes them off the list.
func (w *Workspace) runHeads() {
	h := &w.heads
	defer h.clear()
	w.run(len(h.shares), (*headTask)(w), h.cost)
	if len(h.partials) > 0 {
		w.pool.Run(len(h.calls), (*joinTask)(w))
	}
}

// clear lets go of the caller's data.
func (h *heads) clear() {
	clear(h.calls)
	clear(h.partials)
	h.calls, h.shares, h.partials = h.calls[:0], h.shares[:0], h.partials[:0]
	h.cost = 0
	h.room.Release(tensor.Level{})
}

// headTask computes one share of a head on one sequence.
type headTask Workspace

// Do implements tensor.Task.
func (t *headTask) Do(worker, i int) {
	share, work := t.heads.shares[i], &t.arenas[worker]
	c := &t.heads.calls[share.call]
	if c.groups == nil {
		c.head.Forward(c.dst, c.logC, c.q, c.k, c.v, c.seqs, c.state, c.trace, work)
		return
	}
	lo, hi := c.seqs.Bounds(0)
	c.head.(divisible).ForwardGroup(c.groups[share.group], share.group,
		c.q.SliceRows(lo, hi), c.k.SliceRows(lo, hi), c.v.SliceRows(lo, hi), work)
}

// joinTask joins the groups of one head on one sequence.
type joinTask Workspace

// Do implements tensor.Task.
func (t *joinTask) Do(_, i int) {
	c := &t.heads.calls[i]
	if c.groups == nil {
		return
	}
	lo, hi := c.seqs.Bounds(0)
	logC := c.logC
	if logC != nil {
		logC = logC[lo:hi]
	}
	var factors []float32 // of all sequences
	if c.trace != nil && c.trace.LogFactor != nil {
		factors = c.trace.LogFactor
		c.trace.LogFactor = factors[lo:hi]
	}
	c.head.(divisible).Join(c.dst.SliceRows(lo, hi), logC, c.groups, c.q.SliceRows(lo, hi), c.trace)
	if factors != nil {
		c.trace.LogFactor = factors
	}
}

// Attend computes one head on whole sequences outside of any block: Forward of
// the head without state and trace, on all threads of the workspace. What the head
// packs is multiplied in the precision.
func (w *Workspace) Attend(dst tensor.Matrix, logC []float32, head attention.Head, q, k, v tensor.Matrix, seqs tensor.Sequences, precision tensor.Precision) {
	w.setPrecision(precision)
	for i := range seqs.Len() {
		w.heads.add(call{head: head, dst: dst, q: q, k: k, v: v, logC: logC, seqs: seqs.Slice(i, i+1)})
	}
	w.runHeads()
}
