//go:build purego || !(amd64 || arm64)

package kernel

// native returns nothing: there is no assembly for this platform.
func native() []*Kernels { return nil }

// Pause lets a little time pass: here there is no instruction for it.
func Pause(n uint32) {}
