package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/tripartite-go/tripartite/hub"
	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/zoo"
)

// modelFiles are the files of a model.
type modelFiles struct {
	files fs.FS
	name  string // without any path
	// bundled is the model's entry in the zoo, nil for others.
	bundled *zoo.Model
}

// findModel finds what a MODEL argument means: the name of a bundled model, a
// folder, or the name of a model in the Hugging Face cache. The empty one is the
// default model.
func findModel(arg string) (modelFiles, error) {
	if arg == "" {
		arg = zoo.Models()[0].Name
	}
	if m, ok := zoo.Find(arg); ok {
		return modelFiles{m.Files(), m.Name, &m}, nil
	}
	files, name, err := hub.Resolve(arg)
	if err != nil {
		return modelFiles{}, fmt.Errorf("%w; bundled are: %s", err, list(bundledNames()))
	}
	return modelFiles{files: files, name: name}, nil
}

// openTokenizer finds a tokenizer: of a MODEL, or in a file or a folder, which
// needs no other files of a model.
func openTokenizer(path string) (*text.Tokenizer, error) {
	if _, bundled := zoo.Find(path); !bundled {
		if _, err := os.Stat(path); err == nil {
			return text.Open(path)
		}
	}
	m, err := findModel(path)
	if err != nil {
		return nil, err
	}
	return text.Load(m.files)
}

func bundledNames() []string {
	var names []string
	for _, m := range zoo.Models() {
		names = append(names, m.Name)
	}
	return names
}
