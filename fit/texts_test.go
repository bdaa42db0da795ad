package fit

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/network"
)

// What is varied is a stretch of a text, of some length, or the beginning of one
// and the end of another, begun and ended as one text is. Short texts stay as they
// are, and so do all where nothing is to be varied.
func TestVariedTexts(t *testing.T) {
	net, err := network.Load(os.DirFS("../model/testdata/sentence-mean"), "sentence-mean")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"calcium", strings.Repeat("a neuron and an astrocyte, ", 4), strings.Repeat("the synapse is wrapped. ", 5),
	}
	const longest = 128
	p := newPacker(net, texts, longest)
	sequences := func(vary float64) [][]int {
		t.Helper()
		all, err := Pack(t.Context(), net, texts, 600, Packing{Longest: longest, Shortest: 8, Vary: vary}, 1)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	const whole, stretch, crossed = 0, 1, 2
	kindOf := func(ids []int) int {
		t.Helper()
		n := len(ids) - len(p.suffix)
		if !slices.Equal(ids[:len(p.prefix)], p.prefix) || !slices.Equal(ids[n:], p.suffix) {
			t.Fatalf("a sequence %v", ids)
		}
		body := ids[len(p.prefix):n]
		for i := range texts {
			if slices.Equal(body, p.body(i)) {
				return whole
			}
		}
		for i := range texts {
			for at := 0; at+len(body) <= len(p.body(i)); at++ {
				if slices.Equal(body, p.body(i)[at:at+len(body)]) {
					return stretch
				}
			}
		}
		for i := range texts {
			for j := range texts {
				for cut := range len(body) + 1 {
					if begins(p.body(i), body[:cut]) && ends(p.body(j), body[cut:]) {
						return crossed
					}
				}
			}
		}
		t.Fatalf("a body %v comes from nowhere", body)
		return 0
	}
	for _, vary := range []float64{0, 0.8} {
		var found [3]int
		lengths := map[int]bool{}
		for _, ids := range sequences(vary) {
			kind := kindOf(ids)
			found[kind]++
			if kind == stretch {
				lengths[len(ids)] = true
			}
		}
		switch {
		case vary == 0 && found != [3]int{600, 0, 0}:
			t.Errorf("whole, stretches, crossed: %v where nothing is to be varied", found)
		// A third is too short to be varied; of the others, 160 are as they are.
		case vary > 0 && (found[whole] < 200+40 || found[stretch] < 100 || found[crossed] < 60 || len(lengths) < 10):
			t.Errorf("whole, stretches, crossed: %v, %d lengths of stretches", found, len(lengths))
		}
	}
}

func begins(x, part []int) bool { return len(part) <= len(x) && slices.Equal(x[:len(part)], part) }

func ends(x, part []int) bool {
	return len(part) <= len(x) && slices.Equal(x[len(x)-len(part):], part)
}
