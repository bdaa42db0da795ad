package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// holds fails unless the file has the given text and its folder nothing else.
func holds(t *testing.T, path, text string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != text {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, text)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestANewFileIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	long := strings.Repeat("all of it ", 100_000) // more than the buffer
	if err := Write(path, text(long)); err != nil {
		t.Fatal(err)
	}
	holds(t, path, long)
}

func TestANewFileHasThePermissionsOfCreate(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "created"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "written"), text("x")); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(filepath.Join(dir, "written"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestAFileIsSeenOldOrNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	write(t, path, "old")
	err := Write(path, func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("new"), 100_000)); err != nil {
			return err
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
			t.Errorf("while it is written the file holds %.10q (%v), want the old text", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, path, strings.Repeat("new", 100_000))
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	write(t, path, "old")
	ctx, interrupt := context.WithCancel(context.Background())
	err := Write(path, func(w io.Writer) error {
		if err := text("half")(w); err != nil {
			return err
		}
		interrupt()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that wraps context.Canceled and names %s", err, path)
	}
	holds(t, path, "old")
}

func TestAPanicChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	write(t, path, "old")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = Write(path, func(io.Writer) error { panic("a mistake") })
	}()
	holds(t, path, "old")
}

func TestAFailedRenameLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	err := Write(path, func(w io.Writer) error {
		return os.MkdirAll(filepath.Join(path, "in the way"), 0o755)
	})
	if err == nil || !strings.Contains(err.Error(), "write "+path) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error %v, want one that names %s and not the temporary file", err, path)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%v in the folder, want the one that was in the way", entries)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		what, path, want string
		is               error
	}{
		{"missing folder", filepath.Join(dir, "no", "out.txt"), "there is no folder " + filepath.Join(dir, "no") + "; create it first", fs.ErrNotExist},
		{"folder", dir, "write " + dir + ": it is a folder; give the name of a file in it", nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			err := Write(test.path, func(io.Writer) error {
				t.Error("write was called")
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), ".tmp") {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v does not wrap %v", err, test.is)
			}
			if early := Check(test.path); err == nil || early == nil || early.Error() != err.Error() {
				t.Errorf("known before: %v, then: %v", early, err)
			}
		})
	}
}

func TestACheckChangesNothing(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("as it was"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(dir, "new"), os.DevNull} {
		if err := Check(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got, err := os.ReadFile(old); err != nil || string(got) != "as it was" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v are in the folder, %v, want the one file", entries, err)
	}
}

func TestFilesThatBelongTogetherChangeTogether(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	if err := WriteAll(File{Path: a, Write: text("old")}, File{Path: b, Write: text("old")}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteAll(File{Path: a, Write: text("new")},
		File{Path: b, Write: func(io.Writer) error { return broken }})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), b) {
		t.Errorf("error %v, want that of %s", err, b)
	}
	for _, path := range []string{a, b} {
		if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
			t.Errorf("%s holds %q (%v), want what it held", path, got, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%d files in the folder (%v), want 2", len(left), err)
	}
}
