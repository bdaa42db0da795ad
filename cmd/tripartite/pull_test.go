package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

// serveHub starts a hub whose every model is the one in folder, and an empty
// cache. The commands of this process and of those it starts can reach no other.
func serveHub(t *testing.T, folder string) *hubtest.Hub {
	t.Helper()
	model := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
			model[name] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h := hubtest.Serve(t, map[string]map[string]string{"*": model})
	for _, v := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} {
		t.Setenv(v, "")
	}
	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	t.Setenv("HF_HUB_CACHE", filepath.Join(home, "hub"))
	t.Setenv("HF_ENDPOINT", h.URL)
	return h
}

func TestAPulledModelRunsOffline(t *testing.T) {
	serveHub(t, "../../zoo/language")
	text := []string{"run", "owner/model", "--text", "Jesus [MASK].", "--json"}
	wantFailure(t, command(text...), exitFailed, "tripartite pull owner/model", "bundled are")
	o := must(t, "pull", "owner/model", "--json")
	var result pullResult
	if err := json.Unmarshal([]byte(o.stdout), &result); err != nil {
		t.Fatal(err)
	}
	var sum int64
	names := []string{}
	for _, f := range result.Files {
		sum += f.Bytes
		names = append(names, f.Name)
	}
	if result.Schema != "tripartite.pull/1" || result.Program == "" || result.Model != "owner/model" || result.Revision != "main" ||
		result.Commit != hubtest.Commit || result.Bytes != sum || !strings.Contains(strings.Join(names, " "), "model.safetensors") {
		t.Errorf("%+v", result)
	}
	if o.stderr != "" {
		t.Errorf("stderr: %q", o.stderr)
	}
	if again := must(t, "pull", "owner/model", "--json"); again.stdout != o.stdout {
		t.Errorf("a second time: %s, not %s", again.stdout, o.stdout)
	}
	if again := must(t, "pull", "owner/model@main"); !strings.Contains(again.stdout, "already") {
		t.Errorf("a second time: %s", again.stdout)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	must(t, "pull", "owner/model")
	pulled := strings.ReplaceAll(must(t, text...).stdout, "owner/model", "language")
	if bundled := must(t, "run", "language", "--text", "Jesus [MASK].", "--json").stdout; pulled != bundled {
		t.Errorf("the pulled model says %s, the bundled one %s", pulled, bundled)
	}
	if list := must(t, "models").stdout; !strings.Contains(list, "owner/model") {
		t.Errorf("not listed:\n%s", list)
	}
}

func TestPullMistakesAreExplained(t *testing.T) {
	h := serveHub(t, "../../zoo/language")
	wantFailure(t, command("pull", "a/b@v1", "--revision", "v2"), exitUsage, "both name a revision")
	wantFailure(t, command("pull"), exitUsage, "MODEL is missing")
	wantFailure(t, command("pull", "./folder"), exitFailed, "OWNER/NAME")
	wantFailure(t, command("pull", "owner/model", "--revision", "v2"), exitFailed, `no revision "v2"`)
	ctx, cancel := context.WithCancel(t.Context())
	h.Instead(func(storage bool, w http.ResponseWriter, r *http.Request) bool {
		if storage {
			cancel()
			<-r.Context().Done()
		}
		return storage
	})
	wantFailure(t, commandWith(ctx, nil, "pull", "owner/model"), exitInterrupted, "interrupted", "what has come is kept", "tripartite pull owner/model")
	wantFailure(t, command("run", "owner/model", "--text", "a"), exitFailed, "tripartite pull owner/model")
}

// Processes that pull the same model take turns, and one that is killed leaves
// nothing but a part, with which the next goes on.
func TestPullsInSeveralProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	h := serveHub(t, "../../zoo/language")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asCommand, "1")
	begun := make(chan struct{})
	var requests atomic.Int32
	h.Instead(func(storage bool, w http.ResponseWriter, r *http.Request) bool {
		if !storage || requests.Add(1) > 1 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(h.Size("owner/model", "model.safetensors")))
		w.Write(make([]byte, 100_000)) // wrong, so that it is fetched anew in the end
		w.(http.Flusher).Flush()
		close(begun)
		<-r.Context().Done()
		return true
	})
	killed := exec.Command(self, "pull", "owner/model")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	killed.Process.Kill()
	killed.Wait()
	wantFailure(t, command("run", "owner/model", "--text", "a"), exitFailed, "tripartite pull owner/model")

	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if out, err := exec.Command(self, "pull", "owner/model").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	both.Wait()
	if n := requests.Load(); n > 3 { // the one that was cut, the rest of it, all of it
		t.Errorf("the weights were asked for %d times", n)
	}
	must(t, "run", "owner/model", "--text", "Jesus [MASK].")
}
