package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tripartite-go/tripartite/tensor"
)

// stride is how many steps heads do between two looks at the context; chunkSteps
// is a multiple of it.
const stride = 20

// runHeads fits every head by itself, up to the given step.
func (r *run) runHeads(ctx context.Context, stage string, steps, warm int) error {
	sources := make([]rand.PCG, len(r.arenas))
	plans := make([]*headPlan, r.model.Heads())
	for i := range plans {
		plans[i] = r.plan(i, steps, warm)
	}
	errs, began, from := make([]error, len(r.all)), time.Now(), r.state.Done
	for r.state.Done < steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.show(ctx, r.state.Done); err != nil {
			return err
		}
		until := min(r.state.Done+stride, steps)
		r.cfg.Pool.For(len(r.all), func(worker, i int) {
			h := r.all[i]
			errs[i] = h.run(plans[h.index], until, &sources[worker], &r.arenas[worker])
		})
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		r.state.Done = until
		r.tell(Progress{Stage: stage, Step: until, Steps: steps, Left: left(began, until-from, steps-until)})
		if stage == StageHeads {
			if err := r.saveNowAndThen(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitHeads fits every head by itself.
func (r *run) fitHeads(ctx context.Context) error {
	if r.state.Stage != StageHeads {
		return nil
	}
	if err := r.runHeads(ctx, StageHeads, r.state.HeadSteps, warmSteps); err != nil {
		return err
	}
	if err := r.show(ctx, r.state.HeadSteps-1); err != nil {
		return err
	}
	c, err := newCircuits(r.model, r.heads)
	if err != nil {
		return err
	}
	f, err := r.evaluation.of(ctx, c.heads)
	if err != nil {
		return err // and nothing was changed, so that it is done again after a pause
	}
	r.state.PerHead, r.state.Best = &f, f.Loss
	r.told.Fidelity = &f
	r.state.Divergence = make([]float64, len(r.all))
	if err := r.each(func(h *head, work *tensor.Arena) error {
		s := h.score(&r.plan(h.index, 1, 1).loss, r.held[h.layer][h.index], work)
		r.state.Divergence[h.layer*r.model.Heads()+h.index] = s.divergence / float64(s.rows)
		h.anchor(work)
		return nil
	}); err != nil {
		return err
	}
	if c, err = newCircuits(r.model, r.heads); err != nil {
		return err
	}
	r.state.JointSteps = r.cfg.JointSteps
	r.hide() // until calcium settles
	r.state.Stage, r.state.Done = StageJoint, 0
	r.joint = newJoint(c, r.teacher, r.jointPlan(), r.work)
	return nil
}

func (r *run) jointPlan() jointPlan {
	s := &r.cfg.Settings
	rate, weights := s.JointRate*math.Sqrt(r.state.PerHead.Loss), s.Weights
	weights.Calcium *= r.state.PerHead.Loss
	return jointPlan{weights: weights, batch: s.JointBatch, rate: schedule{rate, warmSteps, r.state.JointSteps}, seed: r.cfg.Seed}
}

// looks is how often the joint fit is validated.
const looks = 25

// fitJointly fits all heads together.
func (r *run) fitJointly(ctx context.Context) error {
	if r.state.Stage != StageJoint {
		return nil
	}
	if r.state.JointSteps == 0 {
		if err := r.measure(ctx); err != nil {
			return err
		}
	}
	steps := r.state.JointSteps
	every := max(1, (steps+looks-1)/looks)
	began, from, sum, count := time.Now(), r.state.Done, 0.0, 0
	for {
		looked := r.state.Done > r.state.Looked && (r.state.Done%every == 0 || r.state.Done == steps)
		if looked {
			stop, err := r.look(ctx)
			if err != nil {
				return err
			}
			r.state.Looked = r.state.Done
			if stop {
				break
			}
		}
		if r.clock.due(&r.clock.told, time.Second) || looked {
			r.tell(Progress{
				Stage: StageJoint, Step: r.state.Done, Steps: steps, Loss: sum / float64(max(1, count)),
				Left: left(began, r.state.Done-from, steps-r.state.Done),
			})
			sum, count = 0, 0
		}
		if r.state.Done >= steps {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		loss, err := r.joint.step(ctx)
		if err != nil {
			return err
		}
		r.state.Done++
		sum, count = sum+loss, count+1
		if err := r.saveNowAndThen(); err != nil {
			return err
		}
	}
	copy(r.joint.circuits.data, r.joint.best)
	r.joint.circuits.update(r.cfg.Pool)
	r.state.Stage = StageSettle
	return r.save()
}

// measure finds how many joint steps there is time for, by steps that are undone.
func (r *run) measure(ctx context.Context) error {
	before := append([]float32(nil), r.joint.circuits.data...)
	defer func() { // also where it is interrupted, so that what is saved is from before
		copy(r.joint.circuits.data, before)
		r.joint.circuits.update(r.cfg.Pool)
		r.joint = newJoint(r.joint.circuits, r.teacher, r.jointPlan(), r.work)
	}()
	r.joint.plan.rate.steps = math.MaxInt32
	began := time.Now()
	for range measureSteps {
		if _, err := r.joint.step(ctx); err != nil {
			return err
		}
	}
	perStep := time.Since(began) / measureSteps
	began = time.Now()
	if _, err := r.evaluation.of(ctx, r.joint.circuits.heads); err != nil {
		return err
	}
	r.clock.budget -= looks * time.Since(began)
	r.state.JointSteps = r.clock.steps(jointShare, perStep, fewestJointSteps, mostJointSteps)
	return nil
}

// look validates the joint fit and says whether patience is at an end.
func (r *run) look(ctx context.Context) (stop bool, err error) {
	f, err := r.evaluation.of(ctx, r.joint.circuits.heads)
	if err != nil {
		return false, err
	}
	r.told.Fidelity = &f
	r.state.Waited++
	if f.Loss < r.state.Best {
		r.state.Best, r.state.Waited = f.Loss, 0
		copy(r.joint.best, r.joint.circuits.data)
	}
	return r.cfg.Patience > 0 && r.state.Waited >= r.cfg.Patience, nil
}

// settle gives every head the level of reading that makes its calcium the
// normalizer.
func (r *run) settle(ctx context.Context) error {
	r.tell(Progress{Stage: StageSettle})
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.show(ctx, 0); err != nil {
		return err
	}
	for i, f := range r.joint.circuits.all {
		r.all[i].curves = f.curves
	}
	err := r.each(func(h *head, work *tensor.Arena) error { return h.settle(&r.plan(h.index, 1, 1).loss, work) })
	r.joint.circuits.update(r.cfg.Pool)
	return err
}
