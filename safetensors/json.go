package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// objectParser reads JSON objects token by token, since encoding/json would
// accept a key that comes twice.
type objectParser struct {
	dec *json.Decoder
}

func newObjectParser(text []byte) *objectParser {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return &objectParser{dec}
}

// object parses an object and calls field with every key, in order; field
// must consume the value.
func (p *objectParser) object(what string, field func(key string) error) error {
	if err := p.delim('{', what+" is no JSON object"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return p.syntax(err)
		}
		key := token.(string) // the decoder accepts nothing else as a key
		if seen[key] {
			return corrupt("%s names %q twice", what, key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	return p.delim('}', what+" is no JSON object")
}

// string parses a string.
func (p *objectParser) string(what string) (string, error) {
	token, err := p.dec.Token()
	if err != nil {
		return "", p.syntax(err)
	}
	s, ok := token.(string)
	if !ok {
		return "", corrupt("%s is no string", what)
	}
	return s, nil
}

// naturals parses an array of whole numbers from 0 up.
func (p *objectParser) naturals(what string) ([]int64, error) {
	problem := what + " is no list of whole numbers from 0 up"
	if err := p.delim('[', problem); err != nil {
		return nil, err
	}
	var list []int64
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return nil, p.syntax(err)
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, corrupt("%s", problem)
		}
		n, err := number.Int64()
		if err != nil || n < 0 {
			return nil, corrupt("%s: %s", problem, number)
		}
		list = append(list, n)
	}
	return list, p.delim(']', problem)
}

// delim parses one bracket or brace.
func (p *objectParser) delim(want json.Delim, problem string) error {
	token, err := p.dec.Token()
	if err != nil {
		return p.syntax(err)
	}
	if token != want {
		return corrupt("%s", problem)
	}
	return nil
}

// skip passes over one value.
func (p *objectParser) skip() error {
	var value json.RawMessage
	if err := p.dec.Decode(&value); err != nil {
		return p.syntax(err)
	}
	return nil
}

// end checks that only white space follows.
func (p *objectParser) end() error {
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return corrupt("text follows the JSON object near byte %d", p.dec.InputOffset())
	}
	return nil
}

// syntax is the decoder's error with place and remedy.
func (p *objectParser) syntax(err error) error {
	reason := err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "it ends too early"
	}
	return corrupt("bad JSON near byte %d: %s", p.dec.InputOffset(), reason)
}
