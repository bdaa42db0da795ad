package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// BlockConfig holds what distinguishes the blocks of the architectures.
type BlockConfig struct {
	// Heads is the number of attention heads.
	Heads int
	// PreNorm puts each layer normalization before its half of the block, as in
	// GPT-2 and ViT:
	//
	//	a = x + attention(norm(x)),      y = a + feedforward(norm(a))
	//
	// Otherwise it comes after the residual, as in BERT:
	//
	//	a = norm(x + attention(x)),      y = norm(a + feedforward(a))
	PreNorm bool
	// Activation of the feed-forward layer.
	Activation Activation
	// LogitScale multiplies q.k; 0 means the usual 1/sqrt(d).
	LogitScale float64
	// Precision of all products, those of the heads included. Only blocks in
	// Float32 go backward.
	Precision tensor.Precision
}

// BlockParams are the parameters of a block as checkpoints hold them, D being
// the width of the block and d that of a head. Weights stored as [in, out] are
// transposed first (tensor.Transpose), fused ones taken apart (Unfuse).
type BlockParams struct {
	Query, Key    Projection // [heads·d, D]
	Value         Projection // [heads·dv, D]
	Output        Projection // [D, heads·dv]
	Up            Projection // [F, D]
	Down          Projection // [D, F]
	AttentionNorm LayerNorm  // [D] the one that belongs to attention
	OutputNorm    LayerNorm  // [D] the one that belongs to the feed-forward layer
}

// Block is one transformer block: attention, residual, layer normalization and
// a feed-forward layer. The same block may be applied many times over, each time
// with heads of its own.
//
// Query and key weights and biases are multiplied by sqrt(LogitScale) each, that
// is d^(-1/4), when the block is built: heads see queries and keys whose product
// is the logit, and a gradient with respect to the checkpoint's weights is
// d^(-1/4) times that with respect to the block's.
type Block struct {
	heads       int
	width       int // D
	keyWidth    int // d
	valueWidth  int // dv
	preNorm     bool
	precision   tensor.Precision
	activation  Activation
	inputs      Linear // queries, keys and values of all heads, one under another
	output      Linear
	up, down    Linear
	first, last LayerNorm
	root        float32    // sqrt(LogitScale), the factor of query and key weights
	stacked     Projection // of inputs, once they were updated
}

// NewBlock packs the parameters of a block, of which it keeps nothing (see
// Update). It reports shapes that do not fit.
func NewBlock(cfg BlockConfig, p BlockParams) (*Block, error) {
	d, err := p.check(cfg.Heads)
	if err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	if cfg.LogitScale < 0 || math.IsNaN(cfg.LogitScale) || math.IsInf(cfg.LogitScale, 0) {
		return nil, fmt.Errorf("block: the scale of the logits is %v, it must be positive", cfg.LogitScale)
	}
	scale := cfg.LogitScale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d))
	}
	root := float32(math.Sqrt(scale))
	return &Block{
		heads:      cfg.Heads,
		width:      p.Query.Weight.Cols,
		keyWidth:   d,
		valueWidth: p.Value.Weight.Rows / cfg.Heads,
		preNorm:    cfg.PreNorm,
		precision:  cfg.Precision,
		activation: cfg.Activation,
		inputs:     stack([]Projection{p.Query, p.Key, p.Value}, []float32{root, root, 1}, cfg.Precision),
		output:     NewLinear(p.Output, cfg.Precision),
		up:         NewLinear(p.Up, cfg.Precision),
		down:       NewLinear(p.Down, cfg.Precision),
		first:      p.AttentionNorm.clone(),
		last:       p.OutputNorm.clone(),
		root:       root,
	}, nil
}

// check returns the width of a head's queries and keys.
func (p *BlockParams) check(heads int) (d int, err error) {
	if heads < 1 {
		return 0, fmt.Errorf("%d attention heads, want at least 1", heads)
	}
	width, inner, values, hidden := p.Query.Weight.Cols, p.Query.Weight.Rows, p.Value.Weight.Rows, p.Up.Weight.Rows
	if inner == 0 || inner%heads != 0 || values == 0 || values%heads != 0 {
		return 0, fmt.Errorf("%d queries and %d values are not divided by %d heads", inner, values, heads)
	}
	for _, e := range []error{
		p.Query.check("query", inner, width),
		p.Key.check("key", inner, width),
		p.Value.check("value", values, width),
		p.Output.check("attention output", width, values),
		p.Up.check("first feed-forward", hidden, width),
		p.Down.check("second feed-forward", width, hidden),
		p.AttentionNorm.check("the layer normalization of attention", width),
		p.OutputNorm.check("the layer normalization of the feed-forward layer", width),
	} {
		if e != nil {
			return 0, e
		}
	}
	return inner / heads, nil
}

