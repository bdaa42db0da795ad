package main

import (
	"math"
	"testing"
)

// In a fit of few steps a text has one turn, in one that comes back to it more, eight
// at most, and within bounds of memory.
func TestTurnsOfTexts(t *testing.T) {
	for _, c := range []struct {
		name                       string
		texts, tokens, steps, want int
	}{
		{"some thousand texts, a long fit", 13_880, 600_000, 18_000, 8},
		{"as many, fewer steps", 13_880, 600_000, 6_000, 3},
		{"as many, a short fit", 13_880, 600_000, 100, 1},
		{"as many, given minutes", 13_880, 600_000, 0, 8},
		{"many, given minutes", 200_000, 3_000_000, 0, 2},
		{"too many for a second turn", 2_000_000, 40_000_000, 0, 1},
		{"one", 1, 100, 100, 8},
		{"one, all the steps there are", 1, 100, math.MaxInt, 8},
	} {
		f := fitFlags{jointSteps: c.steps}
		if got := f.turns(c.texts, c.tokens); got != c.want {
			t.Errorf("%s: %d turns, want %d", c.name, got, c.want)
		}
	}
}
