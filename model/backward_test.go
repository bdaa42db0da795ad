package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// trained are circuits of a whole model whose curves can be moved.
type trained struct {
	heads    [][]attention.Head
	grads    [][]*attention.CurvesGradient
	forms    [][2]tuning.Form[float32]
	circuits []*attention.Circuit
	flat     []*attention.CurvesGradient
}

func newTrained(t *testing.T, m *Model, neurons int) *trained {
	t.Helper()
	out := &trained{heads: m.Exact()}
	d := m.HeadWidth()
	for l := range out.heads {
		out.grads = append(out.grads, nil)
		for h := range out.heads[l] {
			var forms [2]tuning.Form[float32]
			for p := range forms {
				rng := tuning.NewRand(9, l, h, p)
				values := func(n int, std float64) []float32 {
					x := make([]float32, n)
					for i := range x {
						x[i] = float32(std * rng.NormFloat64())
					}
					return x
				}
				forms[p] = tuning.Form[float32]{W: values(neurons*d, 0.6), B: values(neurons, 0.5), Metric: values(d*d, 0.4), Center: values(d, 0.5)}
			}
			curves, err := tuning.NewFitted(forms[0], forms[1])
			if err != nil {
				t.Fatal(err)
			}
			c, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: m.config.Causal, Forget: -math.Expm1(-float64(m.Slope(h)))})
			if err != nil {
				t.Fatal(err)
			}
			out.heads[l][h] = c
			g := attention.NewCurvesGradient(curves)
			out.grads[l] = append(out.grads[l], g)
			out.forms, out.circuits, out.flat = append(out.forms, forms), append(out.circuits, c), append(out.flat, g)
		}
	}
	return out
}

// move goes along the gradient by f times it, and returns its square.
func (x *trained) move(f float32) (square float64) {
	for i, c := range x.circuits {
		moved := x.forms[i]
		for p := range moved {
			g := x.flat[i][p]
			add := func(v, by []float32) []float32 {
				v = slices.Clone(v)
				tensor.AddScaled(v, f, by)
				square += tensor.Squares(by)
				return v
			}
			w := &moved[p]
			w.W, w.B, w.Metric, w.Center = add(w.W, g.W), add(w.B, g.B), add(w.Metric, g.Metric), add(w.Center, g.Center)
		}
		c.Update(moved[tuning.Writing], moved[tuning.Reading])
	}
	return square
}

// numbers returns fixed random numbers of the shape of x.
func numbers(seed uint64, x tensor.Matrix) tensor.Matrix {
	rng, out := tuning.NewRand(seed), tensor.New(x.Rows, x.Cols)
	for i := range out.Data {
		out.Data[i] = float32(rng.NormFloat64())
	}
	return out
}

func inner(x, y tensor.Matrix) (sum float64) {
	for i := range x.Rows {
		sum += float64(tensor.Dot(x.Row(i), y.Row(i)))
	}
	return sum
}

