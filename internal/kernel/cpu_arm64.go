//go:build !purego

package kernel

// Pause lets a little time pass, n times as long as the processor wants between
// two looks at memory that another core is to change.
func Pause(n uint32)

// native returns the kernels for arm64, where every processor has NEON.
func native() []*Kernels { return []*Kernels{neonVectors.kernels("neon", neonTiles)} }
