// Package text turns text into token ids and back, id for id as the tokenizers
// of Hugging Face do, whose files it reads.
//
// A [Tokenizer] is a chain of steps, named as in tokenizer.json:
//
//	text -> added tokens -> normalizer -> pre-tokenizer -> model -> template -> ids
//	        [MASK] and      cleaned,      words            pieces   [CLS] ... [SEP]
//	        such cut out    lower case
//
// Three models are read: WordPiece (BERT), BPE, with the bytes of the text
// spelled as characters (GPT-2, BLOOM, Llama 3) or without, and Unigram (ALBERT
// and others that were trained with SentencePiece). Files are tokenizer.json,
// and older ones: vocab.txt as BERT's, vocab.json with merges.txt as GPT-2's.
// Another model is one more file that implements the model interface, one more
// case in buildModel, and whatever normalizers and pre-tokenizers it needs beside
// it. A step that is not supported is refused by name.
//
// Truncation and padding stored in a tokenizer.json are what somebody once
// trained with, not properties of the tokenizer: they are not applied. Use
// [Encoding.Truncate] to shorten on purpose.
//
// The reference is the Rust library behind the Python package "tokenizers".
// It holds Unicode tables of its own, of several ages; unicode.go says more.
// Where a text cannot be encoded there, for want of an unknown token, the
// file is refused here.
package text
