package model

import (
	"fmt"

	"github.com/tripartite-go/tripartite/tensor"
)

// Batch is a ragged batch of sequences: all tokens one after another, without
// padding. They are given by their ids or, of images and sounds, by the numbers
// they are cut from.
type Batch struct {
	Sequences tensor.Sequences
	IDs       []int // [N] tokens, 0 to Vocabulary-1
	// Segments [N] say which text of its sequence a token belongs to, 0 to
	// Config.Segments-1 (token_type_ids); nil is 0 for all. Models without segments
	// want nil.
	Segments []int
	// Positions [N], 0 to Config.Positions-1; nil counts from 0 in every sequence.
	// Where there are no positions to be learned, as in BLOOM, they mean nothing.
	Positions []int
	// Values hold, instead of IDs, an image [channels, height, width] or a
	// spectrogram [time, frequency] in each row, one for every sequence. See
	// Model.BatchOf.
	Values tensor.Matrix
}

// Tokens returns N.
func (b *Batch) Tokens() int { return b.Sequences.Tokens() }

// NewBatch returns the batch of sequences of token ids, of one segment each.
func NewBatch(sequences ...[]int) Batch {
	lengths := make([]int, len(sequences))
	for i, ids := range sequences {
		lengths[i] = len(ids)
	}
	b := Batch{Sequences: tensor.NewSequences(lengths...)}
	for _, ids := range sequences {
		b.IDs = append(b.IDs, ids...)
	}
	return b
}

// Check reports the first token of a batch that the model cannot take, as
// Forward does.
func (m *Model) Check(b Batch) error {
	_, err := m.check(b)
	return err
}

// check fills in what was left out.
func (m *Model) check(b Batch) (Batch, error) {
	if m.config.Input != Tokens {
		return b, m.checkValues(b)
	}
	n := len(b.IDs)
	if b.Values.Rows > 0 {
		return b, fmt.Errorf("%s reads %v, that is ids of tokens, and no images or sounds; give it those, or use another model", m.name, Tokens)
	}
	if b.Tokens() != n || n > 0 && b.Sequences.Offsets[0] != 0 ||
		b.Segments != nil && len(b.Segments) != n || b.Positions != nil && len(b.Positions) != n {
		panic(fmt.Sprintf("model: batch of %d ids, %d segments, %d positions in sequences of %d tokens", n, len(b.Segments), len(b.Positions), b.Tokens()))
	}
	if b.Segments != nil && m.config.Segments == 0 {
		return b, fmt.Errorf("%s has no segments (token types); leave token_type_ids out", m.name)
	}
	if b.Segments == nil && m.config.Segments > 0 {
		b.Segments = make([]int, n)
	}
	if b.Positions == nil {
		b.Positions = make([]int, n)
		for i := range b.Sequences.Len() {
			lo, hi := b.Sequences.Bounds(i)
			for t := lo; t < hi; t++ {
				b.Positions[t] = t - lo
			}
		}
	}
	for i := range b.Sequences.Len() {
		lo, hi := b.Sequences.Bounds(i)
		for t := lo; t < hi; t++ {
			segment := 0
			if b.Segments != nil {
				segment = b.Segments[t]
			}
			if err := m.token(b.IDs[t], segment, b.Positions[t]); err != nil {
				return b, fmt.Errorf("sequence %d of %d tokens, token %d: %w", i, hi-lo, t-lo, err)
			}
		}
	}
	return b, nil
}

// token checks one token.
func (m *Model) token(id, segment, position int) error {
	c := m.config
	switch {
	case id < 0 || id >= c.Vocabulary:
		return fmt.Errorf("the id %d is not in the vocabulary of %s, 0 to %d; check that the tokenizer is the model's", id, m.name, c.Vocabulary-1)
	case segment < 0 || segment >= max(c.Segments, 1):
		return fmt.Errorf("the segment (token type) %d is not one of %s, 0 to %d; correct it", segment, m.name, c.Segments-1)
	case position < 0 || !c.Fits(position+1):
		return fmt.Errorf("position %d is beyond the %d positions of %s; shorten the text or split it", position, c.Positions, m.name)
	}
	return nil
}

// Padded is a batch as transformers takes it: rows filled up to one length.
type Padded struct {
	Rows, Cols int
	IDs        []int64 // [Rows, Cols]
	// Segments [Rows, Cols], nil for none: 0 throughout.
	Segments []int64
	// Mask [Rows, Cols] is 1 for a token and 0 for padding, wherever it lies; nil
	// for tokens throughout. A token's position is its column.
	Mask []int64
}

// Ragged takes the padding out. What lies under it is not looked at. A mask of
// other values is refused, and so is a row that is padding throughout.
func (p Padded) Ragged() (Batch, error) {
	n := p.Rows * p.Cols
	if len(p.IDs) != n || p.Segments != nil && len(p.Segments) != n || p.Mask != nil && len(p.Mask) != n {
		panic(fmt.Sprintf("model: padded batch [%d, %d] of %d ids, %d segments, %d mask values", p.Rows, p.Cols, len(p.IDs), len(p.Segments), len(p.Mask)))
	}
	b := Batch{IDs: make([]int, 0, n), Positions: make([]int, 0, n)}
	if p.Segments != nil {
		b.Segments = make([]int, 0, n)
	}
	lengths := make([]int, p.Rows)
	for i := range p.Rows {
		for j := range p.Cols {
			at := i*p.Cols + j
			if p.Mask != nil && p.Mask[at] != 1 {
				if p.Mask[at] != 0 {
					return Batch{}, fmt.Errorf("attention_mask is %d at row %d, column %d; it must be 1 for a token and 0 for padding", p.Mask[at], i, j)
				}
				continue
			}
			b.IDs = append(b.IDs, narrow(p.IDs[at]))
			b.Positions = append(b.Positions, j)
			if p.Segments != nil {
				b.Segments = append(b.Segments, narrow(p.Segments[at]))
			}
			lengths[i]++
		}
		if lengths[i] == 0 {
			return Batch{}, fmt.Errorf("row %d holds no token: its attention_mask is 0 throughout; leave the row out", i)
		}
	}
	b.Sequences = tensor.NewSequences(lengths...)
	return b, nil
}

// narrow makes an int of a stored number, one that no check lets pass where it
// does not fit.
func narrow(x int64) int {
	if int64(int(x)) != x {
		return -1
	}
	return int(x)
}

// Spread puts padding back: it writes the rows of src [N, D], one for each token
// of the batch that Ragged returned, to dst [Rows, Cols, D] and zeros where
// padding was.
func (p Padded) Spread(dst []float32, src tensor.Matrix, b Batch) {
	if len(dst) != p.Rows*p.Cols*src.Cols || src.Rows != b.Tokens() || b.Sequences.Len() != p.Rows {
		panic(fmt.Sprintf("model: %d rows of width %d spread over [%d, %d] in %d values", src.Rows, src.Cols, p.Rows, p.Cols, len(dst)))
	}
	clear(dst)
	for i := range p.Rows {
		lo, hi := b.Sequences.Bounds(i)
		for t := lo; t < hi; t++ {
			col := t - lo
			if b.Positions != nil {
				col = b.Positions[t]
			}
			at := (i*p.Cols + col) * src.Cols
			copy(dst[at:at+src.Cols], src.Row(t))
		}
	}
}
