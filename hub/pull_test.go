package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	h.Intercept = func(storage bool, w http.ResponseWriter, r *http.Request) bool { return storage && answer(w, r) }
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

func TestTheTokenStaysWithTheHub(t *testing.T) {
	home := t.TempDir()
	write(t, "hf_of_file\n", home, "token")
	for variable, want := range map[string]string{"HF_TOKEN": "hf_of_variable", "HUGGING_FACE_HUB_TOKEN": "hf_of_old_variable", "HF_HOME": "hf_of_file", "": ""} {
		t.Run(variable, func(t *testing.T) {
			read, _ := files()
			h, _ := serve(t, read)
			if variable == "HF_HOME" {
				t.Setenv("HF_HOME", home)
			} else if variable != "" {
				t.Setenv(variable, " "+want+"\n")
			}
			if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, r := range h.Requests() {
				shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				if r.Storage && shown != "" || !r.Storage && shown != want {
					t.Errorf("%s was shown %q, on the other host: %v", r.Path, shown, r.Storage)
				}
			}
			if len(asked(h)) == 0 {
				t.Error("nothing was redirected")
			}
		})
	}
}

// A model that was renamed is still found under its old name, token and all.
func TestRedirectsOnTheHubAreFollowed(t *testing.T) {
	read, _ := files()
	h, _ := serve(t, read)
	t.Setenv("HF_TOKEN", "hf_x")
	h.Intercept = func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		old := strings.Contains(r.URL.Path, "owner/old")
		if old {
			http.Redirect(w, r, strings.Replace(r.URL.Path, "owner/old", name, 1), http.StatusTemporaryRedirect)
		}
		return old
	}
	if _, err := Pull(t.Context(), "owner/old", PullOptions{}); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, "owner/old", read)
	for _, r := range h.Requests() {
		if !r.Storage && r.Header.Get("Authorization") == "" {
			t.Errorf("%s: no token", r.Path)
		}
	}
}

// cut sends the first n of the bytes that were asked for and breaks off.
func cut(w http.ResponseWriter, r *http.Request, n int) bool {
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(weights)-1, len(weights)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(weights)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	w.Write([]byte(weights[from:min(from+n, len(weights))]))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestACutDownloadGoesOnWhereItEnded(t *testing.T) {
	for _, n := range []int{0, 1, 1000, len(weights) / 2, len(weights) - 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			read, _ := files()
			h, cache := serve(t, read)
			var whole atomic.Bool
			intercept(h, func(w http.ResponseWriter, r *http.Request) bool { return !whole.Load() && cut(w, r, n) })
			_, err := Pull(t.Context(), name, soon(1))
			wantRefused(t, cache, err, "the connection broke", "try again later")
			info, err := os.Stat(part(cache))
			if err != nil || info.Size() > int64(n) || n > 0 && info.Size() == 0 {
				t.Fatalf("the part: %v, %v", info, err)
			}
			whole.Store(true)
			if _, err := Pull(t.Context(), name, soon(1)); err != nil {
				t.Fatal(err)
			}
			want := ""
			if info.Size() > 0 {
				want = fmt.Sprintf("bytes=%d-", info.Size())
			}
			if ranges := asked(h); len(ranges) != 2 || ranges[1] != want {
				t.Errorf("asked for %q, want %q", ranges, want)
			}
			wantPulled(t, name, read)
		})
	}
}

func TestACutDownloadIsTakenUpAtOnce(t *testing.T) {
	read, _ := files()
	h, _ := serve(t, read)
	var times atomic.Int32
	intercept(h, func(w http.ResponseWriter, r *http.Request) bool { return times.Add(1) < 4 && cut(w, r, 90_000) })
	var notes []string
	options := soon(5)
	options.Note = func(text string) { notes = append(notes, text) }
	if _, err := Pull(t.Context(), name, options); err != nil {
		t.Fatal(err)
	}
	if len(notes) != 3 || !strings.Contains(notes[0], "trying again") {
		t.Errorf("notes: %q", notes)
	}
	wantPulled(t, name, read)
}

