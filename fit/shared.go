package fit

import (
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// oneCurve returns coordinates in which one curve can serve both phases, as in the
// paper, where a neuron has one phi for queries and keys. What is done to queries
// must be done to keys, and keep q.k: the mean of both is taken off,
//
//	q' = q - z,  k' = k - z,  z = (a + mu)/2
//
// Both phases of a curve then begin alike, get the same gradient, the sum of both
// (see tie), and so stay alike to the bit.
func oneCurve(c *tuning.Calibration) balanced {
	d := c.Inputs()
	one := &tuning.Calibration{
		QueryMean: make([]float64, d), M: make([]float64, d*d), MInvT: make([]float64, d*d), Variance: c.Variance,
	}
	mean := make([]float64, d) // of q'
	for i := range d {
		one.QueryMean[i] = (c.QueryMean[i] + c.KeyMean[i]) / 2
		one.M[i*d+i], one.MInvT[i*d+i] = 1, 1
		mean[i] = c.QueryMean[i] - one.QueryMean[i]
	}
	one.KeyMean = one.QueryMean
	b := newBalanced(one)
	b.shared, b.queryMean = true, narrow(mean)
	return b
}

// tie gives both phases the sum of their gradients.
func (c *curves) tie() {
	for _, p := range [][2][]float32{{c.readW, c.writeW}, {c.readMetric, c.writeMetric}, {c.readCenter, c.writeCenter}} {
		tensor.Add(p[0], p[0], p[1])
		copy(p[1], p[0])
	}
}

// settleShared is settle where both phases share one curve: there is no level of
// reading by itself, and only the drive of all neurons alike moves calcium and
// leaves attention as it is.
func (h *head) settleShared(l *loss, work *tensor.Arena) {
	defer work.Release(work.Mark())
	packed := h.curves.pack(work)
	var offs []float64
	for i := 0; i < h.sequences() && len(offs) < settleTokens; i++ {
		offs = append(offs, l.calciumErrors(&packed, h.sample(i), work)...)
	}
	off := float32(stats.Median(offs))
	for i := range h.curves.b {
		h.curves.b[i] -= off
	}
}
