package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// repository is a model's folder in the cache:
//
//	blobs/HASH               what a file holds, named by its sha256 or by git's sha1
//	snapshots/COMMIT/FILE    a link to it
//	refs/REVISION            the commit that a branch or a tag stood for
//	.no_exist/COMMIT/FILE    empty: the hub has no such file
type repository struct {
	folder string
	locks  string // where processes agree on who downloads a blob

	// Of the system, in order of preference; tests take some away.
	link []func(blob, name string) error
	lock func(*os.File) (taken bool, err error)
}

func newRepository(cache, name string) repository {
	model := "models--" + strings.ReplaceAll(name, "/", "--")
	return repository{
		folder: filepath.Join(cache, model),
		locks:  filepath.Join(cache, ".locks", model),
		link:   []func(blob, name string) error{symlink, os.Link, duplicate},
		lock:   tryLock,
	}
}

func (r repository) blob(hash string) string { return filepath.Join(r.folder, "blobs", hash) }
func (r repository) snapshot(commit string) string {
	return filepath.Join(r.folder, "snapshots", commit)
}
func (r repository) ref(revision string) string {
	return filepath.Join(r.folder, "refs", filepath.FromSlash(revision))
}

// commit returns what a revision stands for in the cache. The error is
// fs.ErrNotExist where the cache does not know.
func (r repository) commit(revision string) (string, error) {
	text, err := os.ReadFile(r.ref(revision))
	if errors.Is(err, fs.ErrNotExist) && commitHash.MatchString(revision) {
		if _, err := os.Stat(r.snapshot(revision)); err != nil {
			return "", fs.ErrNotExist
		}
		return revision, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fs.ErrNotExist
	}
	if err != nil {
		return "", fmt.Errorf("refs/%s: %w; check that it can be read", revision, reason(err))
	}
	commit, ok := parseRef(text)
	if !ok {
		return "", fmt.Errorf("refs/%s does not name a snapshot; delete the model from the cache and fetch it anew with \"tripartite pull\"", revision)
	}
	return commit, nil
}

// parseRef reads a file below refs. What it names is one folder, so that no ref
// leads out of the snapshots.
func parseRef(text []byte) (commit string, ok bool) {
	commit = strings.TrimSpace(string(text))
	return commit, fs.ValidPath(commit) && commit != "." && !strings.ContainsAny(commit, "/\\:\x00")
}

// has reports whether a file, or the blob that it is to link to, is there in its
// full size.
func (r repository) has(commit string, f file) bool {
	for _, path := range []string{r.file(commit, f), r.blob(f.Hash)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == f.Bytes {
			return true
		}
	}
	return false
}

func (r repository) file(commit string, f file) string {
	return filepath.Join(r.snapshot(commit), filepath.FromSlash(f.Name))
}

// publish puts a file, whose blob is complete, into a snapshot: as a symbolic
// link, or where the system or the user has no right to these, as another name
// of the same file or a copy.
func (r repository) publish(commit string, f file) error {
	name := r.file(commit, f)
	if info, err := os.Stat(name); err == nil && info.Size() == f.Bytes {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	// Made beside and renamed, so that others see the old file or the new one.
	temp, err := freeName(name)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	for _, link := range r.link {
		if err = link(r.blob(f.Hash), temp); err == nil {
			return os.Rename(temp, name)
		}
	}
	return err
}

// symlink makes a link that stays right when the cache is moved.
func symlink(blob, name string) error {
	to, err := filepath.Rel(filepath.Dir(name), blob)
	if err != nil {
		return err
	}
	return os.Symlink(to, name)
}

// freeName returns a name beside path that nobody uses.
func freeName(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".*.incomplete")
	if err != nil {
		return "", err
	}
	f.Close()
	return f.Name(), os.Remove(f.Name())
}

func duplicate(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// noteAbsent writes which of the files that programs look for the hub does not
// have. It saves them asking and nobody needs it, so it may fail.
func (r repository) noteAbsent(commit string, names []string) {
	for _, name := range names {
		path := filepath.Join(r.folder, ".no_exist", commit, filepath.FromSlash(name))
		if os.MkdirAll(filepath.Dir(path), 0o777) == nil {
			_ = os.WriteFile(path, nil, 0o666)
		}
	}
}

// noteCommit writes that a revision stands for a commit.
func (r repository) noteCommit(revision, commit string) error {
	if revision == commit {
		return nil
	}
	ref := r.ref(revision)
	if old, err := os.ReadFile(ref); err == nil && string(old) == commit {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(ref), 0o777); err != nil {
		return err
	}
	temp, err := freeName(ref)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.WriteFile(temp, []byte(commit), 0o666); err != nil {
		return err
	}
	return os.Rename(temp, ref)
}