// Whatever a server makes of a request for the rest, the file is right in the
// end.
func TestServersThatDoNotGoOn(t *testing.T) {
	whole := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
		w.Write([]byte(weights))
	}
	for what, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"sends all": func(w http.ResponseWriter, _ *http.Request) { whole(w) },
		"refuses ranges": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			whole(w)
		},
		"sends another part": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(weights)))
				w.WriteHeader(http.StatusPartialContent)
				w.Write([]byte(weights[:10]))
				return
			}
			whole(w)
		},
	} {
		for how, begun := range map[string]string{
			"right": weights[:1234], "wrong": strings.Repeat("x", 1234), "too long": weights + "x", "complete": weights, "complete and wrong": strings.Repeat("x", len(weights)),
		} {
			t.Run(what+", part "+how, func(t *testing.T) {
				read, _ := files()
				h, cache := serve(t, read)
				write(t, begun, part(cache))
				intercept(h, func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
				if _, err := Pull(t.Context(), name, soon(3)); err != nil {
					t.Fatal(err)
				}
				wantPulled(t, name, read)
			})
		}
	}
}

// A part to which the right rest is added, and which was wrong, is fetched anew.
func TestAWrongPartIsFetchedAnew(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	write(t, strings.Repeat("x", 1234), part(cache))
	if _, err := Pull(t.Context(), name, soon(1)); err != nil {
		t.Fatal(err)
	}
	if ranges := asked(h); !slices.Equal(ranges, []string{"bytes=1234-", ""}) {
		t.Errorf("asked for %q", ranges)
	}
	wantPulled(t, name, read)
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
		token         string
		words         []string
	}{
		{401, "RepoNotFound", "Repository not found", "", []string{"no public model", "HF_TOKEN", "settings/tokens"}},
		{401, "", "Invalid credentials", "hf_secret", []string{"does not accept the token", "HF_TOKEN"}},
		{401, "GatedRepo", "Access restricted", "", []string{"grants access", "HF_TOKEN", "huggingface.co/" + name}},
		{403, "GatedRepo", "Access restricted", "hf_secret", []string{"has not granted", "huggingface.co/" + name}},
		{403, "", "fine-grained", "hf_secret", []string{"forbids", `"fine-grained"`, "settings/tokens"}},
		{404, "RepoNotFound", "Repository \u202enot found", "hf_secret", []string{"no such model", `\u202e`, "check the name", "HF_ENDPOINT"}},
		{404, "RevisionNotFound", "Invalid rev id", "", []string{`no revision "main"`, "tree/main"}},
		{418, "", "", "", []string{"status 418", "HTTPS_PROXY"}},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			for _, where := range []string{"/api/", "/resolve/", "storage"} {
				read, _ := files()
				h, cache := serve(t, read)
				t.Setenv("HF_TOKEN", c.token)
				var refused atomic.Int32
				h.Intercept = func(storage bool, w http.ResponseWriter, r *http.Request) bool {
					if storage && where != "storage" || !storage && !strings.Contains(r.URL.Path, where) {
						return false
					}
					refused.Add(1)
					hubtest.Refuse(w, c.status, c.code, c.message)
					return true
				}
				_, err := Pull(t.Context(), name, soon(5))
				wantRefused(t, cache, err, c.words...)
				if n := refused.Load(); n != 1 {
					t.Errorf("%s: asked %d times", where, n)
				}
			}
		})
	}
}

func TestTroubleThatMayPassIsWaitedFor(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503} {
		read, _ := files()
		h, cache := serve(t, read)
		var n, bad atomic.Int32
		bad.Store(2)
		h.Intercept = func(_ bool, w http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1) > bad.Load() {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			return true
		}
		bad.Store(1000)
		_, err := Pull(t.Context(), name, soon(3))
		wantRefused(t, cache, err, "3 times in a row")
		if n.Load() != 3 {
			t.Errorf("%d: asked %d times", status, n.Load())
		}
		n.Store(0)
		bad.Store(2)
		if _, err := Pull(t.Context(), name, soon(3)); err != nil {
			t.Error(err)
		}
		wantPulled(t, name, read)
	}
}

