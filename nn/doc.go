// Package nn holds the layers that transformers are made of: [Linear],
// [LayerNorm], [Embedding], [Activation], and one [Block] that serves every
// architecture. They run on ragged float32 batches (package tensor);
// attention is done by the heads that the caller passes (package attention).
//
// Weights are packed when a layer is built and not kept otherwise; layers change
// in Update alone and are safe for concurrent use between such calls. What a call needs besides, threads,
// scratch memory, heads, state, recording, is in a [Pass].
//
// Every layer goes backward too. A pass that is to go back keeps its activations
// on a [Tape]; gradients are added to plain structs of the shape of what they
// belong to. [CrossEntropy] begins the way back, [AdamW] ends it, and
// [Block.Update] takes over the parameters that it changed. Results do not depend on the number of threads, and nothing is
// allocated once the buffers have reached their size.
package nn
