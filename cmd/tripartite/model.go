package main

import (
	"fmt"
	"os"

	"github.com/tripartite-go/tripartite/hub"
	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/zoo"
)

// openTokenizer finds a tokenizer: by the name of a bundled model, in a file or a
// folder, then by the name of a model in the cache.
func openTokenizer(path string) (*text.Tokenizer, error) {
	if m, ok := zoo.Find(path); ok {
		return text.Load(m.Files())
	}
	if _, err := os.Stat(path); err == nil {
		return text.Open(path)
	}
	files, _, err := hub.Resolve(path)
	if err != nil {
		return nil, fmt.Errorf("%w; bundled are: %s", err, list(bundledNames()))
	}
	return text.Load(files)
}

func bundledNames() []string {
	var names []string
	for _, m := range zoo.Models() {
		names = append(names, m.Name)
	}
	return names
}
