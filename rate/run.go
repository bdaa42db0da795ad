package rate

import (
	"context"
	"fmt"
)

// Input is a sequence of N tokens, as what drives neurons.
type Input struct {
	Keys, Queries []float64 // [N, m] phi(k), phi(q)
	Values        []float64 // [N, dv]
}

// Options of a run.
type Options struct {
	Record float64 // seconds between samples of a trace; 0 for none
	Step   func()  // called after each presentation, 2 N of them, if not nil
}

// Result is what a run computed. Arrays are row-major.
type Result struct {
	Y        []float64 // [N, dv]; NaN for readings without a value, of which Events tells
	Calcium  []float64 // [N, K] at the end of each reading
	Hebb     []float64 // [Channels, m] H at the end
	Gain     []float64 // [m] g at the end
	Domains  int       // K
	Channels int       // dv, or 2 dv under Dale's law
	Seconds  float64   // of the circuit's time
	Events   []Event
	Trace    *Trace // nil unless asked for
}

// Run presents a sequence to a head at rest: all tokens are written, then all are
// read, or one after the other when causal. It stops between presentations when
// the context is cancelled.
func Run(ctx context.Context, cfg Config, in Input, opt Options) (*Result, error) {
	h, err := New(cfg)
	if err != nil {
		return nil, err
	}
	m, dv := cfg.Neurons, cfg.Outputs
	n := len(in.Values) / dv
	if len(in.Values) != n*dv || len(in.Keys) != n*m || len(in.Queries) != n*m {
		panic(fmt.Sprintf("rate: %d values, %d keys and %d queries are not N tokens of %d, %d and %d", len(in.Values), len(in.Keys), len(in.Queries), dv, m, m))
	}
	seconds := 2 * float64(n) * cfg.Timing.Present
	if opt.Record != 0 {
		if err := checkTrace(opt.Record, seconds, h); err != nil {
			return nil, err
		}
		h.trace = newTracer(h, opt.Record, n)
	}
	r := &Result{Y: make([]float64, n*dv), Domains: h.net.k, Channels: h.channels, Seconds: seconds}
	present := func(t int, phase func(t int) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if h.trace != nil {
			h.trace.token = t
		}
		if err := phase(t); err != nil {
			return fmt.Errorf("token %d: %w", t, err)
		}
		if opt.Step != nil {
			opt.Step()
		}
		return nil
	}
	write := func(t int) error { return h.Write(in.Keys[t*m:(t+1)*m], in.Values[t*dv:(t+1)*dv]) }
	read := func(t int) error {
		err := h.Read(r.Y[t*dv:(t+1)*dv], in.Queries[t*m:(t+1)*m])
		r.Calcium = append(r.Calcium, h.calcium...)
		return err
	}
	passes := [][]func(int) error{{write}, {read}}
	if cfg.Causal {
		passes = [][]func(int) error{{write, read}}
	}
	for _, phases := range passes {
		for t := range n {
			for _, phase := range phases {
				if err := present(t, phase); err != nil {
					return nil, err
				}
			}
		}
	}
	r.Hebb, r.Gain, r.Events = h.hebb, h.gain, h.events
	if h.trace != nil {
		r.Trace = &h.trace.Trace
	}
	return r, nil
}
