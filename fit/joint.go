package fit

import (
	"context"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// joint fits the curves of all heads together, through the whole network, against
// what the exact network computes from the same input: with hidden states x_i of
// layer i and their mean over a sequence e,
//
//	Hidden/L sum_i mean (1 - cos(x_i, exact x_i)) + Embedding mean (1 - cos(e, exact e))
type joint struct {
	ctx       context.Context
	circuits  *circuits
	plan      jointPlan
	optimizer *nn.AdamW
	work      *nn.Workspace
	tape      model.Tape
	exact     []tensor.Matrix // [L] hidden states of the exact network
	found     []tensor.Matrix
	embed     [2]tensor.Matrix // of the exact network, of circuits
	steps     int
}

type jointPlan struct {
	sequences [][]int
	batch     int // sequences in a step
	rate      schedule
	seed      uint64
	hidden    float64
	embedding float64
}

func newJoint(ctx context.Context, c *circuits, p jointPlan, work *nn.Workspace) *joint {
	cfg := nn.DefaultAdamW()
	cfg.Decay, cfg.Clip = 0, 1
	o, err := nn.NewAdamW(cfg, []nn.Parameter{{Name: "tuning curves", Value: c.data, Gradient: c.grad, NoDecay: true}})
	if err != nil {
		panic("fit: " + err.Error()) // the configuration is a constant
	}
	layers := c.model.Layers()
	return &joint{ctx: ctx, circuits: c, plan: p, optimizer: o, work: work, exact: make([]tensor.Matrix, layers), found: make([]tensor.Matrix, layers)}
}

// step returns the loss before it.
func (j *joint) step() (float64, error) {
	p, m := &j.plan, j.circuits.model
	rng := tuning.NewRand(p.seed, streamJoint, j.steps)
	picked := make([][]int, p.batch)
	for i := range picked {
		picked[i] = p.sequences[rng.IntN(len(p.sequences))]
	}
	b := model.NewBatch(picked...)
	keep := func(to []tensor.Matrix) func(i int, x tensor.Matrix) {
		return func(i int, x tensor.Matrix) {
			if i > 0 {
				to[i-1] = to[i-1].Resize(x.Rows, x.Cols)
				to[i-1].CopyFrom(x)
			}
		}
	}
	if _, err := m.Forward(j.ctx, b, model.Run{Work: j.work, Hidden: keep(j.exact)}); err != nil {
		return 0, err
	}
	run := model.Run{Heads: j.circuits.heads, Work: j.work, Hidden: keep(j.found), Tape: &j.tape}
	if _, err := m.Forward(j.ctx, b, run); err != nil {
		return 0, err
	}
	last := m.Layers()
	total := 0.0
	dx := tensor.New(b.Tokens(), m.Width())
	total += embeddingLoss(dx, j.found[last-1], j.exact[last-1], b.Sequences, p.embedding)
	m.Backward(dx, j.circuits.gradients, run, func(i int, dx tensor.Matrix) {
		total += cosineLoss(dx, j.found[i-1], j.exact[i-1], p.hidden/float64(last*dx.Rows))
	})
	if math.IsNaN(total) {
		return total, fmt.Errorf("step %d: the loss is not a number", j.steps)
	}
	j.circuits.unfold(j.work.Pool())
	if _, err := j.optimizer.Step(j.work.Pool(), p.rate.at(j.steps)); err != nil {
		return total, err
	}
	j.circuits.update(j.work.Pool())
	j.steps++
	return total, nil
}

// cosineLoss returns weight times the sum of 1 - cos over rows, and adds its
// gradient with respect to x to dx.
func cosineLoss(dx, x, want tensor.Matrix, weight float64) (total float64) {
	for t := range x.Rows {
		total += cosineRow(dx.Row(t), x.Row(t), want.Row(t), weight)
	}
	return total
}

// cosineRow is one row of cosineLoss. The gradient of cos(x, w) is
// (w/|w| - cos x/|x|)/|x|.
func cosineRow(dx, x, want []float32, weight float64) float64 {
	xw, xx, ww := float64(tensor.Dot(x, want)), tensor.Squares(x), tensor.Squares(want)
	if xx == 0 || ww == 0 {
		return weight
	}
	cos := xw / math.Sqrt(xx*ww)
	tensor.AddScaled(dx, float32(-weight/math.Sqrt(xx*ww)), want)
	tensor.AddScaled(dx, float32(weight*cos/xx), x)
	return weight * (1 - cos)
}

// embeddingLoss returns weight times the mean over sequences of 1 - cos of their
// mean rows, and adds its gradient with respect to x to dx.
func embeddingLoss(dx, x, want tensor.Matrix, seqs tensor.Sequences, weight float64) (total float64) {
	a, b := means(x, seqs), means(want, seqs)
	da := tensor.New(a.Rows, a.Cols)
	total = cosineLoss(da, a, b, weight/float64(seqs.Len()))
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := lo; t < hi; t++ {
			tensor.AddScaled(dx.Row(t), 1/float32(hi-lo), da.Row(i))
		}
	}
	return total
}
