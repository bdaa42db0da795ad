package tensor

// Arena hands out scratch memory and takes it back all at once, so that work
// that is repeated does not allocate: after the first round it has grown to what
// a round needs. A nil Arena allocates anew each time. Not safe for concurrent
// use: one per worker.
type Arena struct {
	block []float32
	used  int
	spill int // values handed out beyond block since it was last empty
}

// Mark returns the present level, for Release.
func (a *Arena) Mark() int {
	if a == nil {
		return 0
	}
	return a.used
}

// Release takes back all that was handed out since Mark returned the level.
func (a *Arena) Release(level int) {
	if a == nil {
		return
	}
	a.used = level
	if level == 0 && a.spill > 0 {
		a.block = make([]float32, len(a.block)+a.spill)
		a.spill = 0
	}
}

// Floats returns n values, whatever they hold.
func (a *Arena) Floats(n int) []float32 {
	if a == nil {
		return make([]float32, n)
	}
	if a.used+n > len(a.block) {
		// What was handed out stays where it is; the block grows when it is empty.
		a.spill += n
		return make([]float32, n)
	}
	s := a.block[a.used : a.used+n : a.used+n]
	a.used += n
	return s
}

// Matrix returns a matrix [rows, cols], whatever it holds.
func (a *Arena) Matrix(rows, cols int) Matrix {
	return FromData(a.Floats(rows*cols), rows, cols)
}
