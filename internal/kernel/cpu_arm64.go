//go:build !purego

package kernel

// native returns the kernels for arm64, where every processor has NEON.
func native() []*Kernels { return []*Kernels{neonVectors.kernels("neon", neonTiles)} }
