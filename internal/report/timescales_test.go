package report

import (
	"strings"
	"testing"
)

func TestTimescalesAsATerminalShowsThem(t *testing.T) {
	got := text(t, inTime(sample(2, 2, 40)), TextOptions{})
	for _, words := range []string{
		"in time: presentations of 1 s, synapses plastic in the last 0.25 of",
		`
calcium of 7 s
presentation, s        0.70    7.0     70    210
circuit time         3.6min  36min   6.0h    18h
cosine                0.521  0.789  0.973  0.973
answers               18.9%  56.4%  82.2%  82.2%
logits, off by           14      6 0.0007  1e-12
`,
		"circuit time: of a text of 38.2 tokens.", "the algebraic level: 0.973; uniform attention: 0.656",
	} {
		if !strings.Contains(got, words) && !strings.Contains(strings.Join(strings.Fields(got), " "), words) {
			t.Errorf("lacks %q:\n%s", words, got)
		}
	}
	if first, second := strings.Index(got, "calcium of 7 s"), strings.Index(got, "calcium of 0.2 s\n"); first < 0 || second < first {
		t.Errorf("failure does not come first:\n%s", got)
	}
	if got := text(t, sample(2, 2, 40), TextOptions{}); strings.Contains(got, "In time") {
		t.Error("a network without heads in time speaks of it")
	}
}

func TestPageShowsTimescalesWhereThereAreAny(t *testing.T) {
	page := html(t, inTime(sample(2, 2, 40)))
	for _, words := range []string{"How answers degrade when there is no time", "<td>3.6min</td>", "<td>0.973</td>"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if page := html(t, sample(2, 2, 40)); strings.Contains(page, "no time") {
		t.Error("a page without heads in time speaks of it")
	}
}
