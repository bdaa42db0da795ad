package text

import (
	"bytes"
	"cmp"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalForm is one of Unicode's normalization forms (UAX #15): NFD, NFC, NFKD
// or NFKC. It takes the tables of package norm, but not its functions, which put
// a joiner into every run of more than 30 marks, and leaves alone the
// characters that are newer than the reference.
type normalForm struct {
	compatible bool // K: also take apart what only looks different
	compose    bool // C: put together again
}

func (f normalForm) normalize(a *aligned) {
	first := rune(0xC0) // below it nothing decomposes canonically
	if f.compatible {
		first = 0xA0
	}
	if a.all(func(r rune) bool { return r < first }) {
		return
	}
	table := norm.NFD
	if f.compatible {
		table = norm.NFKD
	}
	var buffer [utf8.UTFMax]byte
	a.expand(func(out []rune, r rune) []rune {
		if r < first {
			return append(out, r)
		}
		if hangulBase <= r && r < hangulEnd {
			return appendHangul(out, r)
		}
		d := table.Properties(utf8.AppendRune(buffer[:0], r)).Decomposition()
		if d == nil || unicode.Is(newer, r) {
			return append(out, r)
		}
		for len(d) > 0 {
			c, n := utf8.DecodeRune(d)
			out, d = append(out, c), d[n:]
		}
		return out
	})
	reorder(a)
	if f.compose {
		compose(a)
	}
}

// Hangul syllables are counted, not listed (Unicode, section 3.12).
const (
	hangulBase, hangulEnd = 0xAC00, 0xD7A4
	leadBase              = 0x1100
	vowelBase, vowels     = 0x1161, 21
	trailBase, trails     = 0x11A7, 28 // the first trail stands for none
)

func appendHangul(out []rune, r rune) []rune {
	i := r - hangulBase
	out = append(out, leadBase+i/(vowels*trails), vowelBase+i%(vowels*trails)/trails)
	if trail := i % trails; trail > 0 {
		out = append(out, trailBase+trail)
	}
	return out
}

// reorder sorts every run of marks by combining class, keeping the order of
// equals. The places in the original text stay in order, as in the reference:
// they tell where a run is, not where each of its marks was.
func reorder(a *aligned) {
	type mark struct {
		r     rune
		class uint8
	}
	var marks []mark
	for i := 0; i < len(a.runes); i++ {
		from := i
		marks = marks[:0]
		for ; i < len(a.runes); i++ {
			class := combiningClass(a.runes[i])
			if class == 0 {
				break
			}
			marks = append(marks, mark{a.runes[i], class})
		}
		if len(marks) < 2 {
			continue
		}
		slices.SortStableFunc(marks, func(x, y mark) int { return cmp.Compare(x.class, y.class) })
		for j, m := range marks {
			a.runes[from+j] = m.r
		}
	}
}

func combiningClass(r rune) uint8 {
	if r < 0x300 {
		return 0
	}
	var buffer [utf8.UTFMax]byte
	class := norm.NFD.Properties(utf8.AppendRune(buffer[:0], r)).CCC()
	if class != 0 && unicode.Is(newer, r) {
		return 0
	}
	return class
}

// compose puts together, in place, each starter and the marks after it that no
// other mark of their class stands before.
func compose(a *aligned) {
	n, starter := 0, -1
	last := uint8(0) // class of the rune before, if it stayed
	for i, r := range a.runes {
		class := combiningClass(r)
		if starter >= 0 && (n == starter+1 || last < class) {
			if c, ok := composed(a.runes[starter], r); ok {
				a.runes[starter] = c
				a.at[starter].To = max(a.at[starter].To, a.at[i].To)
				continue
			}
		}
		if class == 0 {
			starter = n
		}
		last = class
		a.runes[n], a.at[n] = r, a.at[i]
		n++
	}
	a.runes, a.at = a.runes[:n], a.at[:n]
}

// composed is the one character that two make, if there is one.
func composed(first, second rune) (rune, bool) {
	if second < 0x300 {
		return 0, false
	}
	var in, out, apart, again [4 * utf8.UTFMax]byte
	pair := utf8.AppendRune(utf8.AppendRune(in[:0], first), second)
	whole := norm.NFC.Append(out[:0], pair...)
	r, size := utf8.DecodeRune(whole)
	if size != len(whole) || unicode.Is(newer, r) {
		return 0, false
	}
	// Package norm looks pairs up by their lower 16 bits: to it U+E0061 is an a.
	return r, bytes.Equal(norm.NFD.Append(apart[:0], whole...), norm.NFD.Append(again[:0], pair...))
}
