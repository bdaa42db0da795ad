package tensor

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleeper lets a worker sleep in the kernel. Linux likes to wake a thread on the
// processor of the one that wakes it, for the sake of its cache; a worker would
// then wait there, behind the caller, while another processor is idle, and
// the passes that are short enough for that to matter gain nothing from it. So a
// worker is woken on any processor but the caller's.
type sleeper struct {
	thread  int
	allowed unix.CPUSet // empty where it is not known
}

// Operations of futex(2), among the threads of one process.
const (
	futexWait = 0 | 128
	futexWake = 1 | 128
)

func newSleeper() sleeper { return sleeper{} }

// begin is called by the worker, before all else.
func (s *sleeper) begin() {
	runtime.LockOSThread() // until the worker ends, and the thread with it
	s.thread = unix.Gettid()
	if unix.SchedGetaffinity(0, &s.allowed) != nil {
		s.allowed.Zero()
	}
}

// sleep returns when state is no longer value.
func (s *sleeper) sleep(state *atomic.Int32, value int32) {
	for state.Load() == value {
		// An error is a signal or another value, and both end the sleep.
		unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(state)), futexWait, uintptr(value), 0, 0, 0)
	}
	if s.allowed.Count() > 1 {
		_ = unix.SchedSetaffinity(0, &s.allowed) // free to move again
	}
}

// wake is called by another thread, after it changed state. Where the worker sees
// that before it slept, the wish may come too late to be taken back, and then holds
// until it sleeps again.
func (s *sleeper) wake(state *atomic.Int32) {
	var cpu uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); e == 0 {
		elsewhere := s.allowed
		elsewhere.Clear(int(cpu))
		if elsewhere.Count() > 0 {
			_ = unix.SchedSetaffinity(s.thread, &elsewhere) // a wish: some sandboxes refuse it
		}
	}
	unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(state)), futexWake, 1, 0, 0, 0)
}
