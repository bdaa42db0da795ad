package task

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// Embeddings are the embeddings of some texts, in their order.
type Embeddings struct {
	Sentence   Sentence    `json:"sentence"`
	Embeddings [][]float32 `json:"embeddings"` // [n][D]
	Tokens     []int       `json:"tokens"`     // of each text, after it was cut off
	Cut        []Cut       `json:"cut"`        // the texts that were too long
}

// Cut is a text that was cut off.
type Cut struct {
	Text    int `json:"text"`    // its index
	Tokens  int `json:"tokens"`  // what it had
	Dropped int `json:"dropped"` // what was dropped from its end
}

// Warnings returns what a user should know, in sentences.
func (e *Embeddings) Warnings() []string {
	var all []string
	if e.Sentence.Assumed {
		all = append(all, "the model's folder does not say how texts are embedded (modules.json); the normalized mean of all tokens is taken")
	}
	for _, c := range e.Cut {
		all = append(all, fmt.Sprintf("text %d has %d tokens and the model reads %d: its last %d do not count; split it to have all of it embedded",
			c.Text+1, c.Tokens, c.Tokens-c.Dropped, c.Dropped))
	}
	return all
}

// Embed computes the embedding of every text. Empty texts are refused; long ones
// are cut off at s.MaxTokens, as sentence-transformers does.
func Embed(ctx context.Context, n *network.Network, s Sentence, texts []string, o Options) (*Embeddings, error) {
	if n.Tokenizer == nil {
		return nil, fmt.Errorf("embed: %s reads %v, not texts; use a model of text", n.Model.Name(), n.Model.Config().Input)
	}
	out := &Embeddings{Sentence: s, Embeddings: make([][]float32, len(texts)), Tokens: make([]int, len(texts)), Cut: []Cut{}}
	ids := make([][]int, len(texts))
	for i, t := range texts {
		if s.LowerCase {
			t = strings.ToLower(t)
		}
		e, err := encode(n.Tokenizer, i, t)
		if err != nil {
			return nil, err
		}
		whole := len(e.IDs)
		dropped, err := e.Truncate(s.MaxTokens)
		if err != nil {
			return nil, fmt.Errorf("text %d: %w", i+1, err)
		}
		if dropped > 0 {
			out.Cut = append(out.Cut, Cut{Text: i, Tokens: whole, Dropped: dropped})
		}
		ids[i], out.Tokens[i] = e.IDs, len(e.IDs)
	}
	err := o.forward(ctx, n.Model, ids, func(i int, states tensor.Matrix) {
		out.Embeddings[i] = s.embedding(states)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// embedding pools the hidden states [N, D] of one text.
func (s *Sentence) embedding(states tensor.Matrix) []float32 {
	x := make([]float64, states.Cols)
	for t := range states.Rows {
		for j, v := range states.Row(t) {
			switch v := float64(v); {
			case t == 0:
				x[j] = v
			case s.Pooling == Mean:
				x[j] += v
			case s.Pooling == Max:
				x[j] = max(x[j], v)
			}
		}
	}
	scale := 1.0
	if s.Pooling == Mean {
		scale /= float64(states.Rows)
	}
	if s.Normalize {
		const least = 1e-12 // as in torch.nn.functional.normalize
		var square float64
		for _, v := range x {
			square += v * v
		}
		scale /= max(scale*math.Sqrt(square), least)
	}
	out := make([]float32, len(x))
	for j, v := range x {
		out[j] = float32(v * scale)
	}
	return out
}