func TestALongRequestToWaitIsToldToTheUser(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	h.Intercept = func(_ bool, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	_, err := Pull(t.Context(), name, soon(5))
	wantRefused(t, cache, err, "too many requests", "1h0m0s")
	if len(h.Requests()) != 1 {
		t.Errorf("asked %d times", len(h.Requests()))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Thu, 01 Jan 2026 00:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestWrongContentIsNotKept(t *testing.T) {
	wrong := strings.Repeat("x", len(weights))
	for what, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		words  []string
	}{
		"checksum": {func(w http.ResponseWriter) { w.Write([]byte(wrong)) }, []string{"checksum", "deleted"}},
		"shorter": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "10")
			w.Write([]byte(weights[:10]))
		}, []string{"10 bytes are offered", "300000"}},
		"longer": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(weights)+1))
			w.Write([]byte(weights + "x"))
		}, []string{"300001 bytes are offered"}},
		"no end": {func(w http.ResponseWriter) {
			for {
				if _, err := w.Write([]byte(wrong)); err != nil {
					return
				}
			}
		}, []string{"more came than the 300000 bytes"}},
		"ends early": {func(w http.ResponseWriter) {
			w.(http.Flusher).Flush() // without a length
			w.Write([]byte(weights[:10]))
		}, []string{"the connection broke"}},
		"nothing": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) }, []string{"nothing of it"}},
	} {
		t.Run(what, func(t *testing.T) {
			read, _ := files()
			h, cache := serve(t, read)
			intercept(h, func(w http.ResponseWriter, _ *http.Request) bool { c.answer(w); return true })
			_, err := Pull(t.Context(), name, soon(1))
			wantRefused(t, cache, err, c.words...)
			if info, err := os.Stat(part(cache)); err == nil && info.Size() > 10 {
				t.Errorf("%d wrong bytes are kept", info.Size())
			}
			h.Intercept = nil
			if _, err := Pull(t.Context(), name, soon(1)); err != nil {
				t.Error(err)
			}
			wantPulled(t, name, read)
		})
	}
}

func TestAStalledDownloadIsGivenUp(t *testing.T) {
	for _, begins := range []bool{false, true} {
		read, _ := files()
		h, cache := serve(t, read)
		done := make(chan struct{})
		intercept(h, func(w http.ResponseWriter, _ *http.Request) bool {
			if begins {
				w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
				w.Write([]byte(weights[:100]))
				w.(http.Flusher).Flush()
			}
			<-done
			return true
		})
		options := soon(2)
		adjust := options.adjust
		options.adjust = func(p *puller) { adjust(p); p.stall = 100 * time.Millisecond }
		_, err := Pull(t.Context(), name, options)
		wantRefused(t, cache, err, "nothing came for a while", "2 times in a row")
		close(done)
	}
}

