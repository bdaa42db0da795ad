package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// nearScale compares a gradient with that in float64, relative to the largest
// element: an element is a sum of terms of that size, which may cancel, each with
// the rounding of a chain of float32 operations.
func nearScale(t *testing.T, what string, got tensor.Matrix, want [][]float64, tolerance float64) {
	t.Helper()
	scale := largestOf(want)
	if got.Rows != len(want) || scale == 0 {
		t.Fatalf("%s: %d rows, want %d; the largest element is %v", what, got.Rows, len(want), scale)
	}
	for r, row := range want {
		for i, w := range row {
			if g := float64(got.At(r, i)); !(math.Abs(g-w) <= tolerance*scale) {
				t.Errorf("%s: element %d, %d is %v, want %v (of at most %v)", what, r, i, g, w, scale)
				return
			}
		}
	}
}

// roundTrip goes forward and back.
func roundTrip(b *Block, grad *BlockGradient, dy, x tensor.Matrix, pass Pass) (dx tensor.Matrix) {
	pass.Tape = new(Tape)
	dx = x.Clone()
	b.Forward(dx, dx, pass)
	dx.CopyFrom(dy)
	b.Backward(dx, grad, dx, pass)
	return dx
}

func TestBlockGoesBackAsItsTwin(t *testing.T) {
	for _, s := range []size{{12, 3, 4, 4, 20}, {10, 2, 3, 5, 7}, {150, 5, 30, 30, 300}} {
		seqs := tensor.NewSequences(5, 1, 40, 0, 9)
		if s.width > 100 { // more than one tile of everything
			seqs = tensor.NewSequences(70)
		}
		for _, preNorm := range []bool{false, true} {
			for i, a := range []Activation{GELU, GELUTanh, ReLU, SiLU, Tanh} {
				cfg := BlockConfig{Heads: s.heads, PreNorm: preNorm, Activation: a}
				if s.width > 100 && i > 0 {
					continue
				}
				causal := i%2 == 0
				p := newParams(s, true)
				b := newBlock(t, cfg, p)
				x, dy := random(50, seqs.Tokens(), s.width, 1), random(51, seqs.Tokens(), s.width, 1)
				grad := &BlockGradient{Params: p.Zeros()}
				pass := Pass{Sequences: seqs, Heads: repeat(attention.Softmax{Causal: causal}, s.heads), Work: NewWorkspace(nil)}
				dx := roundTrip(b, grad, dy, x, pass)

				w := newTwin(cfg, causal, &p)
				want := map[string][][]float64{}
				var wantX [][]float64
				for i := range seqs.Len() {
					lo, hi := seqs.Bounds(i)
					if lo == hi {
						continue
					}
					dx, g := w.backward(rows(dy, lo, hi), rows(x, lo, hi))
					wantX = append(wantX, dx...)
					for name, m := range g {
						if want[name] == nil {
							want[name] = m
						} else {
							want[name] = plainSum(want[name], m)
						}
					}
				}
				what := fmt.Sprintf("%+v %+v: ", s, cfg)
				nearScale(t, what+"input", dx, wantX, 1e-5)
				for name, m := range named(grad.Params) {
					if name == "key.bias" { // in truth 0: a number added to all logits of a query
						nearScale(t, what+name, tensor.FromData(append(slices.Clone(m.Data), 1), 1, len(m.Data)+1),
							[][]float64{append(make([]float64, len(m.Data)), 1)}, 1e-4)
						continue
					}
					nearScale(t, what+name, m, want[name], 1e-5)
				}
			}
		}
	}
}

func TestGradientsAddUp(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads}, p)
	x, dy := random(50, 40, s.width, 1), random(51, 40, s.width, 1)
	pass := Pass{Sequences: tensor.NewSequences(40), Heads: repeat(attention.Softmax{}, s.heads), Work: NewWorkspace(nil)}
	once, twice := &BlockGradient{Params: p.Zeros()}, &BlockGradient{Params: p.Zeros()}
	roundTrip(b, once, dy, x, pass)
	roundTrip(b, twice, dy, x, pass)
	roundTrip(b, twice, dy, x, pass)
	for name, m := range named(twice.Params) {
		if name == "key.bias" {
			continue
		}
		want := rows(named(once.Params)[name], 0, m.Rows)
		for _, row := range want {
			for j := range row {
				row[j] *= 2
			}
		}
		nearScale(t, name, m, want, 1e-6)
	}
}

