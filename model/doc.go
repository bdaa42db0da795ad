// Package model loads pretrained transformers and runs them with any attention
// head in the place of each of theirs.
//
//	config.json, model.safetensors -> Config, weights -> blocks (package nn)
//	tokens, pixels, spectrograms -> embedding -> blocks -> last hidden states -> pooler, logits
//
// There are encoders of text, BERT and ALBERT; causal models of text, GPT-2 and
// BLOOM, which a [Session] runs on tokens as they arrive; and models of images and
// sounds, ViT, DeiT and AST, which cut what they read into patches: from there on a
// patch is a token like any other.
//
// Every architecture has a file of its own, with a struct that mirrors its
// checkpoint and whose tags name the tensors (see bind.go), and a line in
// findArchitecture. A [Model] is immutable and safe for concurrent use; what a
// pass needs besides, heads, threads, scratch memory, is in a [Run].
//
// Hidden states are counted as in transformers of Hugging Face, which the tests
// hold every architecture against.
package model
