// Package hub finds the files of a model that a user names: a folder, or the id
// of a model on the Hugging Face hub whose files lie in the cache that all
// programs of Hugging Face share. Nothing is downloaded.
//
// The layout of the cache is described at
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	configFile = "config.json"
	// folderHolds says what a model's folder is.
	folderHolds = "a model's folder holds config.json, model.safetensors and the tokenizer's files"
)

// id is what the hub accepts as a name, with or without an owner.
var id = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$`)

// Resolve returns the files of the model that arg names and a name for it that
// tells nothing of where they lie: the folder's own name, or the id. A folder
// comes before an id.
func Resolve(arg string) (files fs.FS, name string, err error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return folder(arg)
	case err == nil:
		return nil, "", fmt.Errorf("model %q: it is a file; give the folder in which it lies (%s)", arg, folderHolds)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("model %q: %w; check the path", arg, reason(err))
	case id.MatchString(arg):
		return cached(arg)
	}
	return nil, "", fmt.Errorf("model %q: there is no such folder; check the path (%s)", arg, folderHolds)
}

// folder takes a folder as it is.
func folder(path string) (fs.FS, string, error) {
	files := os.DirFS(path)
	if _, err := fs.Stat(files, configFile); errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("model %q: there is no %s in this folder; %s, as save_pretrained of transformers writes them or \"hf download NAME --local-dir FOLDER\" fetches them", path, configFile, folderHolds)
	} else if err != nil {
		return nil, "", fmt.Errorf("model %q: %s: %w; check that it can be read", path, configFile, reason(err))
	}
	name := filepath.Base(path)
	if full, err := filepath.Abs(path); err == nil { // "." has no name of its own
		name = filepath.Base(full)
	}
	return files, name, nil
}

// cached takes the snapshot of a hub id that the cache calls main.
func cached(name string) (fs.FS, string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return nil, "", fmt.Errorf("model %q: there is no such folder, and %w", name, err)
	}
	model := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
	revision, err := os.ReadFile(filepath.Join(model, "refs", "main"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("model %q: there is no such folder, and no such model in the Hugging Face cache %s; %s", name, cache, download(name))
	}
	if err != nil {
		return nil, "", fmt.Errorf("model %q in the Hugging Face cache %s: %w; check that it can be read", name, cache, reason(err))
	}
	snapshot := strings.TrimSpace(string(revision))
	if !fs.ValidPath(snapshot) || snapshot == "." || strings.ContainsAny(snapshot, `/\:`) {
		return nil, "", fmt.Errorf("model %q in the Hugging Face cache %s: refs/main does not name a snapshot; delete the model from the cache and %s", name, cache, download(name))
	}
	files := os.DirFS(filepath.Join(model, "snapshots", snapshot))
	if _, err := fs.Stat(files, configFile); err != nil {
		return nil, "", fmt.Errorf("model %q in the Hugging Face cache %s: %s of snapshot %s is not there, so its download was not finished or fetched other files only; %s", name, cache, configFile, snapshot, download(name))
	}
	return files, name, nil
}

// download says how to fetch a model.
func download(name string) string {
	return fmt.Sprintf("fetch it with \"hf download %s\" (pip install huggingface_hub), or into a folder with --local-dir FOLDER and give that folder", name)
}

// cacheFolder follows the variables that huggingface_hub documents, and the
// older name of the first.
func cacheFolder() (string, error) {
	for _, variable := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if path := os.Getenv(variable); path != "" {
			return expand(path)
		}
	}
	if path := os.Getenv("HF_HOME"); path != "" {
		path, err := expand(path)
		return filepath.Join(path, "hub"), err
	}
	if path := os.Getenv("XDG_CACHE_HOME"); path != "" {
		path, err := expand(path)
		return filepath.Join(path, "huggingface", "hub"), err
	}
	return expand(filepath.Join("~", ".cache", "huggingface", "hub"))
}

// expand replaces a leading tilde, as huggingface_hub does.
func expand(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("the Hugging Face cache was not found: %w; set HF_HUB_CACHE to its folder", err)
	}
	return filepath.Join(home, rest), nil
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
