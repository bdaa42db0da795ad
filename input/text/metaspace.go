package text

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace makes spaces visible, so that tokens hold them, and lets every word
// begin with one. (SentencePiece; Kudo and Richardson 2018, arXiv:1808.06226,
// section 3.2.)
type metaspace struct {
	mark   rune // stands for a space
	prefix prefixScheme
	split  bool // cut before every mark
}

// prefixScheme says which pieces get a mark before them if they have none.
type prefixScheme string

const (
	prefixAlways prefixScheme = "always"
	prefixFirst  prefixScheme = "first" // only the piece that begins the text
	prefixNever  prefixScheme = "never"
)

func (m metaspace) preTokenize(words []aligned, piece aligned) []aligned {
	if piece.len() == 0 {
		return words
	}
	marked := aligned{append([]rune(nil), piece.runes...), piece.at}
	for i, r := range marked.runes {
		if r == ' ' {
			marked.runes[i] = m.mark
		}
	}
	if marked.runes[0] != m.mark && (m.prefix == prefixAlways || m.prefix == prefixFirst && marked.at[0].From == 0) {
		marked.prepend(m.mark)
	}
	from := 0
	for i := 1; i < marked.len(); i++ {
		if m.split && marked.runes[i] == m.mark {
			words = append(words, marked.slice(from, i))
			from = i
		}
	}
	return append(words, marked.slice(from, marked.len()))
}

// decode makes marks spaces again, but for those that stand before the first word.
func (m metaspace) decode(tokens []string) []string {
	for i, s := range tokens {
		space := " "
		if i == 0 && m.prefix != prefixNever {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(s, string(m.mark), space)
	}
	return tokens
}

func buildMetaspace(data json.RawMessage) (metaspace, error) {
	var f struct {
		Mark   string        `json:"replacement"`
		Add    *bool         `json:"add_prefix_space"` // in files older than the scheme
		Scheme *prefixScheme `json:"prepend_scheme"`
		Split  *bool         `json:"split"`
	}
	if err := unmarshal(data, &f); err != nil {
		return metaspace{}, err
	}
	mark, n := utf8.DecodeRuneInString(f.Mark)
	if n == 0 || n != len(f.Mark) {
		return metaspace{}, fmt.Errorf("type \"Metaspace\": replacement %q is not one character; the usual one is %q", f.Mark, '▁')
	}
	m := metaspace{mark: mark, prefix: prefixAlways, split: orTrue(f.Split)}
	if !orTrue(f.Add) {
		m.prefix = prefixNever
	}
	switch {
	case f.Scheme == nil:
	case *f.Scheme != prefixAlways && *f.Scheme != prefixFirst && *f.Scheme != prefixNever:
		return m, fmt.Errorf("type \"Metaspace\": prepend_scheme %q is none of always, first, never", *f.Scheme)
	case !orTrue(f.Add) && *f.Scheme != prefixNever:
		return m, fmt.Errorf("type \"Metaspace\": add_prefix_space is false and prepend_scheme %q; take one of them out", *f.Scheme)
	default:
		m.prefix = *f.Scheme
	}
	return m, nil
}
