package attention

import (
	"fmt"
	"strings"
)

// Kind says how a head is computed.
type Kind int

const (
	KindExact     Kind = iota // softmax attention
	KindAlgebraic             // the circuit of neurons and astrocytes
	KindRate                  // the same circuit in time
	KindUniform               // every key has the same weight: the baseline
)

var kindNames = []string{KindExact: "exact", KindAlgebraic: "algebraic", KindRate: "rate", KindUniform: "uniform"}

// String returns the name that ParseSelection reads.
func (k Kind) String() string { return kindNames[k] }

// IsCircuit reports whether heads of this kind have hidden neurons.
func (k Kind) IsCircuit() bool { return k == KindAlgebraic || k == KindRate }

// Selection says of what kind every head of a network is: a default and
// exceptions for layers and heads. The zero value is exact throughout.
type Selection struct{ kinds PerHead[Kind] }

// ParseSelection reads a selection such as
//
//	algebraic
//	exact,2=algebraic,3.5=rate
//
// a kind for all heads, then exceptions as in ParsePerHead.
func ParseSelection(s string) (Selection, error) {
	kinds, err := ParsePerHead(s, "kind", "algebraic", parseKind)
	if err != nil {
		return Selection{}, fmt.Errorf("attention %q: %w", s, err)
	}
	return Selection{kinds}, nil
}

func parseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	known := strings.Join(kindNames, ", ")
	switch name {
	case "biophysical":
		return 0, fmt.Errorf("the %s level is not in this version; use one of %s", name, known)
	case "":
		return 0, fmt.Errorf("no kind of attention; use one of %s", known)
	}
	return 0, fmt.Errorf("unknown kind of attention %q; use one of %s", name, known)
}

// At returns the kind of a head.
func (s Selection) At(layer, head int) Kind { return s.kinds.At(layer, head) }

// Uses reports whether any rule or the default asks for that kind.
func (s Selection) Uses(k Kind) bool { return s.kinds.Uses(k) }

// UsesCircuits reports whether any rule or the default asks for neurons and
// astrocytes, at whatever level.
func (s Selection) UsesCircuits() bool { return s.Uses(KindAlgebraic) || s.Uses(KindRate) }

// Settled returns the selection with heads in time replaced by algebraic ones, to
// which they settle.
func (s Selection) Settled() Selection {
	return Selection{s.kinds.Map(func(k Kind) Kind {
		if k == KindRate {
			return KindAlgebraic
		}
		return k
	})}
}

// Check reports a rule for a layer or head that a network of that many layers
// and heads does not have.
func (s Selection) Check(layers, heads int) error {
	if err := s.kinds.Check(layers, heads); err != nil {
		return fmt.Errorf("attention %w", err)
	}
	return nil
}

// String returns the selection as ParseSelection reads it.
func (s Selection) String() string { return s.kinds.String() }
