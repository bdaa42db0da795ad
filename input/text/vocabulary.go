package text

// vocabulary maps tokens to ids and back.
type vocabulary struct {
	ids    map[string]int
	tokens map[int]string
	last   int // the highest id, -1 when empty
}

func newVocabulary(n int) vocabulary {
	return vocabulary{ids: make(map[string]int, n), tokens: make(map[int]string, n), last: -1}
}

// add enters a token and says which earlier entry it clashes with, if any.
func (v *vocabulary) add(s string, id int) (earlier string, earlierID int, clash bool) {
	if old, ok := v.ids[s]; ok {
		return s, old, true
	}
	if old, ok := v.tokens[id]; ok {
		return old, id, true
	}
	v.ids[s], v.tokens[id] = id, s
	v.last = max(v.last, id)
	return "", 0, false
}

func (v *vocabulary) id(s string) (int, bool) {
	id, ok := v.ids[s]
	return id, ok
}

func (v *vocabulary) token(id int) (string, bool) {
	s, ok := v.tokens[id]
	return s, ok
}

func (v *vocabulary) end() int { return v.last + 1 }
