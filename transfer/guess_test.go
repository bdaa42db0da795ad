package transfer

import (
	"io/fs"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

// tokenizer loads that of a model.
func tokenizer(t *testing.T, model fs.FS) *text.Tokenizer {
	t.Helper()
	tok, err := text.Load(model)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// What a causal model is shown guessing is inside the longest word of the second
// half.
func TestATextIsShownUpToATokenThatTells(t *testing.T) {
	bytes := tokenizer(t, causal.Files())
	words := tokenizer(t, os.DirFS("../task/testdata/gpt2"))
	for name, c := range map[string]struct {
		tok               *text.Tokenizer
		text, shown, next string
	}{
		"bytes":                  {bytes, "And God called the firmament Heaven.", "And God called the firm", "a"},
		"the last of two":        {bytes, "a b c d old new", "a b c d old n", "e"},
		"one word":               {bytes, "heaven", "hea", "v"},
		"letters of two bytes":   {bytes, "abc αβγδε", "abc αβ", "γ"}, // the first of its tokens
		"the first half is left": {bytes, "Nebuchadnezzar said unto them, It is so.", "Nebuchadnezzar said unto th", "e"},
		"no word":                {bytes, "12 34.", "12 34", "."},
		"one byte":               {bytes, "a", "a", ""},
		"words":                  {words, "a b c d e the", "a b c d e", " the"},
	} {
		e := c.tok.EncodeAligned(c.text)
		at := guessed(c.text, &e)
		shown, next := c.text, ""
		if at > 0 {
			shown, next = c.text[:e.Offsets[at].From], c.text[e.Offsets[at].From:e.Offsets[at].To]
		}
		if shown != c.shown || next != c.next {
			t.Errorf("%s: %q, then %q; want %q, then %q", name, shown, next, c.shown, c.next)
		}
	}
}
