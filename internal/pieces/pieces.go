// Package pieces shows tokens as readers know them: as words and parts of words,
// without the marks of tokenizers.
package pieces

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Piece is a token as readers are shown it.
type Piece struct {
	Text   string
	Joined bool // no space is before it
}

// Of takes the marks of tokenizers from the tokens of a text. Those say where words begin
// (Ġ of byte-level vocabularies, ▁ of SentencePiece) or where they go on (## of
// WordPiece); of tokens without any mark, each is a word.
func Of(tokens []string) []Piece {
	marked := func(mark string) bool {
		return slices.ContainsFunc(tokens, func(t string) bool { return strings.HasPrefix(t, mark) && t != "##" })
	}
	pieces, sentence := marked("##"), marked("▁")
	bytes := !pieces && !sentence && (marked("Ġ") || marked("Ċ"))
	out := make([]Piece, len(tokens))
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
		out[i] = Piece{visible(text), !begins || i == 0}
		if i > 0 && special(tokens[i-1]) {
			out[i].Joined = false
		}
	}
	return out
}

// One returns a token that stands alone.
func One(token string) string {
	if s := Of([]string{token})[0].Text; strings.TrimSpace(s) != "" || token == "" {
		return s
	}
	return "(space)"
}

// special reports whether a token has the form of [CLS], <s> and <|endoftext|>.
func special(t string) bool {
	return len(t) > 2 && (t[0] == '[' && t[len(t)-1] == ']' || t[0] == '<' && t[len(t)-1] == '>')
}

// fromBytes undoes the spelling of bytes as letters (A. Radford et al.,
// "Language models are unsupervised multitask learners", 2019: bytes_to_unicode
// of their code): bytes that are printable in Latin-1 stand for themselves, the
// others for U+0100, U+0101 and so on. A token that is no such spelling, or no
// whole UTF-8, keeps all but spaces and line ends as it is.
func fromBytes(t string) string {
	plain := strings.NewReplacer("Ġ", " ", "Ċ", "\n").Replace(t)
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
			return plain
		}
	}
	if !utf8.Valid(b) {
		return plain
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
