package text

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWordRunes is the longest word, in characters, that BERT looks up.
const maxWordRunes = 100

// loadVocabulary builds BERT's tokenizer around a vocab.txt: one token a line,
// its id the number of the line, counted from 0.
func loadVocabulary(fsys fs.FS, name string) (*Tokenizer, error) {
	data, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	vocab, err := parseVocabulary(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, r := range []struct {
		role  *roleToken
		usual roleToken
	}{
		{&config.Unknown, "[UNK]"}, {&config.Pad, "[PAD]"}, {&config.CLS, "[CLS]"}, {&config.SEP, "[SEP]"}, {&config.Mask, "[MASK]"},
	} {
		if *r.role == "" {
			*r.role = r.usual
		}
	}
	var added []addedToken
	for _, role := range []roleToken{config.Unknown, config.Pad, config.CLS, config.SEP, config.Mask} {
		if id, ok := vocab.ids[string(role)]; ok {
			added = append(added, addedToken{ID: id, Content: string(role), Special: true})
		}
	}
	for _, role := range []roleToken{config.Unknown, config.CLS, config.SEP} {
		if _, ok := vocab.ids[string(role)]; !ok {
			return nil, fmt.Errorf("%s: the vocabulary lacks %s; add it, or name the token in %s", name, role, configFile)
		}
	}
	lower := config.DoLowerCase == nil || *config.DoLowerCase
	normalizer := bertNormalizer{clean: true, chinese: true, strip: lower, lower: lower}
	if config.TokenizeChineseChars != nil {
		normalizer.chinese = *config.TokenizeChineseChars
	}
	if config.StripAccents != nil {
		normalizer.strip = *config.StripAccents
	}
	cls, sep := vocab.ids[string(config.CLS)], vocab.ids[string(config.SEP)]
	t := &Tokenizer{
		normalizer:   normalizer,
		preTokenizer: bertSplitter,
		model:        newWordPiece(vocab, string(config.Unknown), "##", maxWordRunes),
		template:     bertTemplate(cls, sep),
		decoder:      wordPieceDecoder{prefix: "##", cleanup: true},
		added:        newAddedTokens(added, normalizer),
	}
	t.special = config.roles.resolve(t)
	return t, nil
}

// parseVocabulary reads one token a line.
func parseVocabulary(data []byte) (vocabulary, error) {
	v := newVocabulary(bytes.Count(data, []byte{'\n'}) + 1)
	lines := strings.Split(string(data), "\n")
	if n := len(lines); lines[n-1] == "" { // after the last line's end
		lines = lines[:n-1]
	}
	if len(lines) == 0 {
		return v, fmt.Errorf("the vocabulary is empty; get the file again")
	}
	for i, line := range lines {
		if !utf8.ValidString(line) {
			return v, fmt.Errorf("line %d is not UTF-8; get the file again", i+1)
		}
		s := strings.TrimSuffix(line, "\r")
		if trimmed := strings.TrimRightFunc(s, unicode.IsSpace); trimmed != "" {
			s = trimmed // as the reference; a token that is white space alone stays
		}
		if s == "" {
			return v, fmt.Errorf("line %d is empty, and would shift the ids after it if left out; get the file again", i+1)
		}
		if _, earlier, clash := v.add(s, i); clash {
			return v, fmt.Errorf("line %d repeats the token %q of line %d; a vocabulary lists each token once, get the file again", i+1, s, earlier+1)
		}
	}
	return v, nil
}