// stack packs projections of the same input one under another, each times its
// scale.
func stack(ps []Projection, scales []float32, precision tensor.Precision) Linear {
	weights := make([]tensor.Matrix, len(ps))
	for i, p := range ps {
		weights[i] = p.Weight
	}
	l := Linear{weight: precision.PackStack(weights, scales), reversed: new(reversed)}
	if biased(ps) {
		l.bias = make([]float32, l.Out())
		fillBias(l.bias, ps, scales)
	}
	return l
}

// biased says whether any of the projections has a bias.
func biased(ps []Projection) bool {
	return slices.ContainsFunc(ps, func(p Projection) bool { return p.Bias != nil })
}

// fill is stack into a projection of the right shape.
func (p Projection) fill(from []Projection, scales []float32) {
	at := 0
	for i, f := range from {
		for r := range f.Weight.Rows {
			tensor.Scale(p.Weight.Row(at+r), scales[i], f.Weight.Row(r))
		}
		at += f.Weight.Rows
	}
	if p.Bias != nil {
		fillBias(p.Bias, from, scales)
	}
}

func fillBias(bias []float32, from []Projection, scales []float32) {
	at := 0
	for i, f := range from {
		part := bias[at : at+f.Weight.Rows]
		if f.Bias == nil {
			clear(part)
		} else {
			tensor.Scale(part, scales[i], f.Bias)
		}
		at += f.Weight.Rows
	}
}

// clone returns a copy that shares nothing.
func (l LayerNorm) clone() LayerNorm {
	return LayerNorm{Gain: slices.Clone(l.Gain), Bias: slices.Clone(l.Bias), Epsilon: l.Epsilon}
}

// Heads returns the number of attention heads.
func (b *Block) Heads() int { return b.heads }

// Width returns D, the width of the block's input and output.
func (b *Block) Width() int { return b.width }

// KeyWidth returns d, the width of one head's queries and keys.
func (b *Block) KeyWidth() int { return b.keyWidth }

// ValueWidth returns dv, the width of one head's values.
func (b *Block) ValueWidth() int { return b.valueWidth }

// Pass is what one application of a block needs beside its input.
type Pass struct {
	// Sequences divide all rows of the input.
	Sequences tensor.Sequences
	// Heads holds one head for each of the block's. They belong to the
	// application, not to the block: where one block serves every layer, tuning
	// curves and slopes still differ.
	Heads []attention.Head
	// States is nil for whole sequences. Otherwise States[i·heads+h] is the
	// state of head h for sequence i, whose rows continue it.
	States []attention.State
	// Trace, unless nil, records what the heads did.
	Trace *Trace
	// Tape, unless nil, keeps what a backward pass needs. States must be nil then:
	// only whole sequences go backward.
	Tape *Tape
	// Work holds threads and scratch memory.
	Work *Workspace
}

// Forward computes the block for all tokens of x [N, D] and writes dst [N, D],
// which may be x itself. Work is spread over rows, and over heads, sequences and
// groups of neurons; the result does not depend on how.
func (b *Block) Forward(dst, x tensor.Matrix, pass Pass) {
	b.check(dst, x, &pass)
	w := pass.Work
	w.begin(b, dst, x, pass)
	switch {
	case w.bySequence():
		w.pool.Run(pass.Sequences.Len(), (*sequenceTask)(w))
	case w.isShort():
		w.forwardShort()
	default:
		w.run(w.blocks, (*inputTask)(w), b.inputs.cost(x.Rows))
		w.list()
		w.runHeads()
		w.run(w.blocks, (*outputTask)(w), b.output.cost(x.Rows)+b.up.cost(x.Rows)+b.down.cost(x.Rows))
	}
	w.end()
}

func (b *Block) check(dst, x tensor.Matrix, pass *Pass) {
	if x.Cols != b.width || dst.Rows != x.Rows || dst.Cols != x.Cols {
		panic(fmt.Sprintf("nn: a block of width %d from [%d, %d] into [%d, %d]", b.width, x.Rows, x.Cols, dst.Rows, dst.Cols))
	}
	if len(pass.Heads) != b.heads {
		panic(fmt.Sprintf("nn: %d heads for a block with %d", len(pass.Heads), b.heads))
	}
	if n := pass.Sequences.Len() * b.heads; pass.States != nil && len(pass.States) != n {
		panic(fmt.Sprintf("nn: %d states for %d sequences of %d heads", len(pass.States), pass.Sequences.Len(), b.heads))
	}
	if pass.States != nil && pass.Tape != nil {
		panic("nn: a pass with states cannot keep a tape: only whole sequences go backward")
	}
	if b.precision != tensor.Float32 && pass.Tape != nil {
		panic("nn: a block in precision " + b.precision.String() + " cannot keep a tape: only float32 goes backward")
	}
	pass.Sequences.Check(x.Rows)
	if pass.Sequences.Tokens() != x.Rows {
		panic(fmt.Sprintf("nn: sequences hold %d tokens of %d", pass.Sequences.Tokens(), x.Rows))
	}
	if pass.Work == nil {
		panic("nn: a pass needs a workspace; make one with NewWorkspace")
	}
}
