package tensor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripartite-go/tripartite/internal/kernel"
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
//
// Every worker begins with parts of its own, the same ones of every task with as many
// parts, and then helps the others with theirs. So weights, and what heads carry from
// token to token, are mostly found in the cache of the processor that had them last.
//
// A forward pass is a hundred short tasks in a row, and waking a thread takes as
// long as some of them. So a thread that has nothing to do keeps looking for the
// next task for a while (see patience) before it goes to sleep. And nobody waits for
// a thread that has not begun when all parts are done, be it still asleep or without
// a processor: a task costs at most what it takes the caller alone, and a call.
type Pool struct {
	threads int
	workers []worker
	crowded bool // threads have to share processors, so that nobody may wait at one

	turn    sync.Mutex // held while a task runs
	task    Task
	sharing int           // workers that share the task
	own     share         // of the caller, which is worker 0
	busy    atomic.Int64  // workers that have not finished, and asleep if the caller sleeps
	done    chan struct{} // wakes the caller
	closed  bool
	failed  atomic.Pointer[failure]
}

// share is the parts of a task that a worker begins with.
type share struct {
	next atomic.Int64
	end  int64
}

// worker is one thread of the pool beside the caller's.
type worker struct {
	state atomic.Int32
	share
	sleeper
	_ [64]byte // the next worker's state lies in another line of the cache
}

// States of a worker.
const (
	waiting  = iota // looks for work
	sleeping        // waits to be woken
	working
	called // to a task, but not there yet
	leaving
)

// asleep is added to busy when the caller sleeps until the workers have finished.
const asleep = 1 << 32

// patience is how long a worker looks for work before it sleeps. Waking a thread
// takes a few microseconds, and some ten where the processor is virtual; the gaps
// between the tasks of one pass are shorter.
//
// The caller looks longer for the end of a task, since all that it waits for is the
// part that a worker is at: those take up to a millisecond.
const (
	patience       = 50 * time.Microsecond
	callerPatience = time.Millisecond
)

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
	p := &Pool{threads: threads, workers: make([]worker, max(0, threads-1)), done: make(chan struct{}, 1)}
	p.crowded = threads > runtime.GOMAXPROCS(0)
	for i := range p.workers {
		w := &p.workers[i]
		w.sleeper = newSleeper()
		go p.serve(w, i+1)
	}
	return p
}

// serve is the life of a worker.
func (p *Pool) serve(w *worker, number int) {
	w.begin()
	for {
		if !p.until(func() bool { return w.state.Load() >= called }, patience) && w.state.CompareAndSwap(waiting, sleeping) {
			w.sleep(&w.state, sleeping)
		}
		switch {
		case w.state.CompareAndSwap(called, working):
			p.work(number)
			w.state.Store(waiting) // before the caller may think of the next task
			if p.busy.Add(-1) == asleep {
				p.done <- struct{}{}
			}
		case w.state.Load() == leaving:
			return
		}
	}
}

// set gives a worker its next state and wakes it if need be.
func (w *worker) set(state int32) {
	if w.state.Swap(state) == sleeping {
		w.wake(&w.state)
	}
}

// until looks at a condition until it holds or the patience is over, and returns
// whether it holds.
func (p *Pool) until(holds func() bool, patience time.Duration) bool {
	const looks = 16 // between two looks at the clock
	var start time.Time
	for {
		for range looks {
			if holds() {
				return true
			}
			kernel.Pause(4)
		}
		if start.IsZero() {
			start = time.Now()
		} else if p.crowded || time.Since(start) > patience {
			return false
		}
	}
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
		for i := range p.workers {
			p.workers[i].set(leaving)
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
	p.task = task
	n := min(parts, p.threads)
	for i := range n {
		s := p.share(i)
		s.next.Store(int64(i * parts / n))
		s.end = int64((i + 1) * parts / n)
	}
	p.sharing = n
	p.busy.Store(int64(n - 1))
	for i := range n - 1 {
		p.workers[i].set(called)
	}
	p.work(0)
	for i := range n - 1 { // nothing is left for those who come now
		if p.workers[i].state.CompareAndSwap(called, waiting) {
			p.busy.Add(-1)
		}
	}
	if !p.until(func() bool { return p.busy.Load() == 0 }, callerPatience) && p.busy.Add(asleep) > asleep {
		<-p.done
	}
	p.task = nil
	if f := p.failed.Swap(nil); f != nil {
		panic(f.value)
	}
}

// For is Run with a function. It allocates where f refers to local variables.
func (p *Pool) For(parts int, f func(worker, i int)) { p.Run(parts, taskFunc(f)) }

type taskFunc func(worker, i int)

func (f taskFunc) Do(worker, i int) { f(worker, i) }

// share returns the parts that a worker begins with.
func (p *Pool) share(worker int) *share {
	if worker == 0 {
		return &p.own
	}
	return &p.workers[worker-1].share
}

// work does parts until none is left: the worker's own, then those of the workers
// that follow it.
func (p *Pool) work(worker int) {
	defer func() {
		if v := recover(); v != nil {
			p.failed.CompareAndSwap(nil, &failure{v})
			for i := range p.sharing { // the rest is in vain
				s := p.share(i)
				s.next.Store(s.end)
			}
		}
	}()
	for i := range p.sharing {
		s := p.share((worker + i) % p.sharing)
		for s.next.Load() < s.end {
			if part := s.next.Add(1) - 1; part < s.end {
				p.task.Do(worker, int(part))
			}
		}
	}
}
