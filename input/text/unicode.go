package text

import "unicode"

// isDropped: characters that BERT's normalizer takes out without leaving a
// space. Tab and the line ends stay, they are white space.
func isDropped(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	case 0, 0xFFFD:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// isChinese: the blocks of ideographs that BERT sets off by spaces. They are
// those of Google's tokenization.py, and hold neither kana nor hangul.
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

// isPunctuation: the ASCII symbols and Unicode's category P.
func isPunctuation(r rune) bool {
	if r < 0x80 {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.In(r, unicode.P)
}

// isWord is \w of regular expressions: letters, marks, digits, connectors.
func isWord(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

// isSpace is White_Space of Unicode.
func isSpace(r rune) bool { return unicode.IsSpace(r) }
