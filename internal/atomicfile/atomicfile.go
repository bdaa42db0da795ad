// Package atomicfile writes files whole or not at all.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Write replaces the file path by what write produces. The bytes go to a
// temporary file in the same folder, which is synced to disk and then renamed,
// so that whoever reads path sees the old content or all of the new one.
//
// When anything fails (write returns an error, it panics, the disk is full),
// the temporary file is removed and path is as it was. To be interruptible,
// write returns its context's error.
//
// A new file gets the permissions that os.Create would give it, an existing
// one keeps its own and is not replaced when it is write-protected; a symbolic
// link stays and its target is replaced. What is no regular file (/dev/null, a
// named pipe) is written directly. Writes are buffered. Errors name path.
func Write(path string, write func(w io.Writer) error) error {
	return WriteAll(File{path, write})
}

// File is a file to be written: see WriteAll.
type File struct {
	Path  string
	Write func(w io.Writer) error
}

// WriteAll is Write for several files that belong together. All are written in
// full before the first is put in its place, so that an error, a panic or a full
// disk leaves all of them as they were.
func WriteAll(files ...File) error {
	staged := make([]staged, 0, len(files))
	defer func() { // an error or a panic: leave nothing behind
		for _, s := range staged {
			s.discard()
		}
	}()
	for _, f := range files {
		s, err := stage(f)
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		staged = append(staged, s)
	}
	for len(staged) > 0 {
		if err := staged[0].commit(); err != nil {
			return fmt.Errorf("write %s: %w", staged[0].path, err)
		}
		staged = staged[1:]
	}
	return nil
}

// Check returns, before a long job, why Write would fail at path: it is a folder,
// it is write-protected, or its folder is missing or cannot be written. Devices
// and pipes are not tried. Nothing is changed.
func Check(path string) error {
	target, existing, err := resolve(path)
	if err == nil && (existing == nil || existing.Mode().IsRegular()) {
		var temp string
		if temp, err = prepare(target, existing, func(io.Writer) error { return nil }); err == nil {
			err = cause(os.Remove(temp))
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// staged is a file whose content is ready.
type staged struct {
	path   string
	temp   string // complete and on disk; empty for a device or a pipe,
	target string // which gets its bytes
	write  func(w io.Writer) error
}

func stage(f File) (staged, error) {
	target, existing, err := resolve(f.Path)
	if err != nil {
		return staged{}, err
	}
	s := staged{path: f.Path, target: target, write: f.Write}
	if existing == nil || existing.Mode().IsRegular() {
		s.temp, err = prepare(target, existing, f.Write)
	}
	return s, err
}

func (s staged) commit() error {
	if s.temp == "" {
		return overwrite(s.target, s.write)
	}
	return cause(os.Rename(s.temp, s.target))
}

func (s staged) discard() {
	if s.temp != "" {
		os.Remove(s.temp)
	}
}

// resolve follows symbolic links and returns the file to write, with what is
// known of it where it exists.
func resolve(path string) (target string, existing fs.FileInfo, err error) {
	existing, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err != nil {
		return "", nil, cause(err)
	}
	if existing.IsDir() {
		return "", nil, errors.New("it is a folder; give the name of a file in it")
	}
	target, err = filepath.EvalSymlinks(path)
	return target, existing, cause(err)
}

// prepare writes a temporary file beside target and returns its name.
func prepare(target string, existing fs.FileInfo, write func(io.Writer) error) (temp string, err error) {
	perm := fs.FileMode(0o666) // what os.Create asks for; the umask takes its part
	if existing != nil {
		if err := checkWritable(target); err != nil {
			return "", err
		}
		perm = existing.Mode().Perm()
	}
	f, err := createTemp(target, perm)
	if err != nil {
		return "", err
	}
	done := false
	defer func() {
		if !done { // an error or a panic: leave nothing behind
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if existing != nil { // give back what the umask took
		if err := f.Chmod(perm); err != nil {
			return "", cause(err)
		}
	}
	if err := fill(f, write); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", cause(err)
	}
	if err := f.Close(); err != nil {
		return "", cause(err)
	}
	done = true
	return f.Name(), nil
}

// checkWritable returns an error where the file is write-protected, which a
// rename would ignore.
func checkWritable(target string) error {
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("the file is write-protected; choose another name: %w", cause(err))
	}
	return cause(f.Close())
}

// createTemp creates a hidden file beside target. Unlike os.CreateTemp it
// takes the permissions, so that the umask applies to them.
func createTemp(target string, perm fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(target)
	for try := 0; ; try++ {
		name := fmt.Sprintf("%s.%s.%08x.tmp", dir, base, rand.Uint32())
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, fs.ErrExist) && try < 100:
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, noFolder{filepath.Dir(target), cause(err)}
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("the folder %s cannot be written; choose another: %w", filepath.Dir(target), cause(err))
		}
		return nil, cause(err)
	}
}

// noFolder says it without the words of the operating system, which speaks of a
// file.
type noFolder struct {
	dir   string
	cause error
}

func (e noFolder) Error() string { return fmt.Sprintf("there is no folder %s; create it first", e.dir) }

func (e noFolder) Unwrap() error { return e.cause }

// overwrite writes to a device or a pipe, which cannot be replaced.
func overwrite(target string, write func(io.Writer) error) error {
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	if err := fill(f, write); err != nil {
		return err
	}
	return cause(f.Close())
}

// fill runs write over a buffer in front of f.
func fill(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(nameless{f}, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// nameless writes to a file and keeps its (temporary) name out of errors.
type nameless struct{ f *os.File }

func (w nameless) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	return n, cause(err)
}

// cause is what the operating system said, without operation and file names.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
