package text

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// precompiled rewrites text by the rules that SentencePiece compiles into a
// model: a trie of what is replaced, and the replacements.
type precompiled struct {
	units        []uint32 // the trie, as a double array
	replacements []byte   // UTF-8, each ended by a zero
}

// parsePrecompiled reads a map: the bytes of the trie as a number of 32 bits,
// the trie, in numbers of 32 bits, all little-endian, and the replacements.
func parsePrecompiled(data []byte) (*precompiled, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("the map holds %d bytes; get the file again", len(data))
	}
	size, rest := uint64(binary.LittleEndian.Uint32(data)), data[4:]
	if size%4 != 0 || size == 0 || size > uint64(len(rest)) {
		return nil, fmt.Errorf("the map's trie has %d bytes, of %d that follow; get the file again", size, len(rest))
	}
	p := &precompiled{units: make([]uint32, size/4), replacements: rest[size:]}
	for i := range p.units {
		p.units[i] = binary.LittleEndian.Uint32(rest[4*i:])
	}
	if !utf8.Valid(p.replacements) {
		return nil, errors.New("the map's replacements are not UTF-8; get the file again")
	}
	return p, nil
}

// A unit of the trie holds the byte that leads to it, whether a rule ends there,
// and the way to its children: they are at that place, XOR their byte. The rule's
// replacement is named at the place itself.
const (
	unitLabel = 1<<31 | 0xFF // a unit that names a replacement has the highest bit
	unitEnds  = 1 << 8
	unitValue = 1<<31 - 1
)

func unitWay(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// replacement returns what replaces text: that of the shortest rule that text
// begins with, although it replaces all of text.
func (p *precompiled) replacement(text []byte) (string, bool) {
	at := unitWay(p.units[0])
	for _, c := range text {
		if c == 0 {
			break
		}
		at ^= uint32(c)
		if at >= uint32(len(p.units)) || p.units[at]&unitLabel != uint32(c) {
			return "", false
		}
		unit := p.units[at]
		at ^= unitWay(unit)
		if unit&unitEnds == 0 {
			continue
		}
		if at >= uint32(len(p.units)) {
			return "", false
		}
		return p.named(p.units[at] & unitValue)
	}
	return "", false
}

// named returns the replacement that begins at a byte.
func (p *precompiled) named(from uint32) (string, bool) {
	if from > uint32(len(p.replacements)) {
		return "", false
	}
	s := p.replacements[from:]
	for i, c := range s {
		if c == 0 {
			s = s[:i]
			break
		}
	}
	return string(s), utf8.Valid(s)
}

// maxCluster is the length from which on a grapheme cluster is rewritten
// character by character.
const maxCluster = 6

func (p *precompiled) normalize(a *aligned) {
	out := aligned{runes: make([]rune, 0, a.len()+8), at: make([]Span, 0, a.len()+8)}
	var buffer [maxCluster + utf8.UTFMax]byte
	for i := 0; i < a.len(); {
		end := clusterEnd(a.runes, i)
		cluster := buffer[:0]
		for j := i; j < end && len(cluster) < maxCluster; j++ {
			cluster = utf8.AppendRune(cluster, a.runes[j])
		}
		if len(cluster) < maxCluster {
			if s, ok := p.replacement(cluster); ok {
				out.replace(*a, i, end, s)
				i = end
				continue
			}
		}
		for ; i < end; i++ {
			if s, ok := p.replacement(utf8.AppendRune(buffer[:0], a.runes[i])); ok {
				out.replace(*a, i, i+1, s)
			} else {
				out.runes, out.at = append(out.runes, a.runes[i]), append(out.at, a.at[i])
			}
		}
	}
	if len(out.at) > 0 {
		// What was taken out at the start belongs to what begins the text now.
		out.at[0].From = a.at[0].From
	}
	*a = out
}

// replace appends s for the runes [from, to) of a. Its first runes stem from the
// first of those, one from one; what is left over belongs to the last.
func (out *aligned) replace(a aligned, from, to int, s string) {
	i := from
	for _, r := range s {
		out.runes, out.at = append(out.runes, r), append(out.at, a.at[i])
		i = min(i+1, to-1)
	}
}

func buildPrecompiled(data json.RawMessage) (normalizer, error) {
	var f struct {
		Map []byte `json:"precompiled_charsmap"` // base64 in the file
	}
	if err := unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	p, err := parsePrecompiled(f.Map)
	if err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	return p, nil
}

// clusterEnd returns the end of the grapheme cluster that begins at from
// (UAX #29), as far as precompiled can tell: clusters that are long whether
// or not more joins them, such as flags and conjuncts, may end early.
func clusterEnd(text []rune, from int) int {
	i := from + 1
	if i == len(text) || text[from] < 0x80 && text[i] < 0x80 && text[from] != '\r' {
		return i
	}
	if isParting(text[from]) {
		if text[from] == '\r' && text[i] == '\n' {
			i++
		}
		return i
	}
	picture := unicode.Is(pictures, text[from])
	for ; i < len(text); i++ {
		last, r := text[i-1], text[i]
		switch {
		case isParting(r):
			return i
		case r >= 0x300 && unicode.Is(joining, r), unicode.Is(prepended, last), joinsHangul(last, r):
		case picture && last == 0x200D && unicode.Is(pictures, r):
		default:
			return i
		}
		picture = picture || unicode.Is(prepended, last) && unicode.Is(pictures, r)
	}
	return i
}

func isParting(r rune) bool { return r == 0 || unicode.Is(parting, r) }

// joinsHangul reports whether two parts of hangul make one syllable.
func joinsHangul(last, r rune) bool {
	lead := func(r rune) bool { return 0x1100 <= r && r <= 0x115F || 0xA960 <= r && r <= 0xA97C }
	vowel := func(r rune) bool { return 0x1160 <= r && r <= 0x11A7 || 0xD7B0 <= r && r <= 0xD7C6 }
	trail := func(r rune) bool { return 0x11A8 <= r && r <= 0x11FF || 0xD7CB <= r && r <= 0xD7FB }
	syllable := func(r rune) bool { return hangulBase <= r && r < hangulEnd }
	open := func(r rune) bool { return syllable(r) && (r-hangulBase)%trails == 0 }
	switch {
	case vowel(r):
		return lead(last) || open(last) || vowel(last)
	case trail(r):
		return syllable(last) || vowel(last) || trail(last)
	}
	return lead(last) && (lead(r) || syllable(r))
}
