package nn

import (
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// oneByOne fails unless a pass without trace takes these sequences one by one.
func oneByOne(t *testing.T, b *Block, seqs tensor.Sequences, pool *tensor.Pool) {
	t.Helper()
	w := NewWorkspace(pool)
	w.block, w.pass = b, Pass{Sequences: seqs}
	if !w.bySequence() {
		t.Fatalf("%d sequences on %d threads do not go one by one: the test tests nothing", seqs.Len(), pool.Threads())
	}
}

// Weights would be read anew for a token or two.
func TestVeryShortSequencesDoNotGoOneByOne(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	w := NewWorkspace(nil)
	w.block, w.pass = newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true)), Pass{Sequences: tensor.NewSequences(slices.Repeat([]int{2}, 30)...)}
	if w.bySequence() {
		t.Error("sequences of 2 tokens go one by one")
	}
}

// manySequences are enough for three threads, some empty, some longer than a task
// has rows elsewhere.
var manySequences = []int{40, 0, 1, 33, 7, 0, 64, 2, 31, 32, 5, 20, 65, 0}

func TestSequencesOneByOneGiveTheBytesOfTheirBatch(t *testing.T) {
	s := size{84, 6, 4, 14, 140}
	seqs := tensor.NewSequences(manySequences...)
	x := random(50, seqs.Tokens(), s.width, 1)
	for _, preNorm := range []bool{false, true} {
		b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: preNorm}, newParams(s, !preNorm))
		heads := testHeads(t, s.d, s.heads, preNorm)
		heads[4] = manyNeurons(t, s.d) // which threads would share elsewhere
		// A trace wants what all heads see, so the batch goes row by row.
		want := x.Clone()
		b.Forward(want, x, Pass{Sequences: seqs, Heads: heads, Trace: new(Trace), Work: NewWorkspace(nil)})
		for _, threads := range []int{1, 2, 3} {
			pool := tensor.NewPool(threads)
			oneByOne(t, b, seqs, pool)
			work, y := NewWorkspace(pool), x.Clone()
			for range 2 { // also with the memory of another pass
				y.CopyFrom(x)
				b.Forward(y, y, Pass{Sequences: seqs, Heads: heads, Work: work})
			}
			pool.Close()
			if !slices.Equal(y.Data, want.Data) {
				t.Errorf("pre-norm %v, %d threads: other bytes than row by row", preNorm, threads)
			}
		}
	}
}

func TestStatesOfSequencesOneByOne(t *testing.T) {
	s := size{12, 4, 3, 3, 20}
	b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: true}, newParams(s, true))
	heads := testHeads(t, s.d, s.heads, true)
	seqs := tensor.NewSequences(manySequences...)
	x := random(50, seqs.Tokens(), s.width, 1)
	run := func(threads int, trace bool) (y tensor.Matrix, tokens []int) {
		pool := tensor.NewPool(threads)
		defer pool.Close()
		states := make([]attention.State, seqs.Len()*s.heads)
		for i := range states {
			states[i] = heads[i%s.heads].NewState()
		}
		pass := Pass{Sequences: seqs, Heads: heads, States: states, Work: NewWorkspace(pool)}
		if trace {
			pass.Trace = new(Trace)
		} else {
			oneByOne(t, b, seqs, pool)
		}
		y = tensor.New(x.Rows, x.Cols)
		for range 2 { // the second pass continues the first
			b.Forward(y, x, pass)
		}
		for _, state := range states {
			tokens = append(tokens, state.Tokens())
		}
		return y, tokens
	}
	want, wantTokens := run(1, true)
	for _, threads := range []int{1, 2, 3} {
		got, tokens := run(threads, false)
		if !slices.Equal(got.Data, want.Data) || !slices.Equal(tokens, wantTokens) {
			t.Errorf("%d threads: other bytes or states than row by row", threads)
		}
	}
}
