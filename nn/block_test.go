package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func random(seed uint64, rows, cols int, std float64) tensor.Matrix {
	rng := rand.New(rand.NewPCG(seed, 3))
	m := tensor.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64() * std)
	}
	return m
}

// size is the shape of a block.
type size struct{ width, heads, d, dv, hidden int }

// newParams draws parameters; without bias every bias is nil.
func newParams(s size, bias bool) BlockParams {
	seed := uint64(0)
	projection := func(out, in int) Projection {
		seed++
		p := Projection{Weight: random(seed, out, in, 1/math.Sqrt(float64(in)))}
		if bias {
			p.Bias = random(seed+100, 1, out, 0.3).Data
		}
		return p
	}
	norm := func() LayerNorm {
		seed++
		n := LayerNorm{Gain: random(seed, 1, s.width, 1).Data, Epsilon: 1e-3}
		if bias {
			n.Bias = random(seed+100, 1, s.width, 0.5).Data
		}
		return n
	}
	return BlockParams{
		Query: projection(s.heads*s.d, s.width), Key: projection(s.heads*s.d, s.width),
		Value: projection(s.heads*s.dv, s.width), Output: projection(s.width, s.heads*s.dv),
		Up: projection(s.hidden, s.width), Down: projection(s.width, s.hidden),
		AttentionNorm: norm(), OutputNorm: norm(),
	}
}

func newBlock(t testing.TB, cfg BlockConfig, p BlockParams) *Block {
	t.Helper()
	b, err := NewBlock(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func repeat(h attention.Head, n int) []attention.Head {
	heads := make([]attention.Head, n)
	for i := range heads {
		heads[i] = h
	}
	return heads
}

// The plain reading of a block in float64: rows as slices, one loop for each
// operation.

func plainLinear(p Projection, x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for t := range x {
		out[t] = make([]float64, p.Weight.Rows)
		for i := range out[t] {
			if p.Bias != nil {
				out[t][i] = float64(p.Bias[i])
			}
			for j, v := range x[t] {
				out[t][i] += float64(p.Weight.At(i, j)) * v
			}
		}
	}
	return out
}

func plainNorm(l LayerNorm, x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for t, row := range x {
		var mean, variance float64
		for _, v := range row {
			mean += v / float64(len(row))
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(len(row))
		}
		out[t] = make([]float64, len(row))
		for j, v := range row {
			out[t][j] = (v - mean) / math.Sqrt(variance+float64(l.Epsilon)) * float64(l.Gain[j])
			if l.Bias != nil {
				out[t][j] += float64(l.Bias[j])
			}
		}
	}
	return out
}

func plainActivation(a Activation, x float64) float64 {
	switch a {
	case GELU:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case ReLU:
		return max(0, x)
	case SiLU:
		return x / (1 + math.Exp(-x))
	}
	return math.Tanh(x)
}

func plainSum(a, b [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	for t := range a {
		out[t] = make([]float64, len(a[t]))
		for j := range a[t] {
			out[t][j] = a[t][j] + b[t][j]
		}
	}
	return out
}

// plainBlock is one sequence through a block with exact attention. It also
// returns the logarithm of every softmax normalizer, by head.
func plainBlock(cfg BlockConfig, p BlockParams, causal bool, x [][]float64) (y, logZ [][]float64) {
	in := x
	if cfg.PreNorm {
		in = plainNorm(p.AttentionNorm, x)
	}
	q, k, v := plainLinear(p.Query, in), plainLinear(p.Key, in), plainLinear(p.Value, in)
	d, dv := len(q[0])/cfg.Heads, len(v[0])/cfg.Heads
	scale := cfg.LogitScale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d))
	}
	mixed := make([][]float64, len(x))
	logZ = make([][]float64, cfg.Heads)
	for t := range x {
		mixed[t] = make([]float64, cfg.Heads*dv)
		for h := range cfg.Heads {
			var z float64
			for u := range x {
				if causal && u > t {
					break
				}
				var logit float64
				for j := h * d; j < (h+1)*d; j++ {
					logit += q[t][j] * k[u][j] * scale
				}
				w := math.Exp(logit)
				z += w
				for j := h * dv; j < (h+1)*dv; j++ {
					mixed[t][j] += w * v[u][j]
				}
			}
			for j := h * dv; j < (h+1)*dv; j++ {
				mixed[t][j] /= z
			}
			logZ[h] = append(logZ[h], math.Log(z))
		}
	}
	a := plainSum(x, plainLinear(p.Output, mixed))
	in = a
	if cfg.PreNorm {
		in = plainNorm(p.OutputNorm, a)
	} else {
		a = plainNorm(p.AttentionNorm, a)
		in = a
	}
	hidden := plainLinear(p.Up, in)
	for t := range hidden {
		for j, v := range hidden[t] {
			hidden[t][j] = plainActivation(cfg.Activation, v)
		}
	}
	y = plainSum(a, plainLinear(p.Down, hidden))
	if !cfg.PreNorm {
		y = plainNorm(p.OutputNorm, y)
	}
	return y, logZ
}

