package nn

import (
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
)

// whose records which workers do the parts of a task, and waits for several.
type whose struct {
	workers [2]int
	parts   chan struct{} // nil where nobody is waited for
}

func (w *whose) Do(worker, i int) {
	w.workers[worker]++
	if w.parts != nil { // the other worker has to take one
		w.parts <- struct{}{}
		for len(w.parts) < 2 {
		}
	}
}

func TestLittleWorkIsNotHandedOver(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	w := NewWorkspace(pool)
	alone := &whose{}
	w.run(100, alone, leastShared-1)
	if alone.workers != [2]int{100, 0} {
		t.Errorf("the workers did %v parts, want all by the caller", alone.workers)
	}
	shared := &whose{parts: make(chan struct{}, 2)}
	w.run(2, shared, leastShared)
	if shared.workers != [2]int{1, 1} {
		t.Errorf("the workers did %v parts, want one each", shared.workers)
	}
}

// What is little depends on all that a product reads and computes.
func TestAProductIsWorthSharingByItsWeightsAndRows(t *testing.T) {
	w := NewWorkspace(nil)
	for _, c := range []struct {
		width, rows int
		want        bool
	}{{160, 1, false}, {256, 1, true}, {100, 16, false}, {128, 16, true}, {16, 48, false}} {
		l := NewLinear(Projection{Weight: tensor.New(c.width, c.width)}, tensor.Float32)
		if got := w.worthSharing(l.cost(c.rows)); got != c.want {
			t.Errorf("%d rows times weights [%d, %d]: %v", c.rows, c.width, c.width, got)
		}
	}
}

// Exact heads are more work the more keys there are; a circuit is worth sharing
// whatever it reads.
func TestHeadsAreSharedByWhatTheyRead(t *testing.T) {
	softmax := attention.Softmax{Causal: true}
	circuit := manyNeurons(t, 8)
	state := softmax.NewState()
	x := tensor.New(3000, 8)
	var h heads
	w := NewWorkspace(nil)
	one := func(head attention.Head, state attention.State) call {
		q := x.SliceRows(0, 1)
		return call{head: head, dst: tensor.New(1, 8), q: q, k: q, v: q, seqs: tensor.NewSequences(1), state: state}
	}
	if h.add(one(softmax, state)); w.worthSharing(h.cost) {
		t.Error("a head is shared for one key")
	}
	h.clear()
	softmax.Forward(tensor.New(3000, 8), nil, x, x, x, tensor.NewSequences(3000), state, nil, nil)
	for range 2 {
		h.add(one(softmax, state))
	}
	if !w.worthSharing(h.cost) {
		t.Error("two heads are not shared for 3,000 keys")
	}
	h.clear()
	if h.add(one(circuit, nil)); !w.worthSharing(h.cost) {
		t.Error("a circuit is not shared")
	}
}
