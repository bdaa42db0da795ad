// Package text turns text into token ids and back, id for id as the tokenizers
// of Hugging Face do, whose files it reads.
//
// A [Tokenizer] is a chain of steps, named as in tokenizer.json:
//
//	text -> added tokens -> normalizer -> pre-tokenizer -> model -> template -> ids
//	        [MASK] and      cleaned,      words            pieces   [CLS] ... [SEP]
//	        such cut out    lower case
//
// The model read today is WordPiece (BERT and its relatives). Another model
// (byte-level BPE, Unigram) is one more file that implements the model
// interface, one more case in buildModel, and whatever normalizers and
// pre-tokenizers it needs beside it.
//
// Truncation and padding stored in a tokenizer.json are what somebody once
// trained with, not properties of the tokenizer: they are not applied. Use
// [Encoding.Truncate] to shorten on purpose.
//
// The reference is the Rust library behind the Python package "tokenizers".
// It holds Unicode tables of its own, of several ages; unicode.go says more.
package text