func rows(m tensor.Matrix, lo, hi int) [][]float64 {
	out := make([][]float64, hi-lo)
	for t := range out {
		for _, v := range m.Row(lo + t) {
			out[t] = append(out[t], float64(v))
		}
	}
	return out
}

func near(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= tolerance*max(1, math.Abs(w))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], w)
		}
	}
}

func TestBlockEqualsThePlainReadingOfIt(t *testing.T) {
	seqs := tensor.NewSequences(5, 1, 40, 0, 9)
	work := NewWorkspace(nil)
	for _, s := range []size{{12, 3, 4, 4, 20}, {10, 2, 3, 5, 7}, {1, 1, 1, 1, 1}} {
		for _, preNorm := range []bool{false, true} {
			for _, bias := range []bool{false, true} {
				for i, activation := range []Activation{GELU, GELUTanh, ReLU, SiLU, Tanh} {
					cfg := BlockConfig{Heads: s.heads, PreNorm: preNorm, Activation: activation}
					if i == 1 {
						cfg.LogitScale = 0.1
					}
					causal := i%2 == 0
					p := newParams(s, bias)
					b := newBlock(t, cfg, p)
					x := random(50, seqs.Tokens(), s.width, 1)
					y := tensor.New(x.Rows, x.Cols)
					var trace Trace
					b.Forward(y, x, Pass{Sequences: seqs, Heads: repeat(attention.Softmax{Causal: causal}, s.heads), Trace: &trace, Work: work})
					what := fmt.Sprintf("%+v %+v, bias %v", s, cfg, bias)
					for i := range seqs.Len() {
						lo, hi := seqs.Bounds(i)
						if lo == hi {
							continue
						}
						want, logZ := plainBlock(cfg, p, causal, rows(x, lo, hi))
						for r := range want {
							near(t, what, y.Row(lo+r), want[r], 2e-5)
						}
						for h := range s.heads {
							near(t, what+": log c", trace.LogC(h)[lo:hi], logZ[h], 1e-5)
						}
					}
				}
			}
		}
	}
}

// testHeads returns one head of every kind and then some.
func testHeads(t testing.TB, d, n int, causal bool) []attention.Head {
	t.Helper()
	heads := make([]attention.Head, n)
	for h := range heads {
		m := []tuning.Map{tuning.Exp, tuning.Cosine, tuning.ReLU}[h%3]
		rng := tuning.NewRand(1, h)
		curves, err := tuning.New[float32](tuning.Config{Map: m, Inputs: d, W: tuning.Weights(tuning.IID, 16+h, d, rng), B: tuning.Phases(16+h, rng)})
		if err != nil {
			t.Fatal(err)
		}
		circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: causal})
		if err != nil {
			t.Fatal(err)
		}
		switch h % 4 {
		case 0:
			heads[h] = attention.Softmax{Causal: causal}
		case 1:
			heads[h] = attention.Uniform{Causal: causal}
		default:
			heads[h] = circuit
		}
	}
	return heads
}

