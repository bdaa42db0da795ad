package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe joins the characters of a word, the two neighbours first whose merge was
// learnt first. (Gage 1994; Sennrich et al. 2016, arXiv:1508.07909.)
type bpe struct {
	vocabulary
	bpeOptions
	merges map[uint64]merge // by mergeKey
	single [512]int         // ids of the first characters by themselves, -1 none: all of ByteLevel's
	unkID  int              // -1: unknown characters are left out
	bytes  []int            // ids of <0x00> to <0xFF> that unknown characters are spelled in; nil: none
}

// bpeOptions are the model's options as a tokenizer.json names them.
type bpeOptions struct {
	Dropout      *float64 `json:"dropout"`
	Unknown      string   `json:"unk_token"`
	Prefix       string   `json:"continuing_subword_prefix"` // of characters after a word's first
	Suffix       string   `json:"end_of_word_suffix"`        // of a word's last character
	FuseUnknown  bool     `json:"fuse_unk"`                  // unknown neighbours are one token
	ByteFallback bool     `json:"byte_fallback"`
	IgnoreMerges bool     `json:"ignore_merges"` // a word that is in the vocabulary is one token
}

// merge is what two tokens become.
type merge struct {
	rank int // the lower the earlier
	id   int
}

func mergeKey(left, right int) uint64 { return uint64(left)<<32 | uint64(right) }

func newBPE(v vocabulary, merges map[uint64]merge, o bpeOptions) (*bpe, error) {
	b := &bpe{vocabulary: v, bpeOptions: o, merges: merges, unkID: -1}
	if o.Dropout != nil && *o.Dropout != 0 {
		return nil, fmt.Errorf("dropout is %g, which makes ids random; set it to 0", *o.Dropout)
	}
	if o.Unknown != "" {
		id, ok := v.id(o.Unknown)
		if !ok {
			return nil, fmt.Errorf("unk_token %q is not in the vocabulary; add it, or name one that is", o.Unknown)
		}
		b.unkID = id
	}
	for r := range b.single {
		b.single[r] = -1
		if id, ok := v.id(string(rune(r))); ok {
			b.single[r] = id
		}
	}
	if o.ByteFallback {
		ids, n := byteTokens(v)
		if n != 0 && n != len(ids) {
			return nil, fmt.Errorf("byte_fallback: the vocabulary has %d of the tokens <0x00> to <0xFF>; add the others", n)
		}
		if n > 0 {
			b.bytes = ids
		}
	}
	return b, nil
}

// byteTokens are the ids of <0x00> to <0xFF>, -1 where there is none, and how
// many there are.
func byteTokens(v vocabulary) (ids []int, n int) {
	ids = make([]int, 256)
	for i := range ids {
		id, ok := v.id(fmt.Sprintf("<0x%02X>", i))
		if ok {
			n++
		} else {
			id = -1
		}
		ids[i] = id
	}
	return ids, n
}

func (b *bpe) unknown() string { return b.Unknown }

func (b *bpe) tokenize(tokens []token, word aligned) []token {
	if b.IgnoreMerges {
		if id, ok := b.id(string(word.runes)); ok {
			return append(tokens, token{id, word.span()})
		}
	}
	var buffer [32]symbol
	symbols := b.symbols(buffer[:0], word)
	b.join(symbols)
	for _, s := range symbols {
		if !s.gone {
			tokens = append(tokens, s.token)
		}
	}
	return tokens
}

// symbol is a token under way, in a list of those that are left.
type symbol struct {
	token
	previous, next int // -1: none
	gone           bool
}

// symbols appends the characters of a word.
func (b *bpe) symbols(symbols []symbol, word aligned) []symbol {
	add := func(id int, at Span) {
		symbols = append(symbols, symbol{token: token{id, at}, previous: len(symbols) - 1, next: len(symbols) + 1})
	}
	fusing := false // the last symbol is unknown
	for i, r := range word.runes {
		at := word.at[i]
		id, spelled := b.character(r, i == 0, i == word.len()-1)
		switch {
		case id >= 0:
			add(id, at)
		case b.bytes != nil:
			for _, c := range []byte(spelled) {
				add(b.bytes[c], at)
			}
		case b.unkID >= 0 && fusing && b.FuseUnknown:
			symbols[len(symbols)-1].at.To = at.To
		case b.unkID >= 0:
			add(b.unkID, at)
		}
		// Characters that are left out do not part unknown ones: there are none.
		fusing = id < 0
	}
	if len(symbols) > 0 {
		symbols[len(symbols)-1].next = -1
	}
	return symbols
}

