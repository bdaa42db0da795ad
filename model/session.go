package model

import (
	"context"
	"fmt"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Session runs a causal model on one sequence whose tokens arrive in parts. It
// carries what every head carries: exact attention the keys and values of all
// tokens so far, a circuit its memory, whose size stays the same. Beside that
// nothing is kept of the tokens, and once the first part of a length has gone
// through nothing is allocated.
//
// Not safe for concurrent use. Sessions of one model are independent, and may
// share a workspace as long as one runs at a time.
type Session struct {
	model  *Model
	run    Run
	states [][]attention.State // [L][heads]
	tokens int
	trace  *nn.Trace // nil unless Run.Trace asks for it

	batch  Batch // of the last part, its memory used again
	hidden tensor.Matrix
	logits tensor.Matrix
}

// NewSession begins a sequence. Run.Heads must be causal; nil is exact attention.
// It refuses a model that is not causal: there every token sees those to come.
func (m *Model) NewSession(run Run) (*Session, error) {
	if !m.config.Causal {
		return nil, fmt.Errorf("%s is not causal: its tokens see those that follow, so it reads sequences whole; use a causal model, such as the bundled causal, GPT-2 or BLOOM", m.name)
	}
	s := &Session{model: m, run: m.prepare(run)}
	if run.Trace != nil {
		s.trace = new(nn.Trace)
	}
	s.batch.Sequences.Offsets = make([]int, 2)
	for _, layer := range s.run.Heads {
		states := make([]attention.State, len(layer))
		for h, head := range layer {
			states[h] = head.NewState()
		}
		s.states = append(s.states, states)
	}
	return s, nil
}

// Feed runs the next tokens and returns their last hidden states [len(ids), D],
// which hold until the next call. Tokens that the model cannot take, those beyond
// its last position included, are reported, and so is a context that is done
// before; then none of them was taken in. Feed does not stop between layers: the
// states of all heads stay at the same token. Long texts are best fed in parts of
// some hundred tokens.
func (s *Session) Feed(ctx context.Context, ids ...int) (tensor.Matrix, error) {
	if err := ctx.Err(); err != nil {
		return tensor.Matrix{}, err
	}
	b := &s.batch
	b.IDs, b.Positions = append(b.IDs[:0], ids...), b.Positions[:0]
	position := s.tokens
	for range ids {
		if s.model.config.Positions == 0 {
			position = 0 // there are none, and no end to them
		}
		b.Positions = append(b.Positions, position)
		position++
	}
	b.Sequences.Offsets[1] = len(ids)
	if _, err := s.model.check(*b); err != nil {
		return tensor.Matrix{}, err
	}
	s.hidden = s.hidden.Resize(len(ids), s.model.Width())
	if err := s.model.forward(context.Background(), s.hidden, *b, s.run, s.states, s.trace); err != nil {
		return tensor.Matrix{}, err
	}
	s.tokens += len(ids)
	return s.hidden, nil
}

// Logits returns the logits [V] of the word after the last token that was fed.
// They hold until the next call. It panics before the first token and for a model
// without logits of words.
func (s *Session) Logits() []float32 {
	if s.hidden.Rows == 0 {
		panic("model: logits of a session without tokens")
	}
	if s.model.words == nil {
		panic("model: " + s.model.name + " has no logits of words")
	}
	last := s.hidden.SliceRows(s.hidden.Rows-1, s.hidden.Rows)
	decoder := s.model.words.decoder() // no causal model has more before it
	s.logits = s.logits.Resize(1, decoder.Out())
	s.run.Work.Outputs(s.logits, decoder, last)
	return s.logits.Row(0)
}

// Tokens returns how many tokens were fed.
func (s *Session) Tokens() int { return s.tokens }

// Bytes returns the size of what the heads carry.
func (s *Session) Bytes() int {
	n := 0
	for _, layer := range s.states {
		for _, state := range layer {
			n += state.Bytes()
		}
	}
	return n
}

// States returns what every head carries, [L][heads].
func (s *Session) States() [][]attention.State { return s.states }

// Reset returns to the beginning of a sequence.
func (s *Session) Reset() {
	s.tokens, s.hidden = 0, s.hidden.Resize(0, s.model.Width())
	for _, layer := range s.states {
		for _, state := range layer {
			state.Reset()
		}
	}
}
