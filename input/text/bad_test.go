package text

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// change is minimal with one thing replaced.
func change(t *testing.T, old, new string) string {
	t.Helper()
	if strings.Count(minimal, old) != 1 {
		t.Fatalf("%q does not occur once", old)
	}
	return strings.Replace(minimal, old, new, 1)
}

func TestBadTokenizerJSONIsRefusedByName(t *testing.T) {
	const model = `{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"b":4}}`
	added := func(tokens string) string { return change(t, `"added_tokens":[]`, `"added_tokens":[`+tokens+`]`) }
	template := func(parts string) string {
		return change(t, `{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]}`,
			`{"type":"TemplateProcessing","single":[`+parts+`],"pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},"[X]":{"ids":[77]},"[Y]":{"ids":[-1]}}}`)
	}
	for _, c := range []struct {
		name, json string
		want       []string // all of it, in the message
	}{
		{"empty", ``, []string{"byte 0", "cut short"}},
		{"cut short", minimal[:len(minimal)/2], []string{"cut short", "get it again"}},
		{"two files in one", minimal + minimal, []string{"damaged"}},
		{"not an object", `[1,2]`, []string{"JSON array"}},
		{"no UTF-8", strings.Replace(minimal, `"a"`, "\"\xff\"", 1), []string{"UTF-8"}},
		{"something else", `{"model_type":"bert"}`, []string{`no "model"`, "tokenizer.json"}},
		{"WordLevel", change(t, model, `{"type":"WordLevel","vocab":{}}`), []string{"model", `"WordLevel"`, "WordPiece, BPE, Unigram"}},
		{"no type", change(t, model, `{"vocab":{}}`), []string{"model", `""`}},
		{"type of the wrong type", change(t, model, `{"type":7}`), []string{"model", `"type"`, "number"}},
		{"normalizer", change(t, `"normalizer":null`, `"normalizer":{"type":"Nmt"}`), []string{"normalizer", `"Nmt"`, "BertNormalizer"}},
		{"normalizer within a sequence", change(t, `"normalizer":null`, `"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}`), []string{"normalizer", "step 1", `"Nmt"`}},
		{"sequences without end", change(t, `"normalizer":null`, `"normalizer":`+strings.Repeat(`{"type":"Sequence","normalizers":[`, 40)+strings.Repeat(`]}`, 40)), []string{"normalizer", "too deep"}},
		{"pre-tokenizer", change(t, `{"type":"BertPreTokenizer"}`, `{"type":"Digits"}`), []string{"pre_tokenizer", `"Digits"`, "Whitespace"}},
		{"pre-tokenizers without end", change(t, `{"type":"BertPreTokenizer"}`, strings.Repeat(`{"type":"Sequence","pretokenizers":[`, 40)+strings.Repeat(`]}`, 40)), []string{"pre_tokenizer", "too deep"}},
		{"post-processor", change(t, `"BertProcessing"`, `"OtherProcessing"`), []string{"post_processor", `"OtherProcessing"`}},
		{"post-processor with a bad pair", change(t, `["[SEP]",2]`, `["[SEP]"]`), []string{"post_processor", "pair of token and id"}},
		{"post-processor without tokens", change(t, `"sep":["[SEP]",2],`, ``), []string{"post_processor", `"sep"`}},
		{"negative segment", template(`{"Sequence":{"id":"A","type_id":-1}}`), []string{"post_processor", "type_id", "-1"}},
		{"post-processor beyond the vocabulary", change(t, `["[SEP]",2]`, `["[SEP]",5]`), []string{"post_processor", "id 5"}},
		{"decoder", change(t, `"decoder":{"type":"WordPiece"`, `"decoder":{"type":"CTC"`), []string{"decoder", `"CTC"`}},
		{"template with an unknown token", template(`{"SpecialToken":{"id":"[Z]","type_id":0}}`), []string{"post_processor", "single", `"[Z]"`}},
		{"template beyond the vocabulary", template(`{"SpecialToken":{"id":"[X]","type_id":0}}`), []string{"post_processor", "id 77"}},
		{"template with a negative id", template(`{"SpecialToken":{"id":"[Y]","type_id":0}}`), []string{"post_processor", "-1"}},
		{"template of two texts for one", template(`{"Sequence":{"id":"B","type_id":0}}`), []string{"post_processor", "single", "second text"}},
		{"template with a third text", template(`{"Sequence":{"id":"C","type_id":0}}`), []string{"post_processor", "single", "element 0"}},
		{"template with an empty element", template(`{}`), []string{"post_processor", "element 0"}},
		{"unknown token missing", change(t, `"unk_token":"[UNK]"`, `"unk_token":"<unk>"`), []string{"model", "unk_token", `"<unk>"`, "vocabulary"}},
		{"unknown token not named", change(t, `"unk_token":"[UNK]",`, ``), []string{"model", "unk_token"}},
		{"negative length of words", change(t, `"continuing_subword_prefix"`, `"max_input_chars_per_word":-1,"continuing_subword_prefix"`), []string{"model", "max_input_chars_per_word", "-1"}},
		{"vocabulary missing", change(t, `"vocab":`, `"words":`), []string{"model", "vocab", "missing"}},
		{"vocabulary a list", change(t, model, `{"type":"WordPiece","unk_token":"[UNK]","vocab":[]}`), []string{"vocab", "object"}},
		{"id twice", change(t, `"b":4`, `"b":3`), []string{"vocab", `"a"`, `"b"`, "same id 3"}},
		{"token twice", change(t, `"b":4`, `"a":4`), []string{"vocab", `"a"`, "twice", "3 and 4"}},
		{"token twice, spelled differently", change(t, `"b":4`, `"\u0061":4`), []string{"vocab", `"a"`, "twice"}},
		{"negative id", change(t, `"b":4`, `"b":-4`), []string{"vocab", `"b"`, "-4"}},
		{"fractional id", change(t, `"b":4`, `"b":4.5`), []string{"vocab", `"b"`, "4.5"}},
		{"enormous id", change(t, `"b":4`, `"b":4e99`), []string{"vocab", `"b"`, "4e99"}},
		{"id beyond 31 bits", change(t, `"b":4`, `"b":2147483647`), []string{"vocab", `"b"`, "2147483647"}},
		{"id a string", change(t, `"b":4`, `"b":"4"`), []string{"vocab", `"b"`, "not a number"}},
		{"id an object", change(t, `"b":4`, `"b":{"x":[1]}`), []string{"vocab", `"b"`, "not a number"}},
		{"added token with an id of another", added(`{"id":3,"content":"c"}`), []string{"added_tokens", `"c"`, `"a"`, "3"}},
		{"added token with another id", added(`{"id":9,"content":"a"}`), []string{"added_tokens", `"a"`, "9", "3"}},
		{"added token twice", added(`{"id":9,"content":"c"},{"id":10,"content":"c"}`), []string{"added_tokens", `"c"`, "twice"}},
		{"added id twice", added(`{"id":9,"content":"c"},{"id":9,"content":"d"}`), []string{"added_tokens", `"c"`, `"d"`, "9"}},
		{"added negative id", added(`{"id":-9,"content":"c"}`), []string{"added_tokens", `"c"`, "-9"}},
		{"added token of the wrong type", added(`{"id":"9","content":"c"}`), []string{"added_tokens", "string"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"tokenizer.json": {Data: []byte(c.json)}})
			wantError(t, err, append(c.want, "tokenizer.json")...)
		})
	}
	if _, err := parseTokenizer([]byte(minimal)); err != nil {
		t.Errorf("unchanged, it is refused too: %v", err)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestBadFoldersAreRefusedByName(t *testing.T) {
	const vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing there", nil, []string{"tokenizer.json", "vocab.txt", "save_pretrained"}},
		{"empty vocabulary", map[string]string{"vocab.txt": ""}, []string{"vocab.txt", "empty"}},
		{"token twice", map[string]string{"vocab.txt": vocab + "b\na\n"}, []string{"vocab.txt", "line 8", `"a"`, "line 6"}},
		{"empty line", map[string]string{"vocab.txt": vocab + "\nb\n"}, []string{"vocab.txt", "line 7", "empty"}},
		{"empty line at the end", map[string]string{"vocab.txt": vocab + "\n"}, []string{"vocab.txt", "line 7", "empty"}},
		{"no UTF-8", map[string]string{"vocab.txt": vocab + "\xff\n"}, []string{"vocab.txt", "line 7", "UTF-8"}},
		{"no unknown token", map[string]string{"vocab.txt": strings.Replace(vocab, "[UNK]", "<unk>", 1)}, []string{"vocab.txt", `"[UNK]"`, "tokenizer_config.json"}},
		{"no separator", map[string]string{"vocab.txt": vocab, "tokenizer_config.json": `{"sep_token":"</s>"}`}, []string{"vocab.txt", `"</s>"`}},
		{"configuration cut short", map[string]string{"vocab.txt": vocab, "tokenizer_config.json": `{"do_lower`}, []string{"tokenizer_config.json", "cut short"}},
		{"option of the wrong type", map[string]string{"vocab.txt": vocab, "tokenizer_config.json": `{"do_lower_case":"yes"}`}, []string{"tokenizer_config.json", "do_lower_case", "string"}},
		{"special token of the wrong type", map[string]string{"vocab.txt": vocab, "special_tokens_map.json": `{"mask_token":5}`}, []string{"special_tokens_map.json", "special token"}},
		{"added token with an id of another", map[string]string{"vocab.txt": vocab, "added_tokens.json": `{"x":5}`}, []string{"added_tokens.json", `"x"`, "5", `"a"`}},
		{"added token with a negative id", map[string]string{"vocab.txt": vocab, "added_tokens.json": `{"x":-5}`}, []string{"added_tokens.json", `"x"`, "-5"}},
		{"added token with an enormous id", map[string]string{"vocab.txt": vocab, "tokenizer_config.json": `{"additional_special_tokens":["y"],"added_tokens_decoder":{"9223372036854775807":{"content":"x"}}}`}, []string{"tokenizer_config.json", `"x"`, "9223372036854775807"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, content := range c.files {
				files[name] = &fstest.MapFile{Data: []byte(content)}
			}
			_, err := Load(files)
			wantError(t, err, c.want...)
		})
	}
}

