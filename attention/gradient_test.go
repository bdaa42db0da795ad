package attention

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// trainable returns every kind of head with a backward pass, by name.
func trainable(t testing.TB, d int) map[string]Trainable {
	out := map[string]Trainable{}
	for _, h := range softmaxes {
		out[fmt.Sprintf("softmax %+v", h)] = h
	}
	for name, c := range trainableCircuits(t, d) {
		out[name] = c
	}
	return out
}

func bitsOf(ms ...tensor.Matrix) []uint32 {
	var out []uint32
	for _, m := range ms {
		for i := range m.Rows {
			for _, v := range m.Row(i) {
				out = append(out, math.Float32bits(v))
			}
		}
	}
	return out
}

func TestTheGradientOfASequenceIsItsOwn(t *testing.T) {
	const d, dv = 6, 5
	in := newInput(1, d, dv, 0.8, 3, 0, 70, 1, 150)
	dy := random(9, in.q.Rows, dv, 1)
	for name, h := range trainable(t, d) {
		all := back(h, in, dy, nil, nil)
		for i := range in.seqs.Len() {
			lo, hi := in.seqs.Bounds(i)
			one := back(h, in.rows(lo, hi), dy.SliceRows(lo, hi), nil, nil)
			if !slices.Equal(bitsOf(one.Query, one.Key, one.Value), bitsOf(all.Query.SliceRows(lo, hi), all.Key.SliceRows(lo, hi), all.Value.SliceRows(lo, hi))) {
				t.Errorf("%s: sequence %d has other gradients in its batch than alone", name, i)
			}
		}
	}
}

func TestBackwardReadsStridedViewsAndLeavesOtherRowsAlone(t *testing.T) {
	const d, dv, n = 4, 3, 40
	in := newInput(1, d, dv, 0.8, 7, 20, 13)
	dy := random(9, n, dv, 1)
	for name, h := range trainable(t, d) {
		want := back(h, in, dy, nil, nil)
		out := run(h, in)
		wideAll := random(8, n, 2*d+4*dv+5, 1)
		views := []tensor.Matrix{wideAll.SliceCols(1, 1+d), wideAll.SliceCols(1+d, 1+2*d), wideAll.SliceCols(2*d+2, 2*d+2+dv)}
		grad := random(7, n, 2*d+dv+3, 1)
		before := grad.Clone()
		g := Gradient{Query: grad.SliceCols(1, 1+d), Key: grad.SliceCols(1+d, 1+2*d), Value: grad.SliceCols(2*d+2, 2*d+2+dv)}
		for i, m := range []tensor.Matrix{in.q, in.k, in.v} {
			views[i].CopyFrom(m)
		}
		h.Backward(g, dy, out.y, out.logC, views[0], views[1], views[2], in.seqs.Slice(1, 2), nil)
		lo, hi := in.seqs.Bounds(1)
		for i, m := range []tensor.Matrix{want.Query, want.Key, want.Value} {
			at := []tensor.Matrix{before.SliceCols(1, 1+d), before.SliceCols(1+d, 1+2*d), before.SliceCols(2*d+2, 2*d+2+dv)}[i]
			at.SliceRows(lo, hi).CopyFrom(m.SliceRows(lo, hi))
		}
		if !slices.Equal(grad.Data, before.Data) {
			t.Errorf("%s: other values, or values outside of the sequence's gradients", name)
		}
	}
}

func TestSteadyStateOfBackwardDoesNotAllocate(t *testing.T) {
	const d, dv = 8, 5
	in := newInput(1, d, dv, 0.8, 70, 20)
	dy := random(9, 90, dv, 1)
	for name, h := range trainable(t, d) {
		var curves *CurvesGradient
		if c, ok := Head(h).(*Circuit); ok {
			curves = NewCurvesGradient(c.cfg.Tuning)
		}
		var work tensor.Arena
		out := run(h, in)
		g := back(h, in, dy, curves, &work)
		f := func() { h.Backward(g, dy, out.y, out.logC, in.q, in.k, in.v, in.seqs, &work) }
		f()
		if n := testing.AllocsPerRun(5, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
