// Command tripartite builds transformers out of neurons and astrocytes. See
// "tripartite --help", and package github.com/tripartite-go/tripartite for the
// circuit itself.
//
// This package holds flags only: it reads arguments, calls the packages that do
// the work and prints what they return. Each command is one file with a
// constructor, listed in root.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2   // the command line itself is wrong
	exitInterrupted = 130 // 128 + SIGINT, as shells count
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a second Ctrl-C kills at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. When it is not 0,
// the last line on stderr says why.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	e := newEnv(ctx, stdin, stdout, stderr)
	defer func() {
		if p := recover(); p != nil {
			if e.verbose {
				fmt.Fprintf(stderr, "%s\n", debug.Stack())
			}
			e.complain(fmt.Errorf("internal error: %v; this is a bug, please report it with the command line and what `tripartite version` prints", p))
			code = exitFailed
		}
	}()
	root := newRoot(e)
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = e.flush()
	}
	var interrupted interruptedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &interrupted):
		e.complain(err)
		return exitInterrupted
	case ctx.Err() != nil:
		e.complain(errInterrupted)
		return exitInterrupted
	case !e.started || isUsage(err):
		e.complain(err)
		return exitUsage
	}
	e.complain(err)
	return exitFailed
}
