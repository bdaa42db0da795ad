package fit

import (
	"context"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// finish measures what came of it.
func (r *run) finish(ctx context.Context) (*Result, error) {
	out := &r.result
	out.HeadSteps, out.JointSteps = r.state.HeadSteps, r.state.Done
	out.Networks = *r.state.Networks
	out.Networks.PerHead = *r.state.PerHead
	var err error
	if out.Networks.Joint, err = r.evaluation.of(ctx, r.joint.circuits.heads); err != nil {
		return nil, err
	}
	out.Heads = make([]Head, len(r.all))
	if err := r.each(func(h *head, work *tensor.Arena) error {
		i := h.layer*r.model.Heads() + h.index
		out.Heads[i] = Head{Layer: h.layer, Head: h.index, Neurons: h.curves.m, Cost: r.state.Costs[i], PerHeadDivergence: r.state.Divergence[i]}
		h.judge(&out.Heads[i], &r.plan(h.index, 1, 1).loss, r.held[h.layer][h.index], work)
		return nil
	}); err != nil {
		return nil, err
	}
	curves := make([][]*tuning.Curves[float32], r.model.Layers())
	for i, f := range r.joint.circuits.all {
		c, err := tuning.NewFitted(f.forms.write, f.forms.read)
		if err != nil {
			return nil, fmt.Errorf("layer %d, head %d: %w", r.all[i].layer, r.all[i].index, err)
		}
		curves[r.all[i].layer] = append(curves[r.all[i].layer], c)
		out.Neurons += c.Neurons()
	}
	out.Tuning, err = network.NewTuning(r.model, network.TuningInfo{
		Program: r.cfg.Program, Checkpoint: r.cfg.Weights, Seed: r.cfg.Seed, Shared: r.cfg.Shared,
		Sequences: r.corpus.Len(), Tokens: r.corpus.Tokens(), Figures: out.figures(),
	}, curves)
	return out, err
}

// judge fills in what is measured of a head in the end.
func (h *head) judge(out *Head, l *loss, on *seen, work *tensor.Arena) {
	defer work.Release(work.Mark())
	s := h.score(l, on, work)
	out.Divergence = s.divergence / float64(s.rows)
	packed := h.curves.pack(work)
	var offs []float64
	for i := range on.seqs.Len() {
		for _, off := range l.calciumErrors(&packed, on.sample(i), work) {
			offs = append(offs, math.Abs(off))
		}
	}
	out.LogCalciumError = stats.Median(offs)
}

// figures are what a file of tuning curves says of itself.
func (r *Result) figures() map[string]float64 {
	f := &r.Networks.Joint
	out := map[string]float64{"hidden_cosine": f.Hidden}
	if f.Embedding != nil {
		out["embedding_cosine"], out["embedding_cosine_p05"] = f.Embedding.Cosine, f.Embedding.P05
	}
	if f.Answer != nil {
		out["agreement"] = f.Answer.Agreement
	}
	var calcium []float64
	for _, h := range r.Heads {
		calcium = append(calcium, h.LogCalciumError)
	}
	out["log_calcium_error"] = stats.Median(calcium)
	return out
}
