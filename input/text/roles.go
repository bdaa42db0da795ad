package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// tokenizerConfig is what is read of tokenizer_config.json. Options are
// pointers: absent is not false.
type tokenizerConfig struct {
	DoLowerCase          *bool `json:"do_lower_case"`
	StripAccents         *bool `json:"strip_accents"`
	TokenizeChineseChars *bool `json:"tokenize_chinese_chars"`
	// Of GPT-2's tokenizer and those like it.
	Class          string `json:"tokenizer_class"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	AddBOS         bool   `json:"add_bos_token"`
	roles
	Additional []namedToken `json:"additional_special_tokens"`
	// Added lists tokens under their ids.
	Added map[int]addedToken `json:"added_tokens_decoder"`
}

// roles names the tokens that have a role.
type roles struct {
	Unknown namedToken `json:"unk_token"`
	Pad     namedToken `json:"pad_token"`
	CLS     namedToken `json:"cls_token"`
	SEP     namedToken `json:"sep_token"`
	Mask    namedToken `json:"mask_token"`
	BOS     namedToken `json:"bos_token"`
	EOS     namedToken `json:"eos_token"`
}

func (r *roles) all() []*namedToken {
	return []*namedToken{&r.Unknown, &r.Pad, &r.CLS, &r.SEP, &r.Mask, &r.BOS, &r.EOS}
}

// namedToken is a special token without its id: in files its name, or an object
// with its name and how it is looked for.
type namedToken struct{ addedToken }

func (n *namedToken) UnmarshalJSON(data []byte) error {
	n.addedToken = addedToken{}
	if json.Unmarshal(data, &n.Content) != nil && json.Unmarshal(data, &n.addedToken) != nil {
		return errors.New(`a special token is neither a name nor an object with its "content"`)
	}
	n.ID, n.Special = 0, true
	return nil
}

// readConfig reads tokenizer_config.json, and special_tokens_map.json for the
// special tokens that it leaves out. Both files may be absent.
func readConfig(fsys fs.FS) (tokenizerConfig, error) {
	var c, more tokenizerConfig
	if err := readOptional(fsys, configFile, &c); err != nil {
		return c, err
	}
	if err := readOptional(fsys, specialMapFile, &more); err != nil {
		return c, err
	}
	for i, r := range c.all() {
		if r.Content == "" {
			*r = *more.all()[i]
		}
	}
	if c.Additional == nil {
		c.Additional = more.Additional
	}
	return c, nil
}

// readOptional decodes a JSON file if there is one.
func readOptional(fsys fs.FS, name string, into any) error {
	data, err := readFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// resolve finds the ids of the tokens that have a role: by the name given or,
// if none is, by the names that models of this kind use.
func (r roles) resolve(t *Tokenizer) Special {
	find := func(given namedToken, usual ...string) int {
		names := usual
		if given.Content != "" {
			names = []string{given.Content}
		}
		for _, name := range names {
			if id, ok := t.ID(name); ok && name != "" {
				return id
			}
		}
		return -1
	}
	unknown := r.Unknown // only where the model has none of its own
	if t.model.unknown() != "" {
		unknown = namedToken{}
	}
	return Special{
		Unknown: find(unknown, t.model.unknown()),
		Pad:     find(r.Pad, "[PAD]", "<pad>"),
		CLS:     find(r.CLS, "[CLS]", "<s>"),
		SEP:     find(r.SEP, "[SEP]", "</s>"),
		Mask:    find(r.Mask, "[MASK]", "<mask>"),
		BOS:     find(r.BOS, "<s>", "<|begin_of_text|>", "<|endoftext|>"),
		EOS:     find(r.EOS, "</s>", "<|end_of_text|>", "<|endoftext|>"),
	}
}
