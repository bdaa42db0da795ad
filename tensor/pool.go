package tensor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work in parts that may run at the same time. It is an interface and
// not a function so that a task kept in a workspace costs no allocation.
type Task interface {
	// Do does part i. No two parts that run at the same time get the same
	// worker, which is below Threads: it selects scratch memory.
	Do(worker, i int)
}

// Pool runs tasks on a fixed number of threads. Which worker does which part is
// left to chance, so a part's result must not depend on its worker. A nil Pool
// and the zero Pool have one thread: the caller's. Safe for concurrent use; calls take turns.
type Pool struct {
	threads int
	wake    []chan struct{}

	turn   sync.Mutex // held while a task runs
	task   Task
	parts  int64
	next   atomic.Int64
	idle   sync.WaitGroup
	closed bool
	failed atomic.Pointer[failure]
}

// failure is a panic on its way from a worker to the caller of Run.
type failure struct{ value any }

// NewPool returns a pool of that many threads, one of them the caller's; 0 means
// as many as the process may use. Close it to end the others.
func NewPool(threads int) *Pool {
	if threads < 0 {
		panic(fmt.Sprintf("tensor: a pool of %d threads", threads))
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads}
	for w := 1; w < threads; w++ {
		wake := make(chan struct{}, 1)
		p.wake = append(p.wake, wake)
		go func() {
			for range wake {
				p.work(w)
				p.idle.Done()
			}
		}()
	}
	return p
}

// Threads returns the number of threads, at least 1.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return max(1, p.threads)
}

// Close ends the pool's threads. The pool must not be used afterwards.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	if !p.closed {
		p.closed = true
		for _, w := range p.wake {
			close(w)
		}
	}
}

// Run does parts 0 to parts-1 of the task and returns when all are done. A panic
// in a part comes out of Run. Run must not be called from within a task.
func (p *Pool) Run(parts int, task Task) {
	if p.Threads() == 1 || parts <= 1 {
		for i := range parts {
			task.Do(0, i)
		}
		return
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.closed {
		panic("tensor: Run on a closed pool")
	}
	p.task, p.parts = task, int64(parts)
	p.next.Store(0)
	helpers := min(parts, p.threads) - 1
	p.idle.Add(helpers)
	for _, w := range p.wake[:helpers] {
		w <- struct{}{}
	}
	p.work(0)
	p.idle.Wait()
	p.task = nil
	if f := p.failed.Swap(nil); f != nil {
		panic(f.value)
	}
}

// For is Run with a function. It allocates where f refers to local variables.
func (p *Pool) For(parts int, f func(worker, i int)) { p.Run(parts, taskFunc(f)) }

type taskFunc func(worker, i int)

func (f taskFunc) Do(worker, i int) { f(worker, i) }

// work does parts until none is left.
func (p *Pool) work(worker int) {
	defer func() {
		if v := recover(); v != nil {
			p.failed.CompareAndSwap(nil, &failure{v})
			p.next.Store(p.parts) // the rest is in vain
		}
	}()
	for i := p.next.Add(1) - 1; i < p.parts; i = p.next.Add(1) - 1 {
		p.task.Do(worker, int(i))
	}
}