func TestTheNumberOfThreadsChangesNothing(t *testing.T) {
	s := size{84, 6, 4, 14, 140} // outputs of several panels, with and without a rest
	for _, seqs := range []tensor.Sequences{
		tensor.NewSequences(70, 1, 0, 130, 33, 2),
		tensor.NewSequences(20, 0, 11), // so few tokens that threads share outputs
	} {
		x := random(50, seqs.Tokens(), s.width, 1)
		for _, causal := range []bool{false, true} {
			b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: causal}, newParams(s, !causal))
			heads := testHeads(t, s.d, s.heads, causal)
			var want []uint32
			for _, threads := range []int{1, 2, 3, 5} {
				for _, least := range []int{0, 20_000, leastShared} { // all is shared, some, and as elsewhere
					got := bitsOfPass(b, heads, x, seqs, threads, least)
					if want == nil {
						want = got
					} else if !slices.Equal(got, want) {
						t.Errorf("%d tokens, causal %v: %d threads that share work from %d on give other bytes than one", x.Rows, causal, threads, least)
					}
				}
			}
		}
	}
}

// sharing is a workspace whose threads share all work, however little.
func sharing(pool *tensor.Pool) *Workspace {
	w := NewWorkspace(pool)
	w.least = 0
	return w
}

// bitsOfPass returns all that a pass gives, outputs and what a trace records, where
// threads share work from the least on.
func bitsOfPass(b *Block, heads []attention.Head, x tensor.Matrix, seqs tensor.Sequences, threads, least int) (bits []uint32) {
	pool := tensor.NewPool(threads)
	defer pool.Close()
	var trace Trace
	y, work := x.Clone(), NewWorkspace(pool)
	work.least = least
	b.Forward(y, y, Pass{Sequences: seqs, Heads: heads, Trace: &trace, Work: work})
	add := func(values ...float32) {
		for _, v := range values {
			bits = append(bits, math.Float32bits(v))
		}
	}
	add(y.Data...)
	for h := range heads {
		add(trace.LogC(h)...)
		add(trace.LogFactor(h)...)
		add(trace.Output(h).Clone().Data...)
		c := trace.Counts(h)
		bits = append(bits, uint32(c.Tokens), uint32(c.NonPositive), uint32(c.Zero))
	}
	return bits
}

func TestABatchEqualsItsSequences(t *testing.T) {
	s := size{24, 6, 4, 4, 40}
	seqs := tensor.NewSequences(3, 70, 0, 1, 35)
	x := random(50, seqs.Tokens(), s.width, 1)
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true))
	heads := testHeads(t, s.d, s.heads, false)
	work := NewWorkspace(nil)
	all := tensor.New(x.Rows, x.Cols)
	b.Forward(all, x, Pass{Sequences: seqs, Heads: heads, Work: work})
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		one := x.SliceRows(lo, hi).Clone()
		b.Forward(one, one, Pass{Sequences: tensor.NewSequences(hi - lo), Heads: heads, Work: work})
		if !slices.Equal(one.Data, all.SliceRows(lo, hi).Clone().Data) {
			t.Errorf("sequence %d alone gives other bytes than in its batch", i)
		}
	}
}

