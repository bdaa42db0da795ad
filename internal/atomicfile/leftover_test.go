package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLeftoversOfAPathAreRemovedAndNothingElse(t *testing.T) {
	t.Chdir(t.TempDir())
	keep := []string{"memory", ".memory.tmp", ".memory.0123abcg.tmp", ".memory.0123abcd.tmpx", ".memory.0123abc.tmp", ".other.0123abcd.tmp", "memory.0123abcd.tmp"}
	gone := []string{".memory.0123abcd.tmp", ".memory.00000000.tmp"}
	for _, name := range slices.Concat(keep, gone) {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	there, err := filepath.Abs("memory")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"memory", there, "nowhere/memory"} {
		RemoveLeftovers(path)
		entries, err := os.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(keep) {
			t.Errorf("%s: %d files are left, want %d", path, len(entries), len(keep))
		}
		for _, e := range entries {
			if !slices.Contains(keep, e.Name()) {
				t.Errorf("%s: %s is left", path, e.Name())
			}
		}
	}
}
