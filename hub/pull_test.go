package hub

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

const name = "owner/model"

// weights are long enough to come in several pieces.
var weights = func() string {
	b := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}()

// read are the files of a model that Pull wants, others those it does not.
func files() (read, others map[string]string) {
	read = map[string]string{
		"README.md": "---\nlicense: mit\n---\n", "config.json": `{"model_type": "bert"}`, "tokenizer.json": "{}",
		"modules.json": "[]", "1_Pooling/config.json": `{"pooling": 1}`, "model.safetensors": weights,
	}
	others = map[string]string{
		"pytorch_model.bin": "pickle", "onnx/model.onnx": "graph", "onnx/config.json": "{}", "adapter.safetensors": "adapter",
		"training_args.bin": "args", ".gitattributes": "",
	}
	return read, others
}

// together puts maps into one.
func together(ms ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range ms {
		maps.Copy(all, m)
	}
	return all
}

// serve starts a hub, which is all that the tests can reach, with an empty cache.
func serve(t *testing.T, model map[string]string) (h *hubtest.Hub, cache string) {
	t.Helper()
	h = hubtest.Serve(t, map[string]map[string]string{name: model})
	cache = alone(t)
	t.Setenv("HF_ENDPOINT", h.URL)
	return h, cache
}

// intercept answers requests for weights in the storage's place.
func intercept(h *hubtest.Hub, answer func(w http.ResponseWriter, r *http.Request) bool) {
	h.Instead(func(storage bool, w http.ResponseWriter, r *http.Request) bool { return storage && answer(w, r) })
}

// asked counts the requests to the storage.
func asked(h *hubtest.Hub) (ranges []string) {
	for _, r := range h.Requests() {
		if r.Storage {
			ranges = append(ranges, r.Header.Get("Range"))
		}
	}
	return ranges
}

// soon makes waits short and allows so many attempts.
func soon(attempts int) PullOptions {
	return PullOptions{adjust: func(p *puller) {
		p.attempts, p.first, p.stall = attempts, time.Millisecond, 10*time.Second
	}}
}

// wantPulled checks that a model is in the cache, whole, and works offline.
func wantPulled(t *testing.T, arg string, want map[string]string) {
	t.Helper()
	t.Setenv("HF_HUB_OFFLINE", "1")
	defer t.Setenv("HF_HUB_OFFLINE", "")
	snapshot, _, err := Resolve(arg)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	err = fs.WalkDir(snapshot, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = fs.ReadFile(snapshot, name)
			found[name] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(found, want) {
		t.Errorf("the snapshot has %v, want %v", slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want)))
	}
	if done, err := Pull(t.Context(), arg, PullOptions{}); err != nil || done.New || len(done.Files) != len(want) {
		t.Errorf("offline: %+v, %v", done, err)
	}
}

