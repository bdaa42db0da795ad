package fit

import (
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Curves of the last layer move no queries or keys: of theirs the gradient of the
// loss is all of it, calcium's part included.
func TestTheJointGradientHasThatOfCalcium(t *testing.T) {
	for _, folder := range []string{"bert", "bloom"} {
		m := open(t, folder)
		pool := tensor.NewPool(2)
		t.Cleanup(pool.Close)
		work, corpus := nn.NewWorkspace(pool), corpusOf(t, m, 1, 40)
		heads, err := newHeads(t.Context(), m, corpus.batch, false, work)
		if err != nil {
			t.Fatal(err)
		}
		found, err := capture(t.Context(), m, corpus.batch, heads, work)
		if err != nil {
			t.Fatal(err)
		}
		for l, layer := range heads {
			for i, h := range layer {
				h.pool = []*seen{found[l][i]}
				h.begin(12, 1, nil)
			}
		}
		c, err := newCircuits(m, heads)
		if err != nil {
			t.Fatal(err)
		}
		chosen := []int{3, 1, 4}
		gradient := func(weight float64) (loss float64, grad []float32) {
			j := newJoint(c, newTeacher(m, corpus, work), jointPlan{weights: Weights{Hidden: 1, Embedding: 1, Answer: 1, Calcium: weight}, batch: 3}, work)
			loss, err := j.gradient(t.Context(), chosen)
			if err != nil {
				t.Fatal(err)
			}
			return loss, slices.Clone(c.grad)
		}
		const weight = 3
		without, grad := gradient(0)
		with, full := gradient(weight)
		if !(with > without) {
			t.Errorf("%s: the loss is %v with calcium and %v without", folder, with, without)
		}
		last := len(c.data) / m.Layers() * (m.Layers() - 1) // heads have as many neurons each
		direction := gaussian(5, len(c.data)-last, 1)
		want := float64(tensor.Dot(full[last:], direction))
		const h = 1e-3
		at := func(step float32) float64 {
			before := slices.Clone(c.data)
			defer func() { copy(c.data, before); c.update(pool) }()
			tensor.AddScaled(c.data[last:], step, direction)
			c.update(pool)
			loss, _ := gradient(weight)
			return loss
		}
		got := (at(h) - at(-h)) / (2 * h)
		// Losses of size 1 in float32, of a step of 1e-3.
		if !(math.Abs(got-want) <= 1e-2*math.Abs(want)) {
			t.Errorf("%s: along a direction the loss rises by %v, want %v (%v without calcium)", folder, got, want, tensor.Dot(grad[last:], direction))
		}
	}
}

// A fit that counts calcium in ends with calcium closer to the normalizer; with a
// weight that shows in a short fit.
func TestCalciumIsKeptAtTheNormalizer(t *testing.T) {
	m := open(t, "bert")
	off := func(weight float64) float64 {
		cfg := small(t, m, 2)
		cfg.Settings.Weights.Calcium = weight
		cfg.JointSteps = 150
		var offs []float64
		for _, h := range mustRun(t, cfg).Heads {
			offs = append(offs, h.LogCalciumError)
		}
		return stats.Median(offs)
	}
	if with, without := off(50), off(0); !(with < without) {
		t.Errorf("ln calcium is off by %v, and by %v where the joint fit leaves it alone", with, without)
	}
}
