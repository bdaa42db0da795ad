package transfer

import (
	"unicode"

	"github.com/tripartite-go/tripartite/input/text"
)

// guessed returns which token of a text a causal model is shown guessing, at least
// 1, or 0 where there is none to guess: the one that holds the middle letter of the
// longest word whose middle lies in the second half of the text, the last of
// several. By then much was read. Where tokens are bytes, half of the word was read
// too, which says what comes next to a model that looks at the right letters; where
// they are words, a long one says more than the many short ones. The last token, in
// its place, is nearly always a full stop. A text without such a word is shown as far
// as its last token.
func guessed(s string, e *text.Encoding) int {
	at := middle(s)
	last := 0
	for i, span := range e.Offsets {
		if e.Sequences[i] < 0 {
			continue
		}
		if i > 0 && span.From <= at && at < span.To {
			return i
		}
		last = i
	}
	return last
}

// middle returns the byte at which the middle letter of that word begins, -1 where
// there is no word.
func middle(s string) int {
	at, longest := -1, 0
	var word []int // where its letters begin
	end := func() {
		if n := len(word); n > 0 && n >= longest && word[n/2] >= len(s)/2 {
			at, longest = word[n/2], n
		}
		word = word[:0]
	}
	for i, r := range s {
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			word = append(word, i)
		} else {
			end()
		}
	}
	end()
	return at
}
