// Package activations holds what single heads of an exact network receive and
// return, and what follows from that alone: softmax normalizers, the null
// predictor, the variance law, the calcium of a circuit. Package transfer compares
// heads on it, package experiment perturbs them on it.
package activations
