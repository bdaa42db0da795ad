package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
)

// file is tokenizer.json. Truncation and padding are left out on purpose, see
// the package comment.
type file struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

func loadJSON(fsys fs.FS, name string) (*Tokenizer, error) {
	data, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	t, err := parseTokenizer(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.special = config.roles.resolve(t)
	return t, nil
}

// parseTokenizer builds the tokenizer that a tokenizer.json describes.
func parseTokenizer(data []byte) (*Tokenizer, error) {
	var f file
	if err := unmarshal(data, &f); err != nil {
		return nil, err
	}
	if absent(f.Model) {
		return nil, errors.New(`there is no "model": this is not a tokenizer.json; give the one that was saved with the model`)
	}
	t := &Tokenizer{}
	var err error
	if t.model, err = buildModel(f.Model); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if t.normalizer, err = buildNormalizer(f.Normalizer); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	if t.preTokenizer, err = buildPreTokenizer(f.PreTokenizer); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if t.decoder, err = buildDecoder(f.Decoder); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	if err := checkAdded(f.AddedTokens, t.model); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	t.added = newAddedTokens(f.AddedTokens, t.normalizer)
	if t.template, err = buildTemplate(f.PostProcessor); err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	t.special = roles{}.resolve(t)
	return t, nil
}

// checkAdded holds the added tokens against one another and the vocabulary.
func checkAdded(added []addedToken, m model) error {
	contents, ids := map[string]int{}, map[int]string{}
	for i, a := range added {
		if a.Content == "" {
			return fmt.Errorf("entry %d has no content; delete it", i)
		}
		if a.ID < 0 || a.ID > math.MaxInt32 {
			return fmt.Errorf("%q has the id %d; ids are 0 to %d", a.Content, a.ID, math.MaxInt32)
		}
		if _, ok := contents[a.Content]; ok {
			return fmt.Errorf("%q is listed twice; keep one", a.Content)
		}
		if other, ok := ids[a.ID]; ok {
			return fmt.Errorf("%q and %q have the same id %d; give each its own", other, a.Content, a.ID)
		}
		contents[a.Content], ids[a.ID] = a.ID, a.Content
		if id, ok := m.id(a.Content); ok && id != a.ID {
			return fmt.Errorf("%q has the id %d, in the vocabulary %d; make them equal", a.Content, a.ID, id)
		}
		if s, ok := m.token(a.ID); ok && s != a.Content {
			return fmt.Errorf("%q has the id %d, which the vocabulary gives to %q; give each its own", a.Content, a.ID, s)
		}
	}
	return nil
}

func buildModel(data json.RawMessage) (model, error) {
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "WordPiece":
		return buildWordPiece(data)
	case "":
		return nil, errors.New(`it has no "type"; save the tokenizer again with a current version of the tokenizers library`)
	}
	return nil, unsupported("model type", kind, "WordPiece")
}

func buildWordPiece(data json.RawMessage) (model, error) {
	var m struct {
		Unknown  string          `json:"unk_token"`
		Prefix   *string         `json:"continuing_subword_prefix"`
		MaxRunes *int            `json:"max_input_chars_per_word"`
		Vocab    json.RawMessage `json:"vocab"`
	}
	if err := unmarshal(data, &m); err != nil {
		return nil, err
	}
	vocab, err := parseVocab(m.Vocab)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	prefix, maxRunes := "##", maxWordRunes
	if m.Prefix != nil {
		prefix = *m.Prefix
	}
	if m.MaxRunes != nil {
		maxRunes = *m.MaxRunes
	}
	if maxRunes < 0 {
		return nil, fmt.Errorf("max_input_chars_per_word is %d; the usual value is %d", maxRunes, maxWordRunes)
	}
	if _, ok := vocab.ids[m.Unknown]; !ok {
		return nil, fmt.Errorf("unk_token %q is not in the vocabulary; add it, or name one that is", m.Unknown)
	}
	return newWordPiece(vocab, m.Unknown, prefix, maxRunes), nil
}

