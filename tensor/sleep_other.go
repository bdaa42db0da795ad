//go:build !linux

package tensor

import "sync/atomic"

// sleeper lets a worker sleep.
type sleeper struct{ woken chan struct{} }

func newSleeper() sleeper { return sleeper{make(chan struct{}, 1)} }

// begin is called by the worker, before all else.
func (s *sleeper) begin() {}

// sleep returns when state is no longer value.
func (s *sleeper) sleep(state *atomic.Int32, value int32) {
	for state.Load() == value {
		<-s.woken
	}
}

// wake is called by another thread, after it changed state.
func (s *sleeper) wake(state *atomic.Int32) {
	select {
	case s.woken <- struct{}{}:
	default: // what wakes it is there
	}
}
