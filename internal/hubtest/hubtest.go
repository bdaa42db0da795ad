// Package hubtest answers like the Hugging Face hub, for tests that must not
// reach the network.
package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Commit is the one commit of every model.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Hub is a hub on this machine. As on the real one, files of weights lie on
// another host, to which it redirects.
type Hub struct {
	// URL is for HF_ENDPOINT.
	URL string

	models  map[string]map[string]string
	storage string

	mu       sync.Mutex
	instead  Answer
	requests []Request
}

// Answer answers a request in the hub's place, or lets it pass by returning
// false. Storage says that it went to the other host.
type Answer func(storage bool, w http.ResponseWriter, r *http.Request) bool

// Request is what was asked.
type Request struct {
	Storage bool // of the other host
	Method  string
	Path    string
	Header  http.Header
}

// Serve starts a hub with models, by name and then by file. The name "*" stands
// for all others.
func Serve(t testing.TB, models map[string]map[string]string) *Hub {
	t.Helper()
	h := &Hub{models: models}
	start := func(storage bool, answer http.HandlerFunc) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.mu.Lock()
			h.requests = append(h.requests, Request{storage, r.Method, r.URL.EscapedPath(), r.Header.Clone()})
			instead := h.instead
			h.mu.Unlock()
			if instead == nil || !instead(storage, w, r) {
				answer(w, r)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	h.storage = start(true, h.stored)
	h.URL = start(false, h.answer)
	return h
}

// Instead sets who answers requests in the hub's place from now on; nil is nobody.
func (h *Hub) Instead(answer Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.instead = answer
}

// Requests returns what has been asked so far.
func (h *Hub) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

// Large reports whether a file lies on the other host, under its sha256.
func Large(name string) bool { return strings.HasSuffix(name, ".safetensors") }

// Hash is what the hub calls a file's content.
func Hash(name, content string) string {
	if Large(name) {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:])
	}
	return gitHash(content)
}

func gitHash(content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

// Listing is what the hub says of a model's files.
func Listing(id string, files map[string]string) map[string]any {
	siblings := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		s := map[string]any{"rfilename": name, "size": len(content), "blobId": gitHash(content)}
		if Large(name) {
			s["lfs"] = map[string]any{"sha256": Hash(name, content), "size": len(content), "pointerSize": 130}
		}
		siblings = append(siblings, s)
	}
	return map[string]any{"id": id, "sha": Commit, "siblings": siblings}
}

// tree is the other form of the listing, which huggingface_hub asks for.
func tree(files map[string]string) []map[string]any {
	entries := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		e := map[string]any{"type": "file", "path": name, "size": len(content), "oid": gitHash(content)}
		if Large(name) {
			e["lfs"] = map[string]any{"oid": Hash(name, content), "size": len(content), "pointerSize": 130}
		}
		entries = append(entries, e)
	}
	return entries
}

func (h *Hub) model(id string) (map[string]string, bool) {
	files, ok := h.models[id]
	if !ok {
		files, ok = h.models["*"]
	}
	return files, ok
}

// Size returns the length of a file of a model.
func (h *Hub) Size(id, name string) int {
	files, _ := h.model(id)
	return len(files[name])
}

// answer is the hub's own host: /api/models/ID/revision/REVISION,
// /api/models/ID/tree/REVISION and /ID/resolve/REVISION/FILE.
func (h *Hub) answer(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	rest, api := strings.CutPrefix(path, "api/models/")
	for _, kind := range []string{"/revision/", "/tree/"} {
		id, revision, ok := strings.Cut(rest, kind)
		if !api || !ok {
			continue
		}
		files, known := h.model(id)
		switch {
		case !known:
			Refuse(w, http.StatusUnauthorized, "RepoNotFound", "Repository not found")
		case revision != "main" && revision != Commit && revision != "refs/pr/1":
			Refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		case kind == "/tree/":
			json.NewEncoder(w).Encode(tree(files))
		default:
			json.NewEncoder(w).Encode(Listing(id, files))
		}
		return
	}
	id, rest, ok := strings.Cut(path, "/resolve/")
	_, name, hasName := strings.Cut(rest, "/")
	files, known := h.model(id)
	if !ok || !hasName || !known {
		Refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
		return
	}
	w.Header().Set("X-Repo-Commit", Commit)
	content, there := files[name]
	if !there {
		Refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	if Large(name) {
		w.Header().Set("X-Linked-Etag", `"`+Hash(name, content)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		http.Redirect(w, r, h.storage+"/"+id+"/"+name+"?signature=secret", http.StatusFound)
		return
	}
	send(w, r, name, content)
}

// stored is the host of large files.
func (h *Hub) stored(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	i := strings.LastIndex(path, "/")
	files, _ := h.model(path[:max(i, 0)])
	content, ok := files[path[i+1:]]
	if !ok {
		http.NotFound(w, r)
		return
	}
	send(w, r, path[i+1:], content)
}

func send(w http.ResponseWriter, r *http.Request, name, content string) {
	w.Header().Set("ETag", `"`+Hash(name, content)+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

// Refuse answers with an error as the hub does.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": %q}`, message)
}
