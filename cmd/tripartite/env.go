package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// env is what every command works with: the standard streams and the flags that
// all commands share. Results go to standard output, all else to stderr.
type env struct {
	stdin  io.Reader // gives up when the context is cancelled
	stdout *bufio.Writer
	stderr io.Writer
	// terminal and color say whether stderr is a terminal, and takes colors;
	// interactive whether somebody types at stdin.
	terminal, color, interactive bool
	// started is set when the command line has been accepted.
	started bool

	json, quiet, verbose bool
	threads              int
	seed                 uint64
}

func newEnv(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) *env {
	e := &env{
		stdin:  &interruptible{ctx: ctx, r: stdin},
		stdout: bufio.NewWriterSize(stdout, 1<<16),
		stderr: stderr,
	}
	if f, ok := stderr.(*os.File); ok {
		e.terminal = term.IsTerminal(int(f.Fd()))
		e.color = e.terminal && takesColors()
	}
	if f, ok := stdin.(*os.File); ok {
		e.interactive = term.IsTerminal(int(f.Fd()))
	}
	return e
}

// takesColors reports whether the environment allows colors on a terminal. An
// empty NO_COLOR does not count (https://no-color.org).
func takesColors() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// maxThreads keeps a slip of the pen from starting a million of them.
const maxThreads = 1024

// flags adds the flags that all commands share.
func (e *env) flags(f *pflag.FlagSet) {
	f.BoolP("help", "h", false, "explain the command")
	f.BoolVar(&e.json, "json", false, "print the result as one JSON object on standard output")
	f.BoolVarP(&e.quiet, "quiet", "q", false, "no progress, notes or warnings on standard error")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "say more on standard error")
	rangeVar(f, &e.threads, "threads", 0, maxThreads, fmt.Sprintf("from 0 to %d", maxThreads), "processor cores to use, 0 for all; results do not depend on it (default all)")
	e.seed = 1
	seedVar(f, &e.seed, "seed", "seed of everything that is drawn at random")
}

// cores returns how many cores to use.
func (e *env) cores() int {
	if e.threads > 0 {
		return e.threads
	}
	return runtime.GOMAXPROCS(0)
}

// complain prints the line that ends a failed run.
func (e *env) complain(err error) { e.line("31", plain(err)) }

// warnf prints a line that the user should see.
func (e *env) warnf(format string, args ...any) {
	if !e.quiet {
		e.line("33", fmt.Sprintf("note: "+format, args...))
	}
}

// logf prints a line for those who asked for more.
func (e *env) logf(format string, args ...any) {
	if e.verbose && !e.quiet {
		e.line("", fmt.Sprintf(format, args...))
	}
}

// line prints one line to stderr, the program's name in an ANSI color.
func (e *env) line(color, text string) {
	name := "tripartite:"
	if e.color && color != "" {
		name = "\x1b[" + color + "m" + name + "\x1b[0m"
	}
	fmt.Fprintln(e.stderr, name, text)
}

// flush writes what is buffered of standard output.
func (e *env) flush() error {
	if err := e.stdout.Flush(); err != nil {
		return fmt.Errorf("write standard output: %w; check where it leads and whether there is room", cause(err))
	}
	return nil
}

// printJSON prints the result of a command as one object.
func (e *env) printJSON(result any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(result); err != nil {
		return fmt.Errorf("write JSON to standard output: %w; check where it leads and whether there is room", cause(err))
	}
	return nil
}

// interruptible reads from r until the context is cancelled, even while a read
// waits for somebody to type.
type interruptible struct {
	ctx    context.Context
	r      io.Reader
	chunks chan []byte // nil before the first read
	rest   []byte
	err    error // valid once chunks is closed
}

func (s *interruptible) Read(p []byte) (int, error) {
	if s.chunks == nil {
		s.chunks = make(chan []byte)
		go s.pump()
	}
	for len(s.rest) == 0 {
		select {
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		case chunk, ok := <-s.chunks:
			if !ok {
				return 0, s.err
			}
			s.rest = chunk
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// pump reads until the end, or until nobody wants more. One that waits in a
// system call ends with the process.
func (s *interruptible) pump() {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.r.Read(buf)
		if n > 0 {
			select {
			case s.chunks <- bytes.Clone(buf[:n]):
			case <-s.ctx.Done():
				return
			}
		}
		if err != nil {
			s.err = err
			close(s.chunks)
			return
		}
	}
}
