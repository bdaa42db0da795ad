// Package network puts together what runs: a pretrained model, what prepares its
// inputs, tokenizer or preprocessor, and for every head of every layer what it is
// computed with. It knows how to calibrate tuning curves on inputs and how to build
// the heads of neurons and astrocytes from them.
//
//	Load       a model's folder -> Network
//	Prepare    texts, or files of pictures or sounds -> batches that a model takes
//	Calibrate  a batch -> the constants of every head's change of variables
//	Build      curves, neurons, selection -> Circuits, the heads to run with
package network
