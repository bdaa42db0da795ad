package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/stream"
)

// inputName is what messages call an input.
func inputName(path string) string {
	if isStream(path) {
		return standardInput
	}
	return path
}

// openInput opens a file at an offset, or takes standard input to be there.
func openInput(ctx context.Context, e *env, path string, offset int64, resumed bool) (io.ReadCloser, string, error) {
	if isStream(path) {
		if resumed {
			e.warnf("standard input is taken to go on at byte %d", offset)
		}
		return io.NopCloser(e.stdin), standardInput, nil
	}
	r, name, err := openText(e, path)
	if err != nil {
		return nil, "", err
	}
	f := r.(*os.File)
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("%s: %w; check that it can be read", path, cause(err))
	}
	if !info.Mode().IsRegular() { // a pipe, which can wait
		if resumed {
			e.warnf("%s is taken to go on at byte %d", path, offset)
		}
		return struct {
			io.Reader
			io.Closer
		}{&interruptible{ctx: ctx, r: f}, f}, name, nil
	}
	if info.Size() < offset {
		err = fmt.Errorf("%s: it has %d bytes, and the memory that is resumed has taken in %d; give the same input", path, info.Size(), offset)
	} else if _, err = f.Seek(offset, io.SeekStart); err != nil {
		err = fmt.Errorf("%s: %w; check that it can be read", path, cause(err))
	}
	if err != nil {
		f.Close()
		return nil, "", err
	}
	return f, name, nil
}

// texts returns what a token adds to a text, "" for a part of a character. It
// remembers what it found, so that a token that comes again allocates nothing.
func texts(t *text.Tokenizer) func(id int) string {
	known := map[int]string{}
	return func(id int) string {
		s, ok := known[id]
		if !ok {
			// Decoded behind itself, since decoders take the space from what begins a text.
			s = t.Decode([]int{id})
			if strings.ContainsRune(s, utf8.RuneError) {
				s = ""
			} else {
				s = strings.TrimPrefix(t.Decode([]int{id, id}), s)
			}
			known[id] = s
		}
		return s
	}
}

// lineWriter brings lines to standard output as they come, since somebody may wait
// for them.
type lineWriter struct{ e *env }

func (w lineWriter) Write(p []byte) (int, error) {
	n, _ := w.e.stdout.Write(p) // flush says what went wrong
	if err := w.e.flush(); err != nil {
		return n, err
	}
	return n, nil
}

// live shows on a terminal how fast a stream runs and what it carries. It returns
// nil where stderr is none, or with --quiet, and a function to call at the end.
func (e *env) live(unit string, now func() time.Time) (update func(stream.Status), end func()) {
	if !e.terminal || e.quiet {
		return nil, func() {}
	}
	const interval = 250 * time.Millisecond
	shown, before, tokens := false, now(), -1
	return func(s stream.Status) {
			if tokens < 0 {
				tokens = s.Tokens - 1
			}
			t := now()
			passed := t.Sub(before)
			if passed < interval {
				return
			}
			line := fmt.Sprintf("%d %s, %.0f %s/s, %d bytes of memory, log calcium %.3f",
				s.Tokens, unit, float64(s.Tokens-tokens)/passed.Seconds(), unit, s.Bytes, s.LogCalcium)
			fmt.Fprintf(e.stderr, "\r%-78s", line) // over what was there
			shown, before, tokens = true, t, s.Tokens
		}, func() {
			if shown {
				fmt.Fprintf(e.stderr, "\r%78s\r", "")
			}
		}
}
