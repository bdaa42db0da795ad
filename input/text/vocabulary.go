package text

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxID is the highest id: one more of them still fits 32 bits.
const maxID = 1<<31 - 2

// vocabulary maps tokens to ids and back.
type vocabulary struct {
	ids    map[string]int
	dense  []entry        // tokens of the ids below the number announced: most often all
	sparse map[int]string // of the others
	last   int            // the highest id, -1 when empty
}

type entry struct {
	token string
	known bool
}

// newVocabulary makes room for n tokens.
func newVocabulary(n int) vocabulary {
	return vocabulary{ids: make(map[string]int, n), dense: make([]entry, n), sparse: map[int]string{}, last: -1}
}

// add enters a token and says which earlier entry it clashes with, if any.
func (v *vocabulary) add(s string, id int) (earlier string, earlierID int, clash bool) {
	if old, ok := v.ids[s]; ok {
		return s, old, true
	}
	if old, ok := v.token(id); ok {
		return old, id, true
	}
	v.ids[s] = id
	if id < len(v.dense) {
		v.dense[id] = entry{s, true}
	} else {
		v.sparse[id] = s
	}
	v.last = max(v.last, id)
	return "", 0, false
}

func (v *vocabulary) id(s string) (int, bool) {
	id, ok := v.ids[s]
	return id, ok
}

func (v *vocabulary) token(id int) (string, bool) {
	if id >= 0 && id < len(v.dense) {
		return v.dense[id].token, v.dense[id].known
	}
	s, ok := v.sparse[id]
	return s, ok
}

func (v *vocabulary) end() int { return v.last + 1 }

// parseVocab reads an object of tokens and ids, which is valid JSON or "". It
// goes token by token, because decoding into a map would hide a token that is
// listed twice. Tokens share the object's memory.
func parseVocab(object string) (vocabulary, error) {
	if object == "" || object == "null" {
		return vocabulary{}, errors.New("missing; save the tokenizer again")
	}
	if object[0] != '{' {
		return vocabulary{}, errors.New("not an object of tokens and ids")
	}
	v := newVocabulary(min(strings.Count(object, ":"), 1<<20))
	for key, number := range members(object) {
		s, err := unquote(key)
		if err != nil {
			return v, err
		}
		if c := number[0]; c != '-' && (c < '0' || c > '9') {
			return v, fmt.Errorf("the id of %q is not a number", s)
		}
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil || id < 0 || id > maxID {
			return v, fmt.Errorf("the id of %q is %s; ids are whole numbers from 0 to %d", s, number, maxID)
		}
		if earlier, earlierID, clash := v.add(s, int(id)); clash {
			if earlier == s {
				return v, fmt.Errorf("%q is listed twice, with ids %d and %d; keep the one the model was trained with", s, earlierID, id)
			}
			return v, fmt.Errorf("%q and %q have the same id %d; give each its own", earlier, s, id)
		}
	}
	return v, nil
}
