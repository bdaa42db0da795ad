package report

import (
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/transfer"
)

// What a model is for is measured in its own words, and what is not known is left
// out.
func TestEveryTaskIsSummedUp(t *testing.T) {
	for name, c := range map[string]struct {
		kind       string
		task       transfer.Task
		has, lacks []string
	}{
		"pictures": {transfer.Pictures, transfer.Task{Name: transfer.Classify, Answers: 1000, Known: 1000, Agreement: 0.97, Exact: 0.9, Circuit: 0.89, Uniform: 0.1},
			[]string{"40 pictures", "cosine of the pictures' embeddings", "two different pictures", "pictures named as by exact attention", "of 1,000 pictures", "pictures named right", "89.0%"},
			[]string{"masked", "texts'", "label is known", "nats"}},
		"sounds of few known labels": {transfer.Sounds, transfer.Task{Name: transfer.Classify, Answers: 9, Known: 4, Agreement: 1},
			[]string{"sounds named right", "of 4 sounds whose label is known"}, []string{"picture"}},
		"sounds of unknown labels": {transfer.Sounds, transfer.Task{Name: transfer.Classify, Answers: 9, Agreement: 1, Exact: nan, Circuit: nan, Uniform: nan},
			[]string{"sounds named as"}, []string{"named right"}},
		"next tokens": {transfer.Texts, transfer.Task{Name: transfer.Next, Answers: 500, Known: 500, Agreement: 0.9,
			Loss: &transfer.Loss{Exact: 1.1, Circuit: 1.2, Uniform: 3}, BitsPerByte: &transfer.Loss{Exact: 1.5, Circuit: 1.625, Uniform: 4}},
			[]string{"next tokens guessed as by exact attention", "of 500 tokens", "next tokens guessed right", "nats per token", "1.200", "bits per byte of text", "1.625"}, []string{"masked tokens f"}},
	} {
		r := sample(2, 2, 40)
		r.Input.Kind, r.Input.Masked, r.Network.Task = c.kind, 0, &c.task
		for what, s := range map[string]string{"text": text(t, r, TextOptions{}), "page": strings.ReplaceAll(html(t, r), "&#39;", "'")} {
			for _, w := range c.has {
				if !strings.Contains(s, w) {
					t.Errorf("%s, %s: no %q", name, what, w)
				}
			}
			for _, w := range c.lacks {
				if strings.Contains(s, w) {
					t.Errorf("%s, %s: there is %q", name, what, w)
				}
			}
		}
	}
}

func TestACausalModelSaysWhichKeysCount(t *testing.T) {
	r := sample(1, 1, 10)
	if s := text(t, r, TextOptions{}) + html(t, r); strings.Contains(s, "keys up to") {
		t.Error("an encoder speaks of keys up to a token")
	}
	r.Model.Causal = true
	if s := text(t, r, TextOptions{Width: 1000}); !strings.Contains(s, "over the keys up to a token") || strings.Contains(s, "slope") || !strings.Contains(html(t, r), "model is causal:") {
		t.Errorf("causal:\n%s", s)
	}
	r.Model.ALiBi = true
	if s := text(t, r, TextOptions{Width: 1000}); !strings.Contains(s, "exp(−slope·age)") || !strings.Contains(html(t, r), "causal, with ALiBi") {
		t.Errorf("ALiBi:\n%s", s)
	}
}

func TestHeadsOfSomeInputsAreCounted(t *testing.T) {
	r := sample(1, 1, 40)
	r.Input.Texts, r.Input.HeadTexts, r.Input.HeadTokens = 4000, 40, 1960
	if s := text(t, r, TextOptions{Width: 1000}); !strings.Contains(s, "(heads: 40 texts, 1,960 tokens)") || !strings.Contains(html(t, r), "heads compared on 40 texts, 1,960 tokens") {
		t.Errorf("\n%s", s)
	}
}