func TestTraceHoldsWhatTheHeadsSaw(t *testing.T) {
	s := size{12, 4, 3, 5, 20}
	seqs := tensor.NewSequences(30, 7)
	x := random(50, 37, s.width, 1)
	cfg := BlockConfig{Heads: s.heads}
	p := newParams(s, true)
	b := newBlock(t, cfg, p)
	if b.Heads() != 4 || b.Width() != 12 || b.KeyWidth() != 3 || b.ValueWidth() != 5 {
		t.Errorf("the block says %d heads, width %d, d %d, dv %d", b.Heads(), b.Width(), b.KeyWidth(), b.ValueWidth())
	}
	heads := testHeads(t, s.d, s.heads, false)
	var trace Trace
	for range 2 { // counts begin anew
		b.Forward(x.Clone(), x, Pass{Sequences: seqs, Heads: heads, Trace: &trace, Work: NewWorkspace(nil)})
	}
	q, k, v := plainLinear(p.Query, rows(x, 0, 37)), plainLinear(p.Key, rows(x, 0, 37)), plainLinear(p.Value, rows(x, 0, 37))
	root := math.Pow(float64(s.d), -0.25)
	for h := range s.heads {
		out, logC := tensor.New(37, s.dv), make([]float32, 37)
		counts := attention.Trace{LogFactor: make([]float32, 37)}
		heads[h].Forward(out, logC, trace.Query(h), trace.Key(h), trace.Value(h), seqs, nil, &counts, nil)
		if !slices.Equal(out.Data, trace.Output(h).Clone().Data) {
			t.Errorf("head %d: the recorded queries, keys and values do not give the recorded output", h)
		}
		if c := trace.Counts(h); c.Tokens != 37 || c.Zero != counts.Zero || c.NonPositive != counts.NonPositive || c.LogFactor != nil {
			t.Errorf("head %d: recorded %+v, counted %+v", h, c, counts)
		}
		if !slices.Equal(counts.LogFactor, trace.LogFactor(h)) {
			t.Errorf("head %d: another log factor was recorded", h)
		}
		for r := range 37 {
			for j := range s.d {
				near(t, "query", trace.Query(h).Row(r)[j:j+1], []float64{q[r][h*s.d+j] * root}, 1e-5)
				near(t, "key", trace.Key(h).Row(r)[j:j+1], []float64{k[r][h*s.d+j] * root}, 1e-5)
			}
			near(t, "value", trace.Value(h).Row(r), v[r][h*s.dv:(h+1)*s.dv], 1e-5)
		}
	}
}

func TestStatesContinueASequence(t *testing.T) {
	s := size{12, 4, 3, 3, 20}
	b := newBlock(t, BlockConfig{Heads: s.heads, PreNorm: true}, newParams(s, true))
	heads := testHeads(t, s.d, s.heads, true)
	heads[2] = heads[3] // not cosine: its calcium comes near 0, which amplifies rounding
	whole := tensor.NewSequences(40, 40)
	x := random(50, 80, s.width, 1)
	want := x.Clone()
	work := NewWorkspace(nil)
	b.Forward(want, x, Pass{Sequences: whole, Heads: heads, Work: work})
	states := make([]attention.State, 2*s.heads)
	for i := range states {
		states[i] = heads[i%s.heads].NewState()
	}
	for lo := 0; lo < 40; lo += 8 {
		part, out := tensor.New(16, s.width), tensor.New(16, s.width)
		for i := range 2 {
			part.SliceRows(8*i, 8*i+8).CopyFrom(x.SliceRows(40*i+lo, 40*i+lo+8))
		}
		b.Forward(out, part, Pass{Sequences: tensor.NewSequences(8, 8), Heads: heads, States: states, Work: work})
		for i := range 2 {
			for r := range 8 {
				near(t, "a part of a sequence", out.Row(8*i+r), rows(want, 40*i+lo+r, 40*i+lo+r+1)[0], 2e-5)
			}
		}
	}
}

