package hub

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/hubtest"
)

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

// changed serves a listing that is changed.
func changed(change func(listing map[string]any) string) hubtest.Answer {
	read, _ := files()
	return func(_ bool, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			return false
		}
		listing := hubtest.Listing(name, read)
		text := change(listing)
		if text == "" {
			b, _ := json.Marshal(listing) // what came out of maps goes into JSON
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
			h.Instead(changed(c.change))
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
			listing := changed(func(l map[string]any) string {
				for _, f := range l["siblings"].([]map[string]any) {
					change(f)
				}
				return ""
			})
			for _, bad := range []http.Header{
				{"X-Linked-Etag": {`"../../x"`}}, {"X-Linked-Etag": {""}}, {"X-Linked-Size": {"-5"}}, {"X-Linked-Size": {"many"}},
			} {
				h.Instead(func(storage bool, w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodHead {
						w.Header().Set("X-Linked-Etag", `"`+strings.Repeat("0", 40)+`"`)
						w.Header().Set("X-Linked-Size", "5")
						maps.Copy(w.Header(), bad)
						w.Header().Set("Location", "http://127.0.0.1:1/")
						w.WriteHeader(http.StatusFound)
						return true
					}
					return listing(storage, w, r)
				})
				_, err := Pull(t.Context(), name, soon(1))
				wantRefused(t, cache, err, "size and checksum of 1_Pooling/config.json")
			}
			h.Instead(listing)
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

// A model is pulled with every file that some loader reads.
func TestWhatLoadersReadIsPulled(t *testing.T) {
	read, _ := files()
	for _, n := range []string{ // of the networks, tokenizers, preprocessors, sentences and generation, in that order
		"config.json", "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
		"preprocessor_config.json", "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "sentence_albert_config.json", "2_Dense/config.json",
		"generation_config.json",
	} {
		if _, ok := read[n]; !ok {
			read[n] = "{}"
		}
	}
	serve(t, together(read, map[string]string{"spiece.model": "which none reads: tokenizer.json says the same", "tf_model.h5": "x"}))
	if _, err := Pull(t.Context(), name, soon(1)); err != nil {
		t.Fatal(err)
	}
	wantPulled(t, name, read)
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
