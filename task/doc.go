// Package task is what models are for: sentence embeddings ([Embed]), words
// filled in ([Fill]), texts that go on ([Generate]), labels of pictures and sounds
// ([Classify]), and hidden states of arrays of tokens, images or sounds
// ([Hidden]), with any mixture of exact heads and circuits of neurons and
// astrocytes.
//
// Texts and files go through the network in batches in the order given; neither
// the order nor the size of batches changes a result. Between batches, and between
// tokens that are generated, a task looks whether its context was cancelled, and
// most report progress.
package task
