package fit

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// jointly is the joint fit of curves that stand at their start.
type jointly struct {
	*testing.T
	circuits *circuits
	corpus   *Corpus
	work     *nn.Workspace
}

func newJointly(t *testing.T, m *model.Model, shared bool) *jointly {
	t.Helper()
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	x := &jointly{T: t, corpus: corpusOf(t, m, 1, 40), work: nn.NewWorkspace(pool)}
	heads, err := newHeads(t.Context(), m, x.corpus.batch, shared, x.work)
	if err != nil {
		t.Fatal(err)
	}
	found, err := capture(t.Context(), m, x.corpus.batch, heads, x.work)
	if err != nil {
		t.Fatal(err)
	}
	for l, layer := range heads {
		for i, h := range layer {
			h.pool = []*seen{found[l][i]}
			h.begin(12, 1, nil)
		}
	}
	if x.circuits, err = newCircuits(m, heads); err != nil {
		t.Fatal(err)
	}
	return x
}

var followed = []int{3, 1, 4}

// gradient returns the loss on some sequences and its gradient.
func (x *jointly) gradient(calcium float64) (loss float64, grad []float32) {
	x.Helper()
	w := Weights{Hidden: 1, Embedding: 1, Answer: 1, Calcium: calcium}
	j := newJoint(x.circuits, newTeacher(x.circuits.model, x.corpus, x.work), jointPlan{weights: w, batch: len(followed)}, x.work)
	loss, err := j.gradient(x.Context(), followed)
	if err != nil {
		x.Fatal(err)
	}
	return loss, slices.Clone(x.circuits.grad)
}

// Curves of the last layer move no queries or keys: of theirs the gradient of the
// loss is all of it, calcium's part included.
func TestTheJointGradientHasThatOfCalcium(t *testing.T) {
	for _, folder := range []string{"bert", "bloom"} {
		m := open(t, folder)
		x := newJointly(t, m, false)
		c, pool := x.circuits, x.work.Pool()
		const weight = 3
		with, full := x.gradient(weight)
		without, grad := x.gradient(0)
		if !(with > without) {
			t.Errorf("%s: the loss is %v with calcium and %v without", folder, with, without)
		}
		last := len(c.data) / m.Layers() * (m.Layers() - 1) // heads have as many neurons each
		direction := slices.Clone(full[last:])              // along which all adds up
		size := math.Sqrt(tensor.Squares(direction))
		tensor.Scale(direction, float32(1/size), direction)
		want := float64(tensor.Dot(full[last:], direction))
		if calcium := want - float64(tensor.Dot(grad[last:], direction)); !(calcium > want/5) {
			t.Errorf("%s: of a slope of %v calcium makes %v: the test sees little", folder, want, calcium)
		}
		at := func(step float32) float64 {
			before := slices.Clone(c.data)
			defer func() { copy(c.data, before); c.update(pool) }()
			tensor.AddScaled(c.data[last:], step, direction)
			c.update(pool)
			loss, _ := x.gradient(weight)
			return loss
		}
		const h = 1e-2
		got := (at(h) - at(-h)) / (2 * h)
		// Losses of size 1 in float32, of a step of 1e-2.
		if !(math.Abs(got-want) <= 1e-2*want) {
			t.Errorf("%s: along a direction the loss rises by %v, want %v", folder, got, want)
		}
	}
}

// Below the last layer, calcium moves the curves of its own head and nothing else.
func TestCalciumMovesTheCurvesOfItsHeadAlone(t *testing.T) {
	for _, shared := range []bool{false, true} {
		m := open(t, "bert")
		x := newJointly(t, m, shared)
		c := x.circuits
		const weight = 3
		_, full := x.gradient(weight)
		_, without := x.gradient(0)
		clear(c.grad)
		b := x.corpus.pick(followed)
		run := model.Run{Heads: c.heads, Work: x.work, Trace: func(l int, tr *nn.Trace) {
			c.follow(l, tr, b.Sequences, 0, weight, x.work.Pool())
		}}
		if _, err := m.Forward(context.Background(), b, run); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.all {
			f.curves.around(f.grad)
			if shared {
				f.grad.tie()
				if !slices.Equal(f.grad.readW, f.grad.writeW) {
					t.Fatal("the gradients of both phases differ")
				}
			}
		}
		size := math.Sqrt(tensor.Squares(full) / float64(len(full)))
		for i, want := range c.grad {
			// Differences of float32 sums.
			if got := full[i] - without[i]; !(math.Abs(float64(got-want)) <= 1e-4*size) {
				t.Fatalf("shared %v: number %d: calcium adds %v, want %v (of gradients of size %v)", shared, i, got, want, size)
			}
		}
	}
}

// Where nothing but calcium counts, the joint fit brings it to the normalizer.
func TestTheJointFitBringsCalciumToTheNormalizer(t *testing.T) {
	x := newJointly(t, open(t, "bert"), false)
	j := newJoint(x.circuits, newTeacher(x.circuits.model, x.corpus, x.work),
		jointPlan{weights: Weights{Calcium: 1}, batch: 8, rate: schedule{0.01, 1, 1 << 20}, seed: 1}, x.work)
	mean := func(steps int) (sum float64) {
		for range steps {
			loss, err := j.step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sum += loss / float64(steps)
		}
		return sum
	}
	before := mean(5)
	mean(60)
	if after := mean(5); !(after < before/4) {
		t.Errorf("log²(calcium/normalizer) goes from %v to %v", before, after)
	}
}
