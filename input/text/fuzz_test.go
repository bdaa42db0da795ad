package text

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// checkEncoding holds what is true of every encoding of every text.
func checkEncoding(t *testing.T, tk *Tokenizer, text string) {
	t.Helper()
	e := tk.EncodeAligned(text)
	n := len(e.IDs)
	if len(e.TypeIDs) != n || len(e.Sequences) != n || len(e.Offsets) != n {
		t.Fatalf("%+q: lengths %d, %d, %d, %d", text, n, len(e.TypeIDs), len(e.Sequences), len(e.Offsets))
	}
	if ids := tk.Encode(text); !slices.Equal(ids, e.IDs) {
		t.Fatalf("%+q: Encode says %v, EncodeAligned %v", text, ids, e.IDs)
	}
	for i, at := range e.Offsets {
		if at.From < 0 || at.To < at.From || at.To > len(text) {
			t.Fatalf("%+q: token %d at %v of %d bytes", text, i, at, len(text))
		}
		if e.IDs[i] < 0 || e.IDs[i] >= tk.VocabSize() {
			t.Fatalf("%+q: id %d of %d", text, e.IDs[i], tk.VocabSize())
		}
		if tk.Token(e.IDs[i]) == "" {
			t.Fatalf("%+q: id %d has no token", text, e.IDs[i])
		}
	}
	tk.Decode(e.IDs)

	pair := tk.EncodePair(text, text)
	for _, length := range []int{n / 2, len(pair.IDs) / 2} {
		before := len(pair.IDs)
		dropped, err := pair.Truncate(length)
		if err == nil && len(pair.IDs) > length || len(pair.IDs)+dropped != before {
			t.Fatalf("%+q: Truncate(%d) dropped %d of %d, left %d, error %v", text, length, dropped, before, len(pair.IDs), err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	var tokenizers []*Tokenizer
	for _, name := range []string{"uncased", "cased", "unusual", "bare"} {
		tokenizers = append(tokenizers, open(f, "testdata/"+name))
	}
	for _, s := range []string{
		"", " ", "a", "[MASK]", " [MASK] neurons ", "The lazy dog, unaffably: don't!", "e\u0301\u0323", "\u0323\u0301", "İΣß",
		"東京は今日も雨です。", "각\u1100\u1161\u11a8", "👩‍👩‍👧‍👦", "\x00\u200b\ufeff\ufffd", "\xff\xc3", "\u0344\u0f73", strings.Repeat("a", 101),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tk := range tokenizers {
			checkEncoding(t, tk, text)
		}
	})
}

// FuzzTokenizerJSON: whatever a file holds, it is refused, or encodes.
func FuzzTokenizerJSON(f *testing.F) {
	for _, name := range []string{"bare", "unusual"} {
		data, err := os.ReadFile("testdata/" + name + "/tokenizer.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(minimal))
	f.Add([]byte(minimal[:200]))
	f.Add([]byte(strings.Replace(minimal, `"normalizer":null`, `"normalizer":{"type":"Sequence","normalizers":[{"type":"BertNormalizer"},{"type":"NFKC"}]}`, 1)))
	f.Add([]byte(strings.Replace(minimal, `"added_tokens":[]`, `"added_tokens":[{"id":7,"content":"q","normalized":true,"lstrip":true,"single_word":true}]`, 1)))
	f.Add([]byte(`{"model":{"type":"WordPiece","unk_token":"","vocab":{"":0}},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":1}},{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{"x":{"ids":[0]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tk, err := Load(fstest.MapFS{"tokenizer.json": {Data: data}})
		if err != nil {
			return
		}
		for _, text := range []string{"", "a ab [MASK] q É東 the neurons", "\u0301\xff"} {
			checkEncoding(t, tk, text)
		}
	})
}

// FuzzVocabulary: the same for the older files.
func FuzzVocabulary(f *testing.F) {
	f.Add([]byte("[UNK]\n[CLS]\n[SEP]\na\n##b\n"), []byte(`{"do_lower_case":false,"mask_token":{"content":"a"}}`), []byte(`{"c":5}`))
	f.Add([]byte("[UNK]\r\n[CLS]\r\n[SEP]\r\n"), []byte(`{"added_tokens_decoder":{"9":{"content":"x"}}}`), []byte(`{}`))
	f.Add([]byte("[PAD]\n\n"), []byte(`{`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, vocab, config, added []byte) {
		tk, err := Load(fstest.MapFS{"vocab.txt": {Data: vocab}, "tokenizer_config.json": {Data: config}, "added_tokens.json": {Data: added}})
		if err != nil {
			return
		}
		for _, text := range []string{"", "a ab [MASK] x É東 c", "\u0301\xff"} {
			checkEncoding(t, tk, text)
		}
	})
}
