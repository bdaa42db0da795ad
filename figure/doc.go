// Package figure draws results of a transfer, or of a circuit in time, at publication quality, from
// result data only: the same input gives the same bytes.
//
//   - [Calcium]: astrocyte calcium against the softmax normalizer, token by token
//   - [Scaling]: error of calcium against the number of hidden neurons
//   - [Heads]: maps over layers and heads
//   - [Attention]: what the answer attends to, over pictures, spectrograms and words
//   - [AttentionHeads]: the same of one input, head by head
//   - [Traces]: the circuit in time, its phases shaded
//   - [Circuit]: the tripartite circuit in its two phases
//   - [Overview]: all but attention on one page width
//
// A [Figure] is a drawing of fixed physical size, one or two columns of a
// journal wide, and is written as PNG at any resolution or as SVG. Letters are
// at least 6 points high at that size. Colours are told apart by readers with
// any of the common colour vision deficiencies, and no colour carries a meaning
// alone. All sizes and colours are in style.go.
package figure
