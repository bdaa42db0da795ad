// Package fit learns tuning curves for every head of a pretrained network, so
// that the network, run as neurons and astrocytes, still does its job: config in,
// result data out.
//
// It goes in stages, each in a file:
//
//	capture.go   run the exact network, keep what every head sees (balanced coordinates: curves.go)
//	start.go     curves where keys fall
//	head.go      every head by itself: its attention and its calcium (attend.go)
//	cost.go      what the error of every head costs the output, and
//	allocate.go  neurons divided by it
//	joint.go     all heads together, through the whole network (objective.go, teacher.go)
//	calcium.go   the level of reading that makes calcium the softmax normalizer
//
// Fitting is this project's, not the paper's. Learned feature maps for pretrained
// attention are known from Kasai et al., Finetuning Pretrained Transformers into
// RNNs, EMNLP 2021 (arXiv:2103.13076), and Zhang et al., The Hedgehog & the
// Porcupine, ICLR 2024 (arXiv:2402.04347), who fit attention rows by cross-entropy,
// too.
package fit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Run fits a network. When the context is done it stops with the context's error,
// after the state was saved to Config.Checkpoint.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := newRun(cfg)
	saved, err := r.load()
	if err != nil {
		return nil, err
	}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	if saved != nil {
		if err := r.resume(saved); err != nil {
			return nil, err
		}
	}
	for _, stage := range []func(context.Context) error{r.survey, r.fitHeads, r.fitJointly, r.settle} {
		if err := stage(ctx); err != nil {
			return nil, r.interrupted(err)
		}
	}
	return r.finish(ctx)
}

// run is a fit at work.
type run struct {
	cfg                Config
	model              *model.Model
	corpus, validation *Corpus
	work               *nn.Workspace
	arenas             []tensor.Arena
	clock              clock

	evaluation *evaluation
	teacher    *teacher
	heads      [][]*head // [L][heads]
	all        []*head   // the same, one layer after another
	held       [][]*seen // what they see of validation
	shown      int       // the last chunk of the corpus that they see at present
	chunks     order

	state  state
	joint  *joint
	result Result
	told   Progress
}

// state is what a checkpoint keeps beside numbers of curves.
type state struct {
	Stage      string    `json:"stage"`
	Neurons    []int     `json:"neurons"` // [L·heads]
	Costs      []float64 `json:"costs"`
	HeadSteps  int       `json:"head_steps"` // planned
	JointSteps int       `json:"joint_steps"`
	Done       int       `json:"done"`   // steps of the stage
	Best       float64   `json:"best"`   // loss on validation
	Looked     int       `json:"looked"` // the step of the last look at validation
	Waited     int       `json:"waited"` // looks since the best
	PerHead    *Fidelity `json:"per_head,omitempty"`
	Divergence []float64 `json:"divergence,omitempty"` // of heads by themselves
	Networks   *Networks `json:"networks,omitempty"`
}

func newRun(cfg Config) *run {
	m := cfg.Network.Model
	r := &run{cfg: cfg, model: m, corpus: cfg.Corpus, validation: cfg.Validation, work: nn.NewWorkspace(cfg.Pool)}
	r.arenas = make([]tensor.Arena, cfg.Pool.Threads())
	r.clock.begin(cfg.Minutes)
	if t := cfg.Network.Tokenizer; t != nil && m.HasLogits() && !m.Config().Causal && t.Special().Mask >= 0 {
		mask := func(c *Corpus, i int) *Corpus {
			return c.mask(t.Special().Mask, t.IsSpecial, tuning.NewRand(cfg.Seed, streamMask, i))
		}
		r.corpus, r.validation = mask(r.corpus, 0), mask(r.validation, 1)
	}
	return r
}

// Of the corpus, heads see some chunks at a time, and after so many steps another
// one in place of the oldest. What they see is bounded, and changes often enough
// that no head learns it by heart: each sequence is drawn four times on average.
const (
	poolChunks   = 6
	chunkTokens  = 10000
	poolBytes    = 1200 << 20
	chunkSteps   = 80
	surveyTokens = 1500 // that costs are measured on
	heldTokens   = 4000 // that heads are judged by
)

// read runs the exact network.
func (r *run) read(ctx context.Context) (err error) {
	r.tell(Progress{Stage: StageRead})
	m := r.model
	if r.evaluation, err = newEvaluation(ctx, m, r.validation, r.cfg.Settings.Weights, r.work); err != nil {
		return err
	}
	r.teacher = newTeacher(m, r.corpus, r.work)
	if r.heads, err = newHeads(ctx, m, r.corpus.pick(append(r.chunkOf(0), r.chunkOf(1)...)), r.work); err != nil {
		return err
	}
	if r.held, err = capture(ctx, m, r.validation.pick(r.validation.first(heldTokens)), r.heads, r.work); err != nil {
		return err
	}
	for _, layer := range r.heads {
		r.all = append(r.all, layer...)
	}
	r.result = Result{
		Schema: Schema, Program: r.cfg.Program, Kernel: tensor.Kernel(), Model: m.Name(), Seed: r.cfg.Seed, Settings: r.cfg.Settings,
		Corpus:     Counts{r.corpus.Len(), r.corpus.Tokens()},
		Validation: Counts{r.validation.Len(), r.validation.Tokens()},
	}
	return nil
}

