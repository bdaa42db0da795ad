package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Model is a model in the Hugging Face cache.
type Model struct {
	ID    string // its name on the hub, with @REVISION where that is not main
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
		for _, revision := range newRepository(cache, name).revisions() {
			if files, err := cached(name, revision); err == nil {
				models = append(models, Model{join(name, revision), files})
			}
		}
	}
	slices.SortFunc(models, func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
	return models, nil
}

// revisions lists the branches and tags of which the cache knows the commit.
func (r repository) revisions() (names []string) {
	refs := os.DirFS(filepath.Join(r.folder, "refs"))
	// What cannot be read is not listed.
	_ = fs.WalkDir(refs, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && validRevision(name) && !strings.HasSuffix(name, unfinished) {
			names = append(names, name)
		}
		return nil
	})
	return names
}
