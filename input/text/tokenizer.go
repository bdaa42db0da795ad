package text

import (
	"fmt"
	"strings"
)

// Tokenizer turns text into token ids. It does not change after loading and may
// be used by any number of goroutines at once.
type Tokenizer struct {
	normalizer   normalizer   // nil: the text stays as it is
	preTokenizer preTokenizer // nil: the text is one word
	model        model
	template     template
	trimmer      *trimmer // nil: offsets hold the white space of their tokens
	decoder      decoder  // nil: tokens are words
	added        addedTokens
	special      Special
}

// A normalizer rewrites text before it is cut into words.
type normalizer interface {
	normalize(a *aligned)
}

// A preTokenizer appends to words the words of a piece of text.
type preTokenizer interface {
	preTokenize(words []aligned, piece aligned) []aligned
}

// A model cuts a word into tokens of its vocabulary.
type model interface {
	// tokenize appends the tokens of word.
	tokenize(tokens []token, word aligned) []token
	id(token string) (int, bool)
	token(id int) (string, bool)
	// end is the highest id plus one.
	end() int
	// unknown is the token that stands for what the vocabulary lacks, or "".
	unknown() string
}

// A decoder rewrites tokens, perhaps in place, so that joined they are text.
type decoder interface {
	decode(tokens []string) []string
}

// token is one id and the part of the original text it stands for.
type token struct {
	id int
	at Span
}

// Special holds the ids of the tokens that have a role, -1 where the tokenizer
// has no such token.
type Special struct {
	Unknown int // for what the vocabulary lacks: [UNK]
	Pad     int // fills up a batch: [PAD]
	CLS     int // begins a text: [CLS]
	SEP     int // ends a text or separates two: [SEP]
	Mask    int // a word to be filled in: [MASK]
	BOS     int // begins a text that is generated: <s>, <|endoftext|>
	EOS     int // ends it: </s>, <|endoftext|>
}

// Encoding is encoded text, all slices of the same length.
type Encoding struct {
	IDs     []int
	TypeIDs []int // segment: 0 for the first text, 1 for the second, as the template says
	// Sequences tells where a token comes from: 0 the first text, 1 the second,
	// -1 the template ([CLS], [SEP]).
	Sequences []int
	// Offsets are the bytes of the text that Sequences names, empty for
	// tokens of the template. Characters that normalization drops belong
	// to no token, or to the one around them.
	Offsets []Span
}

// Encode returns the ids of text with the special tokens that the tokenizer
// puts around one text. Any text is allowed, empty and invalid UTF-8 included.
func (t *Tokenizer) Encode(text string) []int {
	return t.template.ids(t.tokens(text))
}

// EncodeAligned is Encode that also tells which bytes each token stands for.
func (t *Tokenizer) EncodeAligned(text string) Encoding {
	return apply(t.template.single, t.tokens(text), nil)
}

// EncodePair encodes two texts as one input, as for next-sentence prediction
// or question answering.
func (t *Tokenizer) EncodePair(first, second string) Encoding {
	return apply(t.template.pair, t.tokens(first), t.tokens(second))
}

// tokens runs the steps up to the model. Added tokens that are matched in the
// text as it stands are cut out first; what lies between is normalized piece by
// piece, and then cut again at added tokens that are matched after
// normalization. That order is the reference's, and visible: a piece ends where
// a token begins.
func (t *Tokenizer) tokens(text string) []token {
	tokens := make([]token, 0, len(text)/4+4)
	var words []aligned
	for _, raw := range t.added.literal.split(align(text)) {
		if raw.id >= 0 {
			tokens = append(tokens, token{raw.id, raw.text.span()})
			continue
		}
		piece := raw.text
		if t.normalizer != nil {
			t.normalizer.normalize(&piece)
		}
		for _, part := range t.added.normalized.split(piece) {
			switch {
			case part.id >= 0:
				tokens = append(tokens, token{part.id, part.text.span()})
				continue
			case t.preTokenizer != nil:
				words = t.preTokenizer.preTokenize(words[:0], part.text)
			default:
				words = append(words[:0], part.text)
			}
			for _, word := range words {
				if word.len() > 0 {
					tokens = t.model.tokenize(tokens, word)
				}
			}
		}
	}
	if t.trimmer != nil {
		t.trimmer.trim(t, text, tokens)
	}
	return tokens
}

