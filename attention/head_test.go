package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func random(seed uint64, rows, cols int, std float64) tensor.Matrix {
	rng := rand.New(rand.NewPCG(seed, 7))
	m := tensor.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64() * std)
	}
	return m
}

// input is the arguments of one head.
type input struct {
	q, k, v tensor.Matrix
	seqs    tensor.Sequences
}

func newInput(seed uint64, d, dv int, std float64, lengths ...int) input {
	seqs := tensor.NewSequences(lengths...)
	n := seqs.Tokens()
	return input{random(seed, n, d, std), random(seed+100, n, d, std), random(seed+200, n, dv, 1), seqs}
}

// output is what a head makes of it.
type output struct {
	y     tensor.Matrix
	logC  []float32
	trace Trace
}

func run(h Head, in input) output {
	n := in.q.Rows
	out := output{y: tensor.New(n, in.v.Cols), logC: make([]float32, n)}
	out.trace.LogFactor = make([]float32, n)
	h.Forward(out.y, out.logC, in.q, in.k, in.v, in.seqs, nil, &out.trace, nil)
	return out
}

// rows returns tokens lo to hi as one sequence.
func (in input) rows(lo, hi int) input {
	return input{in.q.SliceRows(lo, hi), in.k.SliceRows(lo, hi), in.v.SliceRows(lo, hi), tensor.NewSequences(hi - lo)}
}

// sameBits fails unless both outputs hold the same bits.
func sameBits(t *testing.T, what string, got, want output) {
	t.Helper()
	bits := func(o output) []uint32 {
		var b []uint32
		for i := range o.y.Rows {
			for _, v := range append(slices.Clone(o.y.Row(i)), o.logC[i]) {
				b = append(b, math.Float32bits(v))
			}
		}
		return b
	}
	if !slices.Equal(bits(got), bits(want)) {
		t.Errorf("%s: other bytes", what)
	}
}

// near fails unless every value is within its tolerance of want; NaN equals NaN.
func near(t *testing.T, what string, got []float32, want []float64, tolerance func(i int) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		g := float64(got[i])
		if math.IsNaN(w) && math.IsNaN(g) || g == w {
			continue
		}
		if tol := tolerance(i); !(math.Abs(g-w) <= tol) {
			t.Errorf("%s: value %d is %v, want %v within %.2g", what, i, g, w, tol)
			return
		}
	}
}

func constant(x float64) func(int) float64 { return func(int) float64 { return x } }

// curves draws tuning curves whose weights are exact in float32, in both
// arithmetics.
func curves(t testing.TB, m tuning.Map, neurons, d int, cal *tuning.Calibration) (*tuning.Curves[float32], *tuning.Curves[float64]) {
	t.Helper()
	rng := tuning.NewRand(5)
	cfg := tuning.Config{Map: m, Inputs: d, W: tuning.Weights(tuning.IID, neurons, d, rng), B: tuning.Phases(neurons, rng), Calibration: cal}
	for _, x := range [][]float64{cfg.W, cfg.B} {
		for i, v := range x {
			x[i] = float64(float32(v))
		}
	}
	if m == tuning.Gerf {
		cfg.A = []float64{-0.125}
	}
	single, err := tuning.New[float32](cfg)
	if err != nil {
		t.Fatal(err)
	}
	double, err := tuning.New[float64](cfg)
	if err != nil {
		t.Fatal(err)
	}
	return single, double
}

