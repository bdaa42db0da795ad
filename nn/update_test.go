package nn

import (
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

func TestAnUpdatedBlockIsThatOfItsNewParameters(t *testing.T) {
	for _, s := range []size{{12, 3, 4, 4, 20}, {10, 2, 3, 5, 7}, {150, 5, 30, 30, 300}} {
		for _, bias := range []bool{false, true} {
			for _, gone := range []bool{false, true} { // back, so that reversed weights exist
				cfg := BlockConfig{Heads: s.heads, PreNorm: bias}
				first := newParams(s, bias)
				b := newBlock(t, cfg, first)
				x, dy := random(50, 9, s.width, 1), random(51, 9, s.width, 1)
				pool := tensor.NewPool(2)
				defer pool.Close()
				pass := Pass{Sequences: tensor.NewSequences(9), Heads: repeat(attention.Softmax{}, s.heads), Work: NewWorkspace(pool)}
				if gone {
					roundTrip(b, &BlockGradient{}, dy, x, pass)
				}
				second := newParams(s, bias)
				for _, p := range second.Parameters("", &second) {
					for i := range p.Value {
						p.Value[i] = p.Value[len(p.Value)-1-i]*0.7 + 0.01
					}
				}
				b.Update(pass.Work, second)
				got, want := roundTrip(b, &BlockGradient{}, dy, x, pass), roundTrip(newBlock(t, cfg, second), &BlockGradient{}, dy, x, pass)
				if !slices.Equal(got.Data, want.Data) {
					t.Errorf("%+v, bias %v, gone back %v: an updated block goes back otherwise than a new one", s, bias, gone)
				}
				y, wantY := x.Clone(), x.Clone()
				b.Forward(y, x, pass)
				newBlock(t, cfg, second).Forward(wantY, x, pass)
				if !slices.Equal(y.Data, wantY.Data) {
					t.Errorf("%+v, bias %v: an updated block is not the same as a new one", s, bias)
				}
				// A thread that comes to work late finds its memory then: once, which many runs outweigh.
				if n := testing.AllocsPerRun(50, func() { b.Update(pass.Work, second) }); n >= 1 {
					t.Errorf("%+v: an update allocates %v times", s, n)
				}
			}
		}
	}
}

func TestABlockKeepsNothingOfItsParameters(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads}, p)
	x := random(50, 9, s.width, 1)
	pass := Pass{Sequences: tensor.NewSequences(9), Heads: repeat(attention.Softmax{}, s.heads), Work: NewWorkspace(nil)}
	before, after := x.Clone(), x.Clone()
	b.Forward(before, x, pass)
	for _, q := range p.Parameters("", &p) {
		clear(q.Value)
	}
	b.Forward(after, x, pass)
	if !slices.Equal(before.Data, after.Data) {
		t.Error("a change of the parameters reached the block without an update")
	}
}

func TestAnUpdatedLinearMap(t *testing.T) {
	first, second := Projection{random(1, 70, 33, 1), random(2, 1, 70, 1).Data}, Projection{random(3, 70, 33, 1), random(4, 1, 70, 1).Data}
	l, work := NewLinear(first, tensor.Float32), NewWorkspace(nil)
	x, y, want := random(5, 4, 33, 1), tensor.New(4, 70), tensor.New(4, 70)
	l.Update(work, second)
	l.Forward(nil, y, x)
	NewLinear(second, tensor.Float32).Forward(nil, want, x)
	if !slices.Equal(y.Data, want.Data) {
		t.Error("an updated map is not the same as a new one")
	}
}

func TestUpdatesThatDoNotFitPanic(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads}, p)
	bare := p
	bare.Down.Bias = nil
	blind := p
	blind.Query.Bias, blind.Key.Bias, blind.Value.Bias = nil, nil, nil
	plain := p
	plain.OutputNorm.Gain = nil
	for name, other := range map[string]BlockParams{
		"another hidden width": newParams(size{12, 3, 4, 4, 24}, true),
		"another width":        newParams(size{15, 3, 4, 4, 20}, true),
		"other heads":          newParams(size{12, 3, 8, 4, 20}, true),
		"no biases":            bare,
		"no biases of inputs":  blind,
		"no gain":              plain,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the update was accepted", name)
				}
			}()
			b.Update(NewWorkspace(nil), other)
		}()
	}
}

func TestAnUpdateTakesABiasAway(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b, x := newBlock(t, BlockConfig{Heads: s.heads}, p), random(50, 9, s.width, 1)
	pass := Pass{Sequences: tensor.NewSequences(9), Heads: repeat(attention.Softmax{}, s.heads), Work: NewWorkspace(nil)}
	b.Update(pass.Work, p)
	p.Query.Bias = nil
	b.Update(pass.Work, p)
	y, want := x.Clone(), x.Clone()
	b.Forward(y, x, pass)
	newBlock(t, BlockConfig{Heads: s.heads}, p).Forward(want, x, pass)
	if !slices.Equal(y.Data, want.Data) {
		t.Error("the bias of queries outlives an update without one")
	}
}
