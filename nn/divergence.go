package nn

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// Divergence returns the mean over rows of
//
//	KL(P || Q) = sum_j P_j log(P_j/Q_j),  P = softmax(want), Q = softmax(logits)
//
// by which one network learns to answer as another, and writes its gradient
//
//	dst = (Q - P)/rows
//
// with respect to logits to dst, which may be logits; all are [n, classes]. It
// reports a loss that is not finite; dst means nothing then. Sums are taken in the
// order of rows, whatever the number of threads.
func Divergence(work *Workspace, dst, logits, want tensor.Matrix) (mean float64, err error) {
	n, classes := logits.Rows, logits.Cols
	if dst.Rows != n || dst.Cols != classes || want.Rows != n || want.Cols != classes {
		panic(fmt.Sprintf("nn: divergence of [%d, %d] from [%d, %d] into [%d, %d]", n, classes, want.Rows, want.Cols, dst.Rows, dst.Cols))
	}
	l := &work.loss
	if cap(l.each) < n {
		l.each = make([]float64, n)
	}
	l.each, l.scale = l.each[:n], 1/float32(max(1, n))
	l.logits, l.dlogits, l.want = logits, dst, want
	work.pool.Run(l.blocks(n), (*divergenceTask)(work))
	sum := 0.0
	for t, v := range l.each {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			err = fmt.Errorf("the divergence at row %d is %v: the logits there are not finite, or too far apart", t, v)
			break
		}
		sum += v
	}
	*l = loss{room: l.room, each: l.each}
	if err != nil {
		return 0, err
	}
	return sum / float64(max(1, n)), nil
}

type divergenceTask Workspace

// Do implements tensor.Task.
func (t *divergenceTask) Do(worker, i int) {
	l, arena := &t.loss, &t.arenas[worker]
	defer arena.Release(arena.Mark())
	p := arena.Floats(l.logits.Cols)
	for r := i * lossBlockRows; r < min((i+1)*lossBlockRows, l.logits.Rows); r++ {
		l.each[r] = divergenceRow(l.dlogits.Row(r), l.logits.Row(r), l.want.Row(r), p, l.scale)
	}
}

// divergenceRow is the divergence of one row; p is room for P.
func divergenceRow(dst, logits, want, p []float32, scale float32) float64 {
	top, wantTop := tensor.Max(logits), tensor.Max(want)
	wantSum := tensor.ExpSum(p, want, wantTop)
	// sum P (log P - log Q) = sum P (want - logits) - log(sum of P) + log(sum of Q)
	var cross float64
	for j, v := range p {
		if v != 0 {
			cross += float64(v) * (float64(want[j]-wantTop) - float64(logits[j]-top))
		}
	}
	sum := tensor.ExpSum(dst, logits, top)
	f, wantF := float32(float64(scale)/sum), float32(float64(scale)/wantSum)
	for j, v := range dst {
		dst[j] = f*v - wantF*p[j]
	}
	return cross/wantSum - math.Log(wantSum) + math.Log(sum)
}
