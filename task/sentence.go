package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/tripartite-go/tripartite/model"
)

// Pooling says how the hidden states of a text's tokens become one vector.
type Pooling string

// The poolings of sentence-transformers that are supported.
const (
	Mean Pooling = "mean" // over all tokens, those of the template included
	CLS  Pooling = "cls"  // the first token's
	Max  Pooling = "max"  // the largest value of every component
)

// Sentence says how a model turns a text into its embedding, as the folder of a
// sentence-transformers model lays it down.
type Sentence struct {
	Pooling   Pooling `json:"pooling"`
	Normalize bool    `json:"normalize"`  // to unit length
	MaxTokens int     `json:"max_tokens"` // longer texts are cut off
	LowerCase bool    `json:"lower_case"` // before the tokenizer sees the text
	// Assumed is true where the folder lays nothing down: the mean, normalized,
	// of a model that nobody trained for sentences.
	Assumed bool `json:"assumed"`
}

// maxJSONBytes is far more than any of these files holds.
const maxJSONBytes = 1 << 20

// ReadSentence reads modules.json, sentence_bert_config.json and the pooling's
// config.json in the model's folder. What sentence-transformers could do with a
// text and this package cannot is refused by name.
func ReadSentence(files fs.FS, cfg *model.Config) (Sentence, error) {
	s := Sentence{Pooling: Mean, Normalize: true, MaxTokens: cfg.Positions}
	if cfg.Positions == 0 { // no limit
		s.MaxTokens = math.MaxInt32
	}
	var modules []struct{ Path, Type string }
	found, err := readJSON(files, "modules.json", &modules)
	if err != nil {
		return s, err
	}
	if !found {
		s.Assumed = true
		return s, nil
	}
	s.Pooling, s.Normalize = "", false
	for i, m := range modules {
		kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]
		switch {
		case kind == "Transformer" && i == 0:
			if m.Path != "" {
				return s, fmt.Errorf("modules.json: the transformer lies in the folder %q, which is not supported; move its files up into the model's folder and make that path empty", m.Path)
			}
		case kind == "Pooling" && s.Pooling == "" && !s.Normalize && i > 0:
			if s.Pooling, err = readPooling(files, m.Path); err != nil {
				return s, err
			}
		case kind == "Normalize" && s.Pooling != "":
			s.Normalize = true
		default:
			return s, fmt.Errorf("modules.json: step %d is %q, which is not supported; the steps are Transformer, Pooling, Normalize in this order; use another model", i+1, kind)
		}
	}
	if s.Pooling == "" {
		return s, errors.New("modules.json: there is no Pooling, so texts have no embedding; use another model")
	}
	if err := noPrompt(files); err != nil {
		return s, err
	}
	return s, s.limits(files)
}

// readPooling reads how a pooling module pools.
func readPooling(files fs.FS, folder string) (Pooling, error) {
	if !fs.ValidPath(folder) {
		return "", fmt.Errorf("modules.json: %q is no folder inside the model's; correct it", folder)
	}
	name := path.Join(folder, "config.json")
	var entries map[string]json.RawMessage
	found, err := readJSON(files, name, &entries)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fmt.Errorf("%s, which modules.json needs, is missing; download the model again", name)
	}
	modes, err := poolingModes(entries)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if len(modes) != 1 {
		return "", fmt.Errorf("%s: the poolings %s are joined, which is not supported; use a model with one", name, strings.Join(modes, ", "))
	}
	switch p := Pooling(modes[0]); p {
	case Mean, CLS, Max:
		return p, nil
	}
	return "", fmt.Errorf("%s: pooling %q is not supported; mean, cls and max are", name, modes[0])
}

// poolingModes reads the present spelling, pooling_mode, and the older one, a
// flag per mode.
func poolingModes(entries map[string]json.RawMessage) ([]string, error) {
	if raw, ok := entries["pooling_mode"]; ok {
		var one string
		var several []string
		if json.Unmarshal(raw, &one) == nil {
			return []string{one}, nil
		}
		if json.Unmarshal(raw, &several) == nil {
			return several, nil
		}
		return nil, errors.New("pooling_mode is neither a name nor a list of names; download the model again")
	}
	var modes []string
	for _, flag := range []struct{ key, mode string }{
		{"cls_token", "cls"}, {"max_tokens", "max"}, {"mean_tokens", "mean"},
		{"mean_sqrt_len_tokens", "mean_sqrt_len_tokens"}, {"weightedmean_tokens", "weightedmean"}, {"lasttoken", "lasttoken"},
	} {
		on := false
		if raw, ok := entries["pooling_mode_"+flag.key]; ok {
			if err := json.Unmarshal(raw, &on); err != nil {
				return nil, fmt.Errorf("pooling_mode_%s is neither true nor false; download the model again", flag.key)
			}
		}
		if on {
			modes = append(modes, flag.mode)
		}
	}
	if modes == nil {
		modes = []string{"mean"}
	}
	return modes, nil
}

// noPrompt refuses a folder that puts words before every text.
func noPrompt(files fs.FS) error {
	const name = "config_sentence_transformers.json"
	var c struct {
		Prompt  *string           `json:"default_prompt_name"`
		Prompts map[string]string `json:"prompts"`
	}
	if _, err := readJSON(files, name, &c); err != nil {
		return err
	}
	if c.Prompt != nil && c.Prompts[*c.Prompt] != "" {
		return fmt.Errorf("%s: the default prompt %q is not supported; remove default_prompt_name and begin every text with %q yourself", name, *c.Prompt, c.Prompts[*c.Prompt])
	}
	return nil
}

// limits reads how long a text may be.
func (s *Sentence) limits(files fs.FS) error {
	for _, name := range []string{"sentence_bert_config.json", "sentence_albert_config.json"} {
		var c struct {
			MaxTokens *int `json:"max_seq_length"`
			LowerCase bool `json:"do_lower_case"`
		}
		found, err := readJSON(files, name, &c)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		s.LowerCase = c.LowerCase
		if c.MaxTokens != nil {
			if *c.MaxTokens < 1 {
				return fmt.Errorf("%s: max_seq_length is %d, want at least 1; correct it", name, *c.MaxTokens)
			}
			s.MaxTokens = min(s.MaxTokens, *c.MaxTokens)
		}
		return nil
	}
	return nil
}

// readJSON reads a small file, if it is there.
func readJSON(files fs.FS, name string, value any) (found bool, err error) {
	file, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w; check that it can be read", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxJSONBytes+1))
	if err == nil && len(text) > maxJSONBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxJSONBytes)
	}
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w; download the model again", name, err)
	}
	return true, nil
}
