package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tripartite-go/tripartite/nn"
)

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

// size reads a positive whole number, which may come by other names too.
func (f *fields) size(name string, otherwise int, others ...string) int {
	for _, other := range others {
		if !f.given(other) {
			continue
		}
		n := f.size(other, otherwise)
		if f.given(name) && f.size(name, otherwise) != n {
			f.fail("%s is %d and %s, which means the same, is %d; delete the wrong one", name, f.size(name, otherwise), other, n)
		}
		return n
	}
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

// given reports whether there is an entry that is not null.
func (f *fields) given(name string) bool {
	raw, ok := f.raw[name]
	return ok && string(raw) != "null"
}

// pair reads two sizes, height and width, or one that stands for both.
func (f *fields) pair(name string, otherwise int) (height, width int) {
	var pair []json.RawMessage
	if !f.given(name) || json.Unmarshal(f.raw[name], &pair) != nil {
		n := f.size(name, otherwise)
		return n, n
	}
	if len(pair) != 2 {
		f.fail("%s is %s, want a whole number or two; download the file again", name, brief(f.raw[name]))
		return 1, 1
	}
	both := fields{raw: map[string]json.RawMessage{name + "[0]": pair[0], name + "[1]": pair[1]}}
	height, width = both.size(name+"[0]", otherwise), both.size(name+"[1]", otherwise)
	if both.err != nil {
		f.fail("%w", both.err)
	}
	return height, width
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

// activation reads a nonlinearity.
func (f *fields) activation(name, otherwise string) nn.Activation {
	a, err := nn.ParseActivation(f.text(name, otherwise))
	if err != nil {
		f.fail("%s: %w; use a model that was trained with one of them", name, err)
	}
	return a
}

// unsupported refuses options that would change what the network computes:
// those that every architecture has, and flags of this one.
func (f *fields) unsupported(flags ...string) {
	for _, name := range flags {
		if f.flag(name, false) {
			f.fail("%s is true, which is not supported; use a model without it", name)
		}
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

// encoder refuses what makes an encoder of text another network.
func (f *fields) encoder() {
	f.unsupported("is_decoder", "add_cross_attention")
	if p := f.text("position_embedding_type", "absolute"); p != "absolute" {
		f.fail("position_embedding_type %q is not supported; use a model with absolute ones", p)
	}
}

// epsilon reads what layer normalization adds to the variance.
func (f *fields) epsilon(name string, otherwise float64) float64 {
	eps := f.number(name, otherwise)
	if !(eps >= 0 && eps <= math.MaxFloat32) {
		f.fail("%s is %v, want a number of at least 0; download the file again", name, eps)
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

// quoted lists names for an error.
func quoted(names []string) string {
	all := slices.Clone(names)
	for i, n := range all {
		all[i] = strconv.Quote(n)
	}
	return strings.Join(all, ", ")
}
