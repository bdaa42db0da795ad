package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// joint fits the curves of all heads together, through the whole network, against
// what the exact network computes from the same input (see Weights). The weights
// of the network stay as they are.
type joint struct {
	circuits  *circuits
	teacher   *teacher
	plan      jointPlan
	optimizer *nn.AdamW
	work      *nn.Workspace
	order     order
	steps     int       // done
	best      []float32 // the curves that did best on validation

	tape  model.Tape
	exact []tensor.Matrix // [L+1] hidden states 1 to L, and what Forward returns
	found []tensor.Matrix // [L] of the circuits
	dx    tensor.Matrix
}

// jointPlan says how all heads are fitted together.
type jointPlan struct {
	weights Weights
	batch   int // sequences in a step
	rate    schedule
	seed    uint64
}

func newJoint(c *circuits, t *teacher, p jointPlan, work *nn.Workspace) *joint {
	cfg := nn.DefaultAdamW()
	cfg.Decay, cfg.Clip = 0, 1
	o, err := nn.NewAdamW(cfg, c.parameters())
	if err != nil {
		panic("fit: " + err.Error()) // the configuration is a constant
	}
	n := c.model.Layers()
	return &joint{circuits: c, teacher: t, plan: p, optimizer: o, work: work, exact: make([]tensor.Matrix, n+1), found: make([]tensor.Matrix, n), best: slices.Clone(c.data)}
}

// remember makes the optimizer go on from what it remembered of all curves.
func (j *joint) remember(steps int, mean, square []float32) {
	var m, s [][]float32
	for _, p := range j.circuits.parameters() {
		n := len(p.Value)
		m, mean = append(m, mean[:n]), mean[n:]
		s, square = append(s, square[:n]), square[n:]
	}
	j.optimizer.Restore(steps, m, s)
}

// step returns the loss before it. Where it fails, nothing has changed.
func (j *joint) step(ctx context.Context) (loss float64, err error) {
	chosen := make([]int, j.plan.batch)
	for i := range chosen {
		chosen[i] = j.order.at(j.steps*len(chosen)+i, j.teacher.corpus.Len(), shuffler(j.plan.seed, streamJoint))
	}
	if loss, err = j.gradient(ctx, chosen); err != nil {
		return loss, err
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return loss, fmt.Errorf("the loss is %v after %d steps of the joint fit; lower its rate", loss, j.steps)
	}
	if _, err := j.optimizer.Step(j.work.Pool(), j.plan.rate.at(j.steps)); err != nil {
		return loss, err
	}
	j.circuits.update(j.work.Pool())
	j.steps++
	return loss, nil
}

// gradient computes the loss on the chosen sequences and its gradient.
func (j *joint) gradient(ctx context.Context, chosen []int) (float64, error) {
	p, m := &j.plan.weights, j.circuits.model
	b := j.teacher.corpus.pick(chosen)
	n, layers := b.Tokens(), m.Layers()
	for i := range j.exact {
		j.exact[i] = j.exact[i].Resize(n, m.Width())
	}
	if err := j.teacher.states(ctx, j.exact, chosen); err != nil {
		return 0, err
	}
	run := model.Run{Heads: j.circuits.heads, Work: j.work, Tape: &j.tape, Hidden: func(i int, x tensor.Matrix) {
		if i > 0 {
			j.found[i-1] = j.found[i-1].Resize(n, m.Width())
			j.found[i-1].CopyFrom(x)
		}
	}}
	calcium := 0.0
	clear(j.circuits.grad)
	if p.Calcium > 0 {
		run.Trace = func(l int, t *nn.Trace) {
			calcium += j.circuits.follow(l, t, b.Sequences, j.steps, p.Calcium, j.work.Pool())
		}
	}
	x, err := m.Forward(ctx, b, run)
	if err != nil {
		return 0, err
	}
	j.dx = j.dx.Resize(n, m.Width())
	j.dx.Zero()
	loss := calcium
	if embeds(m) {
		loss += embeddingLoss(j.dx, x, j.exact[layers], b.Sequences, p.Embedding)
	}
	answer, err := answerLoss(m, j.dx, x, j.exact[layers], b.Sequences, j.maskedOf(chosen), p.Answer, j.work)
	if err != nil {
		return 0, err
	}
	loss += answer
	m.Backward(j.dx, j.circuits.gradients, run, func(i int, dx tensor.Matrix) {
		loss += cosineLoss(dx, j.found[i-1], j.exact[i-1], p.Hidden/float64(layers*n))
	})
	j.circuits.unfold(j.work.Pool())
	return loss, nil
}

// maskedOf returns the masked tokens of the chosen sequences.
func (j *joint) maskedOf(chosen []int) [][]int {
	masked := j.teacher.corpus.masked
	if masked == nil {
		return nil
	}
	out := make([][]int, len(chosen))
	for i, s := range chosen {
		out[i] = masked[s]
	}
	return out
}
