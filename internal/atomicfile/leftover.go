package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
)

// RemoveLeftovers removes the temporary files beside path of writers that were
// killed, which no program can do for itself. It is for a path with one writer:
// what another is just writing would be gone, too. That something cannot be
// removed is no error.
func RemoveLeftovers(path string) {
	target, _, err := resolve(path)
	if err != nil {
		return
	}
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		hex, ok := strings.CutPrefix(e.Name(), "."+base+".")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if hex, ok = strings.CutSuffix(hex, ".tmp"); ok && len(hex) == 8 && strings.Trim(hex, "0123456789abcdef") == "" {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
