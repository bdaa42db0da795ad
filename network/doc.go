// Package network puts together what runs: a pretrained model, its tokenizer,
// and for every head of every layer what it is computed with. It knows how to
// calibrate tuning curves on text and how to build the heads of neurons and
// astrocytes from them.
//
//	Load       a model's folder -> Network
//	Calibrate  texts -> the constants of every head's change of variables
//	Build      curves, neurons, selection -> Circuits, the heads to run with
package network
