package task

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// Generation says how texts go on.
type Generation struct {
	Sampling
	// MaxTokens is how many tokens a prompt goes on for at most.
	MaxTokens int
	// Ends are the tokens that end a text. See [EndTokens].
	Ends []int
	// Stream, unless nil, is called with pieces of text as they come to be, whole
	// characters only, first with an empty one for every prompt. An error of it
	// ends the work.
	Stream func(prompt int, piece string) error
}

// Finish says why a text ends.
type Finish string

// The reasons for which a text ends.
const (
	FinishEnd         Finish = "end"         // at a token that ends texts
	FinishLength      Finish = "length"      // at MaxTokens
	FinishPositions   Finish = "positions"   // the model has no more of them
	FinishInterrupted Finish = "interrupted" // the context was cancelled
)

// Generated is how one text goes on.
type Generated struct {
	Prompt    string `json:"prompt"`
	Text      string `json:"text"` // what follows the prompt, special tokens left out
	PromptIDs []int  `json:"prompt_ids"`
	IDs       []int  `json:"ids"` // what follows, the token that ends it included
	Finish    Finish `json:"finish"`
	// What the heads carried once the prompt was read, and at the end: exact ones
	// the keys and values of all tokens, circuits their memories alone.
	BytesAfterPrompt int `json:"bytes_after_prompt"`
	BytesAtEnd       int `json:"bytes_at_end"`
}

// promptPart is how many tokens of a prompt go through the network at a time.
const promptPart = 256

// Generate continues every prompt by the tokens that the model finds likely. It
// refuses prompts that are empty, or that leave no position to go on at. When ctx
// is cancelled, it returns what there is, with the error.
func Generate(ctx context.Context, n *network.Network, prompts []string, g Generation, o Options) ([]Generated, error) {
	if err := canGenerate(n); err != nil {
		return nil, err
	}
	ids := make([][]int, len(prompts))
	c := n.Model.Config()
	for i, s := range prompts {
		e, err := encode(n.Tokenizer, i, s)
		if err != nil {
			return nil, err
		}
		if ids[i] = e.IDs; !c.Fits(len(e.IDs) + 1) {
			return nil, fmt.Errorf("text %d (%s) has %d tokens, and %s has positions for %d, prompt and answer together; shorten it, or take a model without positions, such as the bundled causal or BLOOM",
				i+1, quote(s), len(e.IDs), n.Model.Name(), c.Positions)
		}
	}
	session, err := n.Model.NewSession(model.Run{Heads: o.Heads, Work: o.Work})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	var out []Generated
	for i := range prompts {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		w := writer{Generation: &g, session: session, config: &c, prompt: i, pieces: newPieces(n.Tokenizer, ids[i])}
		w.out = Generated{Prompt: prompts[i], PromptIDs: ids[i], IDs: []int{}}
		err := w.run(ctx)
		out = append(out, w.out)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func canGenerate(n *network.Network) error {
	c, name := n.Model.Config(), n.Model.Name()
	switch {
	case c.Input != model.Tokens:
		return fmt.Errorf("generate: %s reads %v, not texts; use a causal model of text, such as the bundled causal, GPT-2 or BLOOM", name, c.Input)
	case c.Causal && !n.Model.HasLogits():
		return fmt.Errorf("generate: %s has no logits of words; take a checkpoint that was saved with them (in Python: AutoModelForCausalLM)", name)
	}
	return nil
}

// writer continues one prompt.
type writer struct {
	*Generation
	session *model.Session
	config  *model.Config
	prompt  int // its index
	pieces  *pieces
	text    strings.Builder
	out     Generated
}

// run reads the prompt and goes on until there is a reason to end.
func (w *writer) run(ctx context.Context) error {
	w.session.Reset()
	err := w.begin(ctx)
	if err == nil {
		err = w.goOn(ctx)
	}
	w.out.BytesAtEnd = w.session.Bytes()
	if err != nil {
		if ctx.Err() == nil {
			return err
		}
		w.out.Finish = FinishInterrupted
	}
	if failed := w.emit(w.pieces.rest()); err == nil {
		err = failed
	}
	w.out.Text = w.text.String()
	return err
}

// begin reads the prompt.
func (w *writer) begin(ctx context.Context) error {
	if err := w.emit(""); err != nil {
		return err
	}
	for part := range slices.Chunk(w.out.PromptIDs, promptPart) {
		if _, err := w.session.Feed(ctx, part...); err != nil {
			return err
		}
	}
	w.out.BytesAfterPrompt = w.session.Bytes()
	return nil
}

// goOn adds tokens until one ends the text, or there are enough.
func (w *writer) goOn(ctx context.Context) error {
	s := newSampler(w.Sampling, w.prompt)
	for {
		logits := w.session.Logits()
		if x, ok := finite(tensor.FromData(logits, 1, len(logits))); !ok {
			return noNumbers(w.prompt, x)
		}
		id := s.next(logits)
		w.out.IDs = append(w.out.IDs, id)
		if slices.Contains(w.Ends, id) {
			w.out.Finish = FinishEnd
			return nil
		}
		if err := w.emit(w.pieces.add(id)); err != nil {
			return err
		}
		switch {
		case len(w.out.IDs) >= w.MaxTokens:
			w.out.Finish = FinishLength
			return nil
		case !w.config.Fits(len(w.out.PromptIDs) + len(w.out.IDs) + 1):
			w.out.Finish = FinishPositions
			return nil
		}
		if _, err := w.session.Feed(ctx, id); err != nil {
			return err
		}
	}
}

// emit adds a piece to the text.
func (w *writer) emit(piece string) error {
	w.text.WriteString(piece)
	if w.Stream == nil {
		return nil
	}
	return w.Stream(w.prompt, piece)
}
