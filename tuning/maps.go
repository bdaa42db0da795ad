package tuning

import (
	"fmt"
	"strings"
)

// Float is the arithmetic of a circuit: float32 or float64.
type Float interface{ float32 | float64 }

// Phase is the phase s of the circuit, set by a neuromodulator: tokens are
// written into the synapses, then read out of them.
type Phase int

const (
	Writing Phase = iota // s = 0: hidden neurons follow keys, plasticity is on
	Reading              // s = 1: hidden neurons follow queries, calcium normalizes
)

// String returns "writing" or "reading".
func (p Phase) String() string {
	if p == Writing {
		return "writing"
	}
	return "reading"
}

// Map names a family of tuning curves.
type Map string

// The eleven maps. W [m, d] has rows ~ N(0, I), b ~ U(0, 2 pi).
const (
	Exp            Map = "exp"             // m^-1/2 exp(w.x - |x|²/2)
	Cosine         Map = "cosine"          // (2/m)^1/2 cos(w.x + b) exp(|x|²/2)
	Linear         Map = "linear"          // 1 + w.x - |x|²/2 - log(m)/2
	TruncatedExp   Map = "truncated-exp"   // m^-1/2 exp(-|x|²/2) min(exp(w.x), 150)
	PositiveCosine Map = "positive-cosine" // max(0, (2/(pi m))^1/2 exp(|x|²/2) cos(w.x + b))
	ClippedSine    Map = "clipped-sine"    // (2/m)^1/2 exp(|x|²/2) sin(clip(w.x + b, -pi/2, pi/2))
	Trig           Map = "trig"            // m^-1/2 exp(|x|²/2) [cos(w.x), sin(w.x)]
	Hyperbolic     Map = "hyperbolic"      // (2m)^-1/2 exp(-|x|²/2) [exp(w.x), exp(-w.x)]
	Elu1           Map = "elu1"            // elu(w.x) + 1
	ReLU           Map = "relu"            // max(0, w.x)
	Gerf           Map = "gerf"            // (1-4A)^(d/4) m^-1/2 exp(A|w|² + (1-4A)^1/2 w.x - |x|²/2), A <= 0
)

// Maps lists every map, the authors' own six first.
func Maps() []Map {
	return []Map{Exp, Cosine, Linear, TruncatedExp, PositiveCosine, ClippedSine,
		Trig, Hyperbolic, Elu1, ReLU, Gerf}
}

// ParseMap finds a map by name.
func ParseMap(name string) (Map, error) {
	for _, m := range Maps() {
		if string(m) == name {
			return m, nil
		}
	}
	names := make([]string, 0, len(Maps()))
	for _, m := range Maps() {
		names = append(names, string(m))
	}
	return "", fmt.Errorf("unknown tuning curves %q: use one of %s", name, strings.Join(names, ", "))
}

// Estimates reports whether E phi(q).phi(k) = exp(q.k) over the draw of W and
// b. Where it does not, the error of attention does not vanish however many
// neurons there are.
func (m Map) Estimates() bool {
	switch m {
	case Exp, Cosine, Trig, Hyperbolic, Gerf:
		return true
	}
	return false
}

// Signed reports whether a firing rate can be negative, so that calcium can
// reach zero or below and no longer normalizes.
func (m Map) Signed() bool {
	switch m {
	case Cosine, Linear, ClippedSine, Trig:
		return true
	}
	return false
}

// FeaturesPerRow returns how many hidden neurons one row of W drives: 2 for
// trig and hyperbolic, otherwise 1.
func (m Map) FeaturesPerRow() int {
	if m == Trig || m == Hyperbolic {
		return 2
	}
	return 1
}

// NeedsPhases reports whether the map uses the phases b.
func (m Map) NeedsPhases() bool {
	return m == Cosine || m == PositiveCosine || m == ClippedSine
}
