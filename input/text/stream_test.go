package text

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// pieces reads a text as a stream in parts of some bytes each.
func pieces(t *testing.T, tokenizer *Tokenizer, text string, r io.Reader) (ids []int, cuts []int) {
	t.Helper()
	s, err := tokenizer.NewStream(r)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for {
		part, n, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < 1 || n > maxPiece+utf8.UTFMax-1 {
			t.Fatalf("a piece of %d bytes", n)
		}
		ids = append(ids, part...)
		at += n
		cuts = append(cuts, at)
	}
	if at != len(text) {
		t.Errorf("%d of %d bytes", at, len(text))
	}
	return ids, cuts
}

// parts is a reader that returns a text in parts of random length, 1 to 9 bytes.
type parts struct {
	text string
	rng  *rand.Rand
}

func (p *parts) Read(to []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), 1+p.rng.IntN(9))], p.text)
	p.text = p.text[n:]
	return n, nil
}

// byteLevels are tokenizers of every regular expression and prefix, whose
// vocabulary of bytes shows where words end by its merges with spaces.
func byteLevels(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	all := map[string]*Tokenizer{}
	for name, steps := range map[string]preTokenizer{
		"GPT-2":           byteLevel{cut: scanGPT2},
		"GPT-2, prefixed": byteLevel{cut: scanGPT2, prefix: true},
		"GPT-4":           preTokenizers{scanner(scanGPT4), byteLevel{}},
		"BLOOM":           preTokenizers{scanner(scanBLOOM), byteLevel{}},
	} {
		all[name] = &Tokenizer{preTokenizer: steps, model: &wholeWords{ids: map[string]int{}}, added: newAddedTokens([]addedToken{
			{ID: 1, Content: "<|end|>", Special: true}, {ID: 2, Content: "<gap>", LStrip: true, RStrip: true},
		}, nil)}
	}
	letters := newVocabulary(256)
	for b := range 256 {
		letters.add(string(byteRune(byte(b))), 10+b)
	}
	bytes, err := newBPE(letters, nil, bpeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all["bytes"] = &Tokenizer{preTokenizer: byteLevel{}, model: bytes, added: all["BLOOM"].added}
	nfc := *all["GPT-4"]
	nfc.normalizer = normalForm{}
	all["GPT-4, decomposed"] = &nfc
	return all
}

// wholeWords gives every word an id, so that ids are equal where words are.
type wholeWords struct{ ids map[string]int }

func (w *wholeWords) tokenize(tokens []token, word aligned) []token {
	s := string(word.runes)
	if _, ok := w.ids[s]; !ok {
		w.ids[s] = 10 + len(w.ids)
	}
	return append(tokens, token{w.ids[s], word.span()})
}
func (w *wholeWords) id(string) (int, bool)    { return 0, false }
func (w *wholeWords) token(int) (string, bool) { return "", false }
func (w *wholeWords) end() int                 { return 10 + len(w.ids) }
func (w *wholeWords) unknown() string          { return "" }

func TestAStreamHasTheIDsOfTheWholeText(t *testing.T) {
	alphabet := []string{"a", "B", "re", "'", "'s", "7", "42", " ", "  ", "\n", "\r\n", "\t", ".", "(", "…", "-", "é", "e\u0301", "日本", "\u00a0", "\u3000", "🙂", "\xff", "\xe6\x97", "<|end|>", "<gap>", "ll", "।"}
	for name, tokenizer := range byteLevels(t) {
		rng := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			var b strings.Builder
			for range rng.IntN(40) {
				b.WriteString(alphabet[rng.IntN(len(alphabet))])
			}
			text := b.String()
			want := []int{}
			for _, token := range tokenizer.tokens(text) {
				want = append(want, token.id)
			}
			got, cuts := pieces(t, tokenizer, text, &parts{text, rng})
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q in parts gives %v, whole %v", name, text, got, want)
			}
			if _, one := pieces(t, tokenizer, text, strings.NewReader(text)); !slices.Equal(one, cuts) {
				t.Fatalf("%s: %q is cut at %v or %v, as it arrives", name, text, one, cuts)
			}
		}
	}
}

func TestTextWithoutWordsIsHeldBackNoLongerThanMaxPiece(t *testing.T) {
	tokenizer := byteLevels(t)["GPT-2"]
	text := strings.Repeat("日", 5000)
	_, cuts := pieces(t, tokenizer, text, iotest.OneByteReader(strings.NewReader(text)))
	if len(cuts) != 4 || cuts[0] != 4098 { // 4096 is within a character
		t.Errorf("cut at %v", cuts)
	}
}

func TestAStreamOfAReaderThatFails(t *testing.T) {
	failure := errors.New("cut off")
	s, err := byteLevels(t)["GPT-2"].NewStream(io.MultiReader(strings.NewReader("one two"), iotest.ErrReader(failure)))
	if err != nil {
		t.Fatal(err)
	}
	if ids, n, err := s.Next(); len(ids) != 1 || n != 3 || err != nil {
		t.Errorf("ids %v of %d bytes, %v", ids, n, err)
	}
	if _, _, err := s.Next(); err != failure { // " two" may go on
		t.Errorf("error %v", err)
	}
}

func TestTokenizersThatLookBeyondWordsAreRefused(t *testing.T) {
	for want, tokenizer := range map[string]*Tokenizer{
		"normalizer":           {normalizer: strip{}, preTokenizer: byteLevel{cut: scanGPT2}},
		"white space first":    {preTokenizer: byteLevel{}},
		"more than one word":   {preTokenizer: byteLevel{cut: scanGPT2}, added: newAddedTokens([]addedToken{{Content: "a b"}}, nil)},
		"the white space behi": {preTokenizer: byteLevel{cut: scanGPT2}, added: newAddedTokens([]addedToken{{Content: "pad", RStrip: true}}, nil)},
	} {
		if _, err := tokenizer.NewStream(strings.NewReader("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Where a text is cut on its way changes nothing.
func FuzzStream(f *testing.F) {
	for _, s := range []string{"", "one two", "l'été \r\n 42!", "\xe6\x97 a\xff b", "<|end|> x"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if len(text) > maxPiece {
			return // longer ones may be cut within a word
		}
		for name, tokenizer := range byteLevels(t) {
			want := []int{}
			for _, token := range tokenizer.tokens(text) {
				want = append(want, token.id)
			}
			got, _ := pieces(t, tokenizer, text, &parts{text, rand.New(rand.NewPCG(uint64(size), 1))})
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q in parts gives %v, whole %v", name, text, got, want)
			}
		}
	})
}