// inputsOf returns a batch that the model reads.
func inputsOf(t *testing.T, m *Model) Batch {
	t.Helper()
	if m.config.Input == Tokens {
		return NewBatch(randomIDs(1, 15), randomIDs(2, 3), randomIDs(3, 9))
	}
	v := Values{Shape: append([]int{2}, m.config.ValuesShape()...)}
	n := 2
	for _, s := range m.config.ValuesShape() {
		n *= s
	}
	v.Data = numbers(4, tensor.Matrix{Rows: 1, Cols: n}).Data
	b, err := m.BatchOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Along the gradient a function rises by the square of the gradient: of a sum of
// all hidden states, behind every layer, and of what Forward returns.
func TestBackwardReachesTheCurvesOfEveryArchitecture(t *testing.T) {
	for _, folder := range []string{"bert", "albert", "albert-groups", "gpt2", "bloom", "vit", "deit", "ast"} {
		m := open(t, folder)
		b, x := inputsOf(t, m), newTrained(t, m, 12)
		run := Run{Heads: x.heads, Work: workspace(t, 2)}
		value := func() (sum float64) {
			run := run
			run.Hidden = func(i int, states tensor.Matrix) {
				if i > 0 {
					sum += inner(states, numbers(uint64(i), states))
				}
			}
			y := forward(t, m, b, run)
			return sum + inner(y, numbers(99, y))
		}
		taped := run
		taped.Tape = new(Tape)
		y := forward(t, m, b, taped)
		dx, seen := numbers(99, y), []int{}
		m.Backward(dx, x.grads, taped, func(i int, dx tensor.Matrix) {
			seen = append(seen, i)
			add := numbers(uint64(i), dx)
			for t := range dx.Rows {
				tensor.Add(dx.Row(t), dx.Row(t), add.Row(t))
			}
		})
		if len(seen) != m.Layers() || seen[0] != m.Layers() || seen[len(seen)-1] != 1 {
			t.Errorf("%s: hidden states %v on the way back", folder, seen)
		}
		square := x.move(0)
		// A step this short, among numbers of size 1, leaves an error of 1% to
		// curvature, and to float32, in which the value has an error of 1e-5 or so.
		h := float32(6e-4 / math.Sqrt(square))
		x.move(h)
		up := value()
		x.move(-h)
		down := value()
		if got, want := (up-down)/float64(2*h), square; !(math.Abs(got-want) <= 0.02*want) {
			t.Errorf("%s: along the gradient the value rises by %v, want %v", folder, got, want)
		}
	}
}

func TestReadOutsGoBack(t *testing.T) {
	for _, folder := range []string{"bert-masked-lm", "albert-masked-lm", "gpt2", "bloom", "vit-two-labels", "deit-teacher", "ast-labels"} {
		m := open(t, folder)
		work := workspace(t, 2)
		b := inputsOf(t, m)
		x := forward(t, m, b, Run{Work: work})
		answer := func(x tensor.Matrix) tensor.Matrix {
			if m.HasClassifier() {
				return m.Classify(x, b.Sequences, work.Pool())
			}
			return m.Logits(x, work.Pool())
		}
		if !m.HasClassifier() && !m.HasLogits() {
			t.Fatalf("%s has no read-out", folder)
		}
		dy := numbers(5, answer(x))
		dx := tensor.New(x.Rows, x.Cols)
		if m.HasClassifier() {
			m.ClassifyBackward(dx, dy, x, b.Sequences, work)
		} else {
			dx = m.LogitsBackward(dy, x, work)
		}
		along := numbers(6, x)
		const h = 1e-2
		at := func(f float32) float64 {
			y := x.Clone()
			tensor.AddScaled(y.Data, f, along.Data)
			return inner(answer(y), dy)
		}
		// A hundredth of a step among numbers of size 1. The sum may cancel: errors
		// are relative to its terms, of which |dx| is the root of the squares.
		if got, want := (at(h)-at(-h))/(2*h), inner(dx, along); !(math.Abs(got-want) <= 5e-3*math.Sqrt(inner(dx, dx))) {
			t.Errorf("%s: the answer changes by %v, want %v", folder, got, want)
		}
	}
}

func TestAWayBackNeedsItsTape(t *testing.T) {
	m := open(t, "bert")
	x := newTrained(t, m, 4)
	b := inputsOf(t, m)
	run := Run{Heads: x.heads, Work: workspace(t, 1), Tape: new(Tape)}
	y := forward(t, m, b, run)
	for name, f := range map[string]func(){
		"no tape":      func() { m.Backward(y, x.grads, Run{Heads: x.heads, Work: run.Work}, nil) },
		"other tape":   func() { m.Backward(y, x.grads, Run{Heads: x.heads, Work: run.Work, Tape: new(Tape)}, nil) },
		"other shape":  func() { m.Backward(y.SliceRows(0, 3), x.grads, run, nil) },
		"other layers": func() { m.Backward(y, x.grads[:1], run, nil) },
	} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.HasPrefix(fmt.Sprint(v), "model: ") {
					t.Errorf("%s: panic %v", name, v)
				}
			}()
			f()
		}()
	}
}
