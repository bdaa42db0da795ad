// Package nn holds the layers that transformers are made of: [Linear],
// [LayerNorm], [Embedding], [Activation], and one [Block] that serves every
// architecture. They run forward on ragged float32 batches (package tensor);
// attention is done by the heads that the caller passes (package attention).
//
// Weights are packed when a layer is built and not kept otherwise; layers are
// immutable and safe for concurrent use. What a call needs besides, threads,
// scratch memory, heads, state, recording, is in a [Pass]; a backward pass takes
// the same Pass and one more field of it for the activations to keep, so that
// signatures stay.
package nn