// chunkOf returns the sequences of a chunk. Chunks follow one another through the
// corpus, again and again.
func (r *run) chunkOf(chunk int) []int {
	n, size := r.corpus.Len(), r.chunkSize()
	chosen := make([]int, size)
	for i := range chosen {
		chosen[i] = r.chunks.at(chunk*size+i, n, shuffler(r.cfg.Seed, streamHead))
	}
	return chosen
}

// chunkSize returns the number of sequences of a chunk.
func (r *run) chunkSize() int {
	tokens := min(chunkTokens, poolBytes/poolChunks/(r.model.Layers()*r.model.Width()*8))
	n := r.corpus.Len()
	return max(1, min((n+poolChunks-1)/poolChunks, tokens*n/r.corpus.Tokens()))
}

// show shows heads the chunks that they see at a step.
func (r *run) show(ctx context.Context, step int) error {
	last := poolChunks - 1
	if r.chunkSize()*poolChunks < r.corpus.Len() {
		last += step / chunkSteps
	}
	first := last - poolChunks + 1
	if len(r.all[0].pool) > 0 && r.shown <= last && r.shown >= first {
		first = r.shown + 1
	} else {
		r.hide()
	}
	for c := first; c <= last; c++ {
		seen, err := capture(ctx, r.model, r.corpus.pick(r.chunkOf(c)), r.heads, r.work)
		if err != nil {
			return err
		}
		for _, h := range r.all {
			h.pool = append(h.pool, seen[h.layer][h.index])
			if len(h.pool) > poolChunks {
				h.pool = append(h.pool[:0], h.pool[1:]...)
			}
		}
		r.shown = c
	}
	return nil
}

// hide takes from heads what they see.
func (r *run) hide() {
	for _, h := range r.all {
		h.pool = nil
	}
}

// plan is how a head is fitted by itself.
func (r *run) plan(head, steps, warm int) *headPlan {
	s := &r.cfg.Settings
	return &headPlan{
		loss:  loss{calcium: s.Calcium, causal: r.model.Config().Causal, slope: r.model.Slope(head)},
		batch: s.HeadBatch, rate: schedule{s.HeadRate, warm, steps}, seed: r.cfg.Seed,
	}
}

// each does something for every head, on all threads.
func (r *run) each(do func(h *head, work *tensor.Arena) error) error {
	errs := make([]error, len(r.all))
	r.cfg.Pool.For(len(r.all), func(worker, i int) { errs[i] = do(r.all[i], &r.arenas[worker]) })
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("layer %d, head %d: %w", r.all[i].layer, r.all[i].index, err)
		}
	}
	return nil
}

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
	if err := r.each(func(h *head, work *tensor.Arena) error {
		h.begin(equal, r.cfg.Seed, work)
		return nil
	}); err != nil {
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
	r.state.Stage, r.state.Done = StageHeads, 0
	return r.each(func(h *head, work *tensor.Arena) error {
		h.begin(r.state.Neurons[h.layer*r.model.Heads()+h.index], r.cfg.Seed, work)
		return nil
	})
}

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
	rate := s.JointRate * math.Sqrt(r.state.PerHead.Loss)
	return jointPlan{weights: s.Weights, batch: s.JointBatch, rate: schedule{rate, warmSteps, r.state.JointSteps}, seed: r.cfg.Seed}
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
	r.joint.plan.rate.steps = math.MaxInt32
	began := time.Now()
	for range measureSteps {
		if _, err := r.joint.step(ctx); err != nil {
			return err
		}
	}
	perStep := time.Since(began) / measureSteps
	r.state.JointSteps = r.clock.steps(jointShare, perStep, fewestJointSteps, mostJointSteps)
	copy(r.joint.circuits.data, before)
	r.joint.circuits.update(r.cfg.Pool)
	r.joint = newJoint(r.joint.circuits, r.teacher, r.jointPlan(), r.work)
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
		Program: r.cfg.Program, Checkpoint: r.cfg.Weights, Seed: r.cfg.Seed,
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

func (r *run) tell(p Progress) {
	p.Fidelity = r.told.Fidelity
	r.told = p
	if r.cfg.Progress != nil {
		r.cfg.Progress(p)
	}
}
