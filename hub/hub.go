// Package hub finds the files of a model that a user names: a folder, or the id
// of a model on the Hugging Face hub whose files lie in the cache that all
// programs of Hugging Face share. Pull downloads a model into that cache;
// nothing else here uses the network.
//
// The layout of the cache is described at
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache, the variables
// that say where it is and how the hub is reached at
// https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables.
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
	// mainRevision is the branch that is meant where none is named.
	mainRevision = "main"
)

// id is what the hub accepts as a name, with or without an owner.
var id = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$`)

// commitHash is git's name of a commit, which no push can change.
var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Resolve returns the files of the model that arg names and a name for it that
// tells nothing of where they lie: the folder's own name, or the id as given. A
// folder comes before an id. ID@REVISION is a branch, a tag or a commit of a
// model in the cache; without it, main.
func Resolve(arg string) (files fs.FS, name string, err error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return folder(arg)
	case err == nil:
		return nil, "", fmt.Errorf("model %q: it is a file; give the folder in which it lies (%s)", arg, folderHolds)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("model %q: %w; check the path", arg, reason(err))
	}
	if name, revision, ok := split(arg); ok {
		files, err := cached(name, revision)
		return files, arg, err
	}
	return nil, "", fmt.Errorf("model %q: there is no such folder; check the path (%s)", arg, folderHolds)
}

// split takes ID or ID@REVISION apart.
func split(arg string) (name, revision string, ok bool) {
	name, revision, given := strings.Cut(arg, "@")
	if !given {
		revision = mainRevision
	}
	return name, revision, id.MatchString(name) && !strings.Contains(name, "--") && validRevision(revision)
}

// validRevision reports whether a revision can be a file below refs on every
// operating system, and nowhere else.
func validRevision(s string) bool {
	return fs.ValidPath(s) && s != "." && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || strings.ContainsRune("\\:*?\"<>|\x7f", r)
	})
}

// join is what split takes apart.
func join(name, revision string) string {
	if revision == mainRevision {
		return name
	}
	return name + "@" + revision
}

// folder takes a folder as it is.
func folder(path string) (fs.FS, string, error) {
	files := os.DirFS(path)
	if _, err := fs.Stat(files, configFile); errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("model %q: there is no %s in this folder; %s, as save_pretrained of transformers writes them", path, configFile, folderHolds)
	} else if err != nil {
		return nil, "", fmt.Errorf("model %q: %s: %w; check that it can be read", path, configFile, reason(err))
	}
	name := filepath.Base(path)
	if full, err := filepath.Abs(path); err == nil { // "." has no name of its own
		name = filepath.Base(full)
	}
	return files, name, nil
}

// cached takes a snapshot of a hub id from the cache.
func cached(name, revision string) (fs.FS, error) {
	arg := join(name, revision)
	cache, err := cacheFolder()
	if err != nil {
		return nil, fmt.Errorf("model %q: there is no such folder, and %w", arg, err)
	}
	model := newRepository(cache, name)
	commit, err := model.commit(revision)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("model %q: there is no such folder, and no such model in the Hugging Face cache %s; %s", arg, cache, fetch(arg))
	}
	if err != nil {
		return nil, fmt.Errorf("model %q in the Hugging Face cache %s: %w", arg, cache, err)
	}
	files := os.DirFS(model.snapshot(commit))
	if _, err := fs.Stat(files, configFile); err != nil {
		return nil, fmt.Errorf("model %q in the Hugging Face cache %s: %s of snapshot %s is not there, so its download was not finished or fetched other files only; %s", arg, cache, configFile, commit, fetch(arg))
	}
	return files, nil
}

// fetch says how to download a model.
func fetch(arg string) string {
	command := fmt.Sprintf("fetch it with \"tripartite pull %s\"", arg)
	if offline() {
		return command + ", without HF_HUB_OFFLINE"
	}
	return command
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
