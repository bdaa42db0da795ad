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
	// Trimming makes the token of a space that a step put before a piece end
	// where the piece's first character does: as in the reference.
	for i := 0; i < n-1 && tk.trimmer == nil; i++ {
		if e.Sequences[i] >= 0 && e.Sequences[i+1] >= 0 && (e.Offsets[i].From > e.Offsets[i+1].From || e.Offsets[i].To > e.Offsets[i+1].To) {
			t.Fatalf("%+q: token %d at %v, the next at %v", text, i, e.Offsets[i], e.Offsets[i+1])
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
	for _, name := range slices.Concat(bpeNames, unigramNames) {
		tokenizers = append(tokenizers, subwordTokenizer(f, name))
	}
	for _, s := range []string{
		" it's  12345\n\n x", "``a'' <0x41>", "\u200b\u0600a\r\n\u1100\u1161", " <mask>\u00a0", "(a|b). c",
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
	for _, name := range slices.Concat(bpeNames, unigramNames) {
		f.Add(subwordFile(f, name))
	}
	f.Add([]byte(minimal))
	f.Add([]byte(minimalBPE))
	f.Add([]byte(minimalUnigram))
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

// FuzzMerges: the same for the files of GPT-2.
func FuzzMerges(f *testing.F) {
	f.Add([]byte(`{"a":0,"b":1,"ab":2,"Ġ":3,"Ġab":4,"<|endoftext|>":5}`), []byte("#version: 0.2\na b\nĠ ab\n"), []byte(`{"add_prefix_space":true,"add_bos_token":true}`))
	f.Add([]byte("\n{\"\":0}\n"), []byte(" \r\n"), []byte(`{"bos_token":"","added_tokens_decoder":{"0":{"content":""}}}`))
	f.Add([]byte(`[]`), []byte("a"), []byte(`{}`))
	f.Fuzz(func(t *testing.T, vocab, merges, config []byte) {
		tk, err := Load(fstest.MapFS{"vocab.json": {Data: vocab}, "merges.txt": {Data: merges}, "tokenizer_config.json": {Data: config}})
		if err != nil {
			return
		}
		for _, text := range []string{"", "a ab <|endoftext|> x É東 c", "\u0301\xff"} {
			checkEncoding(t, tk, text)
		}
	})
}

// FuzzPrecompiled: any map is refused, or rewrites text.
func FuzzPrecompiled(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x00\x00\x00\x00a\x00"), "a")
	f.Add([]byte("\xff\xff\xff\xff"), "")
	f.Add(precompiledMap(map[string]string{"a": "b", "é": "", "e\u0301": "xyz"}), "aée\u0301\r\n")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		p, err := parsePrecompiled(data)
		if err != nil {
			return
		}
		a := align(text)
		p.normalize(&a)
		if len(a.runes) != len(a.at) {
			t.Fatalf("%d runes, %d places", len(a.runes), len(a.at))
		}
		for _, at := range a.at {
			if at.From < 0 || at.To < at.From || at.To > len(text) {
				t.Fatalf("%v of %d bytes", at, len(text))
			}
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