func TestFrozenPartsAreLeftOut(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: true}, p)
	x, dy := random(50, 40, s.width, 1), random(51, 40, s.width, 1)
	pass := Pass{Sequences: tensor.NewSequences(40), Heads: repeat(attention.Softmax{}, s.heads), Work: NewWorkspace(nil)}
	all, some := &BlockGradient{Params: p.Zeros()}, &BlockGradient{Params: p.Zeros()}
	want := roundTrip(b, all, dy, x, pass)
	some.Params.Key, some.Params.Up.Bias, some.Params.OutputNorm.Gain = Projection{}, nil, nil
	for _, g := range []*BlockGradient{some, {}} {
		if got := roundTrip(b, g, dy, x, pass); !slices.Equal(got.Data, want.Data) {
			t.Error("the gradient of the input depends on which others are wanted")
		}
	}
	for name, m := range named(some.Params) {
		if m.Rows*m.Cols > 0 && !slices.Equal(m.Data, named(all.Params)[name].Data) {
			t.Errorf("%s depends on which other gradients are wanted", name)
		}
	}
}

func TestTheNumberOfThreadsChangesNoGradient(t *testing.T) {
	s := size{24, 6, 4, 4, 40}
	seqs := tensor.NewSequences(70, 1, 0, 130, 33, 2)
	x, dy := random(50, seqs.Tokens(), s.width, 1), random(51, seqs.Tokens(), s.width, 1)
	for _, causal := range []bool{false, true} {
		p := newParams(s, true)
		b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: causal}, p)
		heads, curves := trainableHeads(t, s.d, s.heads, causal)
		var want []uint32
		for _, threads := range []int{1, 2, 3, 5} {
			pool := tensor.NewPool(threads)
			grad := &BlockGradient{Params: p.Zeros(), Curves: curves()}
			dx := roundTrip(b, grad, dy, x, Pass{Sequences: seqs, Heads: heads, Work: NewWorkspace(pool)})
			pool.Close()
			var got []uint32
			add := func(values []float32) {
				for _, v := range values {
					got = append(got, math.Float32bits(v))
				}
			}
			add(dx.Data)
			all := named(grad.Params)
			for _, name := range []string{"query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias", "output.weight", "output.bias",
				"up.weight", "up.bias", "down.weight", "down.bias", "attention norm.gain", "attention norm.bias", "output norm.gain", "output norm.bias"} {
				add(all[name].Data)
			}
			for _, c := range grad.Curves {
				if c == nil {
					continue
				}
				for p := range c {
					add(slices.Concat(c[p].W, c[p].B, c[p].Metric, c[p].Center, c[p].Excite))
				}
			}
			if threads == 1 {
				want = got
			} else if !slices.Equal(got, want) {
				t.Errorf("causal %v: %d threads give other bytes than one", causal, threads)
			}
		}
	}
}

// trainableHeads returns heads with a backward pass and a maker of gradients for
// their tuning curves.
func trainableHeads(t testing.TB, d, n int, causal bool) ([]attention.Head, func() []*attention.CurvesGradient) {
	t.Helper()
	curves := make([]*tuning.Curves[float32], n)
	heads := repeat(attention.Softmax{Causal: causal}, n)
	for h := 0; h < n; h += 2 {
		c, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d, W: tuning.Weights(tuning.IID, 16+h, d, tuning.NewRand(1, h))})
		if err != nil {
			t.Fatal(err)
		}
		circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: c, Causal: causal})
		if err != nil {
			t.Fatal(err)
		}
		curves[h], heads[h] = c, circuit
	}
	return heads, func() []*attention.CurvesGradient {
		out := make([]*attention.CurvesGradient, n)
		for h, c := range curves {
			if c != nil {
				out[h] = attention.NewCurvesGradient(c)
			}
		}
		return out
	}
}

