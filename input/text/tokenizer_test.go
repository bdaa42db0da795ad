package text

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

func TestTokensAndIDsAreInverse(t *testing.T) {
	tk := open(t, "testdata/uncased")
	if tk.VocabSize() != 2500 {
		t.Errorf("vocabulary of %d, want 2,500", tk.VocabSize())
	}
	for id := range tk.VocabSize() {
		if got, ok := tk.ID(tk.Token(id)); !ok || got != id {
			t.Fatalf("id %d is %q, whose id is %d, %t", id, tk.Token(id), got, ok)
		}
	}
	for _, id := range []int{-1, 2500, 1 << 30} {
		if s := tk.Token(id); s != "" {
			t.Errorf("Token(%d) = %q, want none", id, s)
		}
	}
	for _, s := range []string{"", "no such token", "[mask]"} {
		if id, ok := tk.ID(s); ok {
			t.Errorf("ID(%q) = %d, want none", s, id)
		}
	}
}

func TestAddedTokensEnlargeTheVocabulary(t *testing.T) {
	files := folder(open(t, "testdata/uncased"), `{}`)
	files["added_tokens.json"] = &fstest.MapFile{Data: []byte(`{"[NEW]":2600}`)}
	tk, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if tk.VocabSize() != 2601 {
		t.Errorf("vocabulary of %d, want 2,601", tk.VocabSize())
	}
	if got, want := tk.Encode("[NEW]"), []int{2, 2600, 3}; !slices.Equal(got, want) {
		t.Errorf("[NEW] is %v, want %v", got, want)
	}
}

func TestRolesAreNamedByTheFolder(t *testing.T) {
	usual := Special{Unknown: 1, Pad: 0, CLS: 2, SEP: 3, Mask: 4, BOS: -1, EOS: -1}
	uncased := open(t, "testdata/uncased")
	if uncased.Special() != usual {
		t.Errorf("tokenizer.json: %+v, want %+v", uncased.Special(), usual)
	}
	a, _ := uncased.ID("a")
	the, _ := uncased.ID("the")
	for _, c := range []struct {
		name, config, special string
		want                  Special
	}{
		{"usual names", `{}`, `{}`, usual},
		{"a name", `{"mask_token":"a"}`, `{}`, Special{1, 0, 2, 3, a, -1, -1}},
		{"an object", `{"mask_token":{"content":"a","lstrip":true}}`, `{}`, Special{1, 0, 2, 3, a, -1, -1}},
		{"the map fills gaps", `{"mask_token":"a"}`, `{"mask_token":"the","pad_token":"the"}`, Special{1, the, 2, 3, a, -1, -1}},
		{"null is no name", `{"mask_token":null}`, `{}`, usual},
		{"a role that no token fills", `{"mask_token":"no such token"}`, `{}`, Special{1, 0, 2, 3, -1, -1, -1}},
		{"tokens around what is generated", `{"bos_token":"a","eos_token":{"content":"the"}}`, `{}`, Special{1, 0, 2, 3, 4, a, the}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := folder(uncased, c.config)
			files["special_tokens_map.json"] = &fstest.MapFile{Data: []byte(c.special)}
			tk, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			if tk.Special() != c.want {
				t.Errorf("got %+v, want %+v", tk.Special(), c.want)
			}
			if id := tk.Special().Mask; tk.IsSpecial(id) != (id >= 0) {
				t.Errorf("the mask is %d, and special: %t", id, tk.IsSpecial(id))
			}
		})
	}
	vocabulary := fstest.MapFS{"vocab.txt": {Data: []byte("[UNK]\n[CLS]\n[SEP]\na\n")}}
	tk, err := Load(vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Special{Unknown: 0, Pad: -1, CLS: 1, SEP: 2, Mask: -1, BOS: -1, EOS: -1}); tk.Special() != want {
		t.Errorf("without mask and padding: %+v, want %+v", tk.Special(), want)
	}
}

func TestTokenizerJSONComesFirst(t *testing.T) {
	files := folder(open(t, "testdata/cased"), `{"do_lower_case":false}`)
	files["tokenizer.json"] = &fstest.MapFile{Data: []byte(minimal)}
	tk, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if tk.VocabSize() != 5 {
		t.Errorf("vocabulary of %d, want the 5 of tokenizer.json", tk.VocabSize())
	}
}

func TestInvalidUTF8IsDroppedLikeU_FFFD(t *testing.T) {
	tk := open(t, "testdata/uncased")
	want := tk.Encode("the astrocyte")
	for _, s := range []string{"the \xffastrocyte", "the astro\xc3cyte", "the astrocyte\xe2\x82", "\x80the astrocyte", "the astro\uFFFDcyte", "th\xed\xa0\x80e astrocyte"} {
		if got := tk.Encode(s); !slices.Equal(got, want) {
			t.Errorf("%+q: got %s, want %s", s, spell(tk, got), spell(tk, want))
		}
	}
}

