package hub

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

// python runs a program in the interpreter that TRIPARTITE_PYTHON names, which
// has huggingface_hub, with the tests' environment.
func python(t *testing.T, program string) string {
	t.Helper()
	interpreter := os.Getenv("TRIPARTITE_PYTHON")
	if interpreter == "" {
		t.Skip(`skipped: set TRIPARTITE_PYTHON to a Python that has huggingface_hub ("pip install huggingface_hub")`)
	}
	c := exec.Command(interpreter, "-c", program)
	for _, v := range os.Environ() {
		if !strings.HasSuffix(v, "=") { // Python takes an empty variable for one that is set
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "HF_HUB_DISABLE_XET=1", "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_PROGRESS_BARS=1")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// The cache is shared with huggingface_hub: each finds, offline, what the other
// has fetched, and fetches nothing anew.
func TestPythonFindsWhatWasPulled(t *testing.T) {
	read, others := files()
	h, cache := serve(t, together(read, others))
	if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	before := len(asked(h))
	t.Setenv("HF_HUB_OFFLINE", "1")
	out := python(t, `
import os
from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir, try_to_load_from_cache, _CACHED_NO_EXIST
folder = snapshot_download("owner/model")
for f in ["config.json", "1_Pooling/config.json", "model.safetensors"]:
    assert hf_hub_download("owner/model", f) == os.path.join(folder, f), f
assert try_to_load_from_cache("owner/model", "vocab.txt") is _CACHED_NO_EXIST
assert try_to_load_from_cache("owner/model", "pytorch_model.bin") is None
info = scan_cache_dir()
assert not info.warnings, info.warnings
repo, = info.repos
print(repo.repo_id, repo.nb_files, os.path.basename(folder))`)
	if want := "owner/model 6 " + hubtest.Commit; out != want {
		t.Errorf("%q, want %q", out, want)
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	python(t, `
from huggingface_hub import snapshot_download
snapshot_download("owner/model", allow_patterns=["*.json", "*/config.json", "model.safetensors"], ignore_patterns=["onnx/*"])`)
	if after := len(asked(h)); after != before {
		t.Errorf("the weights were fetched again: %d requests", after-before)
	}
	if _, err := os.Stat(filepath.Join(cache, "models--owner--model", "refs", "main")); err != nil {
		t.Error(err)
	}
}

func TestWhatPythonFetchedIsFound(t *testing.T) {
	read, _ := files()
	for _, revision := range []string{"main", "refs/pr/1"} {
		h, _ := serve(t, read)
		python(t, `
from huggingface_hub import snapshot_download
snapshot_download("owner/model", revision="`+revision+`")`)
		before := len(asked(h))
		arg := join(name, revision)
		wantPulled(t, arg, read)
		if done, err := Pull(t.Context(), arg, PullOptions{}); err != nil || done.New {
			t.Errorf("%+v, %v", done, err)
		}
		if models, err := Cached(); err != nil || len(models) != 1 || models[0].ID != arg {
			t.Errorf("listed: %v, %v", models, err)
		}
		if after := len(asked(h)); after != before {
			t.Errorf("the weights were fetched again: %d requests", after-before)
		}
	}
}

// Both at once take turns.
func TestPythonAndPullAtOnce(t *testing.T) {
	read, _ := files()
	h, _ := serve(t, read)
	pulled := make(chan error)
	go func() {
		for range 20 {
			if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
				pulled <- err
				return
			}
		}
		pulled <- nil
	}()
	python(t, `
from huggingface_hub import snapshot_download
snapshot_download("owner/model")`)
	if err := <-pulled; err != nil {
		t.Error(err)
	}
	if n := len(asked(h)); n > 2 { // a HEAD of Python's may be redirected
		t.Errorf("the weights were asked for %d times", n)
	}
	wantPulled(t, name, read)
}
