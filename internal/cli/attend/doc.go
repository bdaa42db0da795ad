// Package attend runs one head, given as arrays of an .npz file, as a circuit of
// neurons and astrocytes and as exact softmax attention: the job of the command
// `tripartite attend`.
//
//	Read      arrays of a file, checked                  input.go
//	Run       curves, circuit, exact attention           attend.go
//	Summary   what the numbers say, as JSON              summary.go
//	Print     the same in words, and what to do          words.go
//	Write     arrays of the result                       output.go
//
// The circuit is that of the root package: sequential, one token after another.
package attend
