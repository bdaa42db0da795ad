package attention

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// many is a number of neurons that makes two groups, the last block of which is
// not whole.
const many = 2*groupBlocks*blockNeurons + 100

func TestBlocksOfNeuronsAddUpToTheCircuit(t *testing.T) {
	for _, m := range []tuning.Map{tuning.Exp, tuning.Hyperbolic, tuning.ReLU, tuning.Cosine} {
		for _, neurons := range []int{1, blockNeurons - 1, blockNeurons, blockNeurons + 1, 2*blockNeurons + 17} {
			for _, n := range []int{1, 33} {
				in := newInput(3, 8, 5, 0.5, n)
				single, double := curves(t, m, neurons, 8, nil)
				for _, forget := range []float64{0, 0.3} {
					what := fmt.Sprintf("%s, %d neurons, %d tokens, forget %g", m, neurons, n, forget)
					compareWithReference(t, what, single, double, CircuitConfig{Forget: forget}, in, 100*epsilon)
				}
			}
		}
	}
	// Several blocks of tokens meet several of neurons.
	in := newInput(3, 8, 5, 0.5, longestBlock+40)
	single, double := curves(t, tuning.Exp, blockNeurons+50, 8, nil)
	compareWithReference(t, "blocks of both", single, double, CircuitConfig{Forget: 0.01}, in, 100*epsilon)
}

// The neurons that a steep query drives most may lie in any block: the sums so
// far are then rescaled by up to exp(-1e4).
func TestBlocksOfNeuronsAddUpAtLogitsOfTenThousand(t *testing.T) {
	in, logit := steep(8, 40, 40)
	if logit < 1e4 {
		t.Fatalf("the largest logit is %v: the test tests nothing", logit)
	}
	for _, m := range []tuning.Map{tuning.Exp, tuning.Hyperbolic, tuning.ReLU} {
		single, double := curves(t, m, 2*blockNeurons+17, 8, nil)
		compareWithReference(t, string(m), single, double, CircuitConfig{}, in, 1e-4)
	}
}

func TestGroupsJoinToWhatOneGroupGives(t *testing.T) {
	in := newInput(3, 8, 5, 0.8, 50)
	for _, m := range []tuning.Map{tuning.Exp, tuning.ReLU} {
		single, _ := curves(t, m, many, 8, nil)
		c := newCircuit(t, CircuitConfig{Tuning: single})
		if c.Groups() != 2 {
			t.Fatalf("%d groups, want 2", c.Groups())
		}
		got := run(c, in)

		x, one := c.meet(in.q, in.k, in.v, nil), NewPartial(50, 5, nil)
		c.gather(&one, 0, many, &x, nil, nil)
		want := readout{c: c, dst: one.Sum, logC: make([]float32, 50)}
		for s := range 50 {
			want.finish(s, one.Calcium[s], one.Scale[s])
		}
		// Rates are positive: both orders of summation are off by a few roundings.
		near(t, string(m)+": y", got.y.Data, wide(want.dst.Data), constant(1e-6))
		near(t, string(m)+": log c", got.logC, wide(want.logC), constant(1e-6))
	}
}

// joined computes a head's groups apart and joins them.
func joined(c *Circuit, in input) output {
	n := in.q.Rows
	out := output{y: tensor.New(n, in.v.Cols), logC: make([]float32, n)}
	out.trace.LogFactor = make([]float32, n)
	groups := make([]Partial, c.Groups())
	for g := len(groups) - 1; g >= 0; g-- {
		groups[g] = NewPartial(n, in.v.Cols, nil)
		c.ForwardGroup(groups[g], g, in.q, in.k, in.v, nil)
	}
	c.Join(out.y, out.logC, groups, in.q, &out.trace)
	return out
}