func TestVocabularyLinesMayEndAsOnWindows(t *testing.T) {
	v, err := parseVocabulary([]byte("[UNK]\r\n[CLS]\r\n\u3000\r\nlast \r\nend"))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range []string{"[UNK]", "[CLS]", "\u3000", "last", "end"} {
		if got, _ := v.token(id); got != want {
			t.Errorf("token %d is %q, want %q", id, got, want)
		}
	}
}

func TestOpenTakesAFileOrAFolderAndNamesThem(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "other.json")
	if err := os.WriteFile(path, []byte(minimal), 0o644); err != nil {
		t.Fatal(err)
	}
	if tk := open(t, path); tk.VocabSize() != 5 {
		t.Errorf("vocabulary of %d, want 5", tk.VocabSize())
	}
	t.Chdir(dir)
	if tk := open(t, "other.json"); tk.VocabSize() != 5 {
		t.Errorf("vocabulary of %d, want 5", tk.VocabSize())
	}
	_, err := Open(dir)
	wantError(t, err, dir, "tokenizer.json", "vocab.txt")
	_, err = Open(filepath.Join(dir, "none"))
	wantError(t, err, "none", "tokenizer.json")
	if err := os.WriteFile(path, []byte(minimal[:99]), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	wantError(t, err, dir, "other.json", "byte")
}

// endless is a folder whose tokenizer.json has no end.
type endless struct{}

func (endless) Open(name string) (fs.File, error) {
	if name != "tokenizer.json" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return endlessFile{}, nil
}

type endlessFile struct{}

func (endlessFile) Stat() (fs.FileInfo, error) { return endlessInfo{}, nil }
func (endlessFile) Close() error               { return nil }
func (endlessFile) Read(p []byte) (int, error) { return len(p), nil }

type endlessInfo struct{}

func (endlessInfo) Name() string       { return "tokenizer.json" }
func (endlessInfo) Size() int64        { return 0 } // as of a pipe
func (endlessInfo) Mode() fs.FileMode  { return fs.ModeNamedPipe }
func (endlessInfo) ModTime() time.Time { return time.Time{} }
func (endlessInfo) IsDir() bool        { return false }
func (endlessInfo) Sys() any           { return nil }

func TestAFileWithoutEndIsRefused(t *testing.T) {
	_, err := Load(endless{})
	wantError(t, err, "tokenizer.json", "larger than", "right file")
}
