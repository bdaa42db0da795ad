package text

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// loadVocabulary builds BERT's tokenizer around a vocab.txt: one token a line,
// its id the number of the line, counted from 0.
func loadVocabulary(fsys fs.FS, name string) (*Tokenizer, error) {
	data, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	vocab, err := parseVocabulary(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	for i, usual := range []string{"[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"} {
		if role := config.all()[i]; role.Content == "" {
			role.Content, role.Special = usual, true
		}
	}
	for _, role := range []namedToken{config.Unknown, config.CLS, config.SEP} {
		if _, ok := vocab.id(role.Content); !ok {
			return nil, fmt.Errorf("%s: the vocabulary lacks %q; add it, or say in %s which token is meant", name, role.Content, configFile)
		}
	}
	older := map[string]int{}
	if len(config.Added) == 0 {
		if err := readOptional(fsys, addedTokensFile, &older); err != nil {
			return nil, err
		}
	}
	added := config.added(vocab, older)

	lower := config.DoLowerCase == nil || *config.DoLowerCase
	normalizer := bertNormalizer{clean: true, chinese: orTrue(config.TokenizeChineseChars), strip: lower, lower: lower}
	if config.StripAccents != nil {
		normalizer.strip = *config.StripAccents
	}
	cls, _ := vocab.id(config.CLS.Content)
	sep, _ := vocab.id(config.SEP.Content)
	t := &Tokenizer{
		normalizer:   normalizer,
		preTokenizer: bertSplitter,
		model:        newWordPiece(vocab, config.Unknown.Content, "##", maxWordRunes),
		template:     bertTemplate(cls, sep),
		decoder:      wordPieceDecoder{prefix: "##", cleanup: true},
	}
	if err := checkAdded(added, t.model); err != nil {
		return nil, fmt.Errorf("%s or %s: %w", configFile, addedTokensFile, err)
	}
	t.added = newAddedTokens(added, normalizer)
	t.special = config.roles.resolve(t)
	return t, nil
}

// added gathers the added tokens of a folder without tokenizer.json: those that
// tokenizer_config.json lists under their ids or, if it lists none, those of
// added_tokens.json; and the special ones. A special token without an id gets the next free one; but
// none is made up for a role that the vocabulary does not fill.
func (c *tokenizerConfig) added(vocab vocabulary, older map[string]int) []addedToken {
	var tokens []addedToken
	known := map[string]bool{}
	end := vocab.end()
	add := func(t addedToken) {
		if t.Content != "" && !known[t.Content] {
			known[t.Content] = true
			tokens = append(tokens, t)
			end = max(end, t.ID+1)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Added)) {
		t := c.Added[id]
		t.ID = id
		add(t)
	}
	for _, role := range c.all() {
		if id, ok := vocab.id(role.Content); ok {
			role.ID = id
			add(role.addedToken)
		}
	}
	for _, content := range slices.Sorted(maps.Keys(older)) {
		add(addedToken{ID: older[content], Content: content, Normalized: true})
	}
	for _, t := range c.Additional {
		id, ok := vocab.id(t.Content)
		if !ok {
			id = end
		}
		t.ID = id
		add(t.addedToken)
	}
	return tokens
}

// parseVocabulary reads one token a line.
func parseVocabulary(data []byte) (vocabulary, error) {
	v := newVocabulary(bytes.Count(data, []byte{'\n'}) + 1)
	if len(data) == 0 {
		return v, errors.New("the file is empty; get it again")
	}
	i := 0
	for line := range strings.Lines(string(data)) {
		i++
		if !utf8.ValidString(line) {
			return v, fmt.Errorf("line %d is not UTF-8; get the file again", i)
		}
		s := strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimRightFunc(s, isSpace); trimmed != "" {
			s = trimmed // as the reference; a token that is white space alone stays
		}
		if s == "" {
			return v, fmt.Errorf("line %d is empty, but every line is a token and its number the id; get the file again", i)
		}
		if _, earlier, clash := v.add(s, i-1); clash {
			return v, fmt.Errorf("line %d repeats %q of line %d, but a token has one id; get the file again", i, s, earlier+1)
		}
	}
	return v, nil
}
