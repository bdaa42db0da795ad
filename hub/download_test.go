package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

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

// Within one run the rest is asked for on condition that the file is the same,
// and one that changed comes whole.
func TestTheRestIsOfTheSameFile(t *testing.T) {
	same := `"` + hubtest.Hash(weightsFile, weights) + `"`
	for tag, want := range map[string]string{same: same, `"other"`: `"other"`, `W/"weak"`: "", "": ""} {
		read, _ := files()
		h, _ := serve(t, read)
		var times atomic.Int32
		intercept(h, func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("ETag", tag)
			return times.Add(1) == 1 && cut(w, r, 90_000)
		})
		if _, err := Pull(t.Context(), name, soon(2)); err != nil {
			t.Fatal(err)
		}
		var conditions []string
		for _, r := range h.Requests() {
			if r.Storage {
				conditions = append(conditions, r.Header.Get("If-Range"))
			}
		}
		if !slices.Equal(conditions, []string{"", want}) {
			t.Errorf("tag %s: conditions %q", tag, conditions)
		}
		wantPulled(t, name, read)
	}
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
			h.Instead(nil)
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
			h.Instead(nil)
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

// Waiting for another process can be interrupted, too.
func TestWaitingForAnotherProcessEndsWithTheContext(t *testing.T) {
	read, _ := files()
	_, cache := serve(t, read)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := PullOptions{
		Note:   func(text string) { cancel() },
		adjust: func(p *puller) { p.model.lock = func(*os.File) (bool, error) { return false, nil } },
	}
	if _, err := Pull(ctx, name, options); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantNothing(t, cache)
}
