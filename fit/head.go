package fit

import (
	"fmt"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// head is one head that is fitted by itself, to the queries and keys that it sees
// in the exact network. Heads know nothing of one another, so that any number of
// threads fits them side by side.
type head struct {
	layer, index int
	pool         []*seen // what it sees at present
	balanced     balanced
	curves       *curves
	grad         *curves
	optimizer    *nn.AdamW
	steps        int // done
}

// seen is what a head saw: queries and keys in balanced coordinates, of all
// sequences one after another.
type seen struct {
	q, k               tensor.Matrix // [N, d]
	keyBias, queryBias []float32     // [N]
	seqs               tensor.Sequences
}

// sample returns sequence i.
func (s *seen) sample(i int) sample {
	lo, hi := s.seqs.Bounds(i)
	return sample{s.q.SliceRows(lo, hi), s.k.SliceRows(lo, hi), s.keyBias[lo:hi], s.queryBias[lo:hi]}
}

// sequences returns how many sequences the head sees.
func (h *head) sequences() (n int) {
	for _, s := range h.pool {
		n += s.seqs.Len()
	}
	return n
}

// sample returns sequence i of all that the head sees.
func (h *head) sample(i int) sample {
	for _, s := range h.pool {
		if n := s.seqs.Len(); i >= n {
			i -= n
			continue
		}
		return s.sample(i)
	}
	panic("fit: a sequence that the head does not see")
}

// keys returns n random keys that the head sees, or all.
func (h *head) keys(n int, rng *rand.Rand) tensor.Matrix {
	total := 0
	for _, s := range h.pool {
		total += s.k.Rows
	}
	order := rng.Perm(total)
	out := tensor.New(min(n, total), h.balanced.Inputs())
	for t := range out.Rows {
		i := order[t]
		for _, s := range h.pool {
			if i < s.k.Rows {
				copy(out.Row(t), s.k.Row(i))
				break
			}
			i -= s.k.Rows
		}
	}
	return out
}

// Streams of random numbers, by what they are for.
const (
	streamStart = iota + 1
	streamHead
	streamTexts
	streamJoint
	streamMask
)

// begin gives a head curves of m neurons where its keys fall.
func (h *head) begin(m int, seed uint64, work *tensor.Arena) {
	h.adopt(newCurves(m, h.balanced.Inputs(), nil))
	rng := tuning.NewRand(seed, streamStart, h.layer, h.index)
	h.curves.start(h.balanced, h.keys(centrePoints, rng), rng, work)
	h.anchor(work)
}

// adopt takes over curves, for an optimizer that remembers nothing.
func (h *head) adopt(c *curves) {
	h.curves, h.grad, h.steps = c, newCurves(c.m, c.d, nil), 0
	var err error
	h.optimizer, err = nn.NewAdamW(headOptimizer(), []nn.Parameter{
		{Name: fmt.Sprintf("the curves of layer %d, head %d", h.layer, h.index), Value: c.data, Gradient: h.grad.data, NoDecay: true},
	})
	if err != nil {
		panic("fit: " + err.Error()) // the configuration is a constant
	}
}

func headOptimizer() nn.AdamWConfig {
	c := nn.DefaultAdamW()
	c.Beta2, c.Decay = 0.99, 0
	return c
}

// headPlan says how heads are fitted one by one.
type headPlan struct {
	loss  loss
	batch int // sequences in a step
	rate  schedule
	seed  uint64
}

// run does steps up to the given one. The result depends on the seed and the
// kernel, not on how the steps are divided between calls.
func (h *head) run(p *headPlan, until int, rng *rand.PCG, work *tensor.Arena) error {
	pick := rand.New(rng)
	for ; h.steps < until; h.steps++ {
		tuning.Reseed(rng, p.seed, streamHead, h.layer, h.index, h.steps)
		if err := h.step(p, pick, work); err != nil {
			return err
		}
	}
	return nil
}

func (h *head) step(p *headPlan, pick *rand.Rand, work *tensor.Arena) error {
	defer work.Release(work.Mark())
	chosen, rows, n := work.Doubles(p.batch), 0, h.sequences()
	for i := range chosen {
		s := pick.IntN(n)
		chosen[i], rows = float64(s), rows+h.sample(s).q.Rows
	}
	clear(h.grad.data)
	packed := h.curves.pack(work)
	for _, s := range chosen {
		p.loss.sequence(&packed, h.grad, h.sample(int(s)), 1/float32(rows), false, work)
	}
	h.curves.around(h.grad)
	if h.balanced.shared {
		h.grad.tie()
	}
	_, err := h.optimizer.Step(nil, p.rate.at(h.steps))
	return err
}

// score returns the loss on other sequences.
func (h *head) score(l *loss, on *seen, work *tensor.Arena) (out score) {
	defer work.Release(work.Mark())
	packed := h.curves.pack(work)
	for i := range on.seqs.Len() {
		out.add(l.sequence(&packed, nil, on.sample(i), 0, true, work))
	}
	return out
}

// anchorTokens is how many tokens anchors are the mean of.
const anchorTokens = 6000

// anchor moves the anchors to what each neuron serves: with the share s_ti of
// neuron i in the calcium of query t, and s_iu in what key u brings to all,
//
//	r_i = sum_t s_ti q_t/sum_t s_ti,  w_i = sum_u s_iu k_u/sum_u s_iu
func (h *head) anchor(work *tensor.Arena) {
	defer work.Release(work.Mark())
	m, d := h.curves.m, h.curves.d
	packed := h.curves.pack(work)
	read, write := tensor.New(m, d+1), tensor.New(m, d+1)
	for i, tokens := 0, 0; i < h.sequences() && tokens < anchorTokens; i++ {
		s := h.sample(i)
		tokens += s.q.Rows
		packed.serve(read, write, s, work)
	}
	mean := func(x tensor.Matrix) []float32 {
		out := make([]float32, m*d)
		for i := range m {
			if n := x.Row(i)[d]; n > 0 {
				tensor.Scale(out[i*d:(i+1)*d], 1/n, x.Row(i)[:d])
			}
		}
		return out
	}
	h.curves.moveAnchors(mean(read), mean(write))
}