// character looks a character up as the vocabulary spells it, -1 if it is not there.
func (b *bpe) character(r rune, first, last bool) (id int, spelled string) {
	plain := (first || b.Prefix == "") && (!last || b.Suffix == "")
	if plain && int(r) < len(b.single) {
		if id := b.single[r]; id >= 0 {
			return id, ""
		}
	}
	spelled = string(r)
	if !first {
		spelled = b.Prefix + spelled
	}
	if last {
		spelled += b.Suffix
	}
	if id, ok := b.id(spelled); ok {
		return id, spelled
	}
	return -1, spelled
}

// candidate is a merge of the symbol at a place and the next one.
type candidate struct {
	merge
	at int
}

// candidates is a heap, the earliest merge first and of those the leftmost.
type candidates []candidate

func (c candidates) less(i, j int) bool {
	return c[i].rank < c[j].rank || c[i].rank == c[j].rank && c[i].at < c[j].at
}

func (c *candidates) push(x candidate) {
	*c = append(*c, x)
	h := *c
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (c *candidates) pop() candidate {
	h := *c
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*c = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return first
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// join merges until no merge is left, in time n log n.
func (b *bpe) join(symbols []symbol) {
	var buffer [32]candidate
	queue := candidates(buffer[:0])
	consider := func(i int) {
		if i < 0 || symbols[i].next < 0 {
			return
		}
		if m, ok := b.merges[mergeKey(symbols[i].id, symbols[symbols[i].next].id)]; ok {
			queue.push(candidate{m, i})
		}
	}
	for i := range symbols {
		consider(i)
	}
	for len(queue) > 0 {
		c := queue.pop()
		left := &symbols[c.at]
		if left.gone || left.next < 0 {
			continue
		}
		right := &symbols[left.next]
		// Of a candidate that is out of date the reference asks only whether
		// the two still make the same token.
		if m, ok := b.merges[mergeKey(left.id, right.id)]; !ok || m.id != c.id {
			continue
		}
		left.id, left.at.To = c.id, right.at.To
		left.next, right.gone = right.next, true
		if left.next >= 0 {
			symbols[left.next].previous = c.at
		}
		consider(left.previous)
		consider(c.at)
	}
}

// buildBPE reads the model of a tokenizer.json, the vocabulary and the merges
// apart.
func buildBPE(options json.RawMessage, vocabulary, merges string) (model, error) {
	var o bpeOptions
	if err := unmarshal(options, &o); err != nil {
		return nil, err
	}
	vocab, err := parseVocab(vocabulary)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	m, err := parseMerges(merges, vocab, o.Prefix)
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	return newBPE(vocab, m, o)
}

// parseMerges reads a list of merges, each a string of two tokens and a space
// between, or a pair of strings. It is valid JSON or "".
func parseMerges(list string, v vocabulary, prefix string) (map[uint64]merge, error) {
	if list == "" || list[0] != '[' {
		return nil, errors.New("missing, or not a list; save the tokenizer again")
	}
	merges := make(map[uint64]merge, min(strings.Count(list, ",")+1, 1<<20))
	i := 0
	for element := range elements(list) {
		var left, right string
		switch element[0] {
		case '"':
			s, err := unquote(element)
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(s, mergesVersion) {
				continue
			}
			var ok bool
			if left, right, ok = splitMerge(s); !ok {
				return nil, fmt.Errorf("number %d, %.60q, is not two tokens with a space between; save the tokenizer again", i, s)
			}
		case '[':
			var pair []string
			if err := json.Unmarshal([]byte(element), &pair); err != nil || len(pair) != 2 {
				return nil, fmt.Errorf("number %d, %.60s, is not a pair of tokens; save the tokenizer again", i, element)
			}
			left, right = pair[0], pair[1]
		default:
			return nil, fmt.Errorf("number %d, %.60s, is neither a string nor a pair; save the tokenizer again", i, element)
		}
		if err := addMerge(merges, v, left, right, prefix, i); err != nil {
			return nil, fmt.Errorf("number %d: %w", i, err)
		}
		i++
	}
	return merges, nil
}

// mergesVersion begins a line that is no merge.
const mergesVersion = "#version"

func splitMerge(s string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(s, " ")
	return left, right, ok && !strings.Contains(right, " ")
}

// addMerge enters the merge of two tokens. Of equal ones the last counts.
func addMerge(merges map[uint64]merge, v vocabulary, left, right, prefix string, rank int) error {
	if len(right) < len(prefix) || len(right) > len(prefix) && !utf8.RuneStart(right[len(prefix)]) {
		return fmt.Errorf("%q is too short for the prefix %q", right, prefix)
	}
	var ids [3]int
	for i, s := range [...]string{left, right, left + right[len(prefix):]} {
		id, ok := v.id(s)
		if !ok {
			return fmt.Errorf("%q and %q: the vocabulary lacks %q; take vocabulary and merges from the same model", left, right, s)
		}
		ids[i] = id
	}
	merges[mergeKey(ids[0], ids[1])] = merge{rank, ids[2]}
	return nil
}
