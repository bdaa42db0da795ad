// Package simulate runs one head, given as arrays of an .npz file, in time: the
// job of the command `tripartite simulate`.
//
//	Read      arrays of a file, checked                       input.go
//	Run       curves, dynamics, the algebraic level           simulate.go
//	Summary   what the numbers say, as JSON                   summary.go
//	Print     the same in words, and what to do               words.go
//	Write     arrays of the result and of traces              output.go
//
// Arrays, tuning curves and calibration are those of package attend.
package simulate