func newCircuit(t testing.TB, cfg CircuitConfig) *Circuit {
	t.Helper()
	c, err := NewCircuit(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// heads returns every kind of head for width d, by name.
func heads(t testing.TB, d int) map[string]Head {
	exp, _ := curves(t, tuning.Exp, 24, d, nil)
	cosine, _ := curves(t, tuning.Cosine, 24, d, nil)
	relu, _ := curves(t, tuning.ReLU, 24, d, nil)
	return map[string]Head{
		"softmax":                Softmax{},
		"softmax causal":         Softmax{Causal: true},
		"softmax ALiBi":          Softmax{Causal: true, Slope: 0.25},
		"uniform":                Uniform{},
		"uniform causal":         Uniform{Causal: true},
		"circuit":                newCircuit(t, CircuitConfig{Tuning: exp}),
		"circuit forgets":        newCircuit(t, CircuitConfig{Tuning: exp, Forget: 0.1}),
		"circuit cosine":         newCircuit(t, CircuitConfig{Tuning: cosine}),
		"circuit causal":         newCircuit(t, CircuitConfig{Tuning: exp, Causal: true}),
		"circuit causal forgets": newCircuit(t, CircuitConfig{Tuning: exp, Causal: true, Forget: 0.2, HalfSaturation: 0.5}),
		"circuit causal cosine":  newCircuit(t, CircuitConfig{Tuning: cosine, Causal: true}),
		"circuit causal relu":    newCircuit(t, CircuitConfig{Tuning: relu, Causal: true}),
		"rate":                   newRate(t, RateConfig{Tuning: exp, Dynamics: dynamics(0.2, false)}),
		"rate causal":            newRate(t, RateConfig{Tuning: exp, Dynamics: dynamics(0.2, true)}),
		"rate causal forgets":    newRate(t, RateConfig{Tuning: exp, Dynamics: dynamics(0.2, true), Forget: 0.2}),
	}
}

func causal(name string) bool {
	return strings.Contains(name, "causal") || strings.Contains(name, "ALiBi")
}

func TestSequencesOfABatchAreAlone(t *testing.T) {
	const d = 6
	in := newInput(1, d, 5, 0.8, 3, 0, 70, 1, 300)
	for name, h := range heads(t, d) {
		all := run(h, in)
		for i := range in.seqs.Len() {
			lo, hi := in.seqs.Bounds(i)
			sameBits(t, fmt.Sprintf("%s: sequence %d", name, i), output{y: all.y.SliceRows(lo, hi), logC: all.logC[lo:hi]}, run(h, in.rows(lo, hi)))
		}
		if all.trace.Tokens != in.q.Rows {
			t.Errorf("%s: %d tokens were read, want %d", name, all.trace.Tokens, in.q.Rows)
		}
	}
}

func TestAPrefixDoesNotChangeWhenTokensFollow(t *testing.T) {
	const d = 6
	for _, std := range []float64{0.8, 12} { // of logits up to 1e3: shifts are raised on the way
		in := newInput(1, d, 5, std, 150)
		for i := range in.k.Rows { // keys grow
			tensor.Scale(in.k.Row(i), float32(i)/75, in.k.Row(i))
		}
		for name, h := range heads(t, d) {
			if !causal(name) {
				continue
			}
			all := run(h, in)
			for _, n := range []int{1, 2, 15, 16, 17, 33, 64, 65, 149} {
				sameBits(t, fmt.Sprintf("%s, std %g: the first %d tokens", name, std, n),
					output{y: all.y.SliceRows(0, n), logC: all.logC[:n]}, run(h, in.rows(0, n)))
			}
		}
	}
}

func TestAStateContinuesASequence(t *testing.T) {
	const d, n = 6, 90
	in := newInput(1, d, 5, 0.8, n)
	for name, h := range heads(t, d) {
		if !causal(name) {
			continue
		}
		want := run(h, in)
		for _, step := range []int{1, 7, 40} {
			state := h.NewState()
			for round := range 2 {
				got := output{y: tensor.New(n, 5), logC: make([]float32, n)}
				for lo := 0; lo < n; lo += step {
					hi := min(lo+step, n)
					p := in.rows(lo, hi)
					h.Forward(got.y.SliceRows(lo, hi), got.logC[lo:hi], p.q, p.k, p.v, p.seqs, state, nil, nil)
				}
				if state.Tokens() != n || state.Bytes() == 0 {
					t.Errorf("%s: the state holds %d tokens in %d bytes", name, state.Tokens(), state.Bytes())
				}
				what := fmt.Sprintf("%s, %d tokens at a time, round %d", name, step, round)
				tol := 1e-5
				if strings.Contains(name, "cosine") {
					tol = 1e-2 // calcium comes near 0
				}
				for i := range n {
					near(t, what, got.y.Row(i), wide(want.y.Row(i)), func(j int) float64 { return tol * (1 + math.Abs(float64(want.y.At(i, j)))) })
				}
				state.Reset()
			}
		}
	}
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func TestACircuitsStateDoesNotGrow(t *testing.T) {
	in := newInput(1, 6, 5, 0.8, 40)
	for _, c := range []struct {
		head Head
		grow bool
	}{
		{heads(t, 6)["circuit causal"], false},
		{heads(t, 6)["rate causal"], false},
		{Softmax{Causal: true}, true},
		{Uniform{Causal: true}, false},
	} {
		state := c.head.NewState()
		var bytes [2]int
		for i := range bytes {
			p := in.rows(20*i, 20*i+20)
			c.head.Forward(tensor.New(20, 5), nil, p.q, p.k, p.v, p.seqs, state, nil, nil)
			bytes[i] = state.Bytes()
		}
		if (bytes[1] > bytes[0]) != c.grow {
			t.Errorf("%T: %d bytes after 20 tokens, %d after 40", c.head, bytes[0], bytes[1])
		}
	}
}

func TestHeadsReadStridedViews(t *testing.T) {
	const d, dv, n = 4, 3, 40
	in := newInput(1, d, dv, 0.8, n)
	all := random(9, n, 2*d+dv+dv+5, 1)
	q, k, v, y := all.SliceCols(1, 1+d), all.SliceCols(d+1, 2*d+1), all.SliceCols(2*d+2, 2*d+2+dv), all.SliceCols(2*d+dv+4, 2*d+2*dv+4)
	for name, h := range heads(t, d) {
		q.CopyFrom(in.q)
		k.CopyFrom(in.k)
		v.CopyFrom(in.v)
		want := run(h, in)
		before := all.Clone()
		before.SliceCols(2*d+dv+4, 2*d+2*dv+4).CopyFrom(want.y)
		got := output{y: y, logC: make([]float32, n)}
		h.Forward(y, got.logC, q, k, v, in.seqs, nil, nil, nil)
		sameBits(t, name, got, want)
		if !slices.Equal(all.Data, before.Data) {
			t.Errorf("%s: wrote outside of its output", name)
		}
	}
}

func TestRowsOutsideOfTheSequencesAreLeftAlone(t *testing.T) {
	const d = 4
	in := newInput(1, d, 3, 0.8, 5, 6, 7)
	for name, h := range heads(t, d) {
		want := run(h, in)
		dst, logC := tensor.New(18, 3), make([]float32, 18)
		h.Forward(dst, logC, in.q, in.k, in.v, in.seqs.Slice(1, 2), nil, nil, nil)
		sameBits(t, name, output{y: dst.SliceRows(5, 11), logC: logC[5:11]}, output{y: want.y.SliceRows(5, 11), logC: want.logC[5:11]})
		for _, i := range []int{0, 4, 11, 17} {
			if logC[i] != 0 || dst.At(i, 0) != 0 {
				t.Errorf("%s: wrote row %d, which is in no sequence", name, i)
			}
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	const d = 8
	in := newInput(1, d, 5, 0.8, 70, 20)
	for name, h := range heads(t, d) {
		if _, ok := h.(*Rate); ok {
			continue // every sequence has a head of its own
		}
		var work tensor.Arena
		y, logC, trace := tensor.New(90, 5), make([]float32, 90), Trace{LogFactor: make([]float32, 90)}
		f := func() { h.Forward(y, logC, in.q, in.k, in.v, in.seqs, nil, &trace, &work) }
		f()
		if n := testing.AllocsPerRun(5, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	one := in.rows(0, 1)
	for _, name := range []string{"circuit causal", "uniform causal"} {
		h := heads(t, d)[name]
		var work tensor.Arena
		y, state := tensor.New(1, 5), h.NewState()
		f := func() { h.Forward(y, nil, one.q, one.k, one.v, one.seqs, state, nil, &work) }
		f()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s, a token at a time: %v allocations", name, n)
		}
	}
}

func TestMistakesPanic(t *testing.T) {
	in := newInput(1, 4, 3, 1, 5)
	y := tensor.New(5, 3)
	circuit := heads(t, 6)["circuit"]
	for _, c := range []struct {
		f    func()
		want string
	}{
		{func() { Softmax{}.Forward(tensor.New(5, 4), nil, in.q, in.k, in.v, in.seqs, nil, nil, nil) }, "softmax: q [5, 4]"},
		{func() {
			Uniform{}.Forward(y, nil, in.q, in.k.SliceCols(0, 3), in.v, in.seqs, nil, nil, nil)
		}, "k [5, 3]"},
		{func() { Softmax{}.Forward(y, make([]float32, 4), in.q, in.k, in.v, in.seqs, nil, nil, nil) }, "length 4 for 5 tokens"},
		{func() { Softmax{}.Forward(y, nil, in.q, in.k, in.v, tensor.NewSequences(6), nil, nil, nil) }, "0:6"},
		{func() { circuit.Forward(y, nil, in.q, in.k, in.v, in.seqs, nil, nil, nil) }, "width 4 for tuning curves of d=6"},
		{func() { Softmax{Slope: 1}.Forward(y, nil, in.q, in.k, in.v, in.seqs, nil, nil, nil) }, "needs a causal head"},
		{func() {
			Softmax{}.Forward(y, nil, in.q, in.k, in.v, in.seqs, Uniform{}.NewState(), nil, nil)
		}, "not from this head"},
		{func() {
			Softmax{}.Forward(y, nil, in.q, in.k, in.v, tensor.NewSequences(2, 3), Softmax{}.NewState(), nil, nil)
		}, "one sequence, not 2"},
		{func() {
			Softmax{}.Forward(y, nil, in.q, in.k, in.v, in.seqs, nil, &Trace{LogFactor: make([]float32, 2)}, nil)
		}, "length 2 for 5 tokens"},
	} {
		func() {
			defer func() {
				if m := fmt.Sprint(recover()); !strings.HasPrefix(m, "attention: ") && !strings.HasPrefix(m, "tensor: ") || !strings.Contains(m, c.want) {
					t.Errorf("the panic says %q, want %q in it", m, c.want)
				}
			}()
			c.f()
		}()
	}
}

func BenchmarkHeads(b *testing.B) {
	for _, size := range [][2]int{{32, 128}, {64, 128}} {
		d, neurons := size[0], size[1]
		exp, _ := curves(b, tuning.Exp, neurons, d, nil)
		for _, n := range []int{128, 512} {
			in := newInput(1, d, d, 0.5, n)
			for _, h := range []struct {
				name string
				head Head
			}{
				{"softmax", Softmax{}},
				{"softmax-causal", Softmax{Causal: true}},
				{"circuit", newCircuit(b, CircuitConfig{Tuning: exp})},
				{"circuit-causal", newCircuit(b, CircuitConfig{Tuning: exp, Causal: true})},
				{"rate", newRate(b, RateConfig{Tuning: exp, Dynamics: dynamics(0.02, false)})},
			} {
				b.Run(fmt.Sprintf("%s/d=%d/m=%d/N=%d", h.name, d, neurons, n), func(b *testing.B) {
					var work tensor.Arena
					y, logC := tensor.New(n, d), make([]float32, n)
					b.ReportAllocs()
					for b.Loop() {
						h.head.Forward(y, logC, in.q, in.k, in.v, in.seqs, nil, nil, &work)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/token")
				})
			}
		}
	}
}
