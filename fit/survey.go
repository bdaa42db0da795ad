package fit

import (
	"context"
	"time"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// survey fits every head for a short while, with as many neurons each, measures
// what their errors cost, and divides the neurons accordingly.
func (r *run) survey(ctx context.Context) error {
	if r.state.Stage != "" {
		return nil
	}
	if err := r.show(ctx, 0); err != nil {
		return err
	}
	steps := r.cfg.Settings.SurveySteps
	equal := max(fewest, r.cfg.Neurons/len(r.all)/grain*grain)
	if err := r.begin(ctx, func(*head) int { return equal }); err != nil {
		return err
	}
	began := time.Now()
	if err := r.runHeads(ctx, StageSurvey, steps, min(20, steps)); err != nil {
		return err
	}
	perStep := time.Since(began) / time.Duration(steps)
	c, err := newCircuits(r.model, r.heads)
	if err != nil {
		return err
	}
	w := &r.cfg.Settings.Weights
	r.state.Costs, err = costs(ctx, r.teacher, r.corpus.first(surveyTokens), c.heads, w, func(done float64) {
		r.tell(Progress{Stage: StageAllocate, Step: int(done * float64(len(r.all))), Steps: len(r.all)})
	})
	if err != nil {
		return err
	}
	if r.state.Networks, err = r.baselines(ctx); err != nil {
		return err
	}
	r.state.Neurons = allocate(r.state.Costs, r.cfg.Neurons)
	r.state.HeadSteps = r.cfg.HeadSteps
	if r.state.HeadSteps == 0 {
		r.state.HeadSteps = r.clock.steps(headShare, perStep, fewestHeadSteps, mostHeadSteps)
	}
	if err := r.show(ctx, 0); err != nil {
		return err
	}
	if err := r.begin(ctx, func(h *head) int { return r.state.Neurons[h.layer*r.model.Heads()+h.index] }); err != nil {
		return err
	}
	r.state.Stage, r.state.Done = StageHeads, 0
	return nil
}

// begin gives every head curves of so many neurons, where its keys fall.
func (r *run) begin(ctx context.Context, neurons func(*head) int) error {
	return r.each(func(h *head, work *tensor.Arena) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		h.begin(neurons(h), r.cfg.Seed, work)
		return nil
	})
}

// baselines compares networks that nothing was fitted in.
func (r *run) baselines(ctx context.Context) (*Networks, error) {
	var out Networks
	var err error
	if out.Uniform, err = r.evaluation.of(ctx, r.model.Uniform()); err != nil {
		return nil, err
	}
	cal, err := network.Calibrate(ctx, r.model, r.corpus.pick(r.corpus.first(chunkTokens)), r.work, nil)
	if err != nil {
		return nil, err
	}
	sel, err := attention.ParseSelection(attention.KindAlgebraic.String())
	if err != nil {
		return nil, err
	}
	for _, b := range []struct {
		name string
		to   *Fidelity
	}{{string(tuning.Exp), &out.Random}, {network.Calibrated, &out.Calibrated}} {
		c, err := network.Build(r.model, network.Options{
			Selection: sel, Tuning: b.name, Draw: tuning.Orthogonal, Seed: r.cfg.Seed, Calibration: cal,
			Neurons: func(int, int) int { return max(1, r.cfg.Neurons/len(r.all)) },
		})
		if err != nil {
			return nil, err
		}
		if *b.to, err = r.evaluation.of(ctx, c.Heads()); err != nil {
			return nil, err
		}
	}
	return &out, nil
}
