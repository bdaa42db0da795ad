package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Config is a model's config.json with every default filled in. Sizes are
// positive; those that tensors show agree with the tensors once a model is
// loaded.
type Config struct {
	Architecture string // model_type: "bert" or "albert"

	Vocabulary    int // V, vocab_size
	Segments      int // type_vocab_size: kinds of text that a token may belong to
	Positions     int // max_position_embeddings: the longest sequence
	EmbeddingSize int // E, embedding_size; narrower than Width in ALBERT alone
	Width         int // D, hidden_size
	FeedForward   int // intermediate_size
	Heads         int // num_attention_heads, per layer

	// Layers is num_hidden_layers. ALBERT applies Inner blocks in each
	// (inner_group_num), from one of Groups groups (num_hidden_groups); both are 1
	// elsewhere.
	Layers, Groups, Inner int

	Activation nn.Activation // hidden_act
	Epsilon    float64       // layer_norm_eps
	// Tied says that the decoder of the masked-language-model head is the table
	// of word embeddings. A decoder that is stored and differs counts more.
	Tied bool

	DType  string   // dtype or torch_dtype: what the file says; tensors tell for themselves
	Labels []string // id2label, by id

	precision tensor.Precision // from Load's options, not from the file
}

// HeadWidth is d, the width of a key.
func (c *Config) HeadWidth() int { return c.Width / c.Heads }

// Applications is L, how often a block is applied: the number of hidden states
// less one.
func (c *Config) Applications() int { return c.Layers * c.Inner }

// Limits that no transformer comes near. What tensors can show is checked
// against them; these keep the rest from overflowing or from asking for more
// memory than any file could account for.
const (
	maxSize         = 1 << 28
	maxApplications = 1 << 12
	maxConfigBytes  = 1 << 25
)

const configFile = "config.json"

