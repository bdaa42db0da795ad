package nn

import "github.com/tripartite-go/tripartite/tensor"

// A training loop keeps parameters as checkpoints hold them and changes them
// after every step; blocks and linear maps compute with packed copies, which
// Update brings up to date:
//
//	forward, backward, optimizer's step, Update, and again

// Update packs other parameters in place of those that the block was built with;
// shapes must be the same. It runs on all threads of the workspace and allocates
// in its first call alone. No pass through the block may be under way, nor may a
// tape of the block still wait for its pass back, which would mix two sets of
// weights.
func (b *Block) Update(work *Workspace, p BlockParams) {
	_, err := p.check(b.heads)
	for _, e := range [...]error{err,
		p.Query.check("query", b.heads*b.keyWidth, b.width),
		p.Value.check("value", b.heads*b.valueWidth, b.width),
		p.Up.check("first feed-forward", b.up.Out(), b.width),
	} {
		if e != nil {
			panic("nn: update of a block: " + e.Error())
		}
	}
	inputs, scales := [...]Projection{p.Query, p.Key, p.Value}, [...]float32{b.root, b.root, 1}
	if biased(inputs[:]) != (b.inputs.bias != nil) {
		panic("nn: update with a bias where there was none, or without")
	}
	if b.stacked.Weight.Rows == 0 {
		b.stacked.Weight = tensor.New(b.inputs.Out(), b.width)
		if b.inputs.bias != nil {
			b.stacked.Bias = make([]float32, b.inputs.Out())
		}
	}
	b.stacked.fill(inputs[:], scales[:])
	b.first.update(p.AttentionNorm)
	b.last.update(p.OutputNorm)
	work.repacks = append(work.repacks[:0], repack{b.inputs, b.stacked}, repack{b.output, p.Output}, repack{b.up, p.Up}, repack{b.down, p.Down})
	work.repack()
}

// Update packs other weights in place of those that the map was built with;
// shapes must be the same. It runs on all threads of the workspace. No pass
// through the map may be under way.
func (l Linear) Update(work *Workspace, p Projection) {
	work.repacks = append(work.repacks[:0], repack{l, p})
	work.repack()
}

// update takes over another gain and bias.
func (l *LayerNorm) update(from LayerNorm) {
	if len(from.Gain) != len(l.Gain) || len(from.Bias) != len(l.Bias) {
		panic("nn: update of a layer normalization with gain or bias that it was not built with")
	}
	copy(l.Gain, from.Gain)
	copy(l.Bias, from.Bias)
	l.Epsilon = from.Epsilon
}

// repack is a linear map and its new weights.
type repack struct {
	to   Linear
	from Projection
}

// repackPanels is the number of panels that a part of the work packs.
const repackPanels = 8

// repack packs the weights of repacks, forward and, where they have gone back,
// reversed.
func (w *Workspace) repack() {
	parts := 0
	for _, r := range w.repacks {
		if err := r.from.check("new", r.to.Out(), r.to.In()); err != nil {
			panic("nn: update: " + err.Error())
		}
		if len(r.from.Bias) != len(r.to.bias) {
			panic("nn: update with a bias where there was none, or without")
		}
		copy(r.to.bias, r.from.Bias)
		forward, back := r.parts()
		parts += forward + back
	}
	w.pool.Run(parts, (*repackTask)(w))
	clear(w.repacks)
}

// parts returns the number of parts of the work, either way.
func (r *repack) parts() (forward, back int) {
	rows := repackPanels * tensor.PanelRows()
	forward = (r.to.Out() + rows - 1) / rows
	if r.to.reversed.made {
		back = (r.to.In() + rows - 1) / rows
	}
	return forward, back
}

type repackTask Workspace

// Do implements tensor.Task.
func (t *repackTask) Do(_, i int) {
	rows := repackPanels * tensor.PanelRows()
	for j := range t.repacks {
		r := &t.repacks[j]
		forward, back := r.parts()
		switch {
		case i < forward:
			r.to.weight.Repack(r.from.Weight, i*rows, min((i+1)*rows, r.to.Out()))
			return
		case i < forward+back:
			i -= forward
			r.to.reversed.weight.RepackTransposed(r.from.Weight, i*rows, min((i+1)*rows, r.to.In()))
			return
		}
		i -= forward + back
	}
}
