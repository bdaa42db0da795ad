// Package safetensors reads and writes the safetensors format: named arrays of
// numbers with a JSON header, in one file or in the shards of a checkpoint.
//
// The format is described at https://github.com/huggingface/safetensors: eight
// bytes with the length of the header, the header, and the data, all of it
// little-endian and in row-major order.
//
// A file is checked whole when it is opened: tensors cover the data exactly,
// without overlap or holes, and every length agrees with type, shape and the
// size of the file. Data are read only when asked for, so opening is cheap.
//
// Nothing is mapped into memory. A map would save the copy into the caller's
// memory, but a file that somebody shortens under it kills the program, and one
// that is written over changes numbers that were checked; a read ends with an
// error, and what was read stays as it was.
//
// A [File] is one file, a [Checkpoint] is all files of a model's folder behind
// the same methods. Both are safe for concurrent use until they are closed.
package safetensors
