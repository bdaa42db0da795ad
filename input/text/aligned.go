package text

import (
	"slices"
	"unicode/utf8"
)

// Span is a half-open range of bytes of the original text.
type Span struct {
	From, To int
}

// aligned is text under way through the steps: its runes, and for each the
// bytes of the original text it stems from. Both slices have the same length;
// slicing both alike gives a piece of the text.
type aligned struct {
	runes []rune
	at    []Span
}

// align decodes text. Bytes that are no UTF-8 become U+FFFD, one each.
func align(text string) aligned {
	n := utf8.RuneCountInString(text)
	a := aligned{runes: make([]rune, 0, n), at: make([]Span, 0, n)}
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		a.runes = append(a.runes, r)
		a.at = append(a.at, Span{i, i + size})
		i += size
	}
	return a
}

func (a aligned) len() int { return len(a.runes) }

func (a aligned) slice(from, to int) aligned {
	return aligned{runes: a.runes[from:to:to], at: a.at[from:to:to]}
}

// span is the part of the original text that all of a stems from.
func (a aligned) span() Span {
	if len(a.at) == 0 {
		return Span{}
	}
	return Span{a.at[0].From, a.at[len(a.at)-1].To}
}

// filter drops, in place, the runes that keep refuses.
func (a *aligned) filter(keep func(rune) bool) {
	n := 0
	for i, r := range a.runes {
		if keep(r) {
			a.runes[n], a.at[n] = r, a.at[i]
			n++
		}
	}
	a.runes, a.at = a.runes[:n], a.at[:n]
}

// expand replaces every rune by those that each appends to its first argument,
// which keep the place of the rune they come from.
func (a *aligned) expand(each func([]rune, rune) []rune) {
	out := aligned{
		runes: make([]rune, 0, len(a.runes)+len(a.runes)/8+8),
		at:    make([]Span, 0, len(a.runes)+len(a.runes)/8+8),
	}
	for i, r := range a.runes {
		out.runes = each(out.runes, r)
		for len(out.at) < len(out.runes) {
			out.at = append(out.at, a.at[i])
		}
	}
	*a = out
}

// all reports whether every rune satisfies f.
func (a aligned) all(f func(rune) bool) bool {
	return !slices.ContainsFunc(a.runes, func(r rune) bool { return !f(r) })
}
