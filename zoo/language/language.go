// Package language bundles a small masked language model of the King James Bible: one transformer block applied
// four times (ALBERT), so that as a circuit it is one population of neurons and astrocytes that is used again and
// again. README.md in this folder is its model card; tools/zoo/language.py made every file.
//
// Whoever imports this package carries its 3 MB. Only the command does.
package language

import (
	"embed"
	"io/fs"
	"strings"
)

// Name is the name by which commands find the model.
const Name = "language"

//go:embed config.json *.safetensors tokenizer.json tokenizer_config.json vocab.txt
var files embed.FS

//go:embed verses.txt
var verses string

//go:embed calibration.txt
var calibration string

// Files is the model as a Hugging Face folder: config.json, model.safetensors (float16), tokenizer.json,
// tokenizer_config.json, vocab.txt and fitted tuning curves, tuning.safetensors. Its open files implement io.ReaderAt
// and io.Seeker and need no copy of the weights to be read.
func Files() fs.FS { return files }

// Verses returns passages of books that were held out of training, 20 to 60 tokens each, in the order of the books:
// what the model is demonstrated on.
func Verses() []string { return lines(verses) }

// Calibration returns passages of the training books, 20 to 60 tokens each: what the constants of a circuit are
// computed from, so that nothing of the demonstrated text enters them.
func Calibration() []string { return lines(calibration) }

// lines splits text that ends every line with a newline.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
