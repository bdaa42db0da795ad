package text

import (
	"strings"
	"testing"
)

// Small files of the two models.
const (
	minimalBPE = `{"added_tokens":[{"id":6,"content":"<s>","special":true}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
"post_processor":{"type":"ByteLevel","trim_offsets":true},"decoder":{"type":"ByteLevel"},
"model":{"type":"BPE","dropout":null,"unk_token":"<unk>","fuse_unk":true,"byte_fallback":false,"vocab":{"<unk>":0,"a":1,"b":2,"ab":3,"Ġ":4,"Ġab":5},"merges":["a b",["Ġ","ab"]]}}`
	minimalUnigram = `{"added_tokens":[],"normalizer":{"type":"Replace","pattern":{"String":"q"},"content":""},
"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},"post_processor":null,
"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip","content":"a","start":1,"stop":1},{"type":"Metaspace","replacement":"▁"}]},
"model":{"type":"Unigram","unk_id":1,"byte_fallback":true,"vocab":[["▁",-1],["<unk>",0],["a",-2.5],["ab",-3e0],["<0x41>",-9]]}}`
)

func TestBadSubwordFilesAreRefusedByName(t *testing.T) {
	const (
		metaspace = `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`
		byteLevel = `{"type":"ByteLevel","add_prefix_space":false}`
	)
	for _, c := range []struct {
		name, file, old, new string
		want                 []string // all of it, in the message
	}{
		{"merges missing", minimalBPE, `"merges":["a b",["Ġ","ab"]]`, `"x":0`, []string{"model", "merges", "missing"}},
		{"merges an object", minimalBPE, `["a b",["Ġ","ab"]]`, `{}`, []string{"merges", "not a list"}},
		{"a merge of one", minimalBPE, `"a b"`, `"ab"`, []string{"merges", "number 0", `"ab"`}},
		{"a merge of three", minimalBPE, `"a b"`, `"a b b"`, []string{"merges", "number 0", `"a b b"`}},
		{"a merge of three, apart", minimalBPE, `["Ġ","ab"]`, `["Ġ","a","b"]`, []string{"merges", "number 1", "pair"}},
		{"a merge of numbers", minimalBPE, `["Ġ","ab"]`, `[1,2]`, []string{"merges", "number 1", "pair"}},
		{"a merge that is a number", minimalBPE, `"a b"`, `7`, []string{"merges", "number 0", "7"}},
		{"a merge of an unknown token", minimalBPE, `"a b"`, `"a c"`, []string{"merges", "number 0", "the vocabulary lacks", `"c"`}},
		{"a merge to an unknown token", minimalBPE, `"a b"`, `"b a"`, []string{"merges", "number 0", "the vocabulary lacks", `"ba"`}},
		{"a merge below its prefix", minimalBPE, `"fuse_unk":true`, `"continuing_subword_prefix":"##"`, []string{"merges", "number 0", "prefix"}},
		{"ids that are random", minimalBPE, `"dropout":null`, `"dropout":0.1`, []string{"dropout", "0.1"}},
		{"unknown token missing", minimalBPE, `"unk_token":"<unk>"`, `"unk_token":"?"`, []string{"unk_token", `"?"`}},
		{"bytes missing", minimalBPE, `"byte_fallback":false,"vocab":{`, `"byte_fallback":true,"vocab":{"<0x0A>":7,`, []string{"byte_fallback", "1 of the tokens"}},
		{"id twice", minimalBPE, `"b":2`, `"b":1`, []string{"vocab", `"a"`, `"b"`, "same id 1"}},
		{"another regular expression", minimalBPE, byteLevel, `{"type":"Split","pattern":{"Regex":"\\d+"},"behavior":"Isolated","invert":false}`, []string{"pre_tokenizer", "Split", `\\d+`, "GPT-2, BLOOM"}},
		{"split at a string", minimalBPE, byteLevel, `{"type":"Split","pattern":{"String":" "},"behavior":"Isolated","invert":false}`, []string{"pre_tokenizer", "Split", "Regex"}},
		{"another behavior", minimalBPE, byteLevel, `{"type":"Split","pattern":{"Regex":" ?[^(\\s|[.,!?…。，、।۔،])]+"},"behavior":"Removed","invert":true}`, []string{"Split", `"Removed"`, "Isolated"}},
		{"two templates", minimalBPE, `"post_processor":{"type":"ByteLevel","trim_offsets":true}`,
			`"post_processor":{"type":"Sequence","processors":[{"type":"BertProcessing","sep":["a",1],"cls":["a",1]},{"type":"RobertaProcessing","sep":["a",1],"cls":["a",1]}]}`, []string{"post_processor", "twice"}},
		{"post-processors without end", minimalBPE, `"post_processor":{"type":"ByteLevel","trim_offsets":true}`,
			`"post_processor":` + strings.Repeat(`{"type":"Sequence","processors":[`, 40) + strings.Repeat(`]}`, 40), []string{"post_processor", "too deep"}},
		{"vocabulary an object", minimalUnigram, `[["▁",-1],["<unk>",0],["a",-2.5],["ab",-3e0],["<0x41>",-9]]`, `{"a":0}`, []string{"model", "vocab", "not a list"}},
		{"vocabulary empty", minimalUnigram, `[["▁",-1],["<unk>",0],["a",-2.5],["ab",-3e0],["<0x41>",-9]]`, `[]`, []string{"model", "vocab", "empty"}},
		{"token without a score", minimalUnigram, `["a",-2.5]`, `["a"]`, []string{"vocab", "number 2", "pair"}},
		{"token with two scores", minimalUnigram, `["a",-2.5]`, `["a",-2.5,1]`, []string{"vocab", "number 2", "pair"}},
		{"token by itself", minimalUnigram, `["a",-2.5]`, `"a"`, []string{"vocab", "number 2", "pair"}},
		{"score not a number", minimalUnigram, `["a",-2.5]`, `["a","NaN"]`, []string{"vocab", "number 2", `"a"`, "NaN", "finite"}},
		{"score beyond all bounds", minimalUnigram, `["a",-2.5]`, `["a",-1e999]`, []string{"vocab", "number 2", "-1e999", "finite"}},
		{"token twice", minimalUnigram, `["ab",-3e0]`, `["\u0061",-3]`, []string{"vocab", `"a"`, "twice", "2 and 3"}},
		{"unknown token not named", minimalUnigram, `"unk_id":1,`, ``, []string{"model", "unk_id", "missing"}},
		{"unknown token beyond the vocabulary", minimalUnigram, `"unk_id":1`, `"unk_id":5`, []string{"model", "unk_id", "5"}},
		{"unknown token before the vocabulary", minimalUnigram, `"unk_id":1`, `"unk_id":-1`, []string{"model", "unk_id", "-1"}},
		{"unknown token empty", minimalUnigram, `["<unk>",0]`, `["",0]`, []string{"model", "unk_id", "empty"}},
		{"two marks", minimalUnigram, metaspace, `{"type":"Metaspace","replacement":"__"}`, []string{"pre_tokenizer", "Metaspace", `"__"`}},
		{"another scheme", minimalUnigram, metaspace, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}`, []string{"pre_tokenizer", "prepend_scheme", `"last"`}},
		{"two schemes", minimalUnigram, metaspace, `{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"prepend_scheme":"first"}`, []string{"pre_tokenizer", "add_prefix_space"}},
		{"replaces nothing", minimalUnigram, `{"String":"q"}`, `{"String":""}`, []string{"normalizer", "Replace", "empty"}},
		{"replaces what it cannot", minimalUnigram, `{"String":"q"}`, `{"Regex":"q+"}`, []string{"normalizer", "Replace", `"q+"`}},
		{"replaces neither", minimalUnigram, `{"String":"q"}`, `{}`, []string{"normalizer", "Replace", "neither"}},
		{"strips a string", minimalUnigram, `"content":"a","start":1`, `"content":"ab","start":1`, []string{"decoder", "step 1", "Strip", `"ab"`}},
		{"strips fewer than none", minimalUnigram, `"start":1`, `"start":-1`, []string{"decoder", "step 1", "Strip", "-1"}},
		{"decoders without end", minimalUnigram, `{"type":"ByteFallback"}`, strings.Repeat(`{"type":"Sequence","decoders":[`, 40) + strings.Repeat(`]}`, 40), []string{"decoder", "too deep"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(c.file, c.old) != 1 {
				t.Fatalf("%q does not occur once", c.old)
			}
			_, err := Load(fold(map[string]string{"tokenizer.json": strings.Replace(c.file, c.old, c.new, 1)}))
			wantError(t, err, append(c.want, "tokenizer.json")...)
		})
	}
	for _, file := range []string{minimalBPE, minimalUnigram} {
		if _, err := parseTokenizer([]byte(file)); err != nil {
			t.Errorf("unchanged, it is refused too: %v", err)
		}
	}
}

func TestBadFoldersOfGPT2AreRefusedByName(t *testing.T) {
	const vocab = `{"a":0,"b":1,"ab":2,"<|endoftext|>":3}`
	for _, c := range []struct {
		name                  string
		vocab, merges, config string
		want                  []string
	}{
		{"merges missing", vocab, "-", "", []string{"vocab.json", "merges.txt"}},
		{"vocabulary cut short", vocab[:9], "", "", []string{"vocab.json", "cut short"}},
		{"vocabulary empty", "", "", "", []string{"vocab.json", "byte 0"}},
		{"vocabulary a list", "[]", "", "", []string{"vocab.json", "object"}},
		{"no UTF-8", "{\"\xff\":0}", "", "", []string{"vocab.json", "UTF-8"}},
		{"id twice", `{"a":0,"b":0}`, "", "", []string{"vocab.json", `"a"`, `"b"`, "same id 0"}},
		{"a merge of one", vocab, "#version: 0.2\na b\nab\n", "", []string{"merges.txt", "line 3", `"ab"`}},
		{"an empty line", vocab, "a b\n\na b\n", "", []string{"merges.txt", "line 2", `""`}},
		{"an unknown token", vocab, "#version: 0.2\na c\n", "", []string{"merges.txt", "line 2", "the vocabulary lacks", `"c"`}},
		{"an unknown merge", vocab, "b a\n", "", []string{"merges.txt", "line 1", `"ba"`}},
		{"another tokenizer", vocab, "", `{"tokenizer_class":"CLIPTokenizer"}`, []string{"tokenizer_config.json", `"CLIPTokenizer"`, "tokenizer.json"}},
		{"no token to begin with", vocab, "", `{"add_bos_token":true,"bos_token":"<s>"}`, []string{"tokenizer_config.json", "add_bos_token", `"<s>"`}},
		{"added token with an id of another", vocab, "", `{"added_tokens_decoder":{"1":{"content":"x"}}}`, []string{"tokenizer_config.json", `"x"`, `"b"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"vocab.json": c.vocab, "merges.txt": c.merges}
			if c.merges == "-" {
				delete(files, "merges.txt")
			}
			if c.config != "" {
				files["tokenizer_config.json"] = c.config
			}
			_, err := Load(fold(files))
			wantError(t, err, c.want...)
		})
	}
}
