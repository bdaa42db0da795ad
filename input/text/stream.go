package text

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Stream turns text that does not end into ids, a word or so at a time. Of the
// text it holds what is not a whole word yet. The ids are those of Encode without
// the template's tokens, however the text arrives in parts.
//
// A piece ends before the first white space behind a letter or a digit: whatever
// comes, every word of the tokenizer ends there too. Text without such a place is
// cut at the first character behind maxPiece bytes all the same, which may give
// other ids there than Encode.
type Stream struct {
	tokenizer *Tokenizer
	r         io.Reader
	err       error // of r, io.EOF at its end
	anySpace  bool  // a piece ends before any white space, not U+0020 alone

	text    []byte // read and not passed on; the first piece bytes were, last time
	piece   int
	scanned int  // bytes of text behind the piece that hold no place to cut
	inWord  bool // the character before was a letter or a digit
	ids     []int
}

// maxPiece is when text without words is cut, in bytes.
const maxPiece = 4096

// NewStream returns the stream of a text. It refuses tokenizers that look beyond
// the ends of words, so that no place to cut is safe.
func (t *Tokenizer) NewStream(r io.Reader) (*Stream, error) {
	if err := t.local(); err != nil {
		return nil, fmt.Errorf("this tokenizer cannot read text in parts: %w; encode the whole text and stream its ids", err)
	}
	return &Stream{
		tokenizer: t, r: r, anySpace: t.normalizer == nil && !prefixed(t.preTokenizer),
		text: make([]byte, 0, 4*maxPiece),
	}, nil
}

// Next returns the ids of the next piece of text, of which there may be none, and
// how many bytes it has. They hold until the next call. At the end of the text the
// error is io.EOF; of any other error, the reader's, nothing of the text is lost.
func (s *Stream) Next() (ids []int, bytes int, err error) {
	s.text = s.text[:copy(s.text, s.text[s.piece:])]
	s.piece, s.scanned, s.inWord = 0, 0, false
	for s.piece = s.cut(); s.piece == 0; s.piece = s.cut() {
		if s.err == io.EOF && len(s.text) > 0 {
			s.piece = len(s.text)
			break
		}
		if s.err != nil {
			return nil, 0, s.err
		}
		var n int
		n, s.err = s.r.Read(s.text[len(s.text):cap(s.text)])
		s.text = s.text[:len(s.text)+n]
	}
	s.ids = s.ids[:0]
	for _, token := range s.tokenizer.tokens(string(s.text[:s.piece])) {
		s.ids = append(s.ids, token.id)
	}
	return s.ids, s.piece, nil
}

// cut returns how long the first piece of the text is, 0 if that depends on what
// comes.
func (s *Stream) cut() int {
	for s.scanned < len(s.text) {
		rest := s.text[s.scanned:]
		if s.err == nil && !utf8.FullRune(rest) {
			return 0
		}
		r, n := utf8.DecodeRune(rest)
		if s.inWord && (r == ' ' || s.anySpace && isSpace(r)) || s.scanned >= maxPiece {
			return s.scanned
		}
		s.inWord = isLetter(r) || isNumber(r)
		s.scanned += n
	}
	return 0
}

// local reports why what follows white space behind a letter or digit matters to
// what stands before it, or the other way round.
func (t *Tokenizer) local() error {
	if !localNormalizer(t.normalizer) {
		return errors.New("its normalizer may change more than one word at once")
	}
	if !cutsWords(t.preTokenizer) && !t.spells() {
		return errors.New("it does not cut text at white space first")
	}
	for _, a := range t.added.byID {
		inWord := false
		for _, r := range a.Content {
			if inWord && isSpace(r) {
				return fmt.Errorf("its added token %q has more than one word", a.Content)
			}
			inWord = isLetter(r) || isNumber(r)
		}
		if inWord && a.RStrip {
			return fmt.Errorf("its added token %q takes the white space behind it", a.Content)
		}
	}
	return nil
}

func localNormalizer(n normalizer) bool {
	switch n := n.(type) {
	case nil, normalForm, lowercase, stripAccents:
		return true
	case normalizers:
		for _, step := range n {
			if !localNormalizer(step) {
				return false
			}
		}
		return true
	}
	return false
}

// cutsWords reports whether no word goes on beyond white space behind a letter or
// a digit. Steps after the first only see its words.
func cutsWords(p preTokenizer) bool {
	switch p := p.(type) {
	case scanner, splitter, wordSplitter:
		return true
	case byteLevel:
		return p.cut != nil
	case metaspace:
		return p.split
	case preTokenizers:
		if len(p) == 0 || !cutsWords(p[0]) {
			return false
		}
		for _, step := range p[1:] {
			if m, ok := step.(metaspace); ok && m.prefix == prefixFirst { // the first of a text, not of a piece
				return false
			}
		}
		return true
	}
	return false
}

// spells reports whether every byte is a token by itself, whatever stands beside it.
func (t *Tokenizer) spells() bool {
	p, level := t.preTokenizer.(byteLevel)
	b, pairs := t.model.(*bpe)
	return level && !p.prefix && pairs && len(b.merges) == 0 && !b.IgnoreMerges && !b.FuseUnknown && b.Prefix == "" && b.Suffix == ""
}

// prefixed reports whether a piece that begins with no space may be given one.
func prefixed(p preTokenizer) bool {
	switch p := p.(type) {
	case scanner, splitter, wordSplitter:
		return false
	case byteLevel:
		return p.prefix
	case preTokenizers:
		return len(p) > 0 && prefixed(p[0]) // the others see words
	}
	return true
}
