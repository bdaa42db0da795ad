package text

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// wordPiece cuts a word into the longest pieces of its vocabulary, from left to
// right. Pieces after the first carry a prefix, "##" in BERT's vocabularies. A
// word that cannot be cut to its end, or that is too long, is one unknown
// token. (Schuster and Nakajima 2012; Wu et al. 2016, arXiv:1609.08144,
// section 4.1; the greedy search is BERT's, arXiv:1810.04805.)
type wordPiece struct {
	vocabulary
	maxRunes     int    // a longer word is unknown
	unk          string // the unknown token
	unkID        int
	longest      int            // bytes of the longest piece
	inner        map[string]int // pieces that carry the prefix, without it
	longestInner int            // bytes of the longest of them
}

// maxWordRunes is the longest word, in characters, that BERT looks up.
const maxWordRunes = 100

func newWordPiece(v vocabulary, unk, prefix string, maxRunes int) *wordPiece {
	w := &wordPiece{vocabulary: v, maxRunes: maxRunes, unk: unk, unkID: v.ids[unk]}
	w.inner = make(map[string]int, len(v.ids)/2)
	for s, id := range v.ids {
		w.longest = max(w.longest, len(s))
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			w.inner[rest] = id
			w.longestInner = max(w.longestInner, len(rest))
		}
	}
	return w
}

func (w *wordPiece) unknown() string { return w.unk }

func (w *wordPiece) tokenize(tokens []token, word aligned) []token {
	if word.len() > w.maxRunes {
		return append(tokens, token{w.unkID, word.span()})
	}
	// The word in UTF-8, and where in it each rune begins.
	var buffer [256]byte
	var starts [128]int
	bytes, begin := buffer[:0], starts[:0]
	for _, r := range word.runes {
		begin = append(begin, len(bytes))
		bytes = utf8.AppendRune(bytes, r)
	}
	begin = append(begin, len(bytes))

	first := len(tokens)
	pieces, longest := w.ids, w.longest
	for from := 0; from < word.len(); {
		id, to := 0, min(word.len(), from+longest)
		for to > from && begin[to]-begin[from] > longest {
			to--
		}
		for ; to > from; to-- {
			var ok bool
			if id, ok = pieces[string(bytes[begin[from]:begin[to]])]; ok {
				break
			}
		}
		if to == from {
			return append(tokens[:first], token{w.unkID, word.span()})
		}
		tokens = append(tokens, token{id, word.slice(from, to).span()})
		from = to
		pieces, longest = w.inner, w.longestInner
	}
	return tokens
}

// buildWordPiece reads the model of a tokenizer.json, the vocabulary apart.
func buildWordPiece(options json.RawMessage, vocabulary string) (model, error) {
	var m struct {
		Unknown  string  `json:"unk_token"`
		Prefix   *string `json:"continuing_subword_prefix"`
		MaxRunes *int    `json:"max_input_chars_per_word"`
	}
	if err := unmarshal(options, &m); err != nil {
		return nil, err
	}
	vocab, err := parseVocab(vocabulary)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	prefix, maxRunes := "##", maxWordRunes
	if m.Prefix != nil {
		prefix = *m.Prefix
	}
	if m.MaxRunes != nil {
		maxRunes = *m.MaxRunes
	}
	if maxRunes < 0 {
		return nil, fmt.Errorf("max_input_chars_per_word is %d; the usual value is %d", maxRunes, maxWordRunes)
	}
	if _, ok := vocab.ids[m.Unknown]; !ok || m.Unknown == "" {
		return nil, fmt.Errorf("unk_token %q is not in the vocabulary; add it, or name one that is", m.Unknown)
	}
	return newWordPiece(vocab, m.Unknown, prefix, maxRunes), nil
}

// wordPieceDecoder joins pieces to words and words to text.
type wordPieceDecoder struct {
	prefix  string
	cleanup bool // no space before punctuation and contractions
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(s, d.prefix); ok {
				s = rest
			} else {
				s = " " + s
			}
		}
		if d.cleanup {
			s = cleanUp(s)
		}
		tokens[i] = s
	}
	return tokens
}

func buildWordPieceDecoder(data json.RawMessage) (decoder, error) {
	var d struct {
		Prefix  *string `json:"prefix"`
		Cleanup *bool   `json:"cleanup"`
	}
	if err := unmarshal(data, &d); err != nil {
		return nil, err
	}
	w := wordPieceDecoder{prefix: "##", cleanup: orTrue(d.Cleanup)}
	if d.Prefix != nil {
		w.prefix = *d.Prefix
	}
	return w, nil
}

// cleanUp takes out the spaces that tokenization put before punctuation and
// into English contractions. The replacements follow one another, as in the
// reference.
func cleanUp(s string) string {
	for _, r := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
		{" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"},
		{" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s
}
