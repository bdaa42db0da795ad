package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Model is a model in the Hugging Face cache.
type Model struct {
	ID    string // its name on the hub
	Files fs.FS
}

// Cached lists the models in the Hugging Face cache that Resolve finds there, by
// name. Without a cache there are none.
func Cached() ([]Model, error) {
	cache, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the Hugging Face cache %s: %w; check that it can be read, or set HF_HUB_CACHE to another", cache, reason(err))
	}
	var models []Model
	for _, e := range entries {
		name, isModel := strings.CutPrefix(e.Name(), "models--")
		name = strings.ReplaceAll(name, "--", "/")
		if !isModel || !id.MatchString(name) {
			continue
		}
		if files, _, err := cached(name); err == nil {
			models = append(models, Model{name, files})
		}
	}
	slices.SortFunc(models, func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
	return models, nil
}
