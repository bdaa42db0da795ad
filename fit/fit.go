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
//	joint.go     all heads together, through the whole network (objective.go, teacher.go, follow.go)
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

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Run fits a network. When the context is done it stops with the context's error,
// after the state was saved to Config.Checkpoint; where that fails, now or on the
// way, the error is a SaveError.
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
	id                 string // see identity

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
	if cfg.saveEvery == 0 {
		cfg.saveEvery = defaultSaveEvery
	}
	r := &run{cfg: cfg, model: m, corpus: cfg.Corpus, validation: cfg.Validation, work: nn.NewWorkspace(cfg.Pool)}
	r.arenas = make([]tensor.Arena, cfg.Pool.Threads())
	r.clock.begin(cfg.Minutes)
	r.id = r.identity()
	if t := cfg.Network.Tokenizer; t != nil && m.HasLogits() && !m.Config().Causal && t.Special().Mask >= 0 {
		mask := func(c *Corpus, i int) *Corpus {
			return c.mask(t.Special().Mask, t.IsSpecial, tuning.NewRand(cfg.Seed, streamMask, i))
		}
		r.corpus, r.validation = mask(r.corpus, 0), mask(r.validation, 1)
	}
	return r
}

// Bounds of what validation looks at: each look is a pass, and the exact hidden
// states are kept.
const (
	validationTokens = 20000
	validationBytes  = 256 << 20
)

// read runs the exact network.
func (r *run) read(ctx context.Context) (err error) {
	r.tell(Progress{Stage: StageRead})
	m := r.model
	r.validation = r.validation.part(min(validationTokens, validationBytes/((m.Layers()+1)*m.Width()*4)))
	if r.evaluation, err = newEvaluation(ctx, m, r.validation, r.cfg.Settings.Weights, r.work); err != nil {
		return err
	}
	r.teacher = newTeacher(m, r.corpus, r.work)
	if r.heads, err = newHeads(ctx, m, r.corpus.pick(append(r.chunkOf(0), r.chunkOf(1)...)), r.cfg.Shared, r.work); err != nil {
		return err
	}
	if r.held, err = capture(ctx, m, r.validation.pick(r.validation.first(heldTokens)), r.heads, r.work); err != nil {
		return err
	}
	for _, layer := range r.heads {
		r.all = append(r.all, layer...)
	}
	r.result = Result{
		Schema: Schema, Program: r.cfg.Program, Kernel: tensor.Kernel(), Model: m.Name(), Shared: r.cfg.Shared, Seed: r.cfg.Seed, Settings: r.cfg.Settings,
		Corpus:     Counts{r.corpus.Len(), r.corpus.Tokens()},
		Validation: Counts{r.validation.Len(), r.validation.Tokens()},
	}
	return nil
}

// plan is how a head is fitted by itself.
func (r *run) plan(head, steps, warm int) *headPlan {
	s := &r.cfg.Settings
	return &headPlan{
		loss:  loss{rows: 1, calcium: s.Calcium, causal: r.model.Config().Causal, slope: r.model.Slope(head)},
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

func (r *run) tell(p Progress) {
	p.Fidelity = r.told.Fidelity
	r.told = p
	if r.cfg.Progress != nil {
		r.cfg.Progress(p)
	}
}
