package report

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// noun names one input: "text", "picture" or "sound".
func noun(r *transfer.Report) string {
	if r.Input.Kind == "" {
		return "text"
	}
	return strings.TrimSuffix(r.Input.Kind, "s")
}

// summary is one measure of the whole network.
type summary struct {
	Name, Exact, Circuit, Uniform, Remark string
}

// summaries are the measures of the whole network.
func summaries(r *transfer.Report) []summary {
	n, kind := r.Network, noun(r)
	three := decimals(3)
	out := []summary{
		{"cosine of the last hidden states", "1", three(n.HiddenCosine), three(n.HiddenUniform), ""},
		{fmt.Sprintf("cosine of the %ss' embeddings, mean", kind), "1", three(n.EmbeddingCosine), three(n.EmbeddingUniform),
			fmt.Sprintf("two different %ss: %s", kind, three(n.EmbeddingOther))},
		{fmt.Sprintf("cosine of the %ss' embeddings, 5th percentile", kind), "1", three(n.EmbeddingP05), "", ""},
		{"the same without what all share, mean", "1", three(n.EmbeddingCentred), "", ""},
		{"rank correlation of similarities of all pairs", "1", three(n.SimilarityRank), "", ""},
	}
	if n.Task != nil {
		out = append(out, taskSummaries(n.Task, kind)...)
	}
	return out
}

// taskSummaries are the measures of what the model is for.
func taskSummaries(t *transfer.Task, kind string) []summary {
	words := map[string]struct{ as, right, one string }{
		transfer.Fill:     {"masked tokens filled as by exact attention", "masked tokens found", "masked token"},
		transfer.Classify: {kind + "s named as by exact attention", kind + "s named right", kind},
		transfer.Next:     {"next tokens guessed as by exact attention", "next tokens guessed right", "token"},
	}[t.Name]
	out := []summary{{words.as, "100%", percent(t.Agreement), percent(t.AgreementUniform), "of " + counts.Plural(t.Answers, words.one)}}
	if t.Known > 0 {
		known := ""
		if t.Known < t.Answers {
			known = "of " + counts.Plural(t.Known, words.one) + " whose label is known"
		}
		out = append(out, summary{words.right, percent(t.Exact), percent(t.Circuit), percent(t.Uniform), known})
	}
	for _, l := range []struct {
		name string
		*transfer.Loss
	}{{"nats per token", t.Loss}, {"bits per byte of text", t.BitsPerByte}} {
		if l.Loss != nil {
			three := decimals(3)
			out = append(out, summary{l.name, three(l.Exact), three(l.Circuit), three(l.Uniform), ""})
		}
	}
	return out
}

// inputLine says what was run, and what constants were computed from.
func inputLine(r *transfer.Report) string {
	in, kind := r.Input, noun(r)
	s := fmt.Sprintf("%s, %s", counts.Plural(in.Texts, kind), counts.Plural(in.Tokens, "token"))
	if in.HeadTexts < in.Texts {
		s += fmt.Sprintf(" (heads: %s, %s)", counts.Plural(in.HeadTexts, kind), counts.Plural(in.HeadTokens, "token"))
	}
	if in.CalibrationTexts > 0 {
		s += fmt.Sprintf("; constants from %s, %s of other %s",
			counts.Plural(in.CalibrationTexts, kind), counts.Plural(in.CalibrationTokens, "token"), others(kind))
	}
	return s
}

// others names inputs that are not those that are run.
func others(kind string) string {
	if kind == "text" {
		return kind
	}
	return kind + "s"
}