// wantNothing checks that what a failure left looks like no model and no file of
// one: blobs that are not marked as parts are what their name says.
func wantNothing(t *testing.T, cache string) {
	t.Helper()
	if _, _, err := Resolve(name); err == nil {
		t.Error("the model is found")
	}
	if models, err := Cached(); err != nil || len(models) > 0 {
		t.Errorf("listed: %v, %v", models, err)
	}
	err := filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, unfinished) || filepath.Ext(path) == ".lock" {
			return err
		}
		if filepath.Base(filepath.Dir(path)) != "blobs" {
			t.Errorf("left behind: %s", path)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		blob, err := os.Open(path)
		if err != nil {
			return err
		}
		defer blob.Close()
		if right, err := (file{Hash: d.Name(), Bytes: info.Size()}).matches(blob); !right || err != nil {
			t.Errorf("left behind: %s, which is not what it is called", path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// wantRefused checks what a failure says, and that it left nothing.
func wantRefused(t *testing.T, cache string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range append(words, name) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q tells a secret", err)
	}
	wantNothing(t, cache)
}

// part returns the path of the weights' part.
func part(cache string) string {
	return filepath.Join(cache, "models--owner--model", "blobs", hubtest.Hash(weightsFile, weights)+unfinished)
}

func TestPullFetchesWhatIsReadAndNoMore(t *testing.T) {
	read, others := files()
	h, cache := serve(t, together(read, others))
	var last, total int64
	done, err := Pull(t.Context(), name, PullOptions{Progress: func(d, all int64) { last, total = d, all }})
	if err != nil {
		t.Fatal(err)
	}
	if done.ID != name || done.Revision != "main" || done.Commit != hubtest.Commit || !done.New || len(done.Files) != len(read) {
		t.Errorf("%+v", done)
	}
	if last != total || total != done.Bytes() {
		t.Errorf("progress ended at %d of %d, for %d bytes", last, total, done.Bytes())
	}
	wantPulled(t, name, read)

	// The layout is that of huggingface_hub.
	model := filepath.Join(cache, "models--owner--model")
	if ref, err := os.ReadFile(filepath.Join(model, "refs", "main")); err != nil || string(ref) != hubtest.Commit {
		t.Errorf("refs/main: %q, %v", ref, err)
	}
	if to, err := os.Readlink(filepath.Join(model, "snapshots", hubtest.Commit, "1_Pooling", "config.json")); runtime.GOOS != "windows" &&
		(err != nil || to != filepath.Join("..", "..", "..", "blobs", hubtest.Hash("", read["1_Pooling/config.json"]))) {
		t.Errorf("link to %q, %v", to, err)
	}
	if _, err := os.Stat(filepath.Join(model, ".no_exist", hubtest.Commit, "vocab.txt")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(part(cache)); err == nil {
		t.Error("a part was left")
	}

	// What is there is not fetched again.
	before := len(h.Requests())
	if done, err = Pull(t.Context(), name, PullOptions{}); err != nil || done.New || len(h.Requests()) != before+1 {
		t.Errorf("a second time: %+v, %v, %d requests", done, err, len(h.Requests())-before)
	}
}

func TestWeightsInSeveralFiles(t *testing.T) {
	read := map[string]string{
		"config.json": "{}", "model-00001-of-00002.safetensors": weights[:1000], "model-00002-of-00002.safetensors": weights[1000:],
		indexFile: `{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}`,
	}
	serve(t, together(read, map[string]string{"model-00003-of-00002.safetensors": "stray"}))
	if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, name, read)
}

func TestRevisions(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	for _, revision := range []string{"refs/pr/1", hubtest.Commit} {
		if _, _, err := Resolve(name + "@refs/pr/1"); revision == "refs/pr/1" && (err == nil || !strings.Contains(err.Error(), "pull "+name+"@refs/pr/1")) {
			t.Errorf("before: %v", err)
		}
		done, err := Pull(t.Context(), name+"@"+revision, PullOptions{})
		if err != nil || done.Revision != revision || done.Commit != hubtest.Commit {
			t.Fatalf("%+v, %v", done, err)
		}
		wantPulled(t, name+"@"+revision, read)
	}
	if asked := h.Requests()[0].Path; !strings.HasSuffix(asked, "/revision/refs%2Fpr%2F1") {
		t.Errorf("asked for %s", asked)
	}
	models, err := Cached()
	if err != nil || len(models) != 1 || models[0].ID != name+"@refs/pr/1" {
		t.Errorf("listed: %v, %v", models, err)
	}
	if _, _, err := Resolve(name); err == nil {
		t.Error("main is found, which was not pulled")
	}
	if _, err := os.Stat(filepath.Join(cache, "models--owner--model", "refs", hubtest.Commit)); err == nil {
		t.Error("a commit has a ref")
	}
	for _, arg := range []string{"", "a/b/c", "../x", "a//b", "own--er/x", name + "@", name + "@../../x", name + "@/etc", name + `@a\b`, name + "@a:b", name + "@.", "./model"} {
		if _, err := Pull(t.Context(), arg, PullOptions{}); err == nil || !strings.Contains(err.Error(), "OWNER/NAME") {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

func TestOfflineNothingIsAsked(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	for variable, value := range map[string]string{"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "yes"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := Pull(t.Context(), name, PullOptions{})
			wantRefused(t, cache, err, "HF_HUB_OFFLINE", "unset")
			if _, _, err := Resolve(name); err == nil || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
				t.Error(err)
			}
		})
	}
	if len(h.Requests()) > 0 {
		t.Errorf("asked for %v", h.Requests())
	}
	// A snapshot that somebody else began is not taken for whole.
	inCache(t, cache, name, "{}")
	t.Setenv("HF_HUB_OFFLINE", "1")
	if _, err := Pull(t.Context(), name, PullOptions{}); err == nil || !strings.Contains(err.Error(), "not whole") {
		t.Error(err)
	}
}

// What only saves others a question may fail.
func TestWhatIsAbsentNeedNotBeNoted(t *testing.T) {
	read, _ := files()
	_, cache := serve(t, read)
	write(t, "in the way", cache, "models--owner--model", ".no_exist")
	if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, name, read)
}