// parseVocab reads an object of tokens and ids. It goes token by token, because
// decoding into a map would hide a token that is listed twice.
func parseVocab(data json.RawMessage) (vocabulary, error) {
	v := newVocabulary(min(bytes.Count(data, []byte{':'}), 1<<20))
	if absent(data) {
		return v, errors.New("missing; save the tokenizer again")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return v, errors.New("not an object of tokens and ids")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return v, err
		}
		s := key.(string) // the decoder lets only strings be keys
		value, err := d.Token()
		if err != nil {
			return v, err
		}
		number, ok := value.(json.Number)
		if !ok {
			return v, fmt.Errorf("the id of %q is not a number", s)
		}
		id, err := number.Int64()
		if err != nil || id < 0 || id > math.MaxInt32 {
			return v, fmt.Errorf("the id of %q is %s; ids are whole numbers from 0 to %d", s, number, math.MaxInt32)
		}
		if earlier, earlierID, clash := v.add(s, int(id)); clash {
			if earlier == s {
				return v, fmt.Errorf("%q is listed twice, with ids %d and %d; keep the one the model was trained with", s, earlierID, id)
			}
			return v, fmt.Errorf("%q and %q have the same id %d; give each its own", earlier, s, id)
		}
	}
	return v, nil
}

func buildNormalizer(data json.RawMessage) (normalizer, error) {
	if absent(data) {
		return nil, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BertNormalizer":
		// The defaults are the reference's.
		b := struct {
			Clean   *bool `json:"clean_text"`
			Chinese *bool `json:"handle_chinese_chars"`
			Strip   *bool `json:"strip_accents"`
			Lower   *bool `json:"lowercase"`
		}{}
		if err := unmarshal(data, &b); err != nil {
			return nil, err
		}
		n := bertNormalizer{clean: orTrue(b.Clean), chinese: orTrue(b.Chinese), lower: orTrue(b.Lower)}
		n.strip = n.lower
		if b.Strip != nil {
			n.strip = *b.Strip
		}
		return n, nil
	case "Sequence":
		var s struct {
			Steps []json.RawMessage `json:"normalizers"`
		}
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		var steps normalizers
		for i, step := range s.Steps {
			n, err := buildNormalizer(step)
			if err != nil {
				return nil, fmt.Errorf("step %d: %w", i, err)
			}
			if n != nil {
				steps = append(steps, n)
			}
		}
		return steps, nil
	case "Lowercase":
		return lowercase{}, nil
	case "NFD":
		return normalForm{}, nil
	case "StripAccents":
		return stripAccents{}, nil
	}
	return nil, unsupported("type", kind, "BertNormalizer, Sequence, Lowercase, NFD, StripAccents")
}

func buildPreTokenizer(data json.RawMessage) (preTokenizer, error) {
	if absent(data) {
		return nil, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BertPreTokenizer":
		return bertSplitter, nil
	case "WhitespaceSplit":
		return whitespaceSplitter, nil
	case "Whitespace":
		return wordSplitter{}, nil
	case "Sequence":
		var s struct {
			Steps []json.RawMessage `json:"pretokenizers"`
		}
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		var steps preTokenizers
		for i, step := range s.Steps {
			p, err := buildPreTokenizer(step)
			if err != nil {
				return nil, fmt.Errorf("step %d: %w", i, err)
			}
			if p != nil {
				steps = append(steps, p)
			}
		}
		return steps, nil
	}
	return nil, unsupported("type", kind, "BertPreTokenizer, Whitespace, WhitespaceSplit, Sequence")
}

func buildDecoder(data json.RawMessage) (decoder, error) {
	if absent(data) {
		return nil, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	if kind != "WordPiece" {
		return nil, unsupported("type", kind, "WordPiece")
	}
	var d struct {
		Prefix  *string `json:"prefix"`
		Cleanup *bool   `json:"cleanup"`
	}
	if err := unmarshal(data, &d); err != nil {
		return nil, err
	}
	w := wordPieceDecoder{prefix: "##", cleanup: orTrue(d.Cleanup)}
	if d.Prefix != nil {
		w.prefix = *d.Prefix
	}
	return w, nil
}

// unmarshal says where in the data an error lies.
func unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d of %d: %w; the file is damaged or cut short, get it again", syntax.Offset, len(data), err)
	case errors.As(err, &mismatch):
		return fmt.Errorf("%q is a JSON %s, which it cannot be; save the tokenizer again", mismatch.Field, mismatch.Value)
	}
	return err
}

func kindOf(data json.RawMessage) (string, error) {
	var k struct {
		Type string `json:"type"`
	}
	err := unmarshal(data, &k)
	return k.Type, err
}

func absent(data json.RawMessage) bool {
	return len(data) == 0 || slices.Equal(data, []byte("null"))
}

func orTrue(b *bool) bool { return b == nil || *b }

func unsupported(what, name, supported string) error {
	return fmt.Errorf("%s %q is not supported (supported: %s); use a model with a BERT tokenizer", what, name, supported)
}
