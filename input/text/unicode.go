package text

import "unicode"

// What the reference takes a character for decides about ids, so its Unicode
// tables count, not Go's: categories are those of Unicode 8, decompositions and
// combining classes of Unicode 9, small letters and \w newer than Go's. They
// were found by asking it about every code point, see unicode_tables.go, and
// TestEveryCodePoint holds all that follows against it.

// isDropped reports whether BERT's normalizer takes r out: control characters
// except tab and line ends, format characters, private use, U+FFFD.
func isDropped(r rune) bool { return unicode.Is(dropped, r) }

// isSpace is White_Space of Unicode.
func isSpace(r rune) bool {
	if r < 0x80 {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	return unicode.Is(unicode.White_Space, r)
}

// isChinese reports whether BERT sets r off by spaces. The blocks are those of
// Google's tokenization.py, but for the start of the last but one, which the
// reference gives as 2B920 for 2B820. Neither kana nor hangul are among them.
func isChinese(r rune) bool {
	if r < 0x3400 {
		return false
	}
	return 0x4E00 <= r && r <= 0x9FFF ||
		0x3400 <= r && r <= 0x4DBF ||
		0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F ||
		0x2B740 <= r && r <= 0x2B81F ||
		0x2B920 <= r && r <= 0x2CEAF ||
		0xF900 <= r && r <= 0xFAFF ||
		0x2F800 <= r && r <= 0x2FA1F
}

// isPunctuation reports whether r is a word of its own to BERT: punctuation,
// and all of ASCII that is neither letter nor digit.
func isPunctuation(r rune) bool {
	if r < 0x80 {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.Is(punctuation, r)
}

// isWord is \w of regular expressions: letters, marks, digits, connectors.
func isWord(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return unicode.Is(wordRunes, r)
}

// isNonspacing reports whether r is a mark that BERT takes off.
func isNonspacing(r rune) bool { return r >= 0x300 && unicode.Is(nonspacing, r) }

// isCombining reports whether r is a mark that StripAccents takes off.
func isCombining(r rune) bool { return r >= 0x300 && unicode.Is(combining, r) }

// toLower is the small letter of r. U+0130 has two, see lowercase.
func toLower(r rune) rune {
	if r < 0x80 {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return lowerCase.ToLower(r)
}