func TestForwardIsItsGroupsJoined(t *testing.T) {
	const d = 4
	for _, n := range []int{0, 1, 60} {
		in := newInput(1, d, 3, 0.8, n)
		if n == 60 {
			in.q.Row(20)[1] = float32(math.NaN())
		}
		for _, m := range []tuning.Map{tuning.Exp, tuning.Cosine, tuning.ReLU} {
			for _, neurons := range []int{30, many} {
				single, _ := curves(t, m, neurons, d, nil)
				c := newCircuit(t, CircuitConfig{Tuning: single, HalfSaturation: 0.1})
				want, got := run(c, in), joined(c, in)
				what := fmt.Sprintf("%s, %d neurons, %d tokens", m, neurons, n)
				sameBits(t, what, got, want)
				if got.trace.Tokens != want.trace.Tokens || got.trace.NonPositive != want.trace.NonPositive || got.trace.Zero != want.trace.Zero {
					t.Errorf("%s: counted %+v, want %+v", what, got.trace, want.trace)
				}
			}
		}
	}
}

// Silent groups leave the others as they are, in either order.
func TestSilentGroupsContributeNothing(t *testing.T) {
	w := make([]float64, many)
	for i := range w {
		w[i] = -1
	}
	in := newInput(1, 1, 3, 0, 5)
	for s := range in.q.Rows {
		in.q.Row(s)[0], in.k.Row(s)[0] = 1, 1
	}
	want := run(Uniform{}, in)
	for _, firing := range []int{0, many - 1, -1} {
		if firing >= 0 {
			w[firing] = 1
		}
		relu, err := tuning.New[float32](tuning.Config{Map: tuning.ReLU, Inputs: 1, W: w})
		if err != nil {
			t.Fatal(err)
		}
		got := run(newCircuit(t, CircuitConfig{Tuning: relu}), in)
		if firing < 0 {
			near(t, "none fires", got.y.Data, make([]float64, 15), constant(0))
			if got.trace.Zero != 5 {
				t.Errorf("counted %d queries without calcium, want 5", got.trace.Zero)
			}
			continue
		}
		near(t, fmt.Sprintf("neuron %d fires", firing), got.y.Data, wide(want.y.Data), constant(1e-6))
		w[firing] = -1
	}
}

// What is written before and after counts alike for a head that is not causal.
func TestAStateOfManyNeuronsContinuesASequence(t *testing.T) {
	const n, half = 60, 25
	in := newInput(1, 4, 3, 0.8, n)
	exp, _ := curves(t, tuning.Exp, many, 4, nil)
	h := newCircuit(t, CircuitConfig{Tuning: exp, Forget: 0.05})
	want := run(h, in)
	state, y, logC := h.NewState(), tensor.New(n, 3), make([]float32, n)
	for _, p := range [][2]int{{0, half}, {half, n}} {
		lo, hi := p[0], p[1]
		part := in.rows(lo, hi)
		h.Forward(y.SliceRows(lo, hi), logC[lo:hi], part.q, part.k, part.v, part.seqs, state, nil, nil)
	}
	if state.Tokens() != n {
		t.Errorf("the state holds %d tokens, want %d", state.Tokens(), n)
	}
	near(t, "y", y.SliceRows(half, n).Data, wide(want.y.SliceRows(half, n).Data), constant(1e-5))
	near(t, "log c", logC[half:], wide(want.logC[half:]), constant(1e-5))
}

func TestManyNeuronsDoNotAllocate(t *testing.T) {
	in := newInput(1, 4, 3, 0.8, 20, 30)
	exp, _ := curves(t, tuning.Exp, many, 4, nil)
	h := newCircuit(t, CircuitConfig{Tuning: exp})
	var work tensor.Arena
	y := tensor.New(50, 3)
	f := func() { h.Forward(y, nil, in.q, in.k, in.v, in.seqs, nil, nil, &work) }
	f()
	if n := testing.AllocsPerRun(5, f); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMistakesWithGroupsPanic(t *testing.T) {
	in := newInput(1, 4, 3, 1, 5)
	exp, _ := curves(t, tuning.Exp, 8, 4, nil)
	c := newCircuit(t, CircuitConfig{Tuning: exp})
	for what, f := range map[string]func(){
		"a group that is not there": func() { c.ForwardGroup(NewPartial(5, 3, nil), 1, in.q, in.k, in.v, nil) },
		"room for other queries":    func() { c.ForwardGroup(Partial{Sum: tensor.New(5, 3)}, 0, in.q, in.k, in.v, nil) },
		"values of another width":   func() { c.ForwardGroup(NewPartial(5, 2, nil), 0, in.q, in.k, in.v, nil) },
		"too few groups":            func() { c.Join(tensor.New(5, 3), nil, nil, in.q, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}
