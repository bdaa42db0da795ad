// Package attention holds the heads that models run on: softmax attention,
// exact; the circuit of neurons and astrocytes, which approximates it; and the
// uniform baseline. All take the same float32 arrays through [Head], so that
// every head of every layer can be chosen on its own ([Selection]).
//
// [Circuit] computes what package tripartite defines, fused: tokens in blocks,
// matrix products, no N×N matrix. It is tested against that package for every
// tuning curve. Heads that can be trained go backward as well ([Trainable]), with
// nothing kept from the pass forward but its output and normalizers.
package attention
