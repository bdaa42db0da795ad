package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"unicode/utf8"
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
	if b, ok := t.preTokenizer.(byteLevel); ok && config.ofGPT2() && config.AddPrefixSpace != nil {
		b.prefix = *config.AddPrefixSpace // transformers lets it override the file for this class alone
		t.preTokenizer = b
	}
	t.special = config.roles.resolve(t)
	return t, nil
}

// parseTokenizer builds the tokenizer that a tokenizer.json describes.
func parseTokenizer(data []byte) (*Tokenizer, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8; get the file again")
	}
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
	f.AddedTokens = slices.DeleteFunc(f.AddedTokens, func(a addedToken) bool { return a.Content == "" })
	if err := checkAdded(f.AddedTokens, t.model); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	t.added = newAddedTokens(f.AddedTokens, t.normalizer)
	post, err := buildPostProcessor(f.PostProcessor)
	if err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	t.template, t.trimmer = bare(), post.trimmer
	if post.template != nil {
		t.template = *post.template
	}
	for _, p := range slices.Concat(t.template.single, t.template.pair) {
		for _, id := range p.ids {
			if t.Token(id) == "" {
				return nil, fmt.Errorf("post_processor: it adds the id %d, which the vocabulary lacks; save the tokenizer again", id)
			}
		}
	}
	t.special = roles{}.resolve(t)
	return t, nil
}

// checkAdded holds the added tokens against one another and the vocabulary.
func checkAdded(added []addedToken, m model) error {
	contents, ids := map[string]int{}, map[int]string{}
	for _, a := range added {
		if a.ID < 0 || a.ID > maxID {
			return fmt.Errorf("%q has the id %d; ids are 0 to %d", a.Content, a.ID, maxID)
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
	vocab, options := member(string(data), "vocab")
	merges, options := member(string(options), "merges")
	kind, err := kindOf(options)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "WordPiece":
		return buildWordPiece(options, vocab)
	case "BPE":
		return buildBPE(options, vocab, merges)
	case "Unigram":
		return buildUnigram(options, vocab)
	case "": // files older than the field
		switch {
		case merges != "":
			return buildBPE(options, vocab, merges)
		case bytes.Contains(options, []byte(`"continuing_subword_prefix"`)):
			return buildWordPiece(options, vocab)
		case bytes.Contains(options, []byte(`"unk_id"`)):
			return buildUnigram(options, vocab)
		}
	}
	return nil, unsupported(kind, "WordPiece, BPE, Unigram")
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

func unsupported(kind, supported string) error {
	return fmt.Errorf("type %q is not supported (supported: %s); use a model with another tokenizer", kind, supported)
}