func TestCancellingLeavesWhatCame(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	intercept(h, func(w http.ResponseWriter, r *http.Request) bool {
		if ctx.Err() != nil {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
		w.Write([]byte(weights[:50_000]))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	options := soon(5)
	options.Progress = func(int64, int64) {
		if info, err := os.Stat(part(cache)); err == nil && info.Size() >= 10_000 {
			cancel()
		}
	}
	if _, err := Pull(ctx, name, options); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantNothing(t, cache)
	info, err := os.Stat(part(cache))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pull(t.Context(), name, soon(1)); err != nil {
		t.Fatal(err)
	}
	if ranges := asked(h); ranges[len(ranges)-1] != fmt.Sprintf("bytes=%d-", info.Size()) {
		t.Errorf("asked for %q", ranges)
	}
	wantPulled(t, name, read)
}

func TestTwoPullsOfOneModelShareTheWork(t *testing.T) {
	read, _ := files()
	h, _ := serve(t, read)
	intercept(h, func(w http.ResponseWriter, _ *http.Request) bool {
		time.Sleep(20 * time.Millisecond) // so that all ask for it meanwhile
		return false
	})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := Pull(t.Context(), name, PullOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(asked(h)); n != 1 {
		t.Errorf("the weights were fetched %d times", n)
	}
	wantPulled(t, name, read)
}

// Some file systems have no locks, some have no links.
func TestPlainFileSystems(t *testing.T) {
	for what, adjust := range map[string]func(p *puller){
		"no symbolic links": func(p *puller) { p.model.link = p.model.link[1:] },
		"no links":          func(p *puller) { p.model.link = p.model.link[2:] },
		"no locks": func(p *puller) {
			p.model.lock = func(*os.File) (bool, error) { return false, errors.ErrUnsupported }
		},
	} {
		t.Run(what, func(t *testing.T) {
			read, _ := files()
			h, cache := serve(t, read)
			intercept(h, func(w http.ResponseWriter, r *http.Request) bool { return cut(w, r, 1000) })
			_, err := Pull(t.Context(), name, PullOptions{adjust: func(p *puller) { adjust(p); p.attempts = 1 }})
			wantRefused(t, cache, err, "the connection broke")
			h.Intercept = nil
			if _, err := Pull(t.Context(), name, PullOptions{adjust: adjust}); err != nil {
				t.Fatal(err)
			}
			wantPulled(t, name, read)
			parts, err := filepath.Glob(filepath.Join(cache, "models--owner--model", "blobs", "*"+unfinished))
			if err != nil || len(parts) > 0 {
				t.Errorf("left behind: %v, %v", parts, err)
			}
			if done, err := Pull(t.Context(), name, PullOptions{adjust: adjust}); err != nil || done.New {
				t.Errorf("a second time: %+v, %v", done, err)
			}
		})
	}
}

func TestAFullDiskIsReported(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("skipped: this system has no /dev/full")
	}
	read, _ := files()
	_, cache := serve(t, read)
	if err := os.MkdirAll(filepath.Dir(part(cache)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", part(cache)); err != nil {
		t.Fatal(err)
	}
	_, err := Pull(t.Context(), name, soon(5))
	wantRefused(t, cache, err, "no space left", "make room", "HF_HUB_CACHE", "is kept")
	if err := os.Remove(part(cache)); err != nil {
		t.Fatal(err)
	}
	if _, err := Pull(t.Context(), name, soon(1)); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, name, read)
}

func TestACacheThatIsAFileIsReported(t *testing.T) {
	read, _ := files()
	_, cache := serve(t, read)
	write(t, "", cache, "file")
	t.Setenv("HF_HUB_CACHE", filepath.Join(cache, "file"))
	if _, err := Pull(t.Context(), name, soon(1)); err == nil || !strings.Contains(err.Error(), "HF_HUB_CACHE") {
		t.Error(err)
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

func TestAHubThatIsNotThere(t *testing.T) {
	_, cache := serve(t, nil)
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	_, err := Pull(t.Context(), name, PullOptions{})
	wantRefused(t, cache, err, "127.0.0.1:1", "does not answer", "check the network")
	for _, bad := range []string{"huggingface.co", "ftp://x", "http://", "http://user:secret@ x", "https://x?a=secret"} {
		t.Setenv("HF_ENDPOINT", bad)
		_, err := Pull(t.Context(), name, PullOptions{})
		wantRefused(t, cache, err, "HF_ENDPOINT")
	}
	t.Setenv("HF_ENDPOINT", "")
	t.Setenv("HF_TOKEN", "two secret words")
	_, err = Pull(t.Context(), name, PullOptions{})
	wantRefused(t, cache, err, "HF_TOKEN does not hold a token")
}

func TestRedirectsInCirclesEnd(t *testing.T) {
	h, cache := serve(t, nil)
	h.Intercept = func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return true
	}
	_, err := Pull(t.Context(), name, PullOptions{})
	wantRefused(t, cache, err, "circles", "HF_ENDPOINT")
}

func TestModelsThatCannotBeRunAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		model map[string]string
		words []string
	}{
		"pickle":    {map[string]string{"config.json": "{}", "pytorch_model.bin": "x"}, []string{"pytorch_model.bin", "refs/pr/", "save_pretrained"}},
		"pickles":   {map[string]string{"config.json": "{}", "pytorch_model.bin.index.json": "x"}, []string{"pytorch_model.bin"}},
		"no weight": {map[string]string{"config.json": "{}", "tf_model.h5": "x"}, []string{"no weights"}},
		"no config": {map[string]string{"model.safetensors": weights}, []string{"no config.json"}},
		"empty":     {map[string]string{}, []string{"no config.json"}},
		"shard gone": {map[string]string{"config.json": "{}", indexFile: `{"weight_map": {"a": "model-00001-of-00001.safetensors"}}`},
			[]string{"model-00001-of-00001.safetensors", "does not list"}},
		"no index": {map[string]string{"config.json": "{}", indexFile: `?`}, []string{indexFile, "damaged"}},
		"no shard": {map[string]string{"config.json": "{}", indexFile: `{}`}, []string{"names no files"}},
		"outside":  {map[string]string{"config.json": "{}", indexFile: `{"weight_map": {"a": "../x.safetensors"}}`, "../x.safetensors": "x"}, []string{`"../x.safetensors"`, "damaged"}},
	} {
		t.Run(what, func(t *testing.T) {
			_, cache := serve(t, c.model)
			_, err := Pull(t.Context(), name, soon(1))
			wantRefused(t, cache, err, c.words...)
		})
	}
}

// answerListing serves a listing that is changed.
func answerListing(h *hubtest.Hub, change func(listing map[string]any) string) {
	read, _ := files()
	h.Intercept = func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			return false
		}
		listing := hubtest.Listing(name, read)
		text := change(listing)
		if text == "" {
			b, _ := json.Marshal(listing)
			text = string(b)
		}
		w.Write([]byte(text))
		return true
	}
}

