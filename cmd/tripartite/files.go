package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/internal/npz"
)

// isStream reports whether a path stands for standard input or output.
func isStream(path string) bool { return path == "-" }

// oneStream refuses two paths that are both the standard stream.
func oneStream(stream string, paths ...string) error {
	n := 0
	for _, p := range paths {
		if isStream(p) {
			n++
		}
	}
	if n > 1 {
		return usagef("standard %s can be used for one file only; give paths to the others", stream)
	}
	return nil
}

// readArrays opens an .npz file, or standard input, for read, which is told its
// name.
func readArrays[T any](e *env, path string, read func(a *npz.Archive, name string) (T, error)) (T, error) {
	var none T
	open := func() (*npz.Archive, string, error) {
		if isStream(path) {
			a, err := npz.Read(e.stdin, standardInput, npz.Limits{})
			return a, standardInput, err
		}
		a, err := npz.Open(path, npz.Limits{})
		return a, path, err
	}
	a, name, err := open()
	if err != nil {
		return none, err
	}
	defer a.Close()
	return read(a, name)
}

const standardInput = "standard input"

// writeArrays replaces an .npz file by what write writes, or writes it to
// standard output.
func writeArrays(ctx context.Context, e *env, path string, write func(w *npz.Writer) error) error {
	return writeFile(ctx, e, path, func(out io.Writer) error {
		w := npz.NewWriter(out)
		if err := write(w); err != nil {
			return err
		}
		return w.Close()
	})
}

// writeFile replaces the file at path, whole or not at all, or writes to
// standard output. When the context is cancelled, the file stays as it was.
func writeFile(ctx context.Context, e *env, path string, write func(w io.Writer) error) error {
	guarded := func(w io.Writer) error {
		if err := write(&guard{ctx, w}); err != nil {
			return err
		}
		return ctx.Err()
	}
	if isStream(path) {
		if err := guarded(e.stdout); err != nil {
			return fmt.Errorf("write standard output: %w; check where it leads and whether there is room", cause(err))
		}
		return nil
	}
	err := atomicfile.Write(path, guarded)
	if err == nil {
		return nil
	}
	info, absent := os.Stat(path)
	switch isFolder := absent == nil && info.IsDir(); {
	case isFolder, errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return err // which says what to do
	}
	return fmt.Errorf("%w; nothing was changed: check the path and whether there is room", err)
}

// guard writes until the context is cancelled.
type guard struct {
	ctx context.Context
	w   io.Writer
}

func (g *guard) Write(p []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, err
	}
	return g.w.Write(p)
}

// seekable returns a path to read at any offset: path itself, or a temporary
// copy of standard input, which the caller removes.
func (e *env) seekable(path string) (name string, remove func(), err error) {
	if !isStream(path) {
		return path, func() {}, nil
	}
	f, err := os.CreateTemp("", "tripartite-*.safetensors")
	if err != nil {
		return "", nil, fmt.Errorf("keep standard input: %w; save it to a file and name that", err)
	}
	remove = func() { os.Remove(f.Name()) }
	_, err = io.Copy(f, e.stdin)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("keep standard input: %w; save it to a file and name that", err)
	}
	return f.Name(), remove, nil
}

// called returns an error that speaks of the copy of standard input, which has a name
// that the user does not know, as of standard input.
func called(err error, name, path string) error {
	if err == nil || !isStream(path) {
		return err
	}
	return renamedError{err, strings.ReplaceAll(err.Error(), name, standardInput)}
}

// renamedError is an error in other words.
type renamedError struct {
	error
	words string
}

func (e renamedError) Error() string { return e.words }
func (e renamedError) Unwrap() error { return e.error }

// list writes names as a sentence does.
func list[T ~string](names []T) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ", ")
}