// Decode returns the text of ids, without special tokens. Ids that the
// tokenizer does not know are left out. The ids of a byte-level tokenizer may
// end within a character; what there is of it becomes U+FFFD.
func (t *Tokenizer) Decode(ids []int) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if a, ok := t.added.byID[id]; ok {
			if !a.Special {
				tokens = append(tokens, a.decoded)
			}
		} else if s, ok := t.model.token(id); ok {
			tokens = append(tokens, s)
		}
	}
	if t.decoder == nil {
		return strings.Join(tokens, " ")
	}
	return strings.Join(t.decoder.decode(tokens), "")
}

// ID returns the id of a token as the vocabulary spells it, for instance
// "[MASK]" or "##ing".
func (t *Tokenizer) ID(token string) (int, bool) {
	if a, ok := t.added.byContent[token]; ok {
		return a.ID, true
	}
	return t.model.id(token)
}

// Token returns a token as the vocabulary spells it, or "" for an id that the
// tokenizer does not have.
func (t *Tokenizer) Token(id int) string {
	if a, ok := t.added.byID[id]; ok {
		return a.Content
	}
	s, _ := t.model.token(id)
	return s
}

// VocabSize is the highest id plus one: the number of rows that a table of
// embeddings needs at least.
func (t *Tokenizer) VocabSize() int {
	n := t.model.end()
	for id := range t.added.byID {
		n = max(n, id+1)
	}
	return n
}

// Special returns the ids of the tokens that have a role.
func (t *Tokenizer) Special() Special { return t.special }

// IsSpecial reports whether id is one of the tokens that are not words, such
// as [CLS], [PAD] or [MASK].
func (t *Tokenizer) IsSpecial(id int) bool {
	a, ok := t.added.byID[id]
	return ok && a.Special
}

// Truncate shortens e in place to at most maxLength tokens and returns how many it
// dropped. The template's tokens stay; what goes is the end of the text, or,
// of two texts, of the longer one. It is an error if maxLength leaves no room
// for the template's tokens.
func (e *Encoding) Truncate(maxLength int) (dropped int, err error) {
	var n [2]int
	for _, s := range e.Sequences {
		if s >= 0 {
			n[s]++
		}
	}
	fixed := len(e.IDs) - n[0] - n[1]
	if maxLength < fixed {
		return 0, fmt.Errorf("truncate to %d tokens: the special tokens alone are %d; ask for at least that many", maxLength, fixed)
	}
	keep := longestFirst(n, maxLength-fixed)
	var seen [2]int
	out := 0
	for i, s := range e.Sequences {
		if s >= 0 {
			seen[s]++
			if seen[s] > keep[s] {
				continue
			}
		}
		e.IDs[out], e.TypeIDs[out] = e.IDs[i], e.TypeIDs[i]
		e.Sequences[out], e.Offsets[out] = s, e.Offsets[i]
		out++
	}
	dropped = len(e.IDs) - out
	e.IDs, e.TypeIDs = e.IDs[:out], e.TypeIDs[:out]
	e.Sequences, e.Offsets = e.Sequences[:out], e.Offsets[:out]
	return dropped, nil
}

// longestFirst divides room between two texts of n tokens: the longer gives
// way until both are equally long, then both do, the first giving way first
// when they cannot be equal.
func longestFirst(n [2]int, room int) [2]int {
	if n[0]+n[1] <= room {
		return n
	}
	short, long := 0, 1
	if n[0] > n[1] {
		short, long = 1, 0
	}
	if n[short] <= room/2 {
		n[long] = room - n[short]
		return n
	}
	n[short], n[long] = room/2, room-room/2
	return n
}
