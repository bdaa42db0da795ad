package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxID is the highest id: one more of them still fits 32 bits.
const maxID = 1<<31 - 2

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

// parseVocab reads an object of tokens and ids. It goes token by token, because
// decoding into a map would hide a token that is listed twice.
func parseVocab(data json.RawMessage) (vocabulary, error) {
	v := newVocabulary(min(bytes.Count(data, []byte{':'}), 1<<20))
	if absent(data) {
		return v, errors.New("missing; save the tokenizer again")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return v, errors.New("not an object of tokens and ids")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return v, err
		}
		s := key.(string) // the decoder lets only strings be keys
		value, err := d.Token()
		if err != nil {
			return v, err
		}
		number, ok := value.(json.Number)
		if !ok {
			return v, fmt.Errorf("the id of %q is not a number", s)
		}
		id, err := number.Int64()
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
