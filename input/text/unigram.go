package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unigram cuts a word into the tokens whose probabilities have the largest
// product, of all ways to cut it. (Kudo 2018, arXiv:1804.10959, section 3.2; the
// search is Viterbi's.)
type unigram struct {
	vocabulary
	scores       []float64 // logarithms of probabilities, by id
	pieces       byteTrie
	unkID        int
	unkScore     float64 // of a character that is no token
	byteFallback bool    // spell unknown text as <0x00> to <0xFF>
	bytes        []int   // their ids, -1 where there is none
}

// unknownPenalty is how far below the least likely token an unknown character is.
const unknownPenalty = 10

func newUnigram(v vocabulary, scores []float64, unkID int, byteFallback bool) *unigram {
	u := &unigram{vocabulary: v, scores: scores, unkID: unkID, byteFallback: byteFallback}
	u.unkScore = slices.Min(scores) - unknownPenalty
	u.pieces = newByteTrie(v)
	u.bytes, _ = byteTokens(v)
	return u
}

func (u *unigram) unknown() string {
	s, _ := u.token(u.unkID)
	return s
}

// best is the best way to cut a word up to some byte of it.
type best struct {
	score float64
	from  int // where its last token begins, -1: no way is known
	id    int // that token
}

func (u *unigram) tokenize(tokens []token, word aligned) []token {
	var textBuffer [256]byte
	var pathBuffer [257]best
	text, path := textBuffer[:0], append(pathBuffer[:0], best{})
	for _, r := range word.runes {
		text = utf8.AppendRune(text, r)
		for len(path) <= len(text) {
			path = append(path, best{from: -1})
		}
	}
	for from := 0; from < len(text); {
		_, size := utf8.DecodeRune(text[from:])
		so := path[from].score
		extend := func(to, id int, score float64) {
			// Of ways that are equally good the one found first stays.
			if p := &path[to]; p.from < 0 || so+score > p.score {
				*p = best{so + score, from, id}
			}
		}
		known := false // the character by itself
		node := 0
		for to := from; to < len(text); {
			if node = u.pieces.child(node, text[to]); node < 0 {
				break
			}
			to++
			if id := u.pieces.ids[node]; id >= 0 {
				extend(to, int(id), u.scores[id])
				known = known || to == from+size
			}
		}
		if !known {
			extend(from+size, u.unkID, u.unkScore)
		}
		from += size
	}
	return u.follow(tokens, word, text, path)
}

// follow appends the tokens of the best path, which is found from its end.
func (u *unigram) follow(tokens []token, word aligned, text []byte, path []best) []token {
	first := len(tokens)
	last := word.len() // rune at which the part that ends at to ends
	for to := len(text); to > 0; {
		from, id := path[to].from, path[to].id
		if id == u.unkID {
			// Unknown neighbours are one token.
			for from > 0 && path[from].id == u.unkID {
				from = path[from].from
			}
		}
		start := last - utf8.RuneCount(text[from:to])
		at := word.slice(start, last).span()
		if id == u.unkID {
			tokens = u.appendUnknown(tokens, text[from:to], at)
		} else {
			tokens = append(tokens, token{id, at})
		}
		to, last = from, start
	}
	slices.Reverse(tokens[first:])
	return tokens
}

// appendUnknown appends, last byte first, what stands for unknown text.
func (u *unigram) appendUnknown(tokens []token, text []byte, at Span) []token {
	if id, ok := u.ids[string(text)]; ok { // the unknown token itself, as text
		return append(tokens, token{id, at})
	}
	lacking := func(c byte) bool { return u.bytes[c] < 0 }
	if !u.byteFallback || slices.ContainsFunc(text, lacking) {
		return append(tokens, token{u.unkID, at})
	}
	for _, c := range slices.Backward(text) {
		tokens = append(tokens, token{u.bytes[c], at})
	}
	return tokens
}

// byteTrie finds all tokens that a text begins with. Nodes are numbered level by
// level, so that a node's children are neighbours, sorted by the byte that leads
// to them.
type byteTrie struct {
	labels []byte  // the byte that leads to a node
	first  []int32 // a node's first child; those of the next node follow its last
	ids    []int32 // the token that ends at a node, -1: none
}

