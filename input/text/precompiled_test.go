package text

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// precompiledMap compiles rules as SentencePiece does. It wastes space: every
// node of the trie has 256 units to itself, and nodes are 1,024 apart at most.
func precompiledMap(rules map[string]string) []byte {
	type node struct {
		next map[byte]int
		ends int // its replacement, -1: none
	}
	nodes := []node{{map[byte]int{}, -1}}
	var replacements []byte
	for old, new := range rules {
		at := 0
		for _, c := range []byte(old) {
			if _, ok := nodes[at].next[c]; !ok {
				nodes = append(nodes, node{map[byte]int{}, -1})
				nodes[at].next[c] = len(nodes) - 1
			}
			at = nodes[at].next[c]
		}
		nodes[at].ends = len(replacements)
		replacements = append(append(replacements, new...), 0)
	}
	units := make([]uint32, 256*(len(nodes)+1))
	var place func(n, at int)
	place = func(n, at int) {
		base := 256 * (n + 1)
		units[at] |= uint32(at^base) << 10
		if nodes[n].ends >= 0 {
			units[at] |= unitEnds
			units[base] = 1<<31 | uint32(nodes[n].ends)
		}
		for c, child := range nodes[n].next {
			units[base^int(c)] |= uint32(c)
			place(child, base^int(c))
		}
	}
	place(0, 0)
	data := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint32(data, u)
	}
	return append(data, replacements...)
}

func TestPrecompiledRulesApplyToShortClusters(t *testing.T) {
	p, err := parsePrecompiled(precompiledMap(map[string]string{
		"a": "x", "ab": "never", "e\u0301": "é", "ü": "ue", "\u200b": "", "\r": "1", "\n": "2", "가": "ga", "各": "", "각": "gak",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, in, want string
	}{
		{"nothing", "", ""},
		{"no rule", "qé東", "qé東"},
		{"the shortest rule", "ab", "xb"},
		{"a cluster", "e\u0301", "é"},
		{"more replaces one", "ü", "ue"},
		{"a mark goes with its letter", "a\u0301b", "xb"},
		{"a cluster of six bytes, each by itself", "a\u0301\u0323\u0301", "x\u0301\u0323\u0301"},
		{"a zero ends a rule", "\x00a", "\x00x"},
		{"the end of a line is one", "\r\n", "1"},
		{"the other way round it is two", "\n\r", "21"},
		{"a mark does not join a control character", "\n\u0301", "2\u0301"},
		{"syllables of hangul", "가각\u1100", "gagak\u1100"},
		{"taken out", "\u200ba\u200b\u200bb各", "xb"},
		{"no UTF-8", "\xff", "\uFFFD"},
	} {
		a := align(c.in)
		p.normalize(&a)
		if string(a.runes) != c.want {
			t.Errorf("%s: %+q became %+q, want %+q", c.name, c.in, string(a.runes), c.want)
		}
	}
}

func TestPrecompiledTextKeepsItsPlace(t *testing.T) {
	p, err := parsePrecompiled(precompiledMap(map[string]string{"ü": "ue", "e\u0301": "é", "\u200b": ""}))
	if err != nil {
		t.Fatal(err)
	}
	a := align("\u200büqe\u0301\u200b.")
	p.normalize(&a)
	want := []Span{{0, 5}, {3, 5}, {5, 6}, {6, 7}, {12, 13}}
	if string(a.runes) != "ueqé." || !slices.Equal(a.at, want) {
		t.Errorf("%q at %v, want %v", string(a.runes), a.at, want)
	}
}

func TestBadMapsAreRefused(t *testing.T) {
	good := precompiledMap(map[string]string{"a": "b"})
	damaged := func(change func(data []byte) []byte) string {
		data := base64.StdEncoding.EncodeToString(change(slices.Clone(good)))
		return fmt.Sprintf(`{"type":"Precompiled","precompiled_charsmap":%q}`, data)
	}
	size := func(n uint32) func([]byte) []byte {
		return func(data []byte) []byte { binary.LittleEndian.PutUint32(data, n); return data }
	}
	for _, c := range []struct {
		name, json string
		want       []string
	}{
		{"missing", `{"type":"Precompiled"}`, []string{"precompiled_charsmap", "0 bytes"}},
		{"no base64", `{"type":"Precompiled","precompiled_charsmap":"?"}`, []string{"precompiled_charsmap", "base64"}},
		{"a number", `{"type":"Precompiled","precompiled_charsmap":7}`, []string{"precompiled_charsmap", "number"}},
		{"cut within its length", damaged(func(d []byte) []byte { return d[:3] }), []string{"3 bytes"}},
		{"cut within its trie", damaged(func(d []byte) []byte { return d[:500] }), []string{"trie", "496"}},
		{"longer than the file", damaged(size(1<<32 - 4)), []string{"trie", "4294967292"}},
		{"without a trie", damaged(size(0)), []string{"trie", "0 bytes"}},
		{"an odd trie", damaged(size(1023)), []string{"trie", "1023"}},
		{"no UTF-8", damaged(func(d []byte) []byte { d[len(d)-2] = 0xFF; return d }), []string{"replacements", "UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := buildNormalizer([]byte(c.json))
			wantError(t, err, c.want...)
		})
	}
	// Ways out of the trie and replacements out of the text match nothing.
	for i := 4; i < len(good)-2; i += 4 {
		for _, unit := range []uint32{0xFFFFFFFF, 0xFFFFFF00 | 'a', 0x7FFFFFFF, unitEnds | 'a'} {
			data := slices.Clone(good)
			binary.LittleEndian.PutUint32(data[i:], unit)
			if p, err := parsePrecompiled(data); err == nil {
				a := align(strings.Repeat("aé", 3))
				p.normalize(&a)
			}
		}
	}
}
