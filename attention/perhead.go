package attention

import (
	"fmt"
	"strconv"
	"strings"
)

// PerHead is a value for every head of a network: one for all, and exceptions for
// layers and heads.
type PerHead[T comparable] struct {
	all   T
	rules []rule[T]
}

// rule is an exception; head is -1 for the whole layer.
type rule[T comparable] struct {
	layer, head int
	value       T
}

// Everywhere is one value for all heads.
func Everywhere[T comparable](value T) PerHead[T] { return PerHead[T]{all: value} }

// ParsePerHead reads a value for all heads, then exceptions for a LAYER or for one
// LAYER.HEAD, both counted from 0, such as
//
//	0.2,2=7,3.5=0.02
//
// An exception for a head goes before one for its layer. What names a value in
// errors ("kind"), and example is one.
func ParsePerHead[T comparable](s, what, example string, parse func(string) (T, error)) (PerHead[T], error) {
	fail := func(part, format string, args ...any) (PerHead[T], error) {
		return PerHead[T]{}, fmt.Errorf("%q: %s", part, fmt.Sprintf(format, args...))
	}
	var p PerHead[T]
	for i, part := range strings.Split(s, ",") {
		place, text, isRule := strings.Cut(strings.TrimSpace(part), "=")
		switch name := strings.ToUpper(what); {
		case i == 0 && isRule:
			return fail(part, "the first part is the %s of all other heads; put one before it, such as %s,%s", what, example, strings.TrimSpace(part))
		case i > 0 && !isRule:
			return fail(part, "want LAYER=%s or LAYER.HEAD=%[1]s, such as 2=%s", name, example)
		case !isRule:
			text, place = place, ""
		}
		value, err := parse(strings.TrimSpace(text))
		if err != nil {
			return fail(part, "%v", err)
		}
		if !isRule {
			p.all = value
			continue
		}
		layer, head, ok := parsePlace(strings.TrimSpace(place))
		if !ok {
			return fail(part, "%q is no LAYER or LAYER.HEAD, counted from 0", place)
		}
		for _, r := range p.rules {
			if r.layer == layer && r.head == head {
				return fail(part, "%s was given a %s before; leave one of the two out", place, what)
			}
		}
		p.rules = append(p.rules, rule[T]{layer, head, value})
	}
	return p, nil
}

// parsePlace reads LAYER or LAYER.HEAD.
func parsePlace(s string) (layer, head int, ok bool) {
	l, h, single := strings.Cut(s, ".")
	layer, ok = parseIndex(l)
	head = -1
	if single && ok {
		head, ok = parseIndex(h)
	}
	return layer, head, ok
}

func parseIndex(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// At returns the value of a head.
func (p PerHead[T]) At(layer, head int) T {
	value := p.all
	for _, r := range p.rules {
		if r.layer == layer && r.head == head {
			return r.value
		}
		if r.layer == layer && r.head < 0 {
			value = r.value
		}
	}
	return value
}

// Uses reports whether the value of all heads or of any exception is this one.
func (p PerHead[T]) Uses(value T) bool {
	for _, r := range p.rules {
		if r.value == value {
			return true
		}
	}
	return p.all == value
}

// Map returns the same with other values.
func (p PerHead[T]) Map(f func(T) T) PerHead[T] {
	out := PerHead[T]{all: f(p.all)}
	for _, r := range p.rules {
		out.rules = append(out.rules, rule[T]{r.layer, r.head, f(r.value)})
	}
	return out
}

// Check reports an exception for a layer or head that a network of that many
// layers and heads does not have.
func (p PerHead[T]) Check(layers, heads int) error {
	for _, r := range p.rules {
		if r.layer >= layers {
			return fmt.Errorf("%q: there is no layer %d: the model has %d, counted from 0", p, r.layer, layers)
		}
		if r.head >= heads {
			return fmt.Errorf("%q: there is no head %d in layer %d: the model has %d per layer, counted from 0", p, r.head, r.layer, heads)
		}
	}
	return nil
}

// String returns what ParsePerHead reads, where values print as they are parsed.
func (p PerHead[T]) String() string {
	var b strings.Builder
	fmt.Fprint(&b, p.all)
	for _, r := range p.rules {
		fmt.Fprintf(&b, ",%d", r.layer)
		if r.head >= 0 {
			fmt.Fprintf(&b, ".%d", r.head)
		}
		fmt.Fprintf(&b, "=%v", r.value)
	}
	return b.String()
}

// MarshalText returns what String does.
func (p PerHead[T]) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes, of values that fmt.Sscan reads.
func (p *PerHead[T]) UnmarshalText(text []byte) error {
	read, err := ParsePerHead(string(text), "value", fmt.Sprint(p.all), func(s string) (v T, err error) {
		_, err = fmt.Sscan(s, &v)
		return v, err
	})
	if err == nil {
		*p = read
	}
	return err
}
