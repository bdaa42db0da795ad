package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// replace writes one thing for every place where another stands, from left to
// right and without overlap. It is a normalizer and, token by token, a decoder.
type replace struct {
	match   func(text []rune, from int) (end int) // from: no match
	content string
}

func (s replace) normalize(a *aligned) {
	out := aligned{}
	done := 0 // all before this is in out
	for i := 0; i < a.len(); {
		end := s.match(a.runes, i)
		if end == i {
			i++
			continue
		}
		out.runes, out.at = append(out.runes, a.runes[done:i]...), append(out.at, a.at[done:i]...)
		for _, r := range s.content {
			out.runes, out.at = append(out.runes, r), append(out.at, a.at[end-1])
		}
		i, done = end, end
	}
	if done == 0 {
		return
	}
	out.runes, out.at = append(out.runes, a.runes[done:]...), append(out.at, a.at[done:]...)
	*a = out
}

func (s replace) decode(tokens []string) []string {
	for i, token := range tokens {
		a := align(token)
		s.normalize(&a)
		tokens[i] = string(a.runes)
	}
	return tokens
}

// literally matches a string.
func literally(s string) func([]rune, int) int {
	want := []rune(s)
	return func(text []rune, from int) int {
		if len(text)-from < len(want) {
			return from
		}
		for i, r := range want {
			if text[from+i] != r {
				return from
			}
		}
		return from + len(want)
	}
}

// manySpaces matches " {2,}".
func manySpaces(text []rune, from int) int {
	if end := while(text, from, func(r rune) bool { return r == ' ' }); end > from+1 {
		return end
	}
	return from
}

// allSpace matches \s+.
func allSpace(text []rune, from int) int { return while(text, from, isSpace) }

func buildReplace(data json.RawMessage) (replace, error) {
	var f struct {
		Pattern pattern
		Content string
	}
	if err := unmarshal(data, &f); err != nil {
		return replace{}, err
	}
	r := replace{content: f.Content}
	switch p := f.Pattern; {
	case p.String != nil && p.Regex == nil:
		if *p.String == "" {
			return r, errors.New("type \"Replace\": its pattern is empty; take it out")
		}
		r.match = literally(*p.String)
	case p.Regex != nil && p.String == nil && *p.Regex == " {2,}":
		r.match = manySpaces
	case p.Regex != nil && p.String == nil && *p.Regex == `\s+`:
		r.match = allSpace
	case p.Regex != nil && p.String == nil:
		return r, fmt.Errorf(`type "Replace": the regular expression %q is not supported (supported: " {2,}" and "\s+"); use a model with another tokenizer`, *p.Regex)
	default:
		return r, errors.New(`type "Replace": its pattern is neither a "String" nor a "Regex"; save the tokenizer again`)
	}
	return r, nil
}

// prepend begins a piece of text with a string.
type prepend string

func (p prepend) normalize(a *aligned) {
	if a.len() > 0 {
		a.prepend([]rune(p)...)
	}
}

// strip takes white space off the ends.
type strip struct {
	Left  bool `json:"strip_left"`
	Right bool `json:"strip_right"`
}

func (s strip) normalize(a *aligned) {
	from, to := 0, a.len()
	for s.Left && from < to && isSpace(a.runes[from]) {
		from++
	}
	for s.Right && from < to && isSpace(a.runes[to-1]) {
		to--
	}
	*a = a.slice(from, to)
}

// stripDecoder takes up to so many of a character off the ends of every token.
type stripDecoder struct {
	Content     string
	Start, Stop int
}

func (s stripDecoder) decode(tokens []string) []string {
	for i, token := range tokens {
		for range s.Start {
			rest, ok := strings.CutPrefix(token, s.Content)
			if !ok {
				break
			}
			token = rest
		}
		for range s.Stop {
			rest, ok := strings.CutSuffix(token, s.Content)
			if !ok {
				break
			}
			token = rest
		}
		tokens[i] = token
	}
	return tokens
}
