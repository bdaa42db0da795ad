package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// A vocabulary is most of a tokenizer.json, and a general decoder would go over
// it many times: once to check it, once to skip it, again for every struct around
// it, and then token by token. Here it is checked once and cut out.

// unmarshal says where in the data an error lies.
func unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d of %d: %w; the file is damaged or cut short, get it again", syntax.Offset, len(data), err)
	case errors.As(err, &mismatch):
		what := "it"
		if mismatch.Field != "" {
			what = strconv.Quote(mismatch.Field)
		}
		return fmt.Errorf("%s is a JSON %s, which it cannot be; save the tokenizer again", what, mismatch.Value)
	}
	return err
}

// member takes one member out of an object, which is valid JSON: of several of
// one name the last, as encoding/json does. It is "" where there is none; rest
// is the object without it.
func member(object, name string) (value string, rest []byte) {
	if object[0] != '{' {
		return "", []byte(object)
	}
	rest = []byte{'{'}
	for key, v := range members(object) {
		if key[1:len(key)-1] == name {
			value = v
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(rest, key...), ':'), v...)
	}
	return value, append(rest, '}')
}

// members yields the members of an object, which is valid JSON: the key as it is
// written, quotes included, and the value.
func members(object string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		rest := object[1:]
		for {
			rest = strings.TrimLeft(rest, jsonSpace+",")
			if rest[0] == '}' {
				return
			}
			n := stringLen(rest)
			key := rest[:n]
			rest = strings.TrimLeft(rest[n:], jsonSpace+":")
			n = valueLen(rest)
			if !yield(key, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

const jsonSpace = " \t\r\n"

// valueLen returns the length of the JSON value that s begins with. Something
// follows it.
func valueLen(s string) int {
	depth := 0
	for i := 0; ; i++ {
		switch s[i] {
		case '"':
			i += stringLen(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i // the end of what is around a number or a word
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue // a letter of a number or a word
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// stringLen returns the length of the JSON string that s begins with, quotes
// included.
func stringLen(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// elements yields the elements of an array, which is valid JSON.
func elements(array string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := array[1:]
		for {
			rest = strings.TrimLeft(rest, jsonSpace+",")
			if rest[0] == ']' {
				return
			}
			n := valueLen(rest)
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// unquote returns what a JSON string says. It shares the string's memory where
// it can.
func unquote(quoted string) (string, error) {
	s := quoted[1 : len(quoted)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	err := json.Unmarshal([]byte(quoted), &s)
	return s, err
}
