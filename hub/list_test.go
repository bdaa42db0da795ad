package hub

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCachedModelsAreListedByName(t *testing.T) {
	cache := alone(t)
	inCache(t, cache, "owner/second", "2")
	inCache(t, cache, "first", "1")
	inCache(t, cache, "owner/broken", "3")
	write(t, "nosuch", cache, "models--owner--broken", "refs", "main")
	write(t, "{}", cache, "datasets--owner--texts", "config.json")
	write(t, "", cache, "version.txt")
	models, err := Cached()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range models {
		found = append(found, m.ID+"="+read(t, m.Files))
	}
	if want := []string{"first=1", "owner/second=2"}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

func TestWithoutACacheNothingIsListed(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", filepath.Join(t.TempDir(), "nosuch"))
	if models, err := Cached(); err != nil || len(models) > 0 {
		t.Errorf("%v, %v", models, err)
	}
	dir := t.TempDir()
	write(t, "", dir, "file")
	t.Setenv("HF_HUB_CACHE", filepath.Join(dir, "file"))
	if _, err := Cached(); err == nil || !strings.Contains(err.Error(), "HF_HUB_CACHE") {
		t.Errorf("a cache that is a file: %v", err)
	}
}
