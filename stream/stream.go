package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Source is where tokens come from, a piece at a time: a word of text, or one id.
// Memories are saved between pieces.
type Source interface {
	// Next returns the ids of the next piece and how many bytes of input it is.
	// They hold until the next call. The end of the input is io.EOF.
	Next() (ids []int, bytes int, err error)
}

// Config says what runs.
type Config struct {
	Model *model.Model
	Heads [][]attention.Head // [L][heads], nil is exact
	Work  *nn.Workspace
	// Identity says what memories belong to; New adds the circuits.
	Identity Identity
	// Token returns how the vocabulary spells a token; nil where that is unknown.
	Token func(id int) string
	// Text returns what a token adds to the text, valid UTF-8, and "" where it is not
	// a whole character; nil where that is unknown.
	Text func(id int) string
	// Every is for how many tokens there is one line of output and one row of
	// states; 0 counts as 1.
	Every int
}

// Output says where results go. All of it may be left out.
type Output struct {
	// Lines receives one JSON object a line, whole lines at a time.
	Lines io.Writer
	// States receives the last hidden state of every token that has a line.
	States *States[float32]
	// Save is the file of the memory, which no other stream may write. It is
	// replaced at the end of the input, when the context is done and, with
	// SaveEvery > 0, after that many tokens (or a few more, up to the end of a
	// piece). What precedes it in Lines and States is written before.
	Save      string
	SaveEvery int
	// Live is called after every token.
	Live func(Status)
}

// Status is how far a stream is.
type Status struct {
	Tokens     int     // taken in
	Offset     int64   // bytes of input taken in
	Bytes      int     // of what the heads carry
	LogCalcium float64 // mean over all heads at the last token
}

// Stream is one sequence that goes on. It is not safe for concurrent use.
type Stream struct {
	cfg     Config
	config  model.Config
	session *model.Session
	at      progress
	saved   int // tokens at the last save

	layers []float64 // [L] mean log calcium of the last token
	lines  []byte    // of the piece at work
}

// progress is what a memory's file says beside the memories.
type progress struct {
	Tokens int     `json:"tokens"`
	Offset int64   `json:"offset"` // bytes of input taken in
	Nats   float64 `json:"nats"`   // minus the sum of the log probabilities of all tokens but the first
	Rows   int     `json:"rows"`   // of states written
	// BitsPerByte is up to the end of the last piece, 0 before there is any.
	BitsPerByte float64 `json:"bits_per_byte"`
}

// New begins a stream. It refuses models that are not causal.
func New(cfg Config) (*Stream, error) {
	cfg.Every = max(cfg.Every, 1)
	s := &Stream{cfg: cfg, config: cfg.Model.Config(), layers: make([]float64, cfg.Model.Layers())}
	heads := cfg.Model.Heads()
	run := model.Run{Heads: cfg.Heads, Work: cfg.Work, Trace: func(l int, t *nn.Trace) {
		s.layers[l] = 0
		for h := range heads {
			s.layers[l] += float64(t.LogC(h)[0]) / float64(heads)
		}
	}}
	var err error
	if s.session, err = cfg.Model.NewSession(run); err != nil {
		return nil, err
	}
	return s, nil
}

// Status returns how far the stream is.
func (s *Stream) Status() Status {
	mean := 0.0
	for _, c := range s.layers {
		mean += c / float64(len(s.layers))
	}
	return Status{Tokens: s.at.Tokens, Offset: s.at.Offset, Bytes: s.session.Bytes(), LogCalcium: mean}
}

// Rows returns how many rows of states belong to the tokens so far.
func (s *Stream) Rows() int { return s.at.Rows }

// Run takes in all that comes, until the end of the input or until the context is
// done, and saves the memory then. What the model cannot take is an error, and
// what came before is saved.
func (s *Stream) Run(ctx context.Context, src Source, out Output) error {
	s.saved = s.at.Tokens
	if out.Save != "" {
		atomicfile.RemoveLeftovers(out.Save) // of a stream that was killed while it saved
	}
	for {
		ids, bytes, err := s.next(ctx, src)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return beside(err, s.complete(out))
		}
		s.lines = s.lines[:0]
		for i, id := range ids {
			if err := s.token(id, i == len(ids)-1, bytes, out); err != nil {
				return err
			}
		}
		s.at.Offset += int64(bytes)
		if out.Lines != nil && len(s.lines) > 0 {
			if _, err := out.Lines.Write(s.lines); err != nil {
				return err
			}
		}
		if out.SaveEvery > 0 && s.at.Tokens-s.saved >= out.SaveEvery {
			if err := s.complete(out); err != nil {
				return err
			}
		}
	}
}

// beside returns an error, and with it what went wrong while what there was before
// it was written.
func beside(err, completing error) error {
	if completing == nil {
		return err
	}
	return errors.Join(err, completing)
}

// next returns a piece that the model can take.
func (s *Stream) next(ctx context.Context, src Source) (ids []int, bytes int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if ids, bytes, err = src.Next(); err != nil {
		return nil, 0, err
	}
	c := &s.config
	if !c.Fits(s.at.Tokens + len(ids)) {
		return nil, 0, fmt.Errorf("%s has %d positions, and the input goes on after %d tokens; use a model that counts no positions, such as the bundled causal or any BLOOM, or give less input",
			s.cfg.Model.Name(), c.Positions, s.at.Tokens)
	}
	for _, id := range ids {
		if id < 0 || id >= c.Vocabulary {
			return nil, 0, fmt.Errorf("token %d of the input, at byte %d, is %d, and %s has ids from 0 to %d; take ids of its own tokenizer",
				s.at.Tokens, s.at.Offset, id, s.cfg.Model.Name(), c.Vocabulary-1)
		}
	}
	return ids, bytes, nil
}

// token takes in one token; last says that it ends its piece, of some bytes.
func (s *Stream) token(id int, last bool, bytes int, out Output) error {
	log := math.NaN() // the first token is not predicted
	if s.at.Tokens > 0 && s.cfg.Model.HasLogits() {
		log = logProbability(s.session.Logits(), id)
		s.at.Nats -= log
	}
	// A piece is taken in whole; its first token was checked.
	hidden, err := s.session.Feed(context.Background(), id)
	if err != nil {
		return err
	}
	s.at.Tokens++
	if last && s.cfg.Identity.Input == Text && s.at.Nats != 0 {
		s.at.BitsPerByte = s.at.Nats / math.Ln2 / float64(s.at.Offset+int64(bytes))
	}
	if s.at.Tokens%s.cfg.Every == 0 {
		if out.Lines != nil {
			s.lines = s.line(s.lines, id, log)
		}
		if out.States != nil {
			if err := out.States.Append(hidden.Row(0)); err != nil {
				return err
			}
		}
		s.at.Rows++
	}
	if out.Live != nil {
		out.Live(s.Status())
	}
	return nil
}

// complete writes what there is, the memory last.
func (s *Stream) complete(out Output) error {
	if out.States != nil {
		if err := out.States.Sync(); err != nil {
			return err
		}
	}
	if out.Save == "" {
		return nil
	}
	if err := s.Save(out.Save); err != nil {
		return err
	}
	s.saved = s.at.Tokens
	return nil
}

// logProbability is the logarithm of the softmax of the logits at id.
func logProbability(logits []float32, id int) float64 {
	top := float64(tensor.Max(logits))
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x) - top)
	}
	return float64(logits[id]) - top - math.Log(sum)
}
