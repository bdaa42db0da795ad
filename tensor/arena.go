package tensor

// Arena hands out scratch memory and takes it back, so that work that is
// repeated does not allocate: after the first round it has grown to what a round
// needs. A nil Arena allocates anew each time. Not safe for concurrent use: one
// per worker.
type Arena struct {
	// Precision is the arithmetic in which matrices that are packed in this arena
	// are multiplied.
	Precision Precision

	floats  stack[float32]
	doubles stack[float64]
}

func (a *Arena) precision() Precision {
	if a == nil {
		return Float32
	}
	return a.Precision
}

// Level is how much of an Arena is in use.
type Level struct{ floats, doubles int }

// Mark returns the present level, for Release.
func (a *Arena) Mark() Level {
	if a == nil {
		return Level{}
	}
	return Level{a.floats.used, a.doubles.used}
}

// Release takes back all that was handed out since Mark returned the level.
func (a *Arena) Release(l Level) {
	if a == nil {
		return
	}
	a.floats.release(l.floats)
	a.doubles.release(l.doubles)
}

// Floats returns n values, whatever they hold.
func (a *Arena) Floats(n int) []float32 {
	if a == nil {
		return make([]float32, n)
	}
	return a.floats.take(n)
}

// Doubles returns n values, whatever they hold.
func (a *Arena) Doubles(n int) []float64 {
	if a == nil {
		return make([]float64, n)
	}
	return a.doubles.take(n)
}

// Matrix returns a matrix [rows, cols], whatever it holds.
func (a *Arena) Matrix(rows, cols int) Matrix {
	return FromData(a.Floats(rows*cols), rows, cols)
}

// stack is a block that is handed out from below. What does not fit is made anew
// and stays where it is; the block grows when it is empty.
type stack[T any] struct {
	block []T
	used  int
	peak  int // the most that was in use at once
}

func (s *stack[T]) take(n int) []T {
	lo := s.used
	s.used += n
	s.peak = max(s.peak, s.used)
	if s.used > len(s.block) {
		return make([]T, n)
	}
	return s.block[lo:s.used:s.used]
}

func (s *stack[T]) release(level int) {
	s.used = level
	if level == 0 && s.peak > len(s.block) {
		s.block = make([]T, s.peak)
	}
}
