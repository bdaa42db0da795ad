package nn

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// manyNeurons returns a calibrated head whose neurons make several groups.
func manyNeurons(t *testing.T, d int) *attention.Circuit {
	t.Helper()
	q, k := random(1, 50, d, 1), random(2, 50, d, 0.5)
	cal, err := tuning.Calibrate(q.Data, k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: d, Calibration: cal,
		W: tuning.Weights(tuning.IID, 10_000, d, tuning.NewRand(1))})
	if err != nil {
		t.Fatal(err)
	}
	c, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves})
	if err != nil {
		t.Fatal(err)
	}
	if c.Groups() < 2 {
		t.Fatalf("%d group: the test tests nothing", c.Groups())
	}
	return c
}

func TestThreadsShareTheNeuronsOfAHead(t *testing.T) {
	s := size{12, 3, 4, 4, 20}
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true))
	many := manyNeurons(t, s.d)
	heads := []attention.Head{many, attention.Softmax{}, many}
	seqs := tensor.NewSequences(20, 0, 1, 33)
	x := random(50, seqs.Tokens(), s.width, 1)
	for _, threads := range []int{1, 2, 5} {
		pool := tensor.NewPool(threads)
		var trace Trace
		y := x.Clone()
		pass := Pass{Sequences: seqs, Heads: heads, Trace: &trace, Work: sharing(pool)}
		for range 2 { // also with the memory of another pass
			b.Forward(y, x, pass)
		}
		attended, logC := tensor.New(x.Rows, s.dv), make([]float32, x.Rows)
		for h, head := range heads {
			// Whoever does it, it is what the head's own Forward gives.
			want, wantLogC := tensor.New(x.Rows, s.dv), make([]float32, x.Rows)
			count := attention.Trace{LogFactor: make([]float32, x.Rows)}
			head.Forward(want, wantLogC, trace.Query(h), trace.Key(h), trace.Value(h), seqs, nil, &count, nil)
			what := fmt.Sprintf("%d threads, head %d", threads, h)
			if !slices.Equal(trace.Output(h).Clone().Data, want.Data) || !slices.Equal(trace.LogC(h), wantLogC) {
				t.Errorf("%s: other bytes than alone", what)
			}
			if !slices.Equal(trace.LogFactor(h), count.LogFactor) {
				t.Errorf("%s: other factors than alone", what)
			}
			if got := trace.Counts(h); got.Tokens != count.Tokens || got.NonPositive != count.NonPositive || got.Zero != count.Zero {
				t.Errorf("%s: counted %+v, want %+v", what, got, count)
			}
			pass.Work.Attend(attended, logC, head, trace.Query(h), trace.Key(h), trace.Value(h), seqs, tensor.Float32)
			if !slices.Equal(attended.Data, want.Data) || !slices.Equal(logC, wantLogC) {
				t.Errorf("%s: Attend gives other bytes than Forward", what)
			}
		}
		pool.Close()
	}
}

func TestSharedNeuronsDoNotAllocate(t *testing.T) {
	const n, d = 40, 4
	many := manyNeurons(t, d)
	q, k, v, y := random(1, n, d, 1), random(2, n, d, 1), random(3, n, d, 1), tensor.New(n, d)
	seqs := tensor.NewSequences(n)
	for _, threads := range []int{1, 2} {
		pool := tensor.NewPool(threads)
		work := NewWorkspace(pool)
		f := func() { work.Attend(y, nil, many, q, k, v, seqs, tensor.Float32) }
		for range 20 {
			f() // every worker takes a group at some time
		}
		if allocations := testing.AllocsPerRun(20, f); allocations >= 1 && (threads == 1 || allocations > 2) {
			t.Errorf("%d threads: %v allocations", threads, allocations)
		}
		pool.Close()
	}
}

// A state stays with one thread.
func TestStatesOfManyNeuronsContinueASequence(t *testing.T) {
	s := size{12, 1, 4, 4, 20}
	b := newBlock(t, BlockConfig{Heads: s.heads}, newParams(s, true))
	many := manyNeurons(t, s.d)
	x := random(50, 30, s.width, 1)
	pool := tensor.NewPool(2)
	defer pool.Close()
	work, heads := NewWorkspace(pool), []attention.Head{many}
	want, got := x.Clone(), x.Clone()
	b.Forward(want, x, Pass{Sequences: tensor.NewSequences(30), Heads: heads, Work: work})
	b.Forward(got, x, Pass{Sequences: tensor.NewSequences(30), Heads: heads, States: []attention.State{many.NewState()}, Work: work})
	if !slices.Equal(got.Data, want.Data) {
		t.Error("a state that was empty changes the result")
	}
}
