package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// With TRIPARTITE_KERNEL=portable, fast products are computed wherever the tests
// run; otherwise these tests need AMX to say more than those of float32.

func TestFastBlocksStayNearFloat32(t *testing.T) {
	s := size{48, 4, 12, 12, 96}
	seqs := tensor.NewSequences(70, 1, 0, 33, 2)
	x := random(50, seqs.Tokens(), s.width, 1)
	p := newParams(s, true)
	heads := repeat(attention.Softmax{}, s.heads)
	exact := tensor.New(x.Rows, x.Cols)
	newBlock(t, BlockConfig{Heads: s.heads}, p).Forward(exact, x, Pass{Sequences: seqs, Heads: heads, Work: NewWorkspace(nil)})

	b := newBlock(t, BlockConfig{Heads: s.heads, Precision: tensor.Fast}, p)
	want := tensor.New(x.Rows, x.Cols)
	b.Forward(want, x, Pass{Sequences: seqs, Heads: heads, Work: NewWorkspace(nil)})
	for i, y := range want.Data {
		// The output is normalized, to about 1; six products in a row are each off by
		// some 5e-6 of what they return.
		if e := math.Abs(float64(y - exact.Data[i])); !(e <= 2e-4) {
			t.Fatalf("value %d is %v, in float32 %v", i, y, exact.Data[i])
		}
	}
	if tensor.Fast.Arithmetic().Reason == "" && slices.Equal(want.Data, exact.Data) {
		t.Error("fast products changed nothing")
	}

	// Neither threads nor the other sequences of the batch change a bit.
	for _, threads := range []int{2, 3} {
		pool := tensor.NewPool(threads)
		y := tensor.New(x.Rows, x.Cols)
		b.Forward(y, x, Pass{Sequences: seqs, Heads: heads, Work: sharing(pool)})
		pool.Close()
		if !slices.Equal(y.Data, want.Data) {
			t.Errorf("%d threads give other bytes than one", threads)
		}
	}
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		y := tensor.New(hi-lo, x.Cols)
		b.Forward(y, x.SliceRows(lo, hi), Pass{Sequences: tensor.NewSequences(hi - lo), Heads: heads, Work: NewWorkspace(nil)})
		if !slices.Equal(y.Data, want.SliceRows(lo, hi).Data) {
			t.Errorf("sequence %d alone gives other bytes", i)
		}
	}
}

// A workspace serves blocks of both precisions in turn.
func TestPrecisionBelongsToTheBlock(t *testing.T) {
	s := size{24, 3, 8, 8, 40}
	seqs := tensor.NewSequences(20)
	x, p := random(50, 20, s.width, 1), newParams(s, true)
	exact, fast := newBlock(t, BlockConfig{Heads: s.heads}, p), newBlock(t, BlockConfig{Heads: s.heads, Precision: tensor.Fast}, p)
	work := NewWorkspace(nil)
	forward := func(b *Block) []float32 {
		y := tensor.New(x.Rows, x.Cols)
		b.Forward(y, x, Pass{Sequences: seqs, Heads: repeat(attention.Softmax{}, s.heads), Work: work})
		return y.Data
	}
	want := forward(exact)
	forward(fast)
	if !slices.Equal(forward(exact), want) {
		t.Error("a fast block changed what one in float32 computes after it")
	}
	if n := testing.AllocsPerRun(5, func() {
		fast.Forward(x, x, Pass{Sequences: seqs, Heads: repeat(attention.Softmax{}, s.heads)[:s.heads], Work: work})
	}); n > 1 { // the list of heads
		t.Errorf("%v allocations in a pass", n)
	}
}

func TestOnlyFloat32GoesBackward(t *testing.T) {
	s := size{24, 3, 8, 8, 40}
	b := newBlock(t, BlockConfig{Heads: s.heads, Precision: tensor.Fast}, newParams(s, true))
	x := random(50, 5, s.width, 1)
	defer func() {
		if recover() == nil {
			t.Error("a fast block kept a tape")
		}
	}()
	b.Forward(x, x, Pass{Sequences: tensor.NewSequences(5), Heads: repeat(attention.Softmax{}, s.heads), Tape: new(Tape), Work: NewWorkspace(nil)})
}

// A fast pass that the workspace serves in between leaves no trace in gradients.
func TestTheWayBackIsFloat32WhateverCameBefore(t *testing.T) {
	s := size{24, 3, 8, 8, 40}
	p, seqs := newParams(s, true), tensor.NewSequences(20)
	exact, fast := newBlock(t, BlockConfig{Heads: s.heads}, p), newBlock(t, BlockConfig{Heads: s.heads, Precision: tensor.Fast}, p)
	up := NewLinear(p.Up, tensor.Float32)
	x, dy, dup := random(50, 20, s.width, 1), random(51, 20, s.width, 1), random(52, 20, s.hidden, 1)
	gradients := func(interrupted bool) []Parameter {
		heads, y := repeat(attention.Softmax{}, s.heads), tensor.New(x.Rows, x.Cols)
		pass := Pass{Sequences: seqs, Heads: heads, Tape: new(Tape), Work: NewWorkspace(nil)}
		interrupt := func() {
			if interrupted {
				fast.Forward(y, x, Pass{Sequences: seqs, Heads: heads, Work: pass.Work})
			}
		}
		grad, dx := p.Zeros(), tensor.New(x.Rows, x.Cols)
		exact.Forward(y, x, pass)
		interrupt()
		exact.Backward(dx, &BlockGradient{Params: grad}, dy, pass)
		alone := Projection{Weight: tensor.New(s.hidden, s.width)}
		interrupt()
		up.Backward(pass.Work, tensor.Matrix{}, alone, dup, x)
		return append(p.Parameters("", grad), Parameter{Name: "input", Gradient: dx.Data}, Parameter{Name: "linear", Gradient: alone.Weight.Data})
	}
	got := gradients(true)
	for i, want := range gradients(false) {
		if !slices.Equal(got[i].Gradient, want.Gradient) {
			t.Errorf("%s: other bytes after a fast pass", want.Name)
		}
	}
}
