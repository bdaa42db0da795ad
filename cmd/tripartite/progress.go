package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows on a terminal how far a job is. It returns a function to call
// after every step and one to call at the end. Where stderr is no terminal, or
// with --quiet, both do nothing.
func (e *env) progress(steps int, what string) (step, done func()) {
	if !e.terminal || e.quiet {
		return func() {}, func() {}
	}
	bar := progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(e.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(false),
	)
	// What the terminal does with the bar is no matter of the job.
	return func() { _ = bar.Add(1) }, func() { _ = bar.Clear() }
}
