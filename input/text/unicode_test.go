package text

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// answer is what the reference makes of a run of characters between two letters
// q: see unicode_answers in tools/ref/tokenizer.py.
type answer struct {
	first, last rune
	what        string
}

func (a answer) text(r rune) string {
	switch a.what {
	case "-":
		return ""
	case "space":
		return " "
	case "apart":
		return " " + string(r) + " "
	case "hangul":
		return norm.NFD.String(string(r))
	}
	if distance, ok := strings.CutPrefix(a.what, "+"); ok || a.what[0] == '-' {
		d, err := strconv.Atoi(distance)
		if err != nil {
			panic(err)
		}
		return string(r + rune(d))
	}
	var s strings.Builder
	for hex := range strings.SplitSeq(a.what, ",") {
		c, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			panic(err)
		}
		s.WriteRune(rune(c))
	}
	return s.String()
}

func readAnswers(t *testing.T) map[string][]answer {
	t.Helper()
	answers := map[string][]answer{}
	lines := bufio.NewScanner(openGzip(t, "testdata/unicode.txt.gz"))
	for lines.Scan() {
		var step string
		var a answer
		if _, err := fmt.Sscanf(lines.Text(), "%s %x %x %s", &step, &a.first, &a.last, &a.what); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		answers[step] = append(answers[step], a)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return answers
}

func TestCharactersBeyond16BitsDoNotComposeAsThoseBelow(t *testing.T) {
	for _, s := range []string{"\U000e0061\u0301", "\U00010041\u030a", "\U0001d165\u0323"} {
		a := align(s)
		normalForm{compose: true}.normalize(&a)
		if string(a.runes) != s {
			t.Errorf("%+q became %+q", s, string(a.runes))
		}
	}
}

func openGzip(t testing.TB, name string) *gzip.Reader {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// steps are all normalizers and pre-tokenizers as functions of text; words come
// back joined by a character that stands for a cut.
func steps(t *testing.T) map[string]func(string) string {
	t.Helper()
	const none = `"clean_text":false,"handle_chinese_chars":false,"strip_accents":false,"lowercase":false`
	normalizers := map[string]string{"BertNormalizer": `{"type":"BertNormalizer"}`}
	for _, name := range []string{"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"} {
		only := strings.Replace(none, `"`+name+`":false`, `"`+name+`":true`, 1)
		normalizers[name] = `{"type":"BertNormalizer",` + only + `}`
	}
	for _, name := range []string{"Lowercase", "StripAccents", "NFD", "NFC", "NFKD", "NFKC"} {
		normalizers[name] = `{"type":"` + name + `"}`
	}
	steps := map[string]func(string) string{}
	for name, spec := range normalizers {
		n, err := buildNormalizer([]byte(spec))
		if err != nil {
			t.Fatal(err)
		}
		steps[name] = func(s string) string {
			a := align(s)
			n.normalize(&a)
			return string(a.runes)
		}
	}
	for _, name := range []string{"BertPreTokenizer", "Whitespace", "WhitespaceSplit"} {
		p, err := buildPreTokenizer([]byte(`{"type":"` + name + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		steps[name] = func(s string) string {
			var words []string
			for _, w := range p.preTokenize(nil, align(s)) {
				words = append(words, string(w.runes))
			}
			return strings.Join(words, cut)
		}
	}
	return steps
}

const cut = "|"

func TestEveryCodePoint(t *testing.T) {
	answers := readAnswers(t)
	all := steps(t)
	if len(answers) != len(all) {
		t.Fatalf("answers for %d steps, want %d", len(answers), len(all))
	}
	for name, step := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := strings.HasPrefix(name, "White") || name == "BertPreTokenizer"
			next, wrong := answers[name], 0
			// Many characters at once, one by one only where they differ.
			const batch = 1024
			var in, want [batch]string
			n := 0
			flush := func() {
				separator := ""
				if words {
					separator = cut
				}
				if step(strings.Join(in[:n], joint(words))) != strings.Join(want[:n], separator) {
					for i := range n {
						if got := step(in[i]); got != want[i] {
							if wrong++; wrong <= 20 {
								t.Errorf("%+q: got %+q, want %+q", in[i], got, want[i])
							}
						}
					}
				}
				n = 0
			}
			for r := rune(0); r <= utf8.MaxRune; r++ {
				if !utf8.ValidRune(r) {
					continue
				}
				if sparse := 0x40000 <= r && r < 0xE0000 || r >= 0xF0000; sparse && r%97 != 0 && r&0xFFFF < 0xFFF0 {
					continue // nothing is there, or private use
				}
				for len(next) > 0 && next[0].last < r {
					next = next[1:]
				}
				in[n] = "q" + string(r) + "q"
				want[n] = in[n]
				if len(next) > 0 && next[0].first <= r {
					middle := next[0].text(r)
					if words {
						middle = strings.ReplaceAll(middle, " ", cut)
						if middle == "" {
							middle = cut
						}
					}
					want[n] = "q" + middle + "q"
				}
				if n++; n == batch {
					flush()
				}
			}
			flush()
			if wrong > 20 {
				t.Errorf("and %d more", wrong-20)
			}
		})
	}
}

// joint stands between characters that are tried together: a space where words
// are cut at spaces.
func joint(words bool) string {
	if words {
		return " "
	}
	return ""
}
