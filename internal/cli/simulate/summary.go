package simulate

import (
	"math"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// Schema is the version of the summary's JSON; it changes when a field changes
// its meaning or goes.
const Schema = "tripartite.simulate/1"

// Summary is what a run says about the head. It holds no paths, and no times but
// those of the circuit. Numbers that are not defined are null.
type Summary struct {
	Schema    string   `json:"schema"`
	Program   string   `json:"program"` // version of the program, filled in by the caller
	Seed      uint64   `json:"seed"`
	Generator string   `json:"generator"`
	Config    Resolved `json:"config"`

	Tokens  int `json:"tokens"`  // N
	Inputs  int `json:"inputs"`  // d
	Outputs int `json:"outputs"` // dv
	Neurons int `json:"neurons"` // m, hidden neurons
	Samples int `json:"samples"` // of the traces

	Seconds         float64 `json:"seconds"`           // of the circuit's time
	SecondsPerToken float64 `json:"seconds_per_token"` // writing and reading
	// Settling is how long a reading takes until calcium and output lack a tenth of
	// what they move by: 2.3 times the slowest time constant on their way.
	Settling float64 `json:"settling_s"`

	RelativeError *float64     `json:"relative_error"` // |y - algebraic_y| / |algebraic_y|
	Vanishing     int          `json:"vanishing"`      // readings without a value: calcium passed through zero
	NonPositive   int          `json:"nonpositive"`    // readings at whose end calcium is zero or below
	Overflow      int          `json:"overflow"`       // readings whose output no number holds
	Events        []rate.Event `json:"events"`         // the first of them
	Notes         []string     `json:"notes"`          // what the numbers mean and what to do, in sentences
}

// Resolved is the configuration with every default filled in.
type Resolved struct {
	Tuning      tuning.Map         `json:"tuning"`
	Weights     string             `json:"weights"` // "iid" or "orthogonal" where drawn, "input"
	Rows        int                `json:"rows"`    // of W
	GerfA       []float64          `json:"gerf_a,omitempty"`
	Calibration attend.Calibration `json:"calibration"`
	Causal      bool               `json:"causal"`
	rate.Kinetics
	rate.Timing
	rate.Forgetting
	rate.Readout
	rate.Saturation
	rate.Noise
	Dale       bool       `json:"dale"`
	Domains    int        `json:"domains"`    // K, of all astrocytes
	Assignment string     `json:"assignment"` // "interleaved", "contiguous", "similar", "input", "none"
	Astrocytes int        `json:"astrocytes"`
	Graph      rate.Shape `json:"graph"`    // "input" where strengths are given
	Coupling   float64    `json:"coupling"` // within an astrocyte
	Gap        float64    `json:"gap"`      // between astrocytes
	// Forget is lambda of the algebraic level that y is compared with.
	Forget float64 `json:"algebraic_forget"`
	Record float64 `json:"record_s"` // between samples of the traces; 0 for none
}

// mostEvents is how many events a summary lists.
const mostEvents = 100

func summarize(in *Input, opt Options, curves *tuning.Config, cfg rate.Config, r *Result) Summary {
	s := Summary{
		Schema: Schema, Seed: opt.Seed, Generator: tuning.Generator,
		Config: Resolved{
			Tuning: opt.Tuning, Weights: string(opt.Draw), Rows: len(curves.W) / in.Inputs, GerfA: curves.A, Calibration: opt.Calibration,
			Causal: opt.Causal, Kinetics: cfg.Kinetics, Timing: cfg.Timing, Forgetting: cfg.Forgetting, Readout: cfg.Readout,
			Saturation: cfg.Saturation, Noise: cfg.Noise, Dale: cfg.Dale, Domains: r.Run.Domains, Assignment: string(opt.Assign),
			Astrocytes: opt.Astrocytes, Graph: opt.Graph, Coupling: opt.Coupling, Gap: opt.Gap, Forget: forget(cfg), Record: opt.Record,
		},
		Tokens: in.Tokens, Inputs: in.Inputs, Outputs: in.Outputs, Neurons: cfg.Neurons,
		Seconds: r.Run.Seconds, SecondsPerToken: 2 * cfg.Timing.Present,
		Settling:      math.Ln10 * max(cfg.Kinetics.Hidden, cfg.Kinetics.Output, cfg.Kinetics.Astrocyte),
		RelativeError: defined(r.RelativeError), Events: []rate.Event{},
	}
	if in.W != nil {
		s.Config.Weights = "input"
	}
	switch {
	case in.Domains != nil:
		s.Config.Assignment = "input"
	case r.Run.Domains == 1:
		s.Config.Assignment = "none"
	}
	if in.Coupling != nil {
		s.Config.Graph = "input"
	}
	if r.Run.Trace != nil {
		s.Samples = r.Run.Trace.Samples()
	}
	for _, e := range r.Run.Events {
		switch e.Kind {
		case rate.Vanishing:
			s.Vanishing++
		case rate.NonPositive:
			s.NonPositive++
		case rate.Overflow:
			s.Overflow++
		}
		if len(s.Events) < mostEvents {
			s.Events = append(s.Events, e)
		}
	}
	s.Notes = s.notes()
	return s
}

// defined returns nil for what is not a finite number.
func defined(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
