// Package zoo lists the trained models that the command carries. Each lies in a package of its own, beside the model
// card that says what it was trained on and how well it does; tools/zoo holds the scripts that made them.
package zoo

import (
	"io/fs"

	"github.com/tripartite-go/tripartite/zoo/language"
)

// Model is one bundled model.
type Model struct {
	Name    string // by which commands find it
	Kind    string // what it does: "masked language model"
	Summary string // one line: architecture, size, data
	Licence string // of the weights and of the data behind them

	// Files is the model as a Hugging Face folder; its open files implement io.ReaderAt and io.Seeker.
	Files func() fs.FS
	// Verses are texts that the model did not see in training, to demonstrate it on.
	Verses func() []string
	// Calibration are texts of the training data, to compute a circuit's constants from.
	Calibration func() []string
}

// Models lists the bundled models; the first is the default.
func Models() []Model {
	return []Model{{
		Name:        language.Name,
		Kind:        "masked language model",
		Summary:     "ALBERT, 4 layers of one shared block, 8 heads, 1.4 million parameters, King James Bible",
		Licence:     "BSD-3-Clause; text out of copyright",
		Files:       language.Files,
		Verses:      language.Verses,
		Calibration: language.Calibration,
	}}
}

// Find returns the bundled model of that name.
func Find(name string) (Model, bool) {
	for _, m := range Models() {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}
