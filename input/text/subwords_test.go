package text

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// subword is a text and what each subword tokenizer makes of it: see
// random_tokenizers in tools/ref/subwords.py.
type subword struct {
	text string
	by   map[string]answered
}

type answered struct {
	IDs     []int
	Decoded *string // nil: the text itself
	Offsets []int   // where each token begins and how long it is, if stored
}

func readSubwords(t testing.TB) []subword {
	t.Helper()
	var texts []subword
	d := json.NewDecoder(openGzip(t, "testdata/subwords.jsonl.gz"))
	for d.More() {
		row := map[string]json.RawMessage{}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		s := subword{by: map[string]answered{}}
		for name, data := range row {
			var a answered
			var err error
			if name == "text" {
				err = json.Unmarshal(data, &s.text)
			} else if err = json.Unmarshal(data, &a); err == nil {
				s.by[name] = a
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		texts = append(texts, s)
	}
	if len(texts) < 1000 {
		t.Fatalf("%d texts, want more than 1,000", len(texts))
	}
	return texts
}

// subwordFile is the tokenizer.json of a subword tokenizer, kept packed.
func subwordFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := io.ReadAll(openGzip(t, "testdata/"+name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func subwordTokenizer(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tk, err := Load(fstest.MapFS{"tokenizer.json": {Data: subwordFile(t, name)}})
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

var (
	bpeNames     = []string{"bpe/gpt2", "bpe/roberta", "bpe/bloom", "bpe/llama3", "bpe/llama2", "bpe/suffix", "bpe/prefix", "bpe/fused"}
	unigramNames = []string{"unigram/albert", "unigram/cased", "unigram/t5", "unigram/first", "unigram/never", "unigram/whole"}
)

func TestSubwordsAreThoseOfTheReference(t *testing.T) {
	texts := readSubwords(t)
	for _, path := range slices.Concat(bpeNames, unigramNames) {
		_, name, _ := strings.Cut(path, "/")
		t.Run(path, func(t *testing.T) { checkSubwords(t, subwordTokenizer(t, path), name, texts) })
	}
}

// checkSubwords holds a tokenizer's ids, offsets and decoded text against the
// reference's.
func checkSubwords(t *testing.T, tk *Tokenizer, name string, texts []subword) {
	t.Helper()
	var ids, decoded, offsets int
	report := func(count *int, format string, args ...any) {
		t.Helper()
		if *count++; *count <= 5 {
			t.Errorf(format, args...)
		}
	}
	for _, s := range texts {
		want, ok := s.by[name]
		if !ok {
			t.Fatalf("%.60q: no expected ids", s.text)
		}
		if got := tk.Encode(s.text); !slices.Equal(got, want.IDs) {
			report(&ids, "%+.200q:\n got %s\nwant %s", s.text, spell(tk, got), spell(tk, want.IDs))
			continue
		}
		text := s.text
		if want.Decoded != nil {
			text = *want.Decoded
		}
		if got := tk.Decode(want.IDs); got != text {
			report(&decoded, "%+.60q: decoded %+.200q, want %+.200q", s.text, got, text)
		}
		for i, at := range tk.EncodeAligned(s.text).Offsets {
			if len(want.Offsets) == 0 {
				break
			}
			if from := want.Offsets[2*i]; at != (Span{from, from + want.Offsets[2*i+1]}) {
				report(&offsets, "%+.60q: token %d, %s, at %v, want %d and %d bytes", s.text, i, tk.Token(want.IDs[i]), at, from, want.Offsets[2*i+1])
				break
			}
		}
	}
	if ids+decoded+offsets > 0 {
		t.Errorf("of %d texts, %d have other ids, %d are decoded otherwise, %d have other offsets", len(texts), ids, decoded, offsets)
	}
}
