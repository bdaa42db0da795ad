package text

import (
	"encoding/json"
)

// splitter cuts at runes of two kinds: some vanish, some are words of their own.
type splitter struct {
	drop    func(rune) bool
	isolate func(rune) bool // nil: none
}

var _ preTokenizer = splitter{}

func (s splitter) preTokenize(words []aligned, piece aligned) []aligned {
	from := 0
	for i, r := range piece.runes {
		drop := s.drop(r)
		if !drop && (s.isolate == nil || !s.isolate(r)) {
			continue
		}
		if from < i {
			words = append(words, piece.slice(from, i))
		}
		if !drop {
			words = append(words, piece.slice(i, i+1))
		}
		from = i + 1
	}
	if from < piece.len() {
		words = append(words, piece.slice(from, piece.len()))
	}
	return words
}

var (
	bertSplitter       = splitter{drop: isSpace, isolate: isPunctuation}
	whitespaceSplitter = splitter{drop: isSpace}
)

// wordSplitter cuts at white space and between words and what is neither:
// \w+|[^\w\s]+ as a regular expression.
type wordSplitter struct{}

func (wordSplitter) preTokenize(words []aligned, piece aligned) []aligned {
	const (
		space = iota
		word
		other
	)
	from, last := 0, space
	for i, r := range piece.runes {
		kind := other
		switch {
		case isSpace(r):
			kind = space
		case isWord(r):
			kind = word
		}
		if kind != last {
			if last != space {
				words = append(words, piece.slice(from, i))
			}
			from, last = i, kind
		}
	}
	if last != space {
		words = append(words, piece.slice(from, piece.len()))
	}
	return words
}

// preTokenizers cuts ever finer: each step cuts the words of the one before.
type preTokenizers []preTokenizer

func (s preTokenizers) preTokenize(words []aligned, piece aligned) []aligned {
	current := []aligned{piece}
	for _, step := range s {
		var next []aligned
		for _, word := range current {
			next = step.preTokenize(next, word)
		}
		current = next
	}
	return append(words, current...)
}

// buildPreTokenizer reads the pre_tokenizer of a tokenizer.json.
func buildPreTokenizer(data json.RawMessage) (preTokenizer, error) {
	return buildPreTokenizerAt(data, 0)
}

func buildPreTokenizerAt(data json.RawMessage, depth int) (preTokenizer, error) {
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
	case "ByteLevel":
		return buildByteLevel(data)
	case "Split":
		return buildSplit(data)
	case "Metaspace":
		return buildMetaspace(data)
	case "Sequence":
		var s struct {
			Steps []json.RawMessage `json:"pretokenizers"`
		}
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		steps, err := buildSteps(s.Steps, depth, buildPreTokenizerAt)
		return preTokenizers(steps), err
	}
	return nil, unsupported(kind, "BertPreTokenizer, Whitespace, WhitespaceSplit, ByteLevel, Split, Metaspace, Sequence")
}
