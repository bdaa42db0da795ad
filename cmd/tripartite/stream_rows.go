package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tripartite-go/tripartite/input/audio"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/stream"
)

// rowInput is an open array or sound.
type rowInput struct {
	io.Closer
	name string
	kind stream.Input
	rows stream.Rows
	npy  *npz.Rows // nil for a sound
}

// openRows opens an array or a sound, or goes on behind what a memory has taken in
// of it, if that is not nil: in a file at that place; in a pipe with what comes.
func openRows(ctx context.Context, e *env, path string, before *stream.HeadInfo) (*rowInput, error) {
	r, name, err := openInput(ctx, e, path, 0, false)
	if err != nil {
		return nil, err
	}
	in := &rowInput{Closer: r, name: name}
	if err := in.begin(ctx, e, r, before); err != nil {
		r.Close()
		return nil, err
	}
	return in, nil
}

func (in *rowInput) begin(ctx context.Context, e *env, r io.Reader, before *stream.HeadInfo) error {
	var was stream.Input
	read := 0
	if before != nil && before.Input != nil {
		was, read = *before.Input, before.Read
	}
	file, regular := r.(*os.File)
	b := bufio.NewReaderSize(r, 1<<16)
	first, err := b.Peek(6)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w; check that it can be read", in.name, cause(err))
	}
	array := strings.HasPrefix(string(first), "\x93NUMPY")
	switch {
	case was.Kind == stream.Array && !regular:
		e.warnf("%s is taken to follow row %d, with a header of its own or without", in.name, read)
		in.npy, err = npz.ContinueRows(b, in.name, npz.RowFormat{Type: was.Type, Width: was.Width}, read)
	case array:
		if in.npy, err = npz.NewRows(b, in.name); err == nil && regular {
			err = in.seek(file, read)
		}
	default:
		return in.sound(ctx, e, b, read, regular)
	}
	if err != nil {
		return err
	}
	f := in.npy.Format()
	in.kind, in.rows = stream.Input{Kind: stream.Array, Type: f.Type, Width: f.Width}, in.npy
	return nil
}

// seek goes to a row of a file.
func (in *rowInput) seek(file *os.File, row int) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w; check that it can be read", in.name, cause(err))
	}
	if offset := in.npy.Offset(row); info.Size() < offset {
		return fmt.Errorf("%s: it has %d bytes, and the %d rows that the memory has taken in end at byte %d; give the same input", in.name, info.Size(), row, offset)
	}
	return in.npy.Seek(file, row)
}

func (in *rowInput) sound(ctx context.Context, e *env, r io.Reader, read int, regular bool) error {
	reader, err := audio.NewReader(r)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w (and no array in .npy format)", in.name, err)
	}
	frames := audio.Default().Frames(reader)
	switch {
	case read > 0 && regular:
		frames.Skip(read)
	case read > 0:
		e.warnf("%s is taken for a sound that follows frame %d", in.name, read)
	}
	in.kind = stream.Input{Kind: stream.Sound, Width: frames.Bins()}
	in.rows = &frameRows{ctx: ctx, name: in.name, frames: frames, frame: make([]float32, frames.Bins())}
	return nil
}

// ended notes that an array is not as long as its header says.
func (in *rowInput) ended(e *env, rows int) {
	if in.npy == nil {
		return
	}
	if says := in.npy.Declared(); says > rows {
		e.warnf("%s ends after %s, and its header says %s", in.name, counts.Plural(rows, "row"), counts.Format(says))
	}
}

// frameRows are the frames of a sound as rows of a head.
type frameRows struct {
	ctx    context.Context
	name   string
	frames *audio.Frames
	frame  []float32
}

func (r *frameRows) Next(row []float64) error {
	if err := r.frames.Next(r.frame); err != nil {
		switch {
		case err == io.EOF:
			return err
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		}
		return fmt.Errorf("%s: %w", r.name, err)
	}
	for i, v := range r.frame {
		row[i] = float64(v)
	}
	return nil
}