func TestStoredTruncationAndPaddingAreNotApplied(t *testing.T) {
	stored := strings.Replace(minimal, "{", `{"truncation":{"max_length":3,"strategy":"LongestFirst","stride":0,"direction":"Right"},`+
		`"padding":{"strategy":{"Fixed":9},"direction":"Right","pad_id":0,"pad_type_id":0,"pad_token":"[UNK]"},`, 1)
	tk, err := parseTokenizer([]byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tk.Encode("a b a b"), []int{1, 3, 4, 3, 4, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTruncateRefusesWhatSpecialTokensNeed(t *testing.T) {
	tk := open(t, "testdata/uncased")
	e := tk.EncodePair("the astrocyte", "memories add")
	before := slices.Clone(e.IDs)
	for _, n := range []int{2, 0, -1} {
		if dropped, err := e.Truncate(n); err == nil || dropped != 0 || !slices.Equal(e.IDs, before) {
			t.Errorf("Truncate(%d) = %d, %v; left %v of %v", n, dropped, err, e.IDs, before)
		}
	}
	if dropped, err := e.Truncate(3); err != nil || dropped != len(before)-3 || !slices.Equal(e.IDs, []int{2, 3, 3}) {
		t.Errorf("Truncate(3) = %d, %v; left %v", dropped, err, e.IDs)
	}
}

func TestManyGoroutinesMayEncodeAtOnce(t *testing.T) {
	tk := open(t, "testdata/unusual")
	texts := readGolden(t)[:200]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, g := range texts {
				if got := tk.Encode(g.Text); !slices.Equal(got, g.Unusual) {
					t.Errorf("%.60q: %v, want %v", g.Text, got, g.Unusual)
					return
				}
			}
		})
	}
	wg.Wait()
}

// What takes time in proportion to its square would take hours here.
func TestTimeGrowsWithLengthNotItsSquare(t *testing.T) {
	const n = 1 << 20
	long := strings.Replace(minimal, `"vocab"`, `"max_input_chars_per_word":2000000000,"vocab"`, 1)
	unbounded, err := parseTokenizer([]byte(long))
	if err != nil {
		t.Fatal(err)
	}
	uncased, unusual := open(t, "testdata/uncased"), open(t, "testdata/unusual")
	gpt2, gpt4, bloom := subwordTokenizer(t, "bpe/gpt2"), subwordTokenizer(t, "bpe/llama3"), subwordTokenizer(t, "bpe/bloom")
	fused, whole, albert := subwordTokenizer(t, "bpe/fused"), subwordTokenizer(t, "unigram/whole"), subwordTokenizer(t, "unigram/albert")
	repeat := func(s string) string { return strings.Repeat(s, n/len(s)) }
	for _, c := range []struct {
		name string
		t    *Tokenizer
		text string
	}{
		{"english", uncased, repeat(english)},
		{"mixed scripts", uncased, repeat(mixed)},
		{"one word", uncased, repeat("a")},
		{"one word without a limit", unbounded, repeat("ab")},
		{"one word that ends badly", unbounded, repeat("ab") + "z"},
		{"marks", uncased, "a" + repeat("\u0301\u0323")},
		{"composed marks", unusual, "a" + repeat("\u0301\u0323")},
		{"spaces", unusual, repeat(" ")},
		{"brackets", uncased, repeat("[MAS")},
		{"tokens and spaces", unusual, repeat("[MASK]       ")},
		{"no UTF-8", uncased, repeat("\xff")},
		{"BPE, one word", gpt2, repeat("the")},
		{"BPE, digits", gpt2, repeat("1")},
		{"BPE, spaces", gpt2, repeat(" ")},
		{"BPE, no UTF-8", gpt2, repeat("\xff")},
		{"BPE, spaces and ends of lines", gpt4, repeat("   \n\t")},
		{"BPE, apostrophes", gpt4, repeat("'")},
		{"BPE, punctuation", bloom, repeat(" .")},
		{"BPE, one unknown word", fused, repeat("東")},
		{"Unigram, one word", whole, repeat("the")},
		{"Unigram, one unknown word", whole, repeat("\U0001F9E0")},
		{"Unigram, one cluster", albert, "a" + repeat("\u200d")},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			ids := c.t.Encode(c.text)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("1 MB took %v for %d ids", took, len(ids))
			}
		})
	}
}

// minimal is a tokenizer.json with the vocabulary [UNK] [CLS] [SEP] a b, b also
// inside words.
const minimal = `{"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"BertPreTokenizer"},
"post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
"decoder":{"type":"WordPiece","prefix":"#","cleanup":true},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"b":4}}}`
