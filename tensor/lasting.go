package tensor

// lastingBytes is how much memory is worth asking huge pages for: half of one.
const lastingBytes = 1 << 20

// lasting returns n zeros that will stay for long. Weights are tens of megabytes
// that are written once and read again and again. In pages of 4 kB the first
// write to each page traps into the system, which takes longer than packing
// does, and reading misses in the table of pages.
//
// Memory that comes and goes is not asked for in this way: the system may fill up
// pages that the garbage collector gave back.
func lasting(n int) []float32 {
	x := make([]float32, n)
	if 4*n >= lastingBytes {
		adviseHuge(x)
	}
	return x
}