func TestListingsAreNotTrusted(t *testing.T) {
	first := func(l map[string]any, name string) map[string]any {
		for _, f := range l["siblings"].([]map[string]any) {
			if f["rfilename"] == name {
				return f
			}
		}
		panic("no such file")
	}
	for what, c := range map[string]struct {
		change func(l map[string]any) string
		words  []string
	}{
		"no JSON":        {func(map[string]any) string { return "<html>" }, []string{"not the hub's list", "proxy"}},
		"other JSON":     {func(map[string]any) string { return "[]" }, []string{"not the hub's list"}},
		"no commit":      {func(l map[string]any) string { delete(l, "sha"); return "" }, []string{"no commit"}},
		"hostile commit": {func(l map[string]any) string { l["sha"] = "../../../x"; return "" }, []string{"no commit"}},
		"huge size":      {func(l map[string]any) string { first(l, "config.json")["size"] = 1e30; return "" }, []string{"not the hub's list"}},
		"twice": {func(l map[string]any) string {
			l["siblings"] = append(l["siblings"].([]map[string]any), first(l, "config.json"))
			return ""
		}, []string{`"config.json" twice`}},
		"no end": {func(map[string]any) string { return strings.Repeat(" ", 33<<20) }, []string{"longer than 32 MB"}},
	} {
		t.Run(what, func(t *testing.T) {
			read, _ := files()
			h, cache := serve(t, read)
			answerListing(h, c.change)
			_, err := Pull(t.Context(), name, soon(1))
			wantRefused(t, cache, err, c.words...)
		})
	}
}

