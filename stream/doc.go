// Package stream runs a causal model whose heads are circuits, or one head by
// itself, on input without end. All that is kept of the input are the memories
// (H, g), whose size stays the same; they are saved on the way, so that a stream
// that was cut off continues from the last of them as if it had never stopped, to
// the bit.
//
//	Stream   tokens through a model              stream.go, line.go, memory.go
//	Head     rows of numbers through one head    head.go, headmemory.go
//	States   an array that grows                 states.go
//
// Tokens go through the model one at a time. Another division would give other
// roundings, and where a stream is cut off must not show.
package stream
