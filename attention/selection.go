package attention

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind says how a head is computed.
type Kind int

const (
	KindExact     Kind = iota // softmax attention
	KindAlgebraic             // the circuit of neurons and astrocytes
	KindUniform               // every key has the same weight: the baseline
)

var kindNames = []string{KindExact: "exact", KindAlgebraic: "algebraic", KindUniform: "uniform"}

// String returns the name that ParseSelection reads.
func (k Kind) String() string { return kindNames[k] }

// Selection says of what kind every head of a network is: a default and
// exceptions for layers and heads. The zero value is exact throughout.
type Selection struct {
	kind  Kind
	rules []rule
}

// rule is an exception; head is -1 for the whole layer.
type rule struct {
	layer, head int
	kind        Kind
}

// ParseSelection reads a selection such as
//
//	algebraic
//	exact,2=algebraic,3.5=uniform
//
// a kind for all heads, then exceptions for a LAYER or for one LAYER.HEAD, both
// counted from 0. An exception for a head goes before one for its layer.
func ParseSelection(s string) (Selection, error) {
	fail := func(part, format string, args ...any) (Selection, error) {
		return Selection{}, fmt.Errorf("attention %q: %q: %s", s, part, fmt.Sprintf(format, args...))
	}
	var sel Selection
	for i, part := range strings.Split(s, ",") {
		place, name, isRule := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case i == 0 && isRule:
			return fail(part, "the first part is the kind of all other heads; put one before it, such as exact,%s", strings.TrimSpace(part))
		case i > 0 && !isRule:
			return fail(part, "want LAYER=KIND or LAYER.HEAD=KIND, such as 2=algebraic")
		case !isRule:
			name, place = place, ""
		}
		kind, err := parseKind(strings.TrimSpace(name))
		if err != nil {
			return fail(part, "%v", err)
		}
		if !isRule {
			sel.kind = kind
			continue
		}
		layer, head, ok := parsePlace(strings.TrimSpace(place))
		if !ok {
			return fail(part, "%q is no LAYER or LAYER.HEAD, counted from 0", place)
		}
		for _, r := range sel.rules {
			if r.layer == layer && r.head == head {
				return fail(part, "%s was given a kind before; leave one of the two out", place)
			}
		}
		sel.rules = append(sel.rules, rule{layer, head, kind})
	}
	return sel, nil
}

func parseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	known := strings.Join(kindNames, ", ")
	switch name {
	case "rate", "biophysical":
		return 0, fmt.Errorf("the %s level is not in this version; use one of %s", name, known)
	case "":
		return 0, fmt.Errorf("no kind of attention; use one of %s", known)
	}
	return 0, fmt.Errorf("unknown kind of attention %q; use one of %s", name, known)
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

// At returns the kind of a head.
func (s Selection) At(layer, head int) Kind {
	kind := s.kind
	for _, r := range s.rules {
		if r.layer == layer && r.head == head {
			return r.kind
		}
		if r.layer == layer && r.head < 0 {
			kind = r.kind
		}
	}
	return kind
}

// Uses reports whether any rule or the default asks for that kind.
func (s Selection) Uses(k Kind) bool {
	for _, r := range s.rules {
		if r.kind == k {
			return true
		}
	}
	return s.kind == k
}

// Check reports a rule for a layer or head that a network of that many layers
// and heads does not have.
func (s Selection) Check(layers, heads int) error {
	for _, r := range s.rules {
		if r.layer >= layers {
			return fmt.Errorf("attention %q: there is no layer %d: the model has %d, counted from 0", s, r.layer, layers)
		}
		if r.head >= heads {
			return fmt.Errorf("attention %q: there is no head %d in layer %d: the model has %d per layer, counted from 0", s, r.head, r.layer, heads)
		}
	}
	return nil
}

// String returns the selection as ParseSelection reads it.
func (s Selection) String() string {
	var b strings.Builder
	b.WriteString(s.kind.String())
	for _, r := range s.rules {
		fmt.Fprintf(&b, ",%d", r.layer)
		if r.head >= 0 {
			fmt.Fprintf(&b, ".%d", r.head)
		}
		fmt.Fprintf(&b, "=%s", r.kind)
	}
	return b.String()
}
