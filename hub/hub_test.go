package hub

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file and the folders above it.
func write(t *testing.T, text string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// alone keeps the cache of whoever runs the tests out of them.
func alone(t *testing.T) (cache string) {
	t.Helper()
	for _, v := range []string{
		"HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
	} {
		t.Setenv(v, "")
	}
	home := t.TempDir()
	cache = filepath.Join(home, "hub")
	t.Setenv("HF_HOME", home)
	t.Setenv("HF_HUB_CACHE", cache)
	return cache
}

func read(t *testing.T, files fs.FS) string {
	t.Helper()
	text, err := fs.ReadFile(files, "config.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFolderIsTakenAsItIs(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	write(t, "{}", dir, "my-model", "config.json")
	for _, arg := range []string{filepath.Join(dir, "my-model"), filepath.Join(dir, "my-model") + "/"} {
		files, name, err := Resolve(arg)
		if err != nil {
			t.Fatal(err)
		}
		if name != "my-model" || read(t, files) != "{}" {
			t.Errorf("%s: name %q", arg, name)
		}
	}
	t.Chdir(filepath.Join(dir, "my-model"))
	if _, name, err := Resolve("."); err != nil || name != "my-model" {
		t.Errorf("the present folder is called %q, %v", name, err)
	}
}

func TestFolderComesBeforeTheCache(t *testing.T) {
	cache := alone(t)
	inCache(t, cache, "own/model", "cached")
	dir := t.TempDir()
	write(t, "folder", dir, "own", "model", "config.json")
	t.Chdir(dir)
	files, _, err := Resolve("own/model")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, files); got != "folder" {
		t.Errorf("read the config of the %s", got)
	}
}

// inCache lays out a model as huggingface_hub does, links included.
func inCache(t *testing.T, cache, name, config string) {
	t.Helper()
	model := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
	write(t, "0123abcd", model, "refs", "main")
	write(t, config, model, "blobs", "b1")
	snapshot := filepath.Join(model, "snapshots", "0123abcd")
	if err := os.MkdirAll(snapshot, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "..", "blobs", "b1"), filepath.Join(snapshot, "config.json")); err != nil {
		t.Skip("this system has no symbolic links:", err)
	}
}

func TestCachedModelWorksOffline(t *testing.T) {
	home := t.TempDir()
	for _, test := range []struct{ variable, value, cache string }{
		{"HF_HUB_CACHE", filepath.Join(home, "a"), filepath.Join(home, "a")},
		{"HF_HUB_CACHE", "~/b", filepath.Join(home, "b")},
		{"HF_HUB_CACHE", "$TRIPARTITE_TEST_HOME/f", filepath.Join(home, "f")},
		{"HUGGINGFACE_HUB_CACHE", filepath.Join(home, "c"), filepath.Join(home, "c")},
		{"HF_HOME", filepath.Join(home, "d"), filepath.Join(home, "d", "hub")},
		{"XDG_CACHE_HOME", filepath.Join(home, "e"), filepath.Join(home, "e", "huggingface", "hub")},
		{"HOME", home, filepath.Join(home, ".cache", "huggingface", "hub")},
	} {
		t.Run(test.variable+"="+filepath.Base(test.value), func(t *testing.T) {
			for _, v := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"} {
				t.Setenv(v, "")
			}
			t.Setenv("HOME", home)
			t.Setenv("TRIPARTITE_TEST_HOME", home)
			t.Setenv(test.variable, test.value)
			for _, id := range []string{"org/name", "name"} {
				inCache(t, test.cache, id, "config of "+id)
				files, name, err := Resolve(id)
				if err != nil {
					t.Fatal(err)
				}
				if name != id || read(t, files) != "config of "+id {
					t.Errorf("%s: name %q", id, name)
				}
			}
		})
	}
}

func TestErrorsNameTheRemedy(t *testing.T) {
	cache := alone(t)
	dir := t.TempDir()
	write(t, "", dir, "empty", "readme.txt")
	write(t, "", dir, "weights.safetensors")
	inCache(t, cache, "org/half", "")
	if err := os.Remove(filepath.Join(cache, "models--org--half", "snapshots", "0123abcd", "config.json")); err != nil {
		t.Fatal(err)
	}
	write(t, "../../../elsewhere", cache, "models--org--astray", "refs", "main")
	for _, test := range []struct {
		arg  string
		want []string
	}{
		{filepath.Join(dir, "empty"), []string{"no config.json", "model.safetensors", "save_pretrained"}},
		{filepath.Join(dir, "weights.safetensors"), []string{"is a file", "give the folder"}},
		{filepath.Join(dir, "nowhere"), []string{"no such folder", "check the path"}},
		{"./nowhere", []string{"no such folder", "check the path"}},
		{"a/b/c", []string{"no such folder"}},
		{"", []string{"no such folder"}},
		{"org/unknown", []string{"no such folder", cache, "tripartite pull org/unknown"}},
		{"unknown", []string{"no such folder", "tripartite pull unknown"}},
		{"org/half", []string{"not finished", "tripartite pull org/half"}},
		{"org/astray", []string{"does not name a snapshot", "tripartite pull"}},
		{"org/unknown@v1", []string{"no such folder", "tripartite pull org/unknown@v1"}},
		{"org/unknown@../v1", []string{"no such folder", "check the path"}},
	} {
		_, _, err := Resolve(test.arg)
		if err == nil {
			t.Errorf("%q: no error", test.arg)
			continue
		}
		for _, want := range append(test.want, test.arg) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %q does not say %q", test.arg, err, want)
			}
		}
	}
}
