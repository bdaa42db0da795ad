// Package tensor holds the float32 matrices, ragged batches and worker pool that
// models run on.
//
// A [Matrix] is row-major with a stride, so that columns of one head, rows of
// one sequence and the whole batch are views of the same numbers. A batch of
// sequences of different lengths is one matrix whose rows are the tokens of all,
// one after another, and a [Sequences] that says where each begins: nothing is
// padded. A [Weight] is a matrix packed for products. A [Pool] spreads rows over
// threads.
//
// Invariants: results do not depend on the number of threads, on how a batch is
// divided among them, nor on which other sequences share the batch, not by a
// bit. Nothing allocates once the buffers have reached their size; scratch comes
// from an [Arena]. Shapes that do not fit panic with a message that names both:
// they are mistakes of the program, never of the data.
//
// The arithmetic lies in internal/kernel, chosen once for the CPU; [Kernel]
// names the choice. Products can be had in another [Precision].
package tensor

import "github.com/tripartite-go/tripartite/internal/kernel"

// kernels is the arithmetic chosen for this CPU; it never changes.
var kernels = kernel.Choose()

// Kernel names the arithmetic that was chosen for this CPU, e.g. "portable".
// Results of different kernels agree within rounding, not bit for bit.
func Kernel() string { return kernels.Name }
