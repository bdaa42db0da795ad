package zoo_test

import (
	"io"
	"io/fs"
	"testing"

	"github.com/tripartite-go/tripartite/zoo"
)

// bytesAllowed bounds what the command carries of one model, samples included.
const bytesAllowed = 4_000_000

func TestEveryModelIsFoundByItsNameAndIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range zoo.Models() {
		if seen[m.Name] {
			t.Errorf("two models are called %q", m.Name)
		}
		seen[m.Name] = true
		found, ok := zoo.Find(m.Name)
		if !ok || found.Summary != m.Summary {
			t.Errorf("Find(%q) = %q, %v; want the model itself", m.Name, found.Summary, ok)
		}
		if m.Kind == "" || m.Summary == "" || m.Licence == "" {
			t.Errorf("%s does not say its kind, summary and licence: %+v", m.Name, m)
		}
		size := sizeOf(t, m.Files())
		for _, in := range []zoo.Inputs{m.Samples(), m.Calibration()} {
			if (in.Texts == nil) == (in.Files == nil) {
				t.Errorf("%s: inputs are either texts or files, not both or neither", m.Name)
			}
			for _, text := range in.Texts {
				size += len(text) + 1
			}
			if in.Files != nil {
				size += sizeOf(t, in.Files)
			}
		}
		if size > bytesAllowed {
			t.Errorf("%s takes %d bytes, %d allowed", m.Name, size, bytesAllowed)
		}
	}
	for _, name := range []string{"language", "vision"} {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
	if first := zoo.Models()[0].Name; first != "language" {
		t.Errorf("the default model is %s, want language", first)
	}
}

// sizeOf adds up the files of a folder, none of which may be empty.
func sizeOf(t *testing.T, files fs.FS) int {
	t.Helper()
	total, count := 0, 0
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err == nil && len(data) == 0 {
			t.Errorf("%s is empty", path)
		}
		total += len(data)
		count++
		return err
	})
	if err != nil || count == 0 {
		t.Errorf("%d files, %v", count, err)
	}
	return total
}

func TestWeightsCanBeReadAtAnyOffset(t *testing.T) {
	for _, m := range zoo.Models() {
		if _, err := fs.Stat(m.Files(), "config.json"); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		file, err := m.Files().Open("model.safetensors")
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if _, ok := file.(io.ReaderAt); !ok {
			t.Errorf("%s: the weights are no io.ReaderAt", m.Name)
		}
		if _, ok := file.(io.Seeker); !ok {
			t.Errorf("%s: the weights are no io.Seeker", m.Name)
		}
		file.Close()
	}
}

func TestUnknownNamesAreNotFound(t *testing.T) {
	for _, name := range []string{"", "Language", "language/"} {
		if m, ok := zoo.Find(name); ok {
			t.Errorf("Find(%q) found %s", name, m.Name)
		}
	}
}
