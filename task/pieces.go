package task

import (
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/input/text"
)

// pieces turns tokens into text as they come. A token may end within a character,
// and what a token reads as may depend on those before it, such as the space at
// the beginning of a word, which decoders take off the first one. So the last
// tokens are decoded twice, without the new ones and with them, and what is new
// is held back as long as its last character is not whole.
type pieces struct {
	tokenizer *text.Tokenizer
	ids       []int  // from where decoding begins
	given     int    // how many of them have been returned as text
	before    string // these, decoded
}

// overlap is how many tokens of a prompt are decoded with what follows.
const overlap = 4

func newPieces(t *text.Tokenizer, prompt []int) *pieces {
	p := &pieces{tokenizer: t}
	p.ids = append(p.ids, prompt[max(0, len(prompt)-overlap):]...)
	p.given, p.before = len(p.ids), t.Decode(p.ids)
	return p
}

// add takes in the next token and returns what can be read of the text since the
// last piece.
func (p *pieces) add(id int) string {
	p.ids = append(p.ids, id)
	all := p.tokenizer.Decode(p.ids)
	if last, _ := utf8.DecodeLastRuneInString(all); last == utf8.RuneError {
		return "" // what there is of a character, perhaps
	}
	piece, found := strings.CutPrefix(all, p.before)
	if !found || piece == "" {
		return ""
	}
	p.ids = append(p.ids[:0], p.ids[p.given:]...)
	p.given, p.before = len(p.ids), p.tokenizer.Decode(p.ids)
	return piece
}

// rest returns what was held back.
func (p *pieces) rest() string {
	all := p.tokenizer.Decode(p.ids)
	return strings.TrimPrefix(all, p.before)
}
