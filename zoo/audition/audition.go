// Package audition bundles a small AST (audio spectrogram transformer) that tells ten spoken digits apart. README.md
// in this folder is its model card; tools/zoo/audition.py made every other file.
//
// Whoever imports this package carries its 1.3 MB. Only the command does.
package audition

import (
	"embed"
	"io/fs"
)

// Name is the name by which commands find the model.
const Name = "audition"

//go:embed config.json *.safetensors preprocessor_config.json
var files embed.FS

//go:embed samples/*.wav
var samples embed.FS

//go:embed calibration/*.flac
var calibration embed.FS

// Files is the model as a Hugging Face folder: config.json, model.safetensors (float16), preprocessor_config.json and
// fitted tuning curves, tuning.safetensors and tuning-16 and -32 with fewer neurons. Its open files implement
// io.ReaderAt and io.Seeker and need no copy of the weights to be read.
func Files() fs.FS { return files }

// Samples holds ten WAV files by voices that the model did not hear in training, named after the digits that they
// say.
func Samples() fs.FS { return within(samples, "samples") }

// Calibration holds twenty FLAC files by voices of the training part, two of every digit: what the constants of a
// circuit are computed from, so that nothing of the demonstrated sounds enters them.
func Calibration() fs.FS { return within(calibration, "calibration") }

func within(files embed.FS, folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic("audition: " + err.Error()) // the names are valid
	}
	return sub
}