// readConfig reads config.json of a model's folder. Its errors name the file.
func readConfig(fsys fs.FS) (*Config, error) {
	file, err := fsys.Open(configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s; a model's folder holds config.json, model.safetensors and the tokenizer's files", configFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that it can be read", configFile, reason(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that it can be read", configFile, reason(err))
	}
	cfg, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	return cfg, nil
}

// parseConfig resolves the text of a config.json.
func parseConfig(text []byte) (*Config, error) {
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("it is larger than %d bytes; check that this is the right file", maxConfigBytes)
	}
	fields, err := parseFields(text)
	if err != nil {
		return nil, err
	}
	kind := fields.text("model_type", "")
	if fields.err != nil {
		return nil, fields.err
	}
	arch, err := findArchitecture(kind)
	if err != nil {
		return nil, err
	}
	cfg := &Config{Architecture: kind, Groups: 1, Inner: 1}
	arch.configure(cfg, fields)
	cfg.DType = fields.text("dtype", fields.text("torch_dtype", ""))
	cfg.Labels = fields.labels()
	if fields.err != nil {
		return nil, fields.err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// check refuses sizes that do not fit each other.
func (c *Config) check() error {
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d; correct the one that is wrong", c.Width, c.Heads)
	}
	if c.Inner > maxApplications || c.Layers > maxApplications/c.Inner {
		return fmt.Errorf("num_hidden_layers %d times inner_group_num %d is more than %d applications of a block; correct them", c.Layers, c.Inner, maxApplications)
	}
	if c.Groups > c.Layers {
		return fmt.Errorf("num_hidden_groups %d is more than num_hidden_layers %d; correct the one that is wrong", c.Groups, c.Layers)
	}
	return nil
}

// fields are the entries of config.json. Its methods return the default when
// an entry is absent or null, and keep the first error.
type fields struct {
	raw map[string]json.RawMessage
	err error
}

// parseFields reads the outermost object. A key that appears twice is refused:
// which of two sizes holds would be a guess.
func parseFields(text []byte) (*fields, error) {
	f := &fields{raw: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(text))
	notJSON := func(err error) error {
		return fmt.Errorf("not valid JSON: %w; download the file again", err)
	}
	start, err := d.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if start != json.Delim('{') {
		return nil, errors.New("it holds no JSON object; download the file again")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name := key.(string) // the decoder accepts nothing else here
		if _, ok := f.raw[name]; ok {
			return nil, fmt.Errorf("%q appears twice; delete the wrong one", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, notJSON(err)
		}
		f.raw[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object; download the file again")
	}
	return f, nil
}

// get decodes an entry into value and reports whether there was one.
func (f *fields) get(name string, value any, want string) bool {
	raw, ok := f.raw[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, value); err != nil {
		f.fail("%s is %s, want %s; download the file again", name, brief(raw), want)
		return false
	}
	return true
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// size reads a positive whole number.
func (f *fields) size(name string, otherwise int) int {
	raw, ok := f.raw[name]
	if !ok || string(raw) == "null" {
		return otherwise
	}
	n, err := strconv.Atoi(string(raw))
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		f.fail("%s is %s, want a whole number; download the file again", name, brief(raw))
	case err != nil || n < 1 || n > maxSize:
		f.fail("%s is %s, want 1 to %d; download the file again", name, brief(raw), maxSize)
	default:
		return n
	}
	return 1
}

// number reads a finite number.
func (f *fields) number(name string, otherwise float64) float64 {
	f.get(name, &otherwise, "a number")
	return otherwise
}

func (f *fields) text(name, otherwise string) string {
	f.get(name, &otherwise, "text")
	return otherwise
}

func (f *fields) flag(name string, otherwise bool) bool {
	f.get(name, &otherwise, "true or false")
	return otherwise
}

// activation reads the nonlinearity of the feed-forward layers.
func (f *fields) activation(otherwise string) nn.Activation {
	a, err := nn.ParseActivation(f.text("hidden_act", otherwise))
	if err != nil {
		f.fail("hidden_act: %w; use a model that was trained with one of them", err)
	}
	return a
}

// unsupported refuses options that would change what the network computes.
func (f *fields) unsupported() {
	for _, name := range []string{"is_decoder", "add_cross_attention"} {
		if f.flag(name, false) {
			f.fail("%s is true, which is not supported: only encoders are; use a model without it", name)
		}
	}
	if p := f.text("position_embedding_type", "absolute"); p != "absolute" {
		f.fail("position_embedding_type %q is not supported; use a model with absolute ones", p)
	}
	var pruned map[string]json.RawMessage
	if f.get("pruned_heads", &pruned, "an object"); len(pruned) > 0 {
		f.fail("pruned_heads is not supported; use the model before heads were pruned")
	}
	var quantized map[string]json.RawMessage
	if f.get("quantization_config", &quantized, "an object"); quantized != nil {
		f.fail("quantization_config is not supported; use the model with float32, float16 or bfloat16 weights")
	}
}

// epsilon reads what layer normalization adds to the variance.
func (f *fields) epsilon(otherwise float64) float64 {
	eps := f.number("layer_norm_eps", otherwise)
	if !(eps >= 0 && eps <= math.MaxFloat32) {
		f.fail("layer_norm_eps is %v, want a number of at least 0; download the file again", eps)
	}
	return eps
}

// labels reads id2label, whose keys must be 0, 1, 2 and so on.
func (f *fields) labels() []string {
	var byID map[string]string
	if !f.get("id2label", &byID, "an object of texts") {
		return nil
	}
	labels := make([]string, len(byID))
	seen := make([]bool, len(byID))
	for _, key := range slices.Sorted(maps.Keys(byID)) {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id >= len(labels) || seen[id] {
			f.fail("id2label has the id %q, want 0 to %d; correct it", key, len(labels)-1)
			return nil
		}
		labels[id], seen[id] = byID[key], true
	}
	return labels
}

// brief shortens a value for an error.
func brief(raw json.RawMessage) string {
	const longest = 40
	text := strings.Join(strings.Fields(string(raw)), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// quoted lists names for an error.
func quoted(names []string) string {
	all := slices.Clone(names)
	for i, n := range all {
		all[i] = strconv.Quote(n)
	}
	return strings.Join(all, ", ")
}