func TestSteadyStateOfBackwardDoesNotAllocate(t *testing.T) {
	s := size{24, 6, 4, 4, 40}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads}, p)
	heads, curves := trainableHeads(t, s.d, s.heads, false)
	seqs := tensor.NewSequences(70, 1, 30)
	x, dy := random(50, seqs.Tokens(), s.width, 1), random(51, seqs.Tokens(), s.width, 1)
	y, dx := x.Clone(), x.Clone()
	grad := &BlockGradient{Params: p.Zeros(), Curves: curves()}
	for _, threads := range []int{1, 2} {
		pool := tensor.NewPool(threads)
		pass := Pass{Sequences: seqs, Heads: heads, Tape: new(Tape), Work: NewWorkspace(pool)}
		f := func() {
			b.Forward(y, x, pass)
			b.Backward(dx, grad, dy, pass)
		}
		if n := settled(f); n >= 1 && (threads == 1 || n > 2) {
			t.Errorf("%d threads: %v allocations", threads, n)
		}
		pool.Close()
	}
}

func TestATapeChangesNothingForward(t *testing.T) {
	s := size{24, 6, 4, 4, 40}
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true))
	heads := testHeads(t, s.d, s.heads, true)
	x := random(50, 60, s.width, 1)
	var outputs [2]tensor.Matrix
	var traces [2]Trace
	for i, tape := range []*Tape{nil, {}} {
		outputs[i] = tensor.New(60, s.width)
		b.Forward(outputs[i], x, Pass{Sequences: tensor.NewSequences(20, 40), Heads: heads, Trace: &traces[i], Tape: tape, Work: NewWorkspace(nil)})
	}
	if !slices.Equal(outputs[0].Data, outputs[1].Data) {
		t.Error("the output depends on whether a tape is kept")
	}
	for h := range s.heads {
		if !slices.Equal(traces[0].LogC(h), traces[1].LogC(h)) || !slices.Equal(traces[0].Output(h).Clone().Data, traces[1].Output(h).Clone().Data) {
			t.Errorf("head %d: the trace depends on whether a tape is kept", h)
		}
	}
}

func TestLinearGoesBack(t *testing.T) {
	for _, n := range []int{1, 3, 100} {
		p := Projection{Weight: random(1, 5, 300, 1), Bias: random(2, 1, 5, 1).Data}
		x, dy := random(3, n, 300, 1), random(4, n, 5, 1)
		want := zeros(5, 300)
		wantBias, wantX := zeros(1, 5), zeros(n, 300)
		for r := range n {
			for i := range 5 {
				g := float64(dy.At(r, i))
				wantBias[0][i] += g
				for j := range 300 {
					want[i][j] += g * float64(x.At(r, j))
					wantX[r][j] += g * float64(p.Weight.At(i, j))
				}
			}
		}
		pool := tensor.NewPool(2)
		grad := Projection{Weight: tensor.New(5, 300), Bias: make([]float32, 5)}
		dx := tensor.New(n, 300)
		NewLinear(p, tensor.Float32).Backward(NewWorkspace(pool), dx, grad, dy, x)
		pool.Close()
		nearScale(t, "input", dx, wantX, 1e-6)
		nearScale(t, "weight", grad.Weight, want, 1e-6)
		nearScale(t, "bias", tensor.FromData(grad.Bias, 1, 5), wantBias, 1e-6)
	}
}

func TestActivationsGoBack(t *testing.T) {
	var x []float32
	for v := float32(-30); v <= 30; v += 1. / 64 {
		x = append(x, v)
	}
	inf := float32(math.Inf(1))
	x = append(x, 1e-7, -1e-7, 1e-30, -1e-42, 1e25, -1e25, inf, -inf)
	for _, a := range []Activation{GELU, GELUTanh, ReLU, SiLU, Tanh} {
		dx, dy := make([]float32, len(x)), make([]float32, len(x))
		for i := range dy {
			dy[i] = 3
		}
		a.Backward(dx, dy, x)
		for i, v := range x {
			want := 3 * derivative(a, float64(v))
			switch {
			case v > 1e3 && a == Tanh || v < -1e3:
				want = 0
			case v > 1e3:
				want = 3
			}
			if !(math.Abs(float64(dx[i])-want) <= 3*1.5e-6) {
				t.Errorf("%s: three times the derivative at %v is %v, want %v", a, v, dx[i], want)
			}
		}
	}
}

