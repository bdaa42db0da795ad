package hub

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

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
	h.Instead(func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		old := strings.Contains(r.URL.Path, "owner/old")
		if old {
			http.Redirect(w, r, strings.Replace(r.URL.Path, "owner/old", name, 1), http.StatusTemporaryRedirect)
		}
		return old
	})
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
				h.Instead(func(storage bool, w http.ResponseWriter, r *http.Request) bool {
					if storage && where != "storage" || !storage && !strings.Contains(r.URL.Path, where) {
						return false
					}
					refused.Add(1)
					hubtest.Refuse(w, c.status, c.code, c.message)
					return true
				})
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
		h.Instead(func(_ bool, w http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1) > bad.Load() {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			return true
		})
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
	h.Instead(func(_ bool, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
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
	h.Instead(func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return true
	})
	_, err := Pull(t.Context(), name, PullOptions{})
	wantRefused(t, cache, err, "circles", "HF_ENDPOINT")
}

// The host that is named is the one that fails, without the signature in its
// address.
func TestAStorageThatIsNotThereIsNamed(t *testing.T) {
	read, _ := files()
	h, cache := serve(t, read)
	h.Instead(func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		large := strings.HasSuffix(r.URL.Path, weightsFile)
		if large {
			http.Redirect(w, r, "http://127.0.0.1:1/x?signature=secret", http.StatusFound)
		}
		return large
	})
	_, err := Pull(t.Context(), name, soon(2))
	wantRefused(t, cache, err, "127.0.0.1:1 does not answer", "2 times")
}
