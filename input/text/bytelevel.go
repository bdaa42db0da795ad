package text

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// byteLevel spells every byte of the text's UTF-8 as one visible character, so
// that 256 characters are enough for any text (GPT-2; Radford et al. 2019,
// section 2.2). It cuts into words before, unless another step has.
type byteLevel struct {
	prefix bool    // a space before a piece that begins with none
	cut    scanner // nil: the piece stays whole
}

func (b byteLevel) preTokenize(words []aligned, piece aligned) []aligned {
	if b.prefix && piece.len() > 0 && piece.runes[0] != ' ' {
		piece.prepend(' ')
	}
	from := len(words)
	if b.cut != nil {
		words = b.cut.preTokenize(words, piece)
	} else {
		words = append(words, piece)
	}
	// All words share one piece of memory, which is large enough.
	n := 0
	for _, r := range piece.runes {
		n += utf8.RuneLen(r)
	}
	spelled := aligned{runes: make([]rune, 0, n), at: make([]Span, 0, n)}
	for i, word := range words[from:] {
		start := spelled.len()
		for j, r := range word.runes {
			spelled.runes = appendByteRunes(spelled.runes, r)
			for spelled.len() > len(spelled.at) {
				spelled.at = append(spelled.at, word.at[j])
			}
		}
		words[from+i] = spelled.slice(start, spelled.len())
	}
	return words
}

// prepend puts runes before text that is not empty; they stem from where its
// first rune stems from.
func (a *aligned) prepend(runes ...rune) {
	a.runes = slices.Concat(runes, a.runes)
	a.at = slices.Concat(slices.Repeat(a.at[:1], len(runes)), a.at)
}

func appendByteRunes(out []rune, r rune) []rune {
	if r < utf8.RuneSelf {
		return append(out, byteRune(byte(r)))
	}
	var buffer [utf8.UTFMax]byte
	for _, b := range utf8.AppendRune(buffer[:0], r) {
		out = append(out, byteRune(b))
	}
	return out
}

// A byte that is a visible character of Latin-1 stands for itself; the others,
// in order, are the characters from U+0100 on: 0 to 32, 127 to 160, and 173.
const (
	firstHidden = 0x100
	endHidden   = firstHidden + 33 + 34 + 1
)

func byteRune(b byte) rune {
	switch {
	case b <= ' ':
		return firstHidden + rune(b)
	case 0x7F <= b && b <= 0xA0:
		return firstHidden + 33 + rune(b-0x7F)
	case b == 0xAD:
		return endHidden - 1
	}
	return rune(b)
}

// runeByte is the byte that r stands for, if it stands for one.
func runeByte(r rune) (byte, bool) {
	switch {
	case firstHidden <= r && r < firstHidden+33:
		return byte(r - firstHidden), true
	case firstHidden+33 <= r && r < endHidden-1:
		return byte(r - firstHidden - 33 + 0x7F), true
	case r == endHidden-1:
		return 0xAD, true
	case r > 0xFF || r < 0:
		return 0, false
	}
	b := byte(r)
	return b, byteRune(b) == r
}

// byteLevelDecoder puts the bytes together again. A token that is not spelled
// in bytes, such as an added one, is text as it stands.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var all []byte
	for _, s := range tokens {
		from := len(all)
		for _, r := range s {
			b, ok := runeByte(r)
			if !ok {
				all = append(all[:from], s...)
				break
			}
			all = append(all, b)
		}
	}
	return []string{replaceInvalid(all)}
}

// replaceInvalid is text with one U+FFFD for each longest start of a character
// that does not go on (Unicode, section 3.9, "substitution of maximal subparts").
func replaceInvalid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			n = invalidLen(text)
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String()
}

// invalidLen is how many bytes could begin a character, at least one; text
// begins with no character.
func invalidLen(text []byte) int {
	want, low, high := 0, byte(0x80), byte(0xBF) // bytes to follow; bounds of the first
	switch c := text[0]; {
	case 0xC2 <= c && c <= 0xDF:
		want = 1
	case 0xE0 <= c && c <= 0xEF:
		want = 2
		if c == 0xE0 {
			low = 0xA0
		} else if c == 0xED {
			high = 0x9F
		}
	case 0xF0 <= c && c <= 0xF4:
		want = 3
		if c == 0xF0 {
			low = 0x90
		} else if c == 0xF4 {
			high = 0x8F
		}
	}
	n := 1
	for n <= want && n < len(text) && low <= text[n] && text[n] <= high {
		n++
		low, high = 0x80, 0xBF
	}
	return n
}

// trimmer takes the white space that byte-level tokens hold off their offsets.
type trimmer struct {
	prefix bool // the first token's space was put there, and none of the text's
}

func (m trimmer) trim(t *Tokenizer, text string, tokens []token) {
	for i := range tokens {
		at := &tokens[i].at
		var lead, trail int
		if a, ok := t.added.byID[tokens[i].id]; ok && strings.Contains(text[at.From:at.To], a.Content) {
			lead, trail = edgeSpaces(text[at.From:at.To], isSpace) // what the token swallowed
		} else if s, ok := t.model.token(tokens[i].id); ok {
			lead, trail = edgeSpaces(s, func(r rune) bool { return r == firstHidden+' ' || isSpace(r) })
		}
		if lead == 1 && m.prefix && (i == 0 || at.From == 0) {
			lead = 0
		}
		for ; lead > 0 && at.From < at.To; lead-- {
			_, n := utf8.DecodeRuneInString(text[at.From:at.To])
			at.From += n
		}
		for ; trail > 0 && at.From < at.To; trail-- {
			_, n := utf8.DecodeLastRuneInString(text[at.From:at.To])
			at.To -= n
		}
	}
}

// edgeSpaces counts the runes at either end of s that are spaces.
func edgeSpaces(s string, space func(rune) bool) (lead, trail int) {
	not := func(r rune) bool { return !space(r) }
	i := strings.IndexFunc(s, not)
	if i < 0 {
		n := utf8.RuneCountInString(s)
		return n, n
	}
	j := strings.LastIndexFunc(s, not)
	_, n := utf8.DecodeRuneInString(s[j:])
	return utf8.RuneCountInString(s[:i]), utf8.RuneCountInString(s[j+n:])
}

func buildByteLevel(data json.RawMessage) (preTokenizer, error) {
	var b struct {
		Prefix *bool `json:"add_prefix_space"`
		Regex  *bool `json:"use_regex"`
	}
	if err := unmarshal(data, &b); err != nil {
		return nil, err
	}
	step := byteLevel{prefix: orTrue(b.Prefix)}
	if orTrue(b.Regex) {
		step.cut = scanGPT2
	}
	return step, nil
}
