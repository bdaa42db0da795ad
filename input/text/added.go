package text

// addedToken is a token that is found in text as it is written, before the
// model sees the text. The JSON names are those of tokenizer.json.
type addedToken struct {
	ID      int    `json:"id"`
	Content string `json:"content"`
	// Special tokens are no words: Decode leaves them out.
	Special bool `json:"special"`
	// SingleWord tokens are not found inside a word.
	SingleWord bool `json:"single_word"`
	// LStrip and RStrip tokens swallow the white space on their left or right.
	LStrip bool `json:"lstrip"`
	RStrip bool `json:"rstrip"`
	// Normalized tokens are looked for in the normalized text, others in the
	// text as it stands.
	Normalized bool `json:"normalized"`

	decoded string // what Decode writes: normalized like the text it is found in
}

// addedTokens holds all added tokens, and the two searches for them.
type addedTokens struct {
	byContent  map[string]addedToken
	byID       map[int]addedToken
	literal    *trie // in the text as it stands
	normalized *trie // in normalized text
}

func newAddedTokens(tokens []addedToken, n normalizer) addedTokens {
	a := addedTokens{
		byContent:  make(map[string]addedToken, len(tokens)),
		byID:       make(map[int]addedToken, len(tokens)),
		literal:    &trie{},
		normalized: &trie{},
	}
	// Of two that normalization makes equal the first wins, special tokens
	// being before the others.
	for _, special := range []bool{true, false} {
		for _, t := range tokens {
			if t.Special != special {
				continue
			}
			pattern := align(t.Content)
			search := a.literal
			if t.Normalized {
				search = a.normalized
				if n != nil {
					n.normalize(&pattern)
				}
			}
			t.decoded = string(pattern.runes)
			a.byContent[t.Content], a.byID[t.ID] = t, t
			search.insert(pattern.runes, t)
		}
	}
	return a
}

// trie finds the leftmost, and of those the longest, of a set of patterns.
type trie struct {
	next  map[rune]*trie
	token *addedToken // ends here
}

func (t *trie) insert(pattern []rune, token addedToken) {
	if len(pattern) == 0 {
		return
	}
	for _, r := range pattern {
		if t.next == nil {
			t.next = map[rune]*trie{}
		}
		if t.next[r] == nil {
			t.next[r] = &trie{}
		}
		t = t.next[r]
	}
	if t.token == nil {
		t.token = &token
	}
}

// longest returns the longest pattern that text begins with, and its length in
// runes, or nil.
func (t *trie) longest(text []rune) (*addedToken, int) {
	var found *addedToken
	n := 0
	for i, r := range text {
		if t = t.next[r]; t == nil {
			break
		}
		if t.token != nil {
			found, n = t.token, i+1
		}
	}
	return found, n
}

// section is a part of a text: an added token, or text between them (id -1).
type section struct {
	text aligned
	id   int
}

// split cuts text at the tokens that it holds.
func (t *trie) split(text aligned) []section {
	if text.len() == 0 {
		return nil
	}
	if t.next == nil {
		return []section{{text, -1}}
	}
	var sections []section
	done := 0 // all before this is in sections
	for i := 0; i < text.len(); {
		token, n := t.longest(text.runes[i:])
		if token == nil {
			i++
			continue
		}
		from, to := i, i+n
		i = to
		if token.SingleWord && (from > 0 && isWord(text.runes[from-1]) || to < text.len() && isWord(text.runes[to])) {
			continue
		}
		if token.LStrip {
			for from > done && isSpace(text.runes[from-1]) {
				from--
			}
		}
		if token.RStrip {
			for to < text.len() && isSpace(text.runes[to]) {
				to++
			}
		}
		if from < done { // white space that the token before it swallowed
			from = done
		}
		if done < from {
			sections = append(sections, section{text.slice(done, from), -1})
		}
		sections = append(sections, section{text.slice(from, to), token.ID})
		done, i = to, max(i, to)
	}
	if done < text.len() {
		sections = append(sections, section{text.slice(done, text.len()), -1})
	}
	return sections
}
