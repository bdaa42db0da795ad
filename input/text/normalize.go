package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// bertNormalizer cleans text as BERT's own tokenization does.
type bertNormalizer struct {
	clean   bool // drop control characters, turn white space into spaces
	chinese bool // set ideographs off by spaces
	strip   bool // take marks off letters
	lower   bool
}

func (n bertNormalizer) normalize(a *aligned) {
	if n.clean {
		a.filter(func(r rune) bool { return ' ' <= r && r <= '~' || !isDropped(r) })
		for i, r := range a.runes {
			if isSpace(r) {
				a.runes[i] = ' '
			}
		}
	}
	if n.chinese && slices.ContainsFunc(a.runes, isChinese) {
		a.expand(func(out []rune, r rune) []rune {
			if isChinese(r) {
				return append(out, ' ', r, ' ')
			}
			return append(out, r)
		})
	}
	if n.strip {
		normalForm{}.normalize(a)
		a.filter(func(r rune) bool { return !isNonspacing(r) })
	}
	if n.lower {
		lowercase{}.normalize(a)
	}
}

// lowercase maps each character by itself: a sigma that ends a word is like
// any other, and U+0130 becomes an i and a dot above it.
type lowercase struct{}

func (lowercase) normalize(a *aligned) {
	const dottedI = 0x130
	if slices.Contains(a.runes, dottedI) {
		a.expand(func(out []rune, r rune) []rune {
			if r == dottedI {
				return append(out, 'i', 0x307)
			}
			return append(out, r)
		})
	}
	for i, r := range a.runes {
		a.runes[i] = toLower(r)
	}
}

// stripAccents drops marks of every kind; it expects decomposed text.
type stripAccents struct{}

func (stripAccents) normalize(a *aligned) {
	a.filter(func(r rune) bool { return !isCombining(r) })
}

// normalizers run one after another.
type normalizers []normalizer

func (s normalizers) normalize(a *aligned) {
	for _, n := range s {
		n.normalize(a)
	}
}

// buildNormalizer reads the normalizer of a tokenizer.json.
func buildNormalizer(data json.RawMessage) (normalizer, error) {
	return buildNormalizerAt(data, 0)
}

func buildNormalizerAt(data json.RawMessage, depth int) (normalizer, error) {
	if absent(data) {
		return nil, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BertNormalizer":
		return buildBertNormalizer(data)
	case "Lowercase":
		return lowercase{}, nil
	case "StripAccents":
		return stripAccents{}, nil
	case "NFD":
		return normalForm{}, nil
	case "NFC":
		return normalForm{compose: true}, nil
	case "NFKD":
		return normalForm{compatible: true}, nil
	case "NFKC":
		return normalForm{compatible: true, compose: true}, nil
	case "Precompiled":
		return buildPrecompiled(data)
	case "Replace":
		return buildReplace(data)
	case "Prepend":
		var p struct{ Prepend prepend }
		err := unmarshal(data, &p)
		return p.Prepend, err
	case "Strip":
		var s strip
		err := unmarshal(data, &s)
		return s, err
	case "Sequence":
		var s struct {
			Steps []json.RawMessage `json:"normalizers"`
		}
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		steps, err := buildSteps(s.Steps, depth, buildNormalizerAt)
		return normalizers(steps), err
	}
	return nil, unsupported(kind, "BertNormalizer, Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, Precompiled, Replace, Prepend, Strip, Sequence")
}

// buildSteps builds the steps of a Sequence at that depth with build, which
// returns nil for a step that does nothing.
func buildSteps[T any](steps []json.RawMessage, depth int, build func(data json.RawMessage, depth int) (T, error)) ([]T, error) {
	if depth == maxDepth {
		return nil, errTooDeep
	}
	var built []T
	for i, data := range steps {
		step, err := build(data, depth+1)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		if any(step) != nil {
			built = append(built, step)
		}
	}
	return built, nil
}

func buildBertNormalizer(data json.RawMessage) (normalizer, error) {
	var b struct {
		Clean   *bool `json:"clean_text"`
		Chinese *bool `json:"handle_chinese_chars"`
		Strip   *bool `json:"strip_accents"` // null: as lowercase
		Lower   *bool `json:"lowercase"`
	}
	if err := unmarshal(data, &b); err != nil {
		return nil, err
	}
	n := bertNormalizer{clean: orTrue(b.Clean), chinese: orTrue(b.Chinese), lower: orTrue(b.Lower)}
	n.strip = n.lower
	if b.Strip != nil {
		n.strip = *b.Strip
	}
	return n, nil
}

// maxDepth bounds sequences within sequences, each of which costs a parse.
const maxDepth = 8

var errTooDeep = errors.New("sequences within sequences, too deep; write them as one sequence")
