package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"
)

// loadMerges builds GPT-2's tokenizer around a vocab.json, the tokens and their
// ids, and the merges.txt beside it.
func loadMerges(fsys fs.FS, name string) (*Tokenizer, error) {
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	if config.Class != "" && !config.ofGPT2() {
		return nil, fmt.Errorf("%s: the tokenizer_class %q is read from its %s alone; "+
			"save that beside it (in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder))", configFile, config.Class, tokenizerFile)
	}
	vocab, err := readVocabJSON(fsys, name)
	if err != nil {
		return nil, err
	}
	data, err := readFile(fsys, mergesFile)
	if err != nil {
		return nil, fmt.Errorf("%s needs %s beside it: %w", name, mergesFile, err)
	}
	merges, err := parseMergeLines(data, vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mergesFile, err)
	}
	model, err := newBPE(vocab, merges, bpeOptions{})
	if err != nil {
		return nil, err
	}
	for _, role := range []*namedToken{&config.Unknown, &config.BOS, &config.EOS} {
		if role.Content == "" {
			role.Content, role.Special = "<|endoftext|>", true
		}
	}
	older := map[string]int{}
	if len(config.Added) == 0 {
		if err := readOptional(fsys, addedTokensFile, &older); err != nil {
			return nil, err
		}
	}
	added := config.added(vocab, older)
	if err := checkAdded(added, model); err != nil {
		return nil, fmt.Errorf("%s or %s: %w", configFile, addedTokensFile, err)
	}
	t := &Tokenizer{
		preTokenizer: byteLevel{prefix: config.AddPrefixSpace != nil && *config.AddPrefixSpace, cut: scanGPT2},
		model:        model,
		template:     bare(),
		decoder:      byteLevelDecoder{},
		added:        newAddedTokens(added, nil),
	}
	t.special = config.roles.resolve(t)
	if config.AddBOS {
		if t.special.BOS < 0 {
			return nil, fmt.Errorf("%s: add_bos_token is true, but the vocabulary lacks %q; add it, or take the option out", configFile, config.BOS.Content)
		}
		bos := part{sequence: -1, ids: []int{t.special.BOS}}
		t.template.single = append([]part{bos}, t.template.single...)
		t.template.pair = slices.Insert(append([]part{bos}, t.template.pair...), 2, bos)
	}
	return t, nil
}

func (c *tokenizerConfig) ofGPT2() bool {
	return c.Class == "GPT2Tokenizer" || c.Class == "GPT2TokenizerFast"
}

func readVocabJSON(fsys fs.FS, name string) (vocabulary, error) {
	data, err := readFile(fsys, name)
	if err != nil {
		return vocabulary{}, err
	}
	var object json.RawMessage
	if err := unmarshal(data, &object); err != nil {
		return vocabulary{}, fmt.Errorf("%s: %w", name, err)
	}
	if !utf8.Valid(object) {
		return vocabulary{}, fmt.Errorf("%s: it is not UTF-8; get the file again", name)
	}
	v, err := parseVocab(string(bytes.TrimSpace(object)))
	if err != nil {
		return v, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// parseMergeLines reads one merge a line, two tokens with a space between.
func parseMergeLines(data []byte, v vocabulary) (map[uint64]merge, error) {
	merges := make(map[uint64]merge, bytes.Count(data, []byte{'\n'}))
	n, rank := 0, 0
	for line := range strings.Lines(strings.TrimRight(string(data), "\r\n")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, mergesVersion) {
			continue
		}
		left, right, ok := splitMerge(line)
		if !ok {
			return nil, fmt.Errorf("line %d, %.60q, is not two tokens with a space between; get the file again", n, line)
		}
		if err := addMerge(merges, v, left, right, "", rank); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rank++
	}
	return merges, nil
}
