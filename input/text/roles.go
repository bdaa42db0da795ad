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
	roles
}

// roles names the tokens that have a role.
type roles struct {
	Unknown roleToken `json:"unk_token"`
	Pad     roleToken `json:"pad_token"`
	CLS     roleToken `json:"cls_token"`
	SEP     roleToken `json:"sep_token"`
	Mask    roleToken `json:"mask_token"`
}

// roleToken is the name of a token, in files a string or an object with its
// content.
type roleToken string

func (r *roleToken) UnmarshalJSON(data []byte) error {
	var content *string
	if json.Unmarshal(data, &content) == nil {
		if content != nil {
			*r = roleToken(*content)
		}
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return errors.New("a special token is neither a string nor an object with \"content\"")
	}
	*r = roleToken(object.Content)
	return nil
}

// readConfig reads tokenizer_config.json, and special_tokens_map.json for the
// roles that it leaves out. Both files may be absent.
func readConfig(fsys fs.FS) (tokenizerConfig, error) {
	var c, more tokenizerConfig
	for _, f := range []struct {
		name string
		into *tokenizerConfig
	}{{configFile, &c}, {specialMapFile, &more}} {
		data, err := readFile(fsys, f.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		if err := json.Unmarshal(data, f.into); err != nil {
			return c, fmt.Errorf("%s: %w; get the file again, or delete it if the tokenizer needs no options", f.name, err)
		}
	}
	for _, r := range []struct{ to, from *roleToken }{
		{&c.Unknown, &more.Unknown}, {&c.Pad, &more.Pad}, {&c.CLS, &more.CLS}, {&c.SEP, &more.SEP}, {&c.Mask, &more.Mask},
	} {
		if *r.to == "" {
			*r.to = *r.from
		}
	}
	return c, nil
}

// resolve finds the ids of the tokens that have a role: by the name given, else
// by the names that models of this kind use.
func (r roles) resolve(t *Tokenizer) Special {
	find := func(names ...string) int {
		for _, name := range names {
			if name == "" {
				continue
			}
			if id, ok := t.ID(name); ok {
				return id
			}
		}
		return -1
	}
	return Special{
		Unknown: find(t.model.unknown(), string(r.Unknown)),
		Pad:     find(string(r.Pad), "[PAD]", "<pad>"),
		CLS:     find(string(r.CLS), "[CLS]", "<s>"),
		SEP:     find(string(r.SEP), "[SEP]", "</s>"),
		Mask:    find(string(r.Mask), "[MASK]", "<mask>"),
	}
}
