package attention

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func TestAStateGoesOnFromWhatWasExported(t *testing.T) {
	const d, dv, n = 3, 5, 40
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(cols int) tensor.Matrix {
		x := tensor.New(n, cols)
		for i := range x.Data {
			x.Data[i] = float32(rng.NormFloat64())
		}
		return x
	}
	q, k, v := random(d), random(d), random(dv)
	for _, name := range []tuning.Map{tuning.Exp, tuning.ReLU, tuning.Trig} { // relu leaves neurons that never fired
		curves, err := tuning.New[float32](tuning.Config{Map: name, Inputs: d, W: tuning.Weights(tuning.IID, 8, d, tuning.NewRand(1)), B: tuning.Phases(8, tuning.NewRand(2))})
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewCircuit(CircuitConfig{Tuning: curves, Causal: true, Forget: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		feed := func(state State, lo, hi int) []float32 {
			dst := tensor.New(hi-lo, dv)
			c.Forward(dst, nil, q.SliceRows(lo, hi), k.SliceRows(lo, hi), v.SliceRows(lo, hi), tensor.NewSequences(hi-lo), state, nil, nil)
			return dst.Data
		}
		export := func(state State) Contents {
			x, err := c.Export(state)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		first, second := c.NewState(), c.NewState()
		if x := export(first); x.Tokens != 0 || x.Shift != nil {
			t.Errorf("%s: an empty state exports %+v", name, x)
		}
		feed(first, 0, 7)
		if err := c.Import(second, export(first), dv); err != nil {
			t.Fatal(err)
		}
		if second.Tokens() != 7 || second.Bytes() != first.Bytes() {
			t.Errorf("%s: %d tokens, %d bytes", name, second.Tokens(), second.Bytes())
		}
		want := feed(first, 7, 20)
		if got := feed(second, 7, 20); !slices.Equal(got, want) {
			t.Errorf("%s: the copy goes on as %v, want %v", name, got, want)
		}
		// Into a state that has gone on elsewhere, and back to the beginning.
		if err := c.Import(first, Contents{}, dv); err != nil || first.Tokens() != 0 {
			t.Errorf("%s: %d tokens after importing none, %v", name, first.Tokens(), err)
		}
		if got, want := feed(first, 0, 9), feed(c.NewState(), 0, 9); !slices.Equal(got, want) {
			t.Errorf("%s: begun again it gives %v, want %v", name, got, want)
		}
	}
}

func TestContentsThatNoStateHoldsAreRefused(t *testing.T) {
	curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: 2, W: make([]float64, 2*3)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCircuit(CircuitConfig{Tuning: curves, Causal: true})
	if err != nil {
		t.Fatal(err)
	}
	good := func() Contents {
		return Contents{Tokens: 1, Shift: make([]float64, 3), Gain: make([]float32, 3), Hebb: tensor.New(3, 4)}
	}
	nan, inf := math.NaN(), math.Inf(1)
	state := c.NewState()
	if err := c.Import(state, good(), 4); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(x *Contents){
		"-1 tokens":              func(x *Contents) { x.Tokens = -1 },
		"2 shifts":               func(x *Contents) { x.Shift = x.Shift[:2] },
		"2 gains":                func(x *Contents) { x.Gain = x.Gain[:2] },
		"weights [3, 3]":         func(x *Contents) { x.Hebb = tensor.New(3, 3) },
		"neuron 1 is NaN":        func(x *Contents) { x.Shift[1] = nan },
		"neuron 2 is +Inf":       func(x *Contents) { x.Shift[2] = inf },
		"neuron 0 is not finite": func(x *Contents) { x.Gain[0] = float32(inf) },
		"neuron 2 is not finite": func(x *Contents) { x.Hebb.Row(2)[3] = float32(nan) },
		"never fired":            func(x *Contents) { x.Shift[1], x.Gain[1] = -inf, 1 },
	} {
		x := good()
		x.Tokens = 2
		spoil(&x)
		if err := c.Import(state, x, 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if state.Tokens() != 1 {
			t.Errorf("%s: the state has changed", want)
		}
	}
	one := tensor.FromData([]float32{float32(nan), 0}, 1, 2)
	c.Forward(tensor.New(1, 4), nil, one, one, tensor.New(1, 4), tensor.NewSequences(1), state, nil, nil)
	if _, err := c.Export(state); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("a state that was written NaN: %v", err)
	}
}