func newByteTrie(v vocabulary) byteTrie {
	sorted := make([]string, 0, len(v.ids))
	for s := range v.ids {
		sorted = append(sorted, s)
	}
	slices.Sort(sorted)
	t := byteTrie{labels: []byte{0}}
	level := [][]string{sorted} // of each node, the tokens that pass it
	for depth := 0; len(level) > 0; depth++ {
		var next [][]string
		for _, tokens := range level {
			id := int32(-1)
			if len(tokens) > 0 && len(tokens[0]) == depth {
				id = int32(v.ids[tokens[0]])
				tokens = tokens[1:]
			}
			t.ids = append(t.ids, id)
			t.first = append(t.first, int32(len(t.labels)))
			for len(tokens) > 0 {
				c, n := tokens[0][depth], 1
				for n < len(tokens) && tokens[n][depth] == c {
					n++
				}
				t.labels = append(t.labels, c)
				next = append(next, tokens[:n])
				tokens = tokens[n:]
			}
		}
		level = next
	}
	t.first = append(t.first, int32(len(t.labels)))
	return t
}

// child returns the node that a byte leads to, or -1.
func (t *byteTrie) child(node int, label byte) int {
	from, to := int(t.first[node]), int(t.first[node+1])
	for from < to {
		middle := int(uint(from+to) >> 1)
		switch c := t.labels[middle]; {
		case c == label:
			return middle
		case c < label:
			from = middle + 1
		default:
			to = middle
		}
	}
	return -1
}

// buildUnigram reads the model of a tokenizer.json, the vocabulary apart.
func buildUnigram(options json.RawMessage, vocabulary string) (model, error) {
	var o struct {
		Unknown      *int `json:"unk_id"`
		ByteFallback bool `json:"byte_fallback"`
	}
	if err := unmarshal(options, &o); err != nil {
		return nil, err
	}
	vocab, scores, err := parseScores(vocabulary)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	if o.Unknown == nil {
		return nil, errors.New("unk_id is missing, so that unknown characters have no id; give the id of the unknown token")
	}
	if *o.Unknown < 0 || *o.Unknown >= len(scores) {
		return nil, fmt.Errorf("unk_id is %d, of %d tokens; give the id of the unknown token", *o.Unknown, len(scores))
	}
	if s, _ := vocab.token(*o.Unknown); s == "" {
		return nil, fmt.Errorf("unk_id is %d, the id of an empty token; give the id of the unknown token", *o.Unknown)
	}
	return newUnigram(vocab, scores, *o.Unknown, o.ByteFallback), nil
}

// parseScores reads a list of pairs of token and score, which is valid JSON or
// "". A token's id is its place in the list.
func parseScores(list string) (vocabulary, []float64, error) {
	if list == "" || list[0] != '[' {
		return vocabulary{}, nil, errors.New("missing, or not a list of tokens and scores; save the tokenizer again")
	}
	n := min(strings.Count(list, "[")-1, 1<<20)
	v, scores := newVocabulary(n), make([]float64, 0, n)
	for element := range elements(list) {
		id := len(scores)
		s, score, err := parseScore(element)
		if err != nil {
			return v, nil, fmt.Errorf("number %d: %w", id, err)
		}
		if _, earlier, clash := v.add(s, id); clash {
			return v, nil, fmt.Errorf("%q is listed twice, as numbers %d and %d; keep the one the model was trained with", s, earlier, id)
		}
		scores = append(scores, score)
	}
	if len(scores) == 0 {
		return v, nil, errors.New("it is empty; save the tokenizer again")
	}
	return v, scores, nil
}

func parseScore(element string) (string, float64, error) {
	bad := func() (string, float64, error) {
		return "", 0, fmt.Errorf("%.60s is not a pair of token and score; save the tokenizer again", element)
	}
	if element[0] != '[' {
		return bad()
	}
	var parts [2]string
	n := 0
	for part := range elements(element) {
		if n == len(parts) {
			return bad()
		}
		parts[n] = part
		n++
	}
	if n != len(parts) || parts[0][0] != '"' {
		return bad()
	}
	s, err := unquote(parts[0])
	if err != nil {
		return "", 0, err
	}
	score, err := strconv.ParseFloat(parts[1], 64)
	if err != nil || math.IsInf(score, 0) || math.IsNaN(score) {
		return "", 0, fmt.Errorf("the score of %q is %.40s; scores are finite numbers", s, parts[1])
	}
	return s, score, nil
}
