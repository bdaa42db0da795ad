//go:build !linux

package tensor

// adviseHuge does nothing: there is no such advice here, or no need of it.
func adviseHuge([]float32) {}
