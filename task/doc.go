// Package task is what models are for: sentence embeddings ([Embed]), words
// filled in ([Fill]) and hidden states of arrays of tokens, images or sounds ([Hidden]), with any mixture of
// exact heads and circuits of neurons and astrocytes.
//
// Texts go through the network in ragged batches in the order given; neither
// the order nor the size of batches changes a result. Between batches a task
// reports progress and looks whether its context was cancelled.
package task
