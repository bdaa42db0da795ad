package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
)

// scanner finds words as a regular expression does: it returns the end of the
// longest match that begins at from, in text that is not at its end, or from
// where nothing matches. What lies between matches are words too.
//
// The expressions that tokenizers use look ahead, which package regexp does not
// do; each is written out by hand.
type scanner func(text []rune, from int) int

func (s scanner) preTokenize(words []aligned, piece aligned) []aligned {
	gap := 0 // nothing has matched from here on
	for i := 0; i < piece.len(); {
		end := s(piece.runes, i)
		if end == i {
			i++
			continue
		}
		if gap < i {
			words = append(words, piece.slice(gap, i))
		}
		words = append(words, piece.slice(i, end))
		i, gap = end, end
	}
	if gap < piece.len() {
		words = append(words, piece.slice(gap, piece.len()))
	}
	return words
}

// The expressions as files spell them.
const (
	regexGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	regexGPT4 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// The brackets within brackets are a class within a class, so that what no
	// word holds is white space, parentheses, a bar, and the punctuation.
	regexBLOOM = ` ?[^(\s|[.,!?…。，、।۔،])]+`
)

func scannerOf(regex string) scanner {
	switch regex {
	case regexGPT2:
		return scanGPT2
	case regexGPT4:
		return scanGPT4
	case regexBLOOM:
		return scanBLOOM
	}
	return nil
}

// while returns the end of the runes from i on that satisfy f.
func while(text []rune, i int, f func(rune) bool) int {
	for i < len(text) && f(text[i]) {
		i++
	}
	return i
}

func isSymbol(r rune) bool { return !isSpace(r) && !isLetter(r) && !isNumber(r) }

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

// contraction returns the end of 's, 't, 're, 've, 'm, 'll or 'd at from, or from.
func contraction(text []rune, from int, fold bool) int {
	if text[from] != '\'' || from+1 == len(text) {
		return from
	}
	letter := func(i int) rune {
		switch {
		case i >= len(text):
			return 0
		case fold && text[i] == 'ſ':
			return 's'
		case fold:
			return toLower(text[i])
		}
		return text[i]
	}
	switch a, b := letter(from+1), letter(from+2); {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return from + 2
	case (a == 'r' || a == 'v') && b == 'e' || a == 'l' && b == 'l':
		return from + 3
	}
	return from
}

// spaces returns the end of \s+(?!\S)|\s+ at from: white space before a word
// leaves its last character to the word, unless it has only one.
func spaces(text []rune, from int) int {
	end := while(text, from, isSpace)
	if end < len(text) && end-from > 1 {
		end--
	}
	return end
}

func scanGPT2(text []rune, from int) int {
	if end := contraction(text, from, false); end > from {
		return end
	}
	word := from
	if text[from] == ' ' && from+1 < len(text) {
		word++
	}
	switch r := text[word]; {
	case isLetter(r):
		return while(text, word, isLetter)
	case isNumber(r):
		return while(text, word, isNumber)
	case !isSpace(r):
		return while(text, word, isSymbol)
	}
	return spaces(text, from)
}

func scanGPT4(text []rune, from int) int {
	if end := contraction(text, from, true); end > from {
		return end
	}
	r := text[from]
	if isLetter(r) {
		return while(text, from, isLetter)
	}
	if !isLineEnd(r) && !isNumber(r) && from+1 < len(text) && isLetter(text[from+1]) {
		return while(text, from+1, isLetter)
	}
	if isNumber(r) {
		return while(text[:min(from+3, len(text))], from, isNumber)
	}
	word := from
	if r == ' ' && from+1 < len(text) {
		word++
	}
	if isSymbol(text[word]) {
		return while(text, while(text, word, isSymbol), isLineEnd)
	}
	// White space that holds ends of lines goes to the last of them.
	end := while(text, from, isSpace)
	for i := end; i > from; i-- {
		if isLineEnd(text[i-1]) {
			return i
		}
	}
	return spaces(text, from)
}

func scanBLOOM(text []rune, from int) int {
	word := from
	if text[from] == ' ' {
		word++
	}
	if end := while(text, word, isBLOOMWord); end > word {
		return end
	}
	return from
}

func isBLOOMWord(r rune) bool {
	switch r {
	case '(', ')', '|', '.', ',', '!', '?', '…', '。', '，', '、', '।', '۔', '،':
		return false
	}
	return !isSpace(r)
}

// isLetter and isNumber are \p{L} and \p{N}.
func isLetter(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return unicode.Is(letters, r)
}

func isNumber(r rune) bool {
	if r < 0x80 {
		return '0' <= r && r <= '9'
	}
	return unicode.Is(numbers, r)
}

// pattern is what Split and Replace look for: exactly one of the two.
type pattern struct {
	String *string
	Regex  *string
}

func buildSplit(data json.RawMessage) (preTokenizer, error) {
	var s struct {
		Pattern  pattern
		Behavior string
		Invert   bool
	}
	if err := unmarshal(data, &s); err != nil {
		return nil, err
	}
	if s.Pattern.Regex == nil {
		return nil, errors.New(`type "Split": its pattern is no "Regex", and others are not supported; use a model with another tokenizer`)
	}
	scan := scannerOf(*s.Pattern.Regex)
	if scan == nil {
		return nil, fmt.Errorf("type \"Split\": the regular expression %q is not supported (supported: those of GPT-2, BLOOM, and GPT-4 and Llama 3, spelled as there); use a model with another tokenizer", *s.Pattern.Regex)
	}
	if s.Behavior != "Isolated" || s.Invert {
		return nil, fmt.Errorf("type \"Split\": behavior %q, invert %t is not supported (supported: Isolated, false); use a model with another tokenizer", s.Behavior, s.Invert)
	}
	return scan, nil
}
