package bench

import (
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// LanguageConfig is the shape of a language model.
type LanguageConfig struct {
	Layers, Width, Heads, FeedForward int
	Vocabulary                        int
	Context                           int // the longest sequence
	Optimizer                         nn.AdamWConfig
	Rate                              float64 // of learning
}

// SmallLanguage is the model of which a training step is measured: 1.9 million
// parameters, most of them embeddings.
func SmallLanguage() LanguageConfig {
	optimizer := nn.DefaultAdamW()
	optimizer.Beta2, optimizer.Decay = 0.95, 0.1
	return LanguageConfig{Layers: 4, Width: 128, Heads: 4, FeedForward: 512, Vocabulary: 8192, Context: 128, Optimizer: optimizer, Rate: 3e-4}
}

// LanguageParams are the parameters of a language model, or their gradients.
type LanguageParams struct {
	Tokens    nn.Embedding // [vocabulary, width], the weights of the read-out too
	Positions nn.Embedding // [context, width]
	Blocks    []*nn.BlockParams
	Norm      nn.LayerNorm // before the read-out
}

// LanguageModel is a causal, pre-norm language model in training, with learned
// positions and tied embeddings.
type LanguageModel struct {
	cfg          LanguageConfig
	params, grad LanguageParams
	blocks       []*nn.Block
	readOut      nn.Linear
	heads        [][]attention.Head
	gradients    []nn.BlockGradient // of blocks
	optimizer    *nn.AdamW
	work         *nn.Workspace

	tapes         []nn.Tape
	x, normed, dx tensor.Matrix // [N, width]
	positions     []int
	arena         tensor.Arena
}

// NewLanguageModel draws the weights of a model, with softmax heads for 0 neurons,
// else circuits of that many whose tuning curves stay as they are drawn.
func NewLanguageModel(cfg LanguageConfig, neurons int, seed uint64, pool *tensor.Pool) (*LanguageModel, error) {
	rng := tuning.NewRand(seed, streamLanguage)
	norm := func() nn.LayerNorm {
		l := nn.LayerNorm{Gain: make([]float32, cfg.Width), Bias: make([]float32, cfg.Width), Epsilon: 1e-5}
		for i := range l.Gain {
			l.Gain[i] = 1
		}
		return l
	}
	linear := func(out, in int) nn.Projection {
		return nn.Projection{Weight: gaussian(rng, out, in, 0.02), Bias: make([]float32, out)}
	}
	p := LanguageParams{
		Tokens:    nn.Embedding{Table: gaussian(rng, cfg.Vocabulary, cfg.Width, 0.02)},
		Positions: nn.Embedding{Table: gaussian(rng, cfg.Context, cfg.Width, 0.02)},
		Norm:      norm(),
	}
	d := cfg.Width
	for range cfg.Layers {
		p.Blocks = append(p.Blocks, &nn.BlockParams{
			Query: linear(d, d), Key: linear(d, d), Value: linear(d, d), Output: linear(d, d),
			Up: linear(cfg.FeedForward, d), Down: linear(d, cfg.FeedForward), AttentionNorm: norm(), OutputNorm: norm(),
		})
	}
	heads := make([][]attention.Head, cfg.Layers)
	for l := range heads {
		for h := range cfg.Heads {
			var head attention.Head = attention.Softmax{Causal: true}
			if neurons > 0 {
				var err error
				if head, err = circuit(d/cfg.Heads, neurons, true, tensor.Float32, tuning.NewRand(seed, streamNeurons, l, h)); err != nil {
					return nil, err
				}
			}
			heads[l] = append(heads[l], head)
		}
	}
	return newLanguageModel(cfg, p, heads, pool)
}

func newLanguageModel(cfg LanguageConfig, p LanguageParams, heads [][]attention.Head, pool *tensor.Pool) (*LanguageModel, error) {
	m := &LanguageModel{
		cfg: cfg, params: p, heads: heads, work: nn.NewWorkspace(pool), tapes: make([]nn.Tape, cfg.Layers),
		readOut: nn.NewLinear(nn.Projection{Weight: p.Tokens.Table}, tensor.Float32),
		grad: LanguageParams{
			Tokens:    nn.Embedding{Table: tensor.New(cfg.Vocabulary, cfg.Width)},
			Positions: nn.Embedding{Table: tensor.New(cfg.Context, cfg.Width)},
			Norm:      nn.LayerNorm{Gain: make([]float32, cfg.Width), Bias: make([]float32, cfg.Width)},
		},
	}
	list := []nn.Parameter{
		nn.WeightParameter("tokens", p.Tokens.Table, m.grad.Tokens.Table),
		nn.WeightParameter("positions", p.Positions.Table, m.grad.Positions.Table),
		{Name: "norm.gain", Value: p.Norm.Gain, Gradient: m.grad.Norm.Gain, NoDecay: true},
		{Name: "norm.bias", Value: p.Norm.Bias, Gradient: m.grad.Norm.Bias, NoDecay: true},
	}
	for l, bp := range p.Blocks {
		b, err := nn.NewBlock(nn.BlockConfig{Heads: cfg.Heads, PreNorm: true}, *bp)
		if err != nil {
			return nil, fmt.Errorf("language model: layer %d: %w", l, err)
		}
		m.blocks = append(m.blocks, b)
		m.grad.Blocks = append(m.grad.Blocks, bp.Zeros())
		m.gradients = append(m.gradients, nn.BlockGradient{Params: m.grad.Blocks[l]})
		list = append(list, bp.Parameters(fmt.Sprintf("layer %d ", l), m.grad.Blocks[l])...)
	}
	var err error
	m.optimizer, err = nn.NewAdamW(cfg.Optimizer, list)
	return m, err
}

// Gradient takes a batch forward and back: ids of all sequences, one after
// another, and the id that should follow each. It returns the mean cross-entropy
// and adds to the gradients.
func (m *LanguageModel) Gradient(ids, targets []int, seqs tensor.Sequences) (loss float64, err error) {
	n := len(ids)
	m.x, m.normed, m.dx = m.x.Resize(n, m.cfg.Width), m.normed.Resize(n, m.cfg.Width), m.dx.Resize(n, m.cfg.Width)
	m.positions = m.positions[:0]
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := range hi - lo {
			m.positions = append(m.positions, t)
		}
	}
	if err := m.params.Tokens.Lookup(m.x, ids); err != nil {
		return 0, fmt.Errorf("tokens: %w", err)
	}
	if err := m.params.Positions.Add(m.x, m.positions); err != nil {
		return 0, fmt.Errorf("positions: %w", err)
	}
	for l, b := range m.blocks {
		b.Forward(m.x, m.x, m.pass(l, seqs))
	}
	m.params.Norm.Forward(m.normed, m.x)
	loss, err = m.readOut.CrossEntropy(m.work, m.dx, nn.Projection{Weight: m.grad.Tokens.Table}, m.normed, targets)
	if err != nil {
		return 0, err
	}
	m.params.Norm.Backward(m.dx, m.grad.Norm, m.dx, m.x, &m.arena)
	for l := len(m.blocks) - 1; l >= 0; l-- {
		m.blocks[l].Backward(m.dx, &m.gradients[l], m.dx, m.pass(l, seqs))
	}
	if err := m.params.Positions.Backward(m.grad.Positions, m.dx, m.positions); err != nil {
		return 0, err
	}
	return loss, m.params.Tokens.Backward(m.grad.Tokens, m.dx, ids)
}

