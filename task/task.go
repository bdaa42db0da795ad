package task

import (
	"context"
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Options say how a task runs.
type Options struct {
	// Heads holds one attention head for each of every layer's, [L][heads]; nil is
	// exact attention.
	Heads [][]attention.Head
	// Work holds threads and scratch memory. It serves one task at a time.
	Work *nn.Workspace
	// Progress, unless nil, is told how many texts, or rows, are done.
	Progress func(done, total int)
}

// batchTokens is how many tokens go through the network at a time: enough to
// keep all threads busy, few enough to report progress and to stop soon.
const batchTokens = 2048

// batches calls do for consecutive sequences lo to hi, as many as batchTokens
// hold, and at least one.
func (o *Options) batches(ctx context.Context, lengths []int, do func(lo, hi int) error) error {
	for lo := 0; lo < len(lengths); {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi, tokens := lo+1, lengths[lo]
		for hi < len(lengths) && tokens+lengths[hi] <= batchTokens {
			tokens += lengths[hi]
			hi++
		}
		if err := do(lo, hi); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(hi, len(lengths))
		}
		lo = hi
	}
	return nil
}

// forward calls do with the last hidden states [N, D] of every text, given as
// its tokens, in order. States that are no numbers are refused: nothing can be
// made of them.
func (o *Options) forward(ctx context.Context, m *model.Model, ids [][]int, do func(i int, states tensor.Matrix)) error {
	lengths := make([]int, len(ids))
	for i := range ids {
		lengths[i] = len(ids[i])
	}
	return o.batches(ctx, lengths, func(lo, hi int) error {
		b := model.NewBatch(ids[lo:hi]...)
		all, err := m.Forward(ctx, b, model.Run{Heads: o.Heads, Work: o.Work})
		if err != nil {
			return err
		}
		for i := range b.Sequences.Len() {
			from, to := b.Sequences.Bounds(i)
			states := all.SliceRows(from, to)
			if x, ok := finite(states); !ok {
				return noNumbers(lo+i, x)
			}
			do(lo+i, states)
		}
		return nil
	})
}

// noNumbers is the error of text i, for which the network's output is x.
func noNumbers(i int, x float32) error {
	return fmt.Errorf("text %d: %w", i+1, notFinite(x))
}

func notFinite(x float32) error {
	return fmt.Errorf("the network's output is %v; where heads are circuits, their calcium came too close to zero: use calibrated curves, or curves that are not signed, such as exp", x)
}

// finite reports whether all elements of x are finite, and one that is not.
func finite(x tensor.Matrix) (float32, bool) {
	for i := range x.Rows {
		for _, v := range x.Row(i) {
			if v-v != 0 {
				return v, false
			}
		}
	}
	return 0, true
}

// encode turns text i into tokens and refuses one that has none of its own.
func encode(t *text.Tokenizer, i int, s string) (text.Encoding, error) {
	e := t.EncodeAligned(s)
	for _, sequence := range e.Sequences {
		if sequence >= 0 {
			return e, nil
		}
	}
	if strings.TrimSpace(s) == "" {
		return e, fmt.Errorf("text %d is empty; write something in it or leave it out", i+1)
	}
	return e, fmt.Errorf("text %d (%s) holds nothing that the tokenizer reads; leave it out", i+1, quote(s))
}

// quote shortens a text for an error.
func quote(s string) string {
	const longest = 40
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
