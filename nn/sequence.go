package nn

import "github.com/tripartite-go/tripartite/tensor"

// In a batch of many short sequences, a thread takes one sequence through the
// whole block: its queries, keys and values then stay in the second-level cache,
// where those of the batch would pass through memory.

// sequenceInputs is how many numbers the queries, keys and values of a sequence
// may be for that, 512 kB.
const sequenceInputs = 1 << 17

// sequenceTokens is how many tokens sequences have to have in the mean: with fewer,
// every weight that is read meets too few of them.
const sequenceTokens = 12

// bySequence says whether the pass at work goes sequence by sequence.
func (w *Workspace) bySequence() bool {
	seqs := w.pass.Sequences
	enough := 1
	if n := w.pool.Threads(); n > 1 {
		enough = 4 * n // so that long ones do not keep one thread at work alone
	}
	return w.pass.Tape == nil && w.pass.Trace == nil && seqs.Len() >= enough &&
		seqs.Tokens() >= sequenceTokens*seqs.Len() && seqs.Longest()*w.block.inputs.Out() <= sequenceInputs
}

// sequenceTask computes the block for one sequence.
type sequenceTask Workspace

// Do implements tensor.Task.
func (t *sequenceTask) Do(worker, i int) {
	w := (*Workspace)(t)
	b, arena := w.block, &w.arenas[worker]
	defer arena.Release(arena.Mark())
	first, end := w.pass.Sequences.Bounds(i)
	n := end - first
	if n == 0 {
		return
	}
	inputs, mixed := arena.Matrix(n, b.inputs.Out()), arena.Matrix(n, b.heads*b.valueWidth)
	blocks := (n + maxRows - 1) / maxRows
	for j := range blocks {
		lo, hi := j*n/blocks, (j+1)*n/blocks
		w.inputRows(inputs.SliceRows(lo, hi), w.x.SliceRows(first+lo, first+hi), arena)
	}
	w.local[worker] = [2]int{0, n}
	for h := range b.heads {
		c := w.call(i*b.heads+h, mixed, inputs, tensor.Sequences{Offsets: w.local[worker][:]})
		c.head.Forward(c.dst, nil, c.q, c.k, c.v, c.seqs, c.state, nil, arena)
	}
	for j := range blocks {
		lo, hi := j*n/blocks, (j+1)*n/blocks
		w.outputRows(first+lo, first+hi, mixed.SliceRows(lo, hi), arena)
	}
}
