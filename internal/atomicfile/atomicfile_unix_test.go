//go:build unix

package atomicfile

import (
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAnExistingFileKeepsItsMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o755} {
		path := filepath.Join(t.TempDir(), "out.txt")
		write(t, path, "old")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, text("new")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("mode %v, want %v", info.Mode(), mode)
		}
		holds(t, path, "new")
	}
}

func TestASymbolicLinkStays(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "out.txt"), filepath.Join(t.TempDir(), "link")
	write(t, path, "old")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, text("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q (%v), want %q", target, err, path)
	}
}

func TestAPipeIsWrittenDirectly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Skip("no named pipes here:", err)
	}
	got := make(chan string)
	go func() {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- string(data)
	}()
	if err := Write(path, text("through")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "through" {
		t.Errorf("read %q", s)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v, %v", info, err)
	}
}

// A full disk is played by the limit on the size of files.
func TestAFullDiskChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	write(t, path, "old")

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Skip("no limit on the size of files here:", err)
	}
	limit := before
	limit.Cur = 1 << 15 // below the writer's buffer, above what the test's own log takes
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip("no limit on the size of files here:", err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()

	for what, bytes := range map[string]int{"while writing": 1 << 20, "at the last flush": 3 << 14} {
		err := Write(path, func(w io.Writer) error { return text(strings.Repeat("x", bytes))(w) })
		if err == nil || !strings.HasPrefix(err.Error(), "write "+path) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: error %v, want one that names %s", what, err, path)
		}
		holds(t, path, "old")
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		f.Close()
		t.Skip("permissions do not bind this user")
	}
	err := Write(filepath.Join(dir, "out.txt"), text("new"))
	if err == nil || !strings.Contains(err.Error(), "the folder "+dir+" cannot be written; choose another") {
		t.Errorf("error %v", err)
	}
}

func TestAWriteProtectedFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	write(t, path, "old")
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Skip("permissions do not bind this user")
	}
	err := Write(path, text("new"))
	if err == nil || !strings.Contains(err.Error(), "the file is write-protected; choose another name") {
		t.Errorf("error %v", err)
	}
	holds(t, path, "old")
}
