package npz

import (
	"fmt"
	"strconv"
	"strings"
)

// literal parses the few forms of Python literals that a header uses.
type literal struct {
	text string
	pos  int
}

// peek returns the next byte after white space, or 0 at the end.
func (p *literal) peek() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// accept passes over c if it comes next.
func (p *literal) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

func (p *literal) expect(c byte) error {
	if !p.accept(c) {
		return fmt.Errorf("%q is missing at byte %d", string(c), p.pos)
	}
	return nil
}

// dict parses the whole text as a dict and calls value for every key; value
// must parse what the key stands for.
func (p *literal) dict(value func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	for !p.accept('}') {
		key, err := p.string()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if !p.accept(',') && p.peek() != '}' {
			return p.expect(',')
		}
	}
	if p.peek() != 0 || p.pos != len(p.text) {
		return fmt.Errorf("text follows at byte %d", p.pos)
	}
	return nil
}

// string parses a quoted string without escapes.
func (p *literal) string() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", fmt.Errorf("a string is missing at byte %d", p.pos)
	}
	rest := p.text[p.pos+1:]
	end := strings.IndexByte(rest, quote)
	if end < 0 || strings.Contains(rest[:end], `\`) {
		return "", fmt.Errorf("the string at byte %d has no end or an escape", p.pos)
	}
	p.pos += end + 2
	return rest[:end], nil
}

func (p *literal) bool() (bool, error) {
	p.peek()
	for word, value := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.text[p.pos:], word) {
			p.pos += len(word)
			return value, nil
		}
	}
	return false, fmt.Errorf("no True or False at byte %d", p.pos)
}

// tuple parses a tuple of whole numbers, which Python 2 ends with an L.
func (p *literal) tuple() ([]int, error) {
	if err := p.expect('('); err != nil {
		return nil, err
	}
	tuple := []int{}
	for !p.accept(')') {
		p.peek()
		start := p.pos
		for p.pos < len(p.text) && '0' <= p.text[p.pos] && p.text[p.pos] <= '9' {
			p.pos++
		}
		n, err := strconv.Atoi(p.text[start:p.pos])
		if err != nil {
			return nil, fmt.Errorf("no whole number from 0 up that can be addressed at byte %d", start)
		}
		tuple = append(tuple, n)
		p.accept('L')
		if !p.accept(',') && p.peek() != ')' {
			return nil, p.expect(',')
		}
	}
	return tuple, nil
}
