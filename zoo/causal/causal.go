// Package causal bundles a small causal language model of the bytes of the King James Bible. Its positions are
// ALiBi's, which a circuit computes by forgetting, so it reads and writes without end. README.md in this folder is
// its model card; tools/zoo/causal.py made every other file.
//
// Whoever imports this package carries its 2.7 MB. Only the command does.
package causal

import (
	"embed"
	"io/fs"
	"strings"
)

// Name is the name by which commands find the model.
const Name = "causal"

//go:embed config.json *.safetensors tokenizer.json tokenizer_config.json
var files embed.FS

//go:embed verses.txt
var verses string

//go:embed calibration.txt
var calibration string

// Files is the model as a Hugging Face folder: config.json, model.safetensors (float16), tokenizer.json,
// tokenizer_config.json and fitted tuning curves, tuning.safetensors. Its open files implement io.ReaderAt and
// io.Seeker and need no copy of the weights to be read.
func Files() fs.FS { return files }

// Verses returns verses of books that were held out of training, 80 to 240 bytes each, in the order of the books: to
// prompt the model with.
func Verses() []string { return lines(verses) }

// Calibration returns verses of the training books of the same lengths: what the constants of a circuit are computed
// from, so that nothing of the demonstrated text enters them.
func Calibration() []string { return lines(calibration) }

// lines splits text that ends every line with a newline.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