// settled returns how often f allocates in the end. Until every worker has met the
// largest part, which on a crowded machine may take long, its scratch memory grows.
func settled(f func()) (allocations float64) {
	for range 100 {
		if allocations = testing.AllocsPerRun(20, f); allocations < 1 {
			break
		}
	}
	return allocations
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	s := size{24, 6, 4, 4, 40}
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true))
	heads := testHeads(t, s.d, s.heads, false)
	for _, seqs := range []tensor.Sequences{
		tensor.NewSequences(70, 1, 30), tensor.NewSequences(9), tensor.NewSequences(slices.Repeat([]int{12}, 9)...),
	} {
		x := random(50, seqs.Tokens(), s.width, 1)
		y := x.Clone()
		for _, trace := range []*Trace{new(Trace), nil} { // without, the nine go one by one
			for _, threads := range []int{1, 2} {
				pool := tensor.NewPool(threads)
				pass := Pass{Sequences: seqs, Heads: heads, Trace: trace, Work: sharing(pool)}
				f := func() { b.Forward(y, x, pass) }
				if n := settled(f); n >= 1 && (threads == 1 || n > 2) {
					t.Errorf("%d sequences of %d tokens, %d threads: %v allocations", seqs.Len(), x.Rows, threads, n)
				}
				pool.Close()
			}
		}
	}
}

func TestNewBlockNamesWhatDoesNotFit(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	for _, c := range []struct {
		change func(cfg *BlockConfig, p *BlockParams)
		want   string
	}{
		{func(cfg *BlockConfig, p *BlockParams) { cfg.Heads = 0 }, "block: 0 attention heads, want at least 1"},
		{func(cfg *BlockConfig, p *BlockParams) { cfg.Heads = 5 }, "block: 12 queries and 12 values are not divided by 5 heads"},
		{func(cfg *BlockConfig, p *BlockParams) { p.Key.Weight = tensor.New(8, 12) }, "block: key weights are [8, 12], want [12, 12]"},
		{func(cfg *BlockConfig, p *BlockParams) { p.Value.Bias = make([]float32, 11) }, "block: value bias has length 11, want 12"},
		{func(cfg *BlockConfig, p *BlockParams) { p.Output.Weight = tensor.New(12, 13) }, "block: attention output weights are [12, 13], want [12, 12]"},
		{func(cfg *BlockConfig, p *BlockParams) { p.Down.Weight = tensor.New(12, 21) }, "block: second feed-forward weights are [12, 21], want [12, 20]"},
		{func(cfg *BlockConfig, p *BlockParams) {
			p.OutputNorm.Gain = nil
			p.OutputNorm.Bias = make([]float32, 3)
		}, "block: the layer normalization of the feed-forward layer has gain and bias of length 0 and 3, want 12"},
		{func(cfg *BlockConfig, p *BlockParams) { cfg.LogitScale = math.NaN() }, "block: the scale of the logits is NaN, it must be positive"},
	} {
		cfg, p := BlockConfig{Heads: s.heads}, newParams(s, true)
		c.change(&cfg, &p)
		if _, err := NewBlock(cfg, p); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestMistakesPanic(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, false))
	x := tensor.New(5, 12)
	good := Pass{Sequences: tensor.NewSequences(5), Heads: repeat(attention.Softmax{}, 3), Work: NewWorkspace(nil)}
	for _, c := range []struct {
		x      tensor.Matrix
		change func(p *Pass)
		want   string
	}{
		{tensor.New(5, 11), func(p *Pass) {}, "nn: a block of width 12 from [5, 11] into [5, 12]"},
		{x, func(p *Pass) { p.Heads = p.Heads[:2] }, "nn: 2 heads for a block with 3"},
		{x, func(p *Pass) { p.States = make([]attention.State, 4) }, "nn: 4 states for 1 sequences of 3 heads"},
		{x, func(p *Pass) { p.Sequences = tensor.NewSequences(4) }, "nn: sequences hold 4 tokens of 5"},
		{x, func(p *Pass) { p.Work = nil }, "nn: a pass needs a workspace; make one with NewWorkspace"},
	} {
		pass := good
		c.change(&pass)
		func() {
			defer func() {
				if m := fmt.Sprint(recover()); m != c.want {
					t.Errorf("the panic says %q, want %q", m, c.want)
				}
			}()
			b.Forward(tensor.New(5, 12), c.x, pass)
		}()
	}
}
