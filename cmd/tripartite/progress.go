package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows on a terminal how far a job is. It returns a function to be
// told and one to call at the end. Where stderr is no terminal, or with --quiet,
// both do nothing.
func (e *env) progress(what string) (update func(done, total int), end func()) {
	if !e.terminal || e.quiet {
		return func(int, int) {}, func() {}
	}
	var bar *progressbar.ProgressBar // when the total is known
	update = func(done, total int) {
		if bar == nil {
			bar = progressbar.NewOptions(total,
				progressbar.OptionSetWriter(e.stderr),
				progressbar.OptionSetDescription(what),
				progressbar.OptionSetWidth(30),
				progressbar.OptionShowCount(),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
				progressbar.OptionSetRenderBlankState(false),
			)
		}
		_ = bar.Set(done) // what the terminal does with it is no matter of the job
	}
	return update, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}

// bytes is progress for what comes over the network, with its rate. The total may
// change.
func (e *env) bytes(what string) (update func(done, total int64), end func()) {
	if !e.terminal || e.quiet {
		return func(int64, int64) {}, func() {}
	}
	var bar *progressbar.ProgressBar // for the present total
	clear := func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
	update = func(done, total int64) {
		if bar == nil || bar.GetMax64() != total {
			clear()
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(e.stderr),
				progressbar.OptionSetDescription(what),
				progressbar.OptionSetWidth(20),
				progressbar.OptionShowBytes(true),
				progressbar.OptionShowCount(),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
				progressbar.OptionSetRenderBlankState(false),
			)
		}
		_ = bar.Set64(done) // what the terminal does with it is no matter of the job
	}
	return update, clear
}

// stages is progress for a job of several stages, told how far the whole is,
// from 0 to 1.
func (e *env) stages() (update func(stage string, done float64), end func()) {
	if !e.terminal || e.quiet {
		return func(string, float64) {}, func() {}
	}
	const parts = 1000
	bar := progressbar.NewOptions(parts,
		progressbar.OptionSetWriter(e.stderr),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(false),
	)
	return func(stage string, done float64) {
		bar.Describe(stage)
		_ = bar.Set(int(parts * done))
	}, func() { _ = bar.Clear() }
}
