package figure

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a token as readers are shown it.
type word struct {
	text string
	// joined says that no space is before it.
	joined bool
}

// words takes the marks of tokenizers from tokens. Those say where words begin
// (Ġ of byte-level vocabularies, ▁ of SentencePiece) or where they go on (## of
// WordPiece); of tokens without any mark, each is a word.
func words(tokens []string) []word {
	marked := func(mark string) bool {
		return slices.ContainsFunc(tokens, func(t string) bool { return strings.HasPrefix(t, mark) && t != "##" })
	}
	pieces, sentence := marked("##"), marked("▁")
	bytes := !pieces && !sentence && (marked("Ġ") || marked("Ċ"))
	out := make([]word, len(tokens))
	for i, t := range tokens {
		text, begins := t, true
		switch {
		case special(t):
		case pieces && len(t) > 2:
			text, begins = strings.CutPrefix(t, "##")
			begins = !begins
		case sentence:
			text, begins = strings.CutPrefix(t, "▁")
			text = strings.ReplaceAll(text, "▁", " ")
		case bytes:
			text, begins = strings.CutPrefix(fromBytes(t), " ")
		}
		out[i] = word{visible(text), !begins || i == 0}
		if i > 0 && special(tokens[i-1]) {
			out[i].joined = false
		}
	}
	return out
}

// special reports whether a token has the form of [CLS], <s> and <|endoftext|>.
func special(t string) bool {
	return len(t) > 2 && (t[0] == '[' && t[len(t)-1] == ']' || t[0] == '<' && t[len(t)-1] == '>')
}

// fromBytes undoes the spelling of bytes as letters (A. Radford et al.,
// "Language models are unsupervised multitask learners", 2019: bytes_to_unicode
// of their code): bytes that are printable in Latin-1 stand for themselves, the
// others for U+0100, U+0101 and so on. A token that is no such spelling, or no
// whole UTF-8, stays as it is.
func fromBytes(t string) string {
	var b []byte
	for _, r := range t {
		found := false
		next := rune(0x100)
		for x := range rune(0x100) {
			letter := x
			if x < '!' || x > '~' && x < '¡' || x == 0xad {
				letter = next
				next++
			}
			if letter == r {
				b, found = append(b, byte(x)), true
				break
			}
		}
		if !found {
			return t
		}
	}
	if !utf8.Valid(b) {
		return t
	}
	return string(b)
}

// visible replaces what has no look of its own.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '¶'
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '□'
		}
		return r
	}, s)
}
