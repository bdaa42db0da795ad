package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/hub"
	"github.com/tripartite-go/tripartite/zoo"
)

// cacheModel puts a model into a Hugging Face cache.
func cacheModel(t *testing.T, cache, name string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
	snapshot := filepath.Join(dir, "snapshots", "0123abc")
	for _, d := range []string{filepath.Join(dir, "refs"), snapshot} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "refs"), "main", "0123abc")
	for name, content := range files {
		write(t, snapshot, name, content)
	}
}

func TestModelsListsBundledAndCachedOnes(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	cacheModel(t, cache, "owner/small", map[string]string{
		"config.json":       `{"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384}`,
		"model.safetensors": strings.Repeat("x", 1_500_000),
		"README.md":         "---\nlanguage: en\nlicense: \"apache-2.0\"\n---\n# Small\nlicense: none\n",
	})
	cacheModel(t, cache, "bare", map[string]string{"config.json": "?"})
	o := must(t, "models")
	for _, words := range []string{"Bundled", "In the Hugging Face cache:", "On the Hugging Face hub", "language ", "masked language model", "BSD-3-Clause", "(default)", "owner/small", "1.5 MB", "apache-2.0", "6 layers of width 384", "not stated"} {
		if !strings.Contains(o.stdout, words) {
			t.Errorf("lacks %q:\n%s", words, o.stdout)
		}
	}
	var list modelList
	if err := json.Unmarshal([]byte(must(t, "models", "--json").stdout), &list); err != nil {
		t.Fatal(err)
	}
	bundled := len(zoo.Models())
	if list.Schema != "tripartite.models/1" || list.Program == "" || len(list.Models) != bundled+2+len(hub.Known()) || !list.Models[0].Default || list.Models[0].Source != "bundled" || list.Models[0].Bytes < 1e6 {
		t.Errorf("%+v", list)
	}
	want := modelEntry{"owner/small", "cache", false, "bert", 1_500_000, "apache-2.0", "6 layers of width 384"}
	if got := list.Models[bundled+1]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, m := range list.Models[bundled+2:] {
		if m.Source != "hub" || m.Kind == "" || m.Bytes < 1e7 || m.Licence == "" || m.Summary == "" {
			t.Errorf("on the hub: %+v", m)
		}
	}
}

// What has been fetched is listed once.
func TestModelsOnTheHubLeaveTheirPlaceToCachedOnes(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	name := hub.Known()[0].ID
	cacheModel(t, cache, name, map[string]string{"config.json": "{}"})
	if list := must(t, "models").stdout; strings.Count(list, name) != 1 || !strings.Contains(list, "cache") {
		t.Errorf("%s", list)
	}
}
