package report

import (
	"fmt"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// fidelity lists what whole networks keep with other curves, against the neurons
// of a head: a column for each number of neurons, rows for every kind of curves.
// Fitted curves, which have numbers of their own, come one by one below.
func (t *terminal) fidelity(r *transfer.Report) {
	f := &r.Fidelity
	if len(f.Curves) == 0 {
		return
	}
	t.line("")
	const name = 20
	drawn := f.Curves[0].Neurons
	heading := fmt.Sprintf("%-*s", name, "neurons a head")
	for _, n := range drawn {
		heading += right(counts.Format(int(n)), 7)
	}
	t.line(t.styled(bold, heading))
	row := func(label string, values []transfer.Number, format func(transfer.Number) string) {
		if len(values) == 0 {
			return
		}
		line := label + fmt.Sprintf("%*s", max(0, name-utf8.RuneCountInString(label)), "")
		for _, x := range values {
			line += right(format(x), 7)
		}
		t.line(line)
	}
	for _, c := range f.Curves {
		if c.Draw != "" {
			row(c.Name+", cosine", c.Hidden, decimals(3))
			row(c.Name+", answers", c.Agreement, percent)
		}
	}
	for _, c := range f.Curves {
		for i := range c.Neurons {
			if c.Draw != "" {
				break
			}
			s := fmt.Sprintf("%s, %s a head: cosine %s", c.Name, counts.Plural(int(c.Neurons[i]+0.5), "neuron"), fixed(3, c.Hidden[i]))
			if i < len(c.Agreement) {
				s += ", answers " + percent(c.Agreement[i])
			}
			t.line(s)
		}
	}
	s := fmt.Sprintf("cosine: of the last hidden states to those of exact attention, of whole networks on %s, %s; uniform attention: %s", counts.Plural(f.Texts, noun(r)), counts.Plural(f.Tokens, "token"), fixed(3, f.HiddenUniform))
	if f.Answers > 0 {
		s += fmt.Sprintf("; answers: as by exact attention, of %s; uniform attention: %s", counts.Format(f.Answers), percent(f.AgreementUniform))
	}
	t.wrap("", s+".")
}
