package pieces

import (
	"slices"
	"strings"
	"testing"
)

// shown writes pieces as a reader sees them, parts of a word joined by a bar.
func shown(all []Piece) string {
	var b strings.Builder
	for i, p := range all {
		switch {
		case i == 0:
		case p.Joined:
			b.WriteByte('|')
		default:
			b.WriteByte('_')
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

func TestTokensAreShownAsWords(t *testing.T) {
	for _, test := range []struct {
		name   string
		tokens []string
		want   string
	}{
		{"WordPiece", []string{"[CLS]", "un", "##believ", "##able", "##", "#", "!", "[SEP]"}, "[CLS]_un|believ|able_##_#_!_[SEP]"},
		{"bytes", []string{"The", "Ġastro", "cyte", ",", "Ċ", "Ġ", "naÃ¯ve", "Ġä¸Ń", "Ãa", "<|endoftext|>", "A"}, "The_astro|cyte|,|¶_|naïve_中|Ãa_<|endoftext|>_A"},
		{"bytes that are no letters", []string{"Ġä", "¸"}, "ä|¸"},
		{"SentencePiece", []string{"<s>", "▁un", "believ", "able", "▁", "▁a▁b", "</s>"}, "<s>_un|believ|able__a b_</s>"},
		{"no marks", []string{"a", "b", "<x", "[y"}, "a_b_<x_[y"},
		{"no letters", []string{"a\tb", "\u202e", "\x00"}, "a b_□_□"},
		{"nothing", []string{}, ""},
	} {
		if got := shown(Of(test.tokens)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestOneTokenIsNeverInvisible(t *testing.T) {
	for token, want := range map[string]string{"": "", "Ġ": "(space)", "▁": "(space)", "Ċ": "¶", "Ġgod": "god", "##ing": "ing", "ankle boot": "ankle boot", "[MASK]": "[MASK]"} {
		if got := One(token); got != want {
			t.Errorf("%q is shown as %q, want %q", token, got, want)
		}
	}
}

// Every byte has a letter of its own, and comes back.
func TestBytesComeBack(t *testing.T) {
	var letters []rune
	next := rune(0x100)
	for b := range rune(0x100) {
		if b >= '!' && b <= '~' || b >= '¡' && b != 0xad {
			letters = append(letters, b)
			continue
		}
		letters = append(letters, next)
		next++
	}
	for _, want := range []string{"plain", "naïve", "中文 שלום", "tab\tline\n", "\u00ad"} {
		var spelled []rune
		for _, b := range []byte(want) {
			spelled = append(spelled, letters[b])
		}
		if got := fromBytes(string(spelled)); got != want {
			t.Errorf("%q came back as %q", want, got)
		}
	}
	if slices.Index(letters, 'Ġ') != ' ' || slices.Index(letters, 'Ċ') != '\n' {
		t.Error("the alphabet is not that of GPT-2")
	}
}
