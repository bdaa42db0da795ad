package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// timescales lists how a network in time answers against the length of a
// presentation, a column for each, the slowest astrocyte first.
func (t *terminal) timescales(r *transfer.Report) {
	x := r.Timescales
	if x == nil {
		return
	}
	const name = 20
	row := func(label string, values []transfer.Number, format func(transfer.Number) string) string {
		line := label + strings.Repeat(" ", max(0, name-utf8.RuneCountInString(label)))
		for _, v := range values {
			line += right(format(v), 7)
		}
		return line
	}
	for _, c := range x.Curves {
		t.line("")
		t.line(t.styled(bold, "calcium of "+printable(c.Astrocyte)+" s"))
		t.line(row("presentation, s", c.Present, digits(2)))
		t.line(row("circuit time", c.Seconds, seconds))
		t.line(row("cosine", c.Hidden, decimals(3)))
		if x.Answers > 0 {
			t.line(row("answers", c.Agreement, percent))
			t.line(row("logits, off by", c.Logits, digits(1)))
		}
	}
	s := fmt.Sprintf("In time: a token is presented to be written and again to be read, in %s one after another; circuit time: of a %s of %s tokens. Cosine: of the last hidden states to those of exact attention, on %s, %s; the algebraic level: %s; uniform attention: %s",
		counts.Plural(x.Layers, "layer"), noun(r), significant(3, x.TokensPerText), counts.Plural(x.Texts, noun(r)), counts.Plural(x.Tokens, "token"), fixed(3, x.HiddenAlgebraic), fixed(3, x.HiddenUniform))
	if x.Answers > 0 {
		s += fmt.Sprintf("; answers: as by exact attention, of %s; logits: the largest difference from the algebraic level", counts.Format(x.Answers))
	}
	t.wrap("", s+".")
}

// seconds writes a time in the unit that is easiest to grasp.
func seconds(x transfer.Number) string {
	switch {
	case !defined(x):
		return undefined
	case x < 100:
		return significant(2, x) + "s"
	case x < 100*60:
		return significant(2, x/60) + "min"
	}
	return significant(2, x/3600) + "h"
}