// A list without sizes and hashes, or with ones that cannot be, is completed by
// asking for each file, as far as the answers are better.
func TestWhatTheListLacksIsAskedFor(t *testing.T) {
	for what, change := range map[string]func(f map[string]any){
		"nothing more":  func(f map[string]any) { maps.DeleteFunc(f, func(k string, _ any) bool { return k != "rfilename" }) },
		"no sizes":      func(f map[string]any) { f["size"], f["lfs"] = nil, nil },
		"negative size": func(f map[string]any) { f["size"], f["lfs"] = -1, nil },
		"hostile hash":  func(f map[string]any) { f["blobId"], f["lfs"] = "../../x", nil },
		"hostile sum":   func(f map[string]any) { f["lfs"] = map[string]any{"sha256": "/etc/passwd", "size": 1} },
	} {
		t.Run(what, func(t *testing.T) {
			read, _ := files()
			h, cache := serve(t, read)
			t.Setenv("HF_TOKEN", "hf_x")
			answerListing(h, func(l map[string]any) string {
				for _, f := range l["siblings"].([]map[string]any) {
					change(f)
				}
				return ""
			})
			listing := h.Intercept
			for _, bad := range []http.Header{
				{"X-Linked-Etag": {`"../../x"`}}, {"X-Linked-Etag": {""}}, {"X-Linked-Size": {"-5"}}, {"X-Linked-Size": {"many"}},
			} {
				h.Intercept = func(storage bool, w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodHead {
						w.Header().Set("X-Linked-Etag", `"`+strings.Repeat("0", 40)+`"`)
						w.Header().Set("X-Linked-Size", "5")
						maps.Copy(w.Header(), bad)
						w.Header().Set("Location", "http://127.0.0.1:1/")
						w.WriteHeader(http.StatusFound)
						return true
					}
					return listing(storage, w, r)
				}
				_, err := Pull(t.Context(), name, soon(1))
				wantRefused(t, cache, err, "size and checksum of 1_Pooling/config.json")
			}
			h.Intercept = listing
			if _, err := Pull(t.Context(), name, soon(1)); err != nil {
				t.Fatal(err)
			}
			wantPulled(t, name, read)
			for _, r := range h.Requests() {
				if r.Storage && (r.Method == http.MethodHead || r.Header.Get("Authorization") != "") {
					t.Errorf("the other host was asked %s, with %q", r.Method, r.Header.Get("Authorization"))
				}
			}
		})
	}
}

// Names that would lead out of the cache are among those that are not wanted.
func TestHostileNamesAreLeftOut(t *testing.T) {
	read, _ := files()
	hostile := map[string]string{}
	for _, n := range []string{"../config.json", "/etc/passwd", `..\config.json`, "C:\\config.json", "1_Pooling/../../config.json", "1_../config.json", "a\x00b", ".", ""} {
		hostile[n] = "x"
	}
	_, cache := serve(t, together(read, hostile))
	if _, err := Pull(t.Context(), name, soon(1)); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, name, read)
	if above, err := os.ReadDir(filepath.Dir(cache)); err != nil || len(above) != 1 {
		t.Errorf("beside the cache: %v, %v", above, err)
	}
}

func FuzzListing(f *testing.F) {
	read, others := files()
	text, err := json.Marshal(hubtest.Listing(name, together(read, others)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, []byte(`{"weight_map": {"a": "model-00001-of-00002.safetensors"}}`))
	f.Add([]byte(`{"sha": "`+hubtest.Commit+`", "siblings": [{"rfilename": "../config.json", "size": 1, "blobId": "x", "lfs": {}}]}`), []byte(`{"weight_map": {"": "../x.safetensors"}}`))
	f.Add([]byte(`null`), []byte(`null`))
	f.Fuzz(func(t *testing.T, listing, index []byte) {
		commit, all, err := parseListing(listing)
		if err != nil {
			return
		}
		if !commitHash.MatchString(commit) {
			t.Errorf("commit %q", commit)
		}
		chosen, _, err := choose(all)
		if err == nil {
			more, err := shards(index, all)
			if err == nil {
				chosen = append(chosen, more...)
			}
		}
		for _, c := range chosen {
			if !filepath.IsLocal(filepath.FromSlash(c.Name)) || strings.ContainsAny(c.Name, "\\:\x00") {
				t.Errorf("chosen: %+v", c)
			}
		}
	})
}

func FuzzRef(f *testing.F) {
	for _, s := range []string{hubtest.Commit, hubtest.Commit + "\n", "", ".", "..", "../x", `..\x`, "C:x", "/etc", "a\x00"} {
		f.Add([]byte(s), s)
	}
	f.Fuzz(func(t *testing.T, text []byte, revision string) {
		if commit, ok := parseRef(text); ok && (!filepath.IsLocal(commit) || commit != filepath.Base(commit)) {
			t.Errorf("%q leads to %q", text, commit)
		}
		if validRevision(revision) && (!filepath.IsLocal(filepath.FromSlash(revision)) || revision == ".") {
			t.Errorf("revision %q", revision)
		}
		if name, revision, ok := split(revision); ok {
			if n, r, ok := split(join(name, revision)); !ok || n != name || r != revision {
				t.Errorf("%s@%s comes back as %s@%s", name, revision, n, r)
			}
		}
	})
}
