package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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

// completeModels completes a MODEL: the names of bundled and of cached models,
// folders, and files that end in extension, if that is not "".
func completeModels(extension string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		names := bundledNames()
		cached, _ := hub.Cached() // without one, there is nothing to offer
		for _, m := range cached {
			names = append(names, m.ID)
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		folder, _ := filepath.Split(begun)
		entries, _ := os.ReadDir(cmp.Or(folder, "."))
		for _, entry := range entries {
			path := folder + entry.Name()
			switch info, err := os.Stat(path); {
			case err != nil:
			case info.IsDir():
				names = append(names, path+string(os.PathSeparator))
				directive |= cobra.ShellCompDirectiveNoSpace // what follows may lie in it
			case extension != "" && filepath.Ext(path) == extension:
				names = append(names, path)
			}
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, begun) })
		return names, directive
	}
}

func bundledNames() []string {
	var names []string
	for _, m := range zoo.Models() {
		names = append(names, m.Name)
	}
	return names
}
