package fit

import (
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// follow makes calcium follow the softmax normalizer while heads are fitted
// together: it returns, of the heads of layer l on a batch, their part of
//
//	weight·mean over heads and sequences of (mean over queries of log²(c/Z))
//
// and writes its gradient with respect to the curves, for unfold. Queries and keys are
// those that the network of circuits makes, and stay as they are. The mean over
// sequences is estimated from one of the batch for every head, another one each step.
func (c *circuits) follow(l int, t *nn.Trace, seqs tensor.Sequences, step int, weight float64, pool *tensor.Pool) (total float64) {
	if c.arenas == nil {
		c.arenas = make([]tensor.Arena, pool.Threads())
	}
	heads := c.model.Heads()
	found := make([]float64, heads)
	pool.For(heads, func(worker, h int) {
		f, work := c.all[l*heads+h], &c.arenas[worker]
		defer work.Release(work.Mark())
		lo, hi := seqs.Bounds((step + h) % seqs.Len())
		s := f.balanced.see(t.Query(h).SliceRows(lo, hi), t.Key(h).SliceRows(lo, hi), tensor.NewSequences(hi-lo), work)
		found[h] = f.calciumLoss(&loss{
			calcium: weight / float64(len(c.all)), causal: c.model.Config().Causal, slope: c.model.Slope(h),
		}, s.sample(0), work)
	})
	for _, x := range found {
		total += x
	}
	return total
}

// calciumLoss returns the calcium term of a loss, the mean over the queries of a
// sample, and adds its gradient, with respect to B where curves have b.
func (f *fitted) calciumLoss(l *loss, s sample, work *tensor.Arena) (total float64) {
	defer work.Release(work.Mark())
	packed, n := f.curves.pack(work), s.q.Rows
	offs := work.Doubles(n)
	l.compare(&packed, f.grad, s, 1/float32(n), false, offs, work)
	for _, off := range offs {
		total += l.calcium * off * off / float64(n)
	}
	return total
}
