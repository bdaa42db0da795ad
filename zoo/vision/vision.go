// Package vision bundles a small ViT that tells the ten kinds of clothes of Fashion-MNIST apart. README.md in this
// folder is its model card; tools/zoo/vision.py made every file but the card and LICENSE-fashion-mnist, the notice
// that the pictures come with.
//
// Whoever imports this package carries its 0.5 MB. Only the command does.
package vision

import (
	"embed"
	"io/fs"
)

// Name is the name by which commands find the model.
const Name = "vision"

//go:embed config.json *.safetensors preprocessor_config.json LICENSE-fashion-mnist
var files embed.FS

//go:embed samples/*.png
var samples embed.FS

//go:embed calibration/*.png
var calibration embed.FS

// Files is the model as a Hugging Face folder: config.json, model.safetensors (float16), preprocessor_config.json and
// fitted tuning curves, tuning.safetensors and tuning-16 and -32 with fewer neurons. Its open files implement
// io.ReaderAt and io.Seeker and need no copy of the weights to be read.
func Files() fs.FS { return files }

// Samples holds ten PNG files that the model did not see in training, the first picture of every kind in the test
// part, named after what they show.
func Samples() fs.FS { return within(samples, "samples") }

// Calibration holds a hundred PNG files of the training part, ten of every kind: what the constants of a circuit are
// computed from, so that nothing of the demonstrated pictures enters them.
func Calibration() fs.FS { return within(calibration, "calibration") }

func within(files embed.FS, folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic("vision: " + err.Error()) // the names are valid
	}
	return sub
}
