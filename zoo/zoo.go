// Package zoo lists the trained models that the command carries. Each lies in a package of its own, beside the model
// card that says what it was trained on and how well it does; tools/zoo holds the scripts that made them.
package zoo

import (
	"io/fs"

	"github.com/tripartite-go/tripartite/zoo/audition"
	"github.com/tripartite-go/tripartite/zoo/causal"
	"github.com/tripartite-go/tripartite/zoo/language"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

// Model is one bundled model.
type Model struct {
	Name    string // by which commands find it
	Kind    string // what it does: "masked language model"
	Summary string // one line: architecture, size, data
	Licence string // of the weights and of the data behind them

	// Files is the model as a Hugging Face folder, with tuning.safetensors, its fitted tuning curves, where it has
	// any; its open files implement io.ReaderAt and io.Seeker.
	Files func() fs.FS
	// Samples are inputs that the model did not see in training, to demonstrate it on.
	Samples func() Inputs
	// Calibration are inputs of the training data, to compute a circuit's constants from.
	Calibration func() Inputs
}

// Inputs are what a model reads: texts or else files, of pictures or of sounds.
type Inputs struct {
	Texts []string // nil for a model of pictures or sounds
	Files fs.FS    // nil for a model of texts
}

// Models lists the bundled models; the first is the default.
func Models() []Model {
	return []Model{{
		Name:        language.Name,
		Kind:        "masked language model",
		Summary:     "ALBERT, 4 layers of one shared block, 8 heads, 1.4 million parameters, King James Bible",
		Licence:     "BSD-3-Clause; text out of copyright",
		Files:       language.Files,
		Samples:     texts(language.Verses),
		Calibration: texts(language.Calibration),
	}, {
		Name:        causal.Name,
		Kind:        "causal language model",
		Summary:     "BLOOM (ALiBi) on bytes, 4 layers, 5 heads, 1.3 million parameters, King James Bible",
		Licence:     "BSD-3-Clause; text out of copyright",
		Files:       causal.Files,
		Samples:     texts(causal.Verses),
		Calibration: texts(causal.Calibration),
	}, {
		Name:        vision.Name,
		Kind:        "image classifier",
		Summary:     "ViT, 4 layers, 4 heads, 0.2 million parameters, ten kinds of clothes (Fashion-MNIST)",
		Licence:     "BSD-3-Clause; pictures MIT",
		Files:       vision.Files,
		Samples:     inputFiles(vision.Samples),
		Calibration: inputFiles(vision.Calibration),
	}, {
		Name:        audition.Name,
		Kind:        "sound classifier",
		Summary:     "AST, 4 layers, 4 heads, 0.2 million parameters, ten spoken digits (synthesized voices)",
		Licence:     "BSD-3-Clause",
		Files:       audition.Files,
		Samples:     inputFiles(audition.Samples),
		Calibration: inputFiles(audition.Calibration),
	}}
}

func texts(of func() []string) func() Inputs { return func() Inputs { return Inputs{Texts: of()} } }

func inputFiles(of func() fs.FS) func() Inputs { return func() Inputs { return Inputs{Files: of()} } }

// Find returns the bundled model of that name.
func Find(name string) (Model, bool) {
	for _, m := range Models() {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}
