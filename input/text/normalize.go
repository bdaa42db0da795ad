package text

import (
	"cmp"
	"slices"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// bertNormalizer cleans text as BERT's own tokenization does.
type bertNormalizer struct {
	clean   bool // drop control characters, turn white space into spaces
	chinese bool // set ideographs off by spaces
	strip   bool // take marks off letters
	lower   bool
}

func (n bertNormalizer) normalize(a *aligned) {
	if n.clean {
		a.filter(func(r rune) bool { return !isDropped(r) })
		for i, r := range a.runes {
			if isSpace(r) {
				a.runes[i] = ' '
			}
		}
	}
	if n.chinese && slices.ContainsFunc(a.runes, isChinese) {
		a.expand(func(out []rune, r rune) []rune {
			if isChinese(r) {
				return append(out, ' ', r, ' ')
			}
			return append(out, r)
		})
	}
	if n.strip {
		decompose(a)
		a.filter(func(r rune) bool { return r < 0x300 || !unicode.Is(unicode.Mn, r) })
	}
	if n.lower {
		lowercase{}.normalize(a)
	}
}

// lowercase maps each character by itself: a sigma that ends a word is like
// any other, and U+0130 becomes two characters.
type lowercase struct{}

func (lowercase) normalize(a *aligned) {
	if slices.Contains(a.runes, 0x130) {
		a.expand(func(out []rune, r rune) []rune {
			if r == 0x130 {
				return append(out, 'i', 0x307)
			}
			return append(out, r)
		})
	}
	for i, r := range a.runes {
		if r < 0x80 {
			if 'A' <= r && r <= 'Z' {
				a.runes[i] = r + 'a' - 'A'
			}
			continue
		}
		a.runes[i] = unicode.ToLower(r)
	}
}

// decompose brings text into Unicode's form NFD: every character taken apart,
// the marks on one character in order of their combining class. It does not
// use norm.NFD.String, which puts a joiner into any run of more than 30 marks.
func decompose(a *aligned) {
	if a.all(func(r rune) bool { return r < 0xC0 }) {
		return
	}
	var buffer [8]byte
	a.expand(func(out []rune, r rune) []rune {
		if r < 0xC0 {
			return append(out, r)
		}
		d := norm.NFD.Properties(append(buffer[:0], string(r)...)).Decomposition()
		if d == nil {
			return append(out, r)
		}
		for _, c := range string(d) {
			out = append(out, c)
		}
		return out
	})
	reorder(a)
}

// reorder sorts every run of marks by combining class, keeping the order of
// equals.
func reorder(a *aligned) {
	type mark struct {
		r     rune
		at    Span
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
			marks = append(marks, mark{a.runes[i], a.at[i], class})
		}
		if len(marks) < 2 {
			continue
		}
		slices.SortStableFunc(marks, func(x, y mark) int { return cmp.Compare(x.class, y.class) })
		for j, m := range marks {
			a.runes[from+j], a.at[from+j] = m.r, m.at
		}
	}
}

func combiningClass(r rune) uint8 {
	if r < 0x300 {
		return 0
	}
	var buffer [4]byte
	return norm.NFD.Properties(append(buffer[:0], string(r)...)).CCC()
}

// normalizers runs one after another.
type normalizers []normalizer

func (s normalizers) normalize(a *aligned) {
	for _, n := range s {
		n.normalize(a)
	}
}

// normalForm is Unicode's form NFD.
type normalForm struct{}

func (normalForm) normalize(a *aligned) { decompose(a) }

// stripAccents drops all marks, not only those that take no space; it expects
// decomposed text.
type stripAccents struct{}

func (stripAccents) normalize(a *aligned) {
	a.filter(func(r rune) bool { return r < 0x300 || !unicode.Is(unicode.M, r) })
}