func (m *LanguageModel) pass(layer int, seqs tensor.Sequences) nn.Pass {
	return nn.Pass{Sequences: seqs, Heads: m.heads[layer], Tape: &m.tapes[layer], Work: m.work}
}

// Step trains by one batch; see Gradient.
func (m *LanguageModel) Step(ids, targets []int, seqs tensor.Sequences) (loss float64, err error) {
	if loss, err = m.Gradient(ids, targets, seqs); err != nil {
		return 0, err
	}
	if _, err := m.optimizer.Step(m.work.Pool(), m.cfg.Rate); err != nil {
		return 0, err
	}
	m.optimizer.Zero(m.work.Pool())
	for l, b := range m.blocks {
		b.Update(m.work, *m.params.Blocks[l])
	}
	m.readOut.Update(m.work, nn.Projection{Weight: m.params.Tokens.Table})
	return loss, nil
}

// Batch draws random tokens and the targets that go with them.
func (cfg LanguageConfig) Batch(sequences, length int, seed uint64) (ids, targets []int, seqs tensor.Sequences) {
	rng := tuning.NewRand(seed, streamInput)
	lengths := make([]int, sequences)
	for s := range lengths {
		lengths[s] = length
		next := rng.IntN(cfg.Vocabulary)
		for range length {
			ids = append(ids, next)
			next = rng.IntN(cfg.Vocabulary)
			targets = append(targets, next)
		}
	}
	return ids, targets, tensor.NewSequences(lengths...)
}

// trainingOperations counts the products of a step over sequences of one length:
// those of the forward pass, and twice as many on the way back. A causal head
// sees half of all pairs of tokens; the softmax's logits are formed again.
func (cfg LanguageConfig) trainingOperations(tokens, length, neurons int) float64 {
	w := float64(cfg.Width)
	perToken := 4*w*w + 2*w*float64(cfg.FeedForward)
	if neurons == 0 {
		perToken += w * float64(length+1)
	} else {
		perToken += 4 * w * float64(neurons)
	}
	return 3 * 2 * float64(tokens) * (float64(cfg.Layers)*perToken + w*float64(cfg.Vocabulary))
}
