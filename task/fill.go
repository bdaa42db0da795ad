package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// Filled is a text with its masked places.
type Filled struct {
	Text   string  `json:"text"`
	Places []Place `json:"places"`
}

// Place is one masked place. Several places of a text are filled independently
// of one another, all others staying masked.
type Place struct {
	Position int    `json:"position"` // of the mask among the text's tokens, from 0
	Words    []Word `json:"words"`    // the likeliest first
}

// Word is one entry of the vocabulary.
type Word struct {
	ID          int     `json:"id"`
	Token       string  `json:"token"` // as the vocabulary spells it
	Probability float64 `json:"probability"`
}

// Fill returns the top likeliest words for every masked place of every text. A
// text without mask, an empty one and one that is longer than the model's
// positions are refused.
func Fill(ctx context.Context, n *network.Network, texts []string, top int, o Options) ([]Filled, error) {
	if err := canFill(n); err != nil {
		return nil, err
	}
	if vocabulary := n.Model.Config().Vocabulary; top < 1 || top > vocabulary {
		return nil, fmt.Errorf("fill: %d words for each place; ask for 1 to %d", top, vocabulary)
	}
	out := make([]Filled, len(texts))
	ids := make([][]int, len(texts))
	for i, s := range texts {
		e, err := encodeMasked(n, i, s)
		if err != nil {
			return nil, err
		}
		ids[i], out[i].Text = e.IDs, s
		for t, id := range e.IDs {
			if id == n.Tokenizer.Special().Mask {
				out[i].Places = append(out[i].Places, Place{Position: t})
			}
		}
	}
	err := o.forward(ctx, n.Model, ids, func(i int, states tensor.Matrix) {
		fillPlaces(n, out[i].Places, states, top, o.Work.Pool())
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func canFill(n *network.Network) error {
	if !n.Model.HasLogits() {
		return fmt.Errorf("fill: %s has no masked-language-model head; take a checkpoint that was saved with one (in Python: AutoModelForMaskedLM), or use the tasks embed or hidden", n.Model.Name())
	}
	if n.Model.Config().Causal {
		return fmt.Errorf("fill: %s is causal: it knows what came before a place and not what follows; take a masked language model, such as BERT", n.Model.Name())
	}
	if n.Tokenizer.Special().Mask < 0 {
		return errors.New("fill: the tokenizer has no mask token; add mask_token to tokenizer_config.json")
	}
	return nil
}

// encodeMasked turns text i into tokens of which at least one is the mask.
func encodeMasked(n *network.Network, i int, s string) (text.Encoding, error) {
	e, err := encode(n.Tokenizer, i, s)
	if err != nil {
		return e, err
	}
	mask := n.Tokenizer.Special().Mask
	if !slices.Contains(e.IDs, mask) {
		return e, fmt.Errorf("text %d (%s) has no %[3]s; write %[3]s where a word is to be filled in", i+1, quote(s), n.Tokenizer.Token(mask))
	}
	if c := n.Model.Config(); !c.Fits(len(e.IDs)) {
		return e, fmt.Errorf("text %d (%s) has %d tokens, %s has positions for %d; shorten the text or split it", i+1, quote(s), len(e.IDs), n.Model.Name(), c.Positions)
	}
	return e, nil
}

// fillPlaces finds the words for the places of one text from its hidden states.
// Logits of a whole vocabulary are computed for one place at a time.
func fillPlaces(n *network.Network, places []Place, states tensor.Matrix, top int, pool *tensor.Pool) {
	for p := range places {
		t := places[p].Position
		places[p].Words = likeliest(n.Model.Logits(states.SliceRows(t, t+1), pool).Row(0), top, n.Tokenizer)
	}
}

// likeliest returns the words with the largest logits and their share of the
// softmax over the vocabulary. Of equal ones, the lower id comes first.
func likeliest(logits []float32, top int, t *text.Tokenizer) []Word {
	ids := make([]int, len(logits))
	for i := range ids {
		ids[i] = i
	}
	slices.SortFunc(ids, func(a, b int) int {
		return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b))
	})
	largest, sum := float64(logits[ids[0]]), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - largest)
	}
	words := make([]Word, top)
	for i := range words {
		id := ids[i]
		words[i] = Word{ID: id, Token: t.Token(id), Probability: math.Exp(float64(logits[id])-largest) / sum}
	}
	return words
}