func TestEmbeddingGoesBack(t *testing.T) {
	e := Embedding{Table: random(1, 4, 3, 1)}
	grad := Embedding{Table: tensor.New(4, 3)}
	dy := tensor.FromData([]float32{1, 2, 3, 10, 20, 30, 100, 200, 300}, 3, 3)
	if err := e.Backward(grad, dy, []int{2, 0, 2}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{10, 20, 30, 0, 0, 0, 101, 202, 303, 0, 0, 0}; !slices.Equal(grad.Table.Data, want) {
		t.Errorf("the gradient is %v, want %v", grad.Table.Data, want)
	}
	if err := e.Backward(grad, dy, []int{2, 4, 2}); err == nil {
		t.Error("an id beyond the table was accepted")
	}
}

func TestMistakesOnTheWayBackPanic(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	p := newParams(s, true)
	b := newBlock(t, BlockConfig{Heads: s.heads}, p)
	x := random(1, 5, 12, 1)
	pass := Pass{Sequences: tensor.NewSequences(5), Heads: repeat(attention.Softmax{}, 3), Tape: new(Tape), Work: NewWorkspace(nil)}
	b.Forward(tensor.New(5, 12), x, pass)
	shared := new(attention.CurvesGradient)
	for _, c := range []struct {
		change func(g *BlockGradient, p *Pass)
		want   string
	}{
		{func(g *BlockGradient, p *Pass) { p.Tape = nil }, "nn: a backward pass needs the tape of this block's last forward pass"},
		{func(g *BlockGradient, p *Pass) { p.Tape = new(Tape) }, "nn: a backward pass needs the tape of this block's last forward pass"},
		{func(g *BlockGradient, p *Pass) { p.Heads = repeat(attention.Uniform{}, 3) }, "nn: head 0, a attention.Uniform, has no backward pass"},
		{func(g *BlockGradient, p *Pass) { g.Curves = make([]*attention.CurvesGradient, 2) }, "nn: 2 gradients of tuning curves for 3 heads"},
		{func(g *BlockGradient, p *Pass) { g.Curves = []*attention.CurvesGradient{shared, nil, shared} }, "nn: head 2 shares its gradient of tuning curves with another"},
		{func(g *BlockGradient, p *Pass) { g.Params.Up.Weight = tensor.New(20, 11) }, "nn: the gradient: first feed-forward weights are [20, 11], want [20, 12]"},
		{func(g *BlockGradient, p *Pass) { p.States = make([]attention.State, 3) }, "nn: a pass with states cannot keep a tape: only whole sequences go backward"},
	} {
		grad, changed := &BlockGradient{Params: p.Zeros()}, pass
		c.change(grad, &changed)
		func() {
			defer func() {
				if m := fmt.Sprint(recover()); m != c.want {
					t.Errorf("the panic says %q, want %q", m, c.want)
				}
			}()
			b.Backward(tensor.New(5, 12), grad, x, changed)
		}()
	}
}

func TestAFrozenBlockLeavesOutWhatNobodyWants(t *testing.T) {
	const width, n = 12, 3
	s := size{width, n, 4, 4, 20}
	seqs := tensor.NewSequences(40, 0, 9, 1)
	for _, preNorm := range []bool{false, true} {
		p := newParams(s, true)
		b := newBlock(t, BlockConfig{Heads: n, PreNorm: preNorm, Activation: GELU}, p)
		heads, curves := trainableHeads(t, 4, n, preNorm)
		x, dy := random(50, seqs.Tokens(), width, 1), random(51, seqs.Tokens(), width, 1)
		pass := Pass{Sequences: seqs, Heads: heads, Work: NewWorkspace(nil)}
		whole := &BlockGradient{Params: p.Zeros(), Curves: curves()}
		want := roundTrip(b, whole, dy, x, pass)

		frozen := &BlockGradient{Curves: curves()}
		if dx := roundTrip(b, frozen, dy, x, pass); !slices.Equal(dx.Data, want.Data) {
			t.Error("a frozen block has another gradient of its input")
		}
		pass.Tape = new(Tape)
		b.Forward(x.Clone(), x, pass)
		alone := &BlockGradient{Curves: curves()}
		b.Backward(tensor.Matrix{}, alone, dy, pass)
		for h, c := range whole.Curves {
			if c == nil {
				continue
			}
			for p := range c {
				if !slices.Equal(c[p].W, frozen.Curves[h][p].W) || !slices.Equal(c[p].W, alone.Curves[h][p].W) {
					t.Errorf("head %d: the curves of a frozen block have other gradients", h)
				}
			}
		}
	}
}
