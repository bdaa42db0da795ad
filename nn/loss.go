package nn

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// NoTarget marks a token that has no target and does not count.
const NoTarget = -1

// CrossEntropy returns the mean of -log softmax(logits)[target] over the tokens
// that have a target, 0 if none has, and writes its gradient
//
//	dst = (softmax(logits) - target)/(number of targets)
//
// to dst [n, classes], which may be logits; rows without target are 0. It reports
// a target that is no class, and a loss that is not finite; dst means nothing
// then. Sums are taken in the order of rows, whatever the number of threads.
func CrossEntropy(work *Workspace, dst, logits tensor.Matrix, targets []int) (mean float64, err error) {
	if dst.Rows != logits.Rows || dst.Cols != logits.Cols || len(targets) != logits.Rows {
		panic(fmt.Sprintf("nn: cross-entropy of [%d, %d] and %d targets into [%d, %d]", logits.Rows, logits.Cols, len(targets), dst.Rows, dst.Cols))
	}
	l := &work.loss
	if err := l.begin(targets, logits.Cols); err != nil {
		return 0, err
	}
	l.logits, l.dlogits = logits, dst
	work.pool.Run(l.blocks(logits.Rows), (*lossTask)(work))
	return l.end()
}

// CrossEntropy is the loss of logits y = W x + b, as the function CrossEntropy
// has it, of all tokens x [n, in], and their way back in one: it writes dx [n, in]
// and adds to grad, either of which may be left out as in Backward. Logits are
// held for some hundred tokens at a time, since those of a large vocabulary are
// most of the memory of a small model.
func (l Linear) CrossEntropy(work *Workspace, dx tensor.Matrix, grad Projection, x tensor.Matrix, targets []int) (mean float64, err error) {
	if x.Cols != l.In() || len(targets) != x.Rows || dx.Rows > 0 && (dx.Rows != x.Rows || dx.Cols != x.Cols) {
		panic(fmt.Sprintf("nn: cross-entropy of weights [%d, %d], input [%d, %d] and %d targets, back to [%d, %d]",
			l.Out(), l.In(), x.Rows, x.Cols, len(targets), dx.Rows, dx.Cols))
	}
	if err := grad.checkGradient("linear", l.Out(), l.In()); err != nil {
		panic("nn: " + err.Error())
	}
	s := &work.loss
	if err := s.begin(targets, l.Out()); err != nil {
		return 0, err
	}
	s.linear = l
	rows := min(x.Rows, lossRows)
	s.room = s.room.Resize(rows, l.Out())
	for lo := 0; lo < x.Rows; lo += rows {
		hi := min(lo+rows, x.Rows)
		s.first, s.x, s.logits = lo, x.SliceRows(lo, hi), s.room.SliceRows(0, hi-lo)
		s.dlogits, s.dx = s.logits, tensor.Matrix{}
		if dx.Rows > 0 {
			s.dx = dx.SliceRows(lo, hi)
		}
		work.pool.Run(s.blocks(hi-lo), (*lossTask)(work))
		if grad.Weight.Rows > 0 || grad.Bias != nil {
			work.back.outers = append(work.back.outers[:0], outer{dy: s.dlogits, x: s.x, grad: grad})
			work.accumulate()
		}
	}
	return s.end()
}

const (
	lossRows      = 512 // rows whose logits are held at once
	lossBlockRows = 32  // rows of one part: logits stay in the second-level cache
)

// loss is a cross-entropy at work.
type loss struct {
	room    tensor.Matrix // [lossRows, classes]
	each    []float64     // [n] of every token
	targets []int
	scale   float32 // 1/(number of targets)

	first           int    // the token of row 0
	linear          Linear // unless logits are given
	x, dx           tensor.Matrix
	logits, dlogits tensor.Matrix
	want            tensor.Matrix // of a divergence
}

func (l *loss) begin(targets []int, classes int) error {
	count := 0
	for t, c := range targets {
		if c == NoTarget {
			continue
		}
		if c < 0 || c >= classes {
			return fmt.Errorf("target %d at position %d is no class, classes are 0 to %d", c, t, classes-1)
		}
		count++
	}
	if cap(l.each) < len(targets) {
		l.each = make([]float64, len(targets))
	}
	l.each, l.targets, l.scale = l.each[:len(targets)], targets, 1/float32(max(1, count))
	return nil
}

// blocks returns the number of parts of so many rows.
func (l *loss) blocks(rows int) int { return (rows + lossBlockRows - 1) / lossBlockRows }

// end adds up and lets go of the caller's data.
func (l *loss) end() (mean float64, err error) {
	sum, count := 0.0, 0
	for t, v := range l.each {
		if l.targets[t] == NoTarget {
			continue
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			err = fmt.Errorf("the cross-entropy at position %d is %v: the logits there are not finite, or too far apart", t, v)
			break
		}
		sum += v
		count++
	}
	*l = loss{room: l.room, each: l.each}
	if err != nil {
		return 0, err
	}
	return sum / float64(max(1, count)), nil
}

type lossTask Workspace

// Do implements tensor.Task.
func (t *lossTask) Do(_, i int) {
	l := &t.loss
	lo := i * lossBlockRows
	hi := min(lo+lossBlockRows, l.logits.Rows)
	logits, dlogits := l.logits.SliceRows(lo, hi), l.dlogits.SliceRows(lo, hi)
	if l.x.Rows > 0 {
		l.linear.apply(logits, l.x.SliceRows(lo, hi))
	}
	for r := range hi - lo {
		at := l.first + lo + r
		l.each[at] = l.row(dlogits.Row(r), logits.Row(r), l.targets[at])
	}
	if l.dx.Rows > 0 {
		tensor.Product(l.dx.SliceRows(lo, hi), dlogits, l.linear.reverse())
	}
}

// row returns the loss of one token and writes its gradient.
func (l *loss) row(dst, logits []float32, target int) float64 {
	if target == NoTarget {
		clear(dst)
		return 0
	}
	logit := float64(logits[target])
	top := tensor.Max(logits)
	sum := tensor.ExpSum(dst, logits, top)
	tensor.Scale(dst, float32(float64(l.scale)/sum), dst)
	dst[target] -= l.scale
	return math.Log(sum) + (float64(top) - logit)
}
