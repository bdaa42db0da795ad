package fit

import (
	"cmp"
	"context"
	"math"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// teacher knows what the exact network computes from the sequences of a corpus. It
// runs the network when it is asked of a sequence for the first time, and keeps
// the hidden states as bfloat16: their directions are what matters, to which that
// means 2^-9, and where a sequence comes again a third of all work of a step is saved.
type teacher struct {
	model  *model.Model
	corpus *Corpus
	work   *nn.Workspace
	kept   []lesson // [sequences]
	bytes  int      // that are kept
}

// lesson is what the exact network computes from one sequence: the hidden states
// behind every layer, and what Forward returned, [n, D] each.
type lesson [][]uint16

// teacherBytes bounds what is kept; what exceeds it is computed again each time.
const teacherBytes = 512 << 20

func newTeacher(m *model.Model, c *Corpus, work *nn.Workspace) *teacher {
	return &teacher{model: m, corpus: c, work: work, kept: make([]lesson, c.Len())}
}

// states writes the states of the chosen sequences, one after another, to dst
// [L+1]: of hidden states 1 to L, and last what Forward returned.
func (t *teacher) states(ctx context.Context, dst []tensor.Matrix, chosen []int) error {
	var missing []int
	seen := map[int]bool{}
	for _, s := range chosen {
		if t.kept[s] == nil && !seen[s] {
			missing = append(missing, s)
			seen[s] = true
		}
	}
	fresh := map[int]lesson{}
	if len(missing) > 0 {
		b := t.corpus.pick(missing)
		lessons := make([]lesson, len(missing))
		note := func(x tensor.Matrix) {
			for i := range missing {
				lo, hi := b.Sequences.Bounds(i)
				lessons[i] = append(lessons[i], halve(x.SliceRows(lo, hi)))
			}
		}
		var failed error
		x, err := t.model.Forward(ctx, b, model.Run{Work: t.work, Hidden: func(i int, x tensor.Matrix) {
			failed = cmp.Or(failed, network.CheckStates(t.model, i, x))
			if i > 0 {
				note(x)
			}
		}})
		if err = cmp.Or(err, failed, network.CheckStates(t.model, t.model.Layers(), x)); err != nil {
			return err
		}
		note(x)
		for i, s := range missing {
			size := 2 * len(lessons[i]) * len(lessons[i][0])
			if t.bytes+size <= teacherBytes {
				t.kept[s] = lessons[i]
				t.bytes += size
			} else {
				fresh[s] = lessons[i]
			}
		}
	}
	at, width := 0, t.model.Width()
	for _, s := range chosen {
		l := t.kept[s]
		if l == nil {
			l = fresh[s]
		}
		n := len(l[0]) / width
		for i, x := range l {
			double(dst[i].SliceRows(at, at+n), x)
		}
		at += n
	}
	return nil
}

// halve rounds to bfloat16, to the nearest and ties to even.
func halve(x tensor.Matrix) []uint16 {
	out := make([]uint16, 0, x.Rows*x.Cols)
	for t := range x.Rows {
		for _, v := range x.Row(t) {
			b := math.Float32bits(v)
			out = append(out, uint16((b+0x7fff+b>>16&1)>>16))
		}
	}
	return out
}

// double is the way back.
func double(dst tensor.Matrix, x []uint16) {
	for t := range dst.Rows {
		row := dst.Row(t)
		for j, v := range x[t*dst.Cols : (t+1)*dst.Cols] {
			row[j] = math.Float32frombits(uint32(v) << 16)
		}
	}
}
