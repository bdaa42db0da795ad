package tensor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPoolDoesEveryPartOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 5} {
		p := NewPool(threads)
		if p.Threads() != threads {
			t.Errorf("%d threads, want %d", p.Threads(), threads)
		}
		for _, parts := range []int{0, 1, 2, 7, 100} {
			done := make([]atomic.Int32, parts)
			busy := make([]atomic.Bool, threads)
			p.For(parts, func(worker, i int) {
				if !busy[worker].CompareAndSwap(false, true) {
					t.Errorf("worker %d does two parts at once", worker)
				}
				runtime.Gosched()
				done[i].Add(1)
				busy[worker].Store(false)
			})
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Errorf("%d threads: part %d of %d was done %d times", threads, i, parts, n)
				}
			}
		}
		p.Close()
		p.Close()
	}
}

func TestWorkersBeginWithPartsOfTheirOwn(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 10 {
		var begun sync.WaitGroup
		begun.Add(3)
		first := [3]atomic.Int64{}
		p.For(8, func(worker, i int) {
			if first[worker].CompareAndSwap(0, int64(i)+1) {
				begun.Done()
				begun.Wait() // so that nobody takes the parts of others first
			}
		})
		for worker := range first {
			if got, want := first[worker].Load()-1, int64(worker*8/3); got != want {
				t.Errorf("worker %d begins with part %d, want %d", worker, got, want)
			}
		}
	}
}

func TestNobodyWaitsForAThreadThatDoesNotCome(t *testing.T) {
	p := &Pool{threads: 3, workers: make([]worker, 2), done: make(chan struct{}, 1)} // nobody serves
	for range 2 {
		var done [7]int
		p.For(7, func(worker, i int) {
			if worker != 0 {
				t.Errorf("worker %d does part %d", worker, i)
			}
			done[i]++
		})
		if done != [7]int{1, 1, 1, 1, 1, 1, 1} {
			t.Errorf("the parts were done %v times", done)
		}
	}
}

func TestPoolUsesAllThreadsByDefault(t *testing.T) {
	p := NewPool(0)
	defer p.Close()
	if p.Threads() != runtime.GOMAXPROCS(0) {
		t.Errorf("%d threads, want %d", p.Threads(), runtime.GOMAXPROCS(0))
	}
	var none *Pool
	if none.Threads() != 1 {
		t.Errorf("no pool has %d threads, want the caller's", none.Threads())
	}
	none.Close()
}

func TestPanicInATaskComesOutOfRun(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 20 {
		message := panics(t, func() {
			p.For(50, func(_, i int) {
				if i == 17 {
					panic("part 17")
				}
			})
		})
		if message != "part 17" {
			t.Fatalf("the panic says %q", message)
		}
		var n atomic.Int32
		p.For(10, func(_, _ int) { n.Add(1) })
		if n.Load() != 10 {
			t.Fatalf("after a panic, %d of 10 parts were done", n.Load())
		}
	}
}

func TestCallsOnOnePoolTakeTurns(t *testing.T) {
	p, callers := NewPool(2), NewPool(4)
	defer p.Close()
	defer callers.Close()
	var sum atomic.Int64
	callers.For(20, func(_, i int) {
		p.For(10, func(_, j int) { sum.Add(int64(10*i + j)) })
	})
	if want := int64(199 * 200 / 2); sum.Load() != want {
		t.Errorf("sum %d, want %d", sum.Load(), want)
	}
}

func TestClosedPoolRefuses(t *testing.T) {
	p := NewPool(2)
	p.Close()
	if m := panics(t, func() { p.For(3, func(_, _ int) {}) }); m != "tensor: Run on a closed pool" {
		t.Errorf("the panic says %q", m)
	}
	panics(t, func() { NewPool(-1) })
}

type count struct{ n atomic.Int64 }

func (c *count) Do(_, i int) { c.n.Add(int64(i)) }

func TestRunDoesNotAllocate(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	c := new(count)
	if n := testing.AllocsPerRun(100, func() { p.Run(8, c) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func ExamplePool_Run() {
	pool := NewPool(2)
	defer pool.Close()
	x, w, y := New(3, 2), New(1, 2), New(3, 1)
	for i := range x.Data {
		x.Data[i] = float32(i)
	}
	copy(w.Data, []float32{1, 10})
	pool.Product(y, x, Pack(w, nil))
	fmt.Println(y.Data)
	// Output: [10 32 54]
}
