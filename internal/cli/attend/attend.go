package attend

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// Precision is the arithmetic of the circuit. Exact attention is always
// computed in float64.
type Precision string

// The two precisions.
const (
	Float64 Precision = "float64"
	Float32 Precision = "float32"
)

// Calibration says where the constants of a calibration come from.
type Calibration string

// Constants come from nowhere, from the input's own queries and keys, or from a
// calibration set.
const (
	Uncalibrated  Calibration = "none"
	CalibratedOn  Calibration = "input"
	CalibratedSet Calibration = "set"
)

// DefaultNeurons is the number of rows of W that are drawn when neither the
// input nor the user says how many.
const DefaultNeurons = 1024

// Options say how to run the head. See package tripartite for forgetting and
// half-saturation, package tuning for the rest.
type Options struct {
	Tuning      tuning.Map
	Neurons     int // rows of W; 0 means the input's, or DefaultNeurons
	Draw        tuning.Draw
	Causal      bool
	Forget      float64
	Sigma       float64
	Precision   Precision
	Calibration Calibration
	Set         *Set // for CalibratedSet
	Seed        uint64

	Cores  int    // exact attention runs beside the circuit on 2 or more
	Memory string // path of a saved memory to start from; "" for an empty one
	Step   func() // called after every step, if not nil
}

// Steps returns how often Step is called for so many tokens.
func (o Options) Steps(tokens int) int {
	if o.Causal {
		return tokens // each is written and read
	}
	return 2 * tokens
}

// What a few megabytes of input could otherwise ask for: weights W [m, d] or H
// [dv, m] of more than 4 GB, or the covariances [d, d] of a calibration.
const (
	maxWeights    = 1 << 29
	maxCalibrated = 1 << 12
	maxDrawn      = 1 << 20 // rows of W, as in the heads of a network
)

// ErrOwnConstants is returned for a causal circuit whose constants would be
// computed from the sequence that it reads, the future included.
var ErrOwnConstants = errors.New("a causal circuit cannot take constants from the sequence that it reads")

// Run attends: it writes every token into the circuit's memory and reads them,
// and computes exact softmax attention for comparison. It stops early with the
// context's error when the context is cancelled.
func Run(ctx context.Context, in *Input, opt Options) (*Result, error) {
	if opt.Precision == Float32 {
		return run[float32](ctx, in, opt)
	}
	return run[float64](ctx, in, opt)
}

func run[F tripartite.Float](ctx context.Context, in *Input, opt Options) (*Result, error) {
	cfg, err := Curves(in, opt)
	if err != nil {
		return nil, err
	}
	phi, err := tuning.New[F](*cfg)
	if err != nil {
		return nil, err
	}
	circuit, err := tripartite.New(tripartite.Config[F]{
		Tuning: phi, Outputs: in.Outputs, HalfSaturation: opt.Sigma, Forget: opt.Forget,
	})
	if err != nil {
		return nil, err
	}
	earlier := 0
	if opt.Memory != "" {
		m, err := tripartite.LoadMemory[F](opt.Memory)
		if err != nil {
			return nil, err
		}
		if err := circuit.Restore(m); err != nil {
			return nil, err
		}
		earlier = m.Tokens()
	}
	softmax := func() tripartite.Attention[float64] {
		return tripartite.Softmax(in.Q, in.K, in.V, in.Inputs, in.Outputs, opt.Causal)
	}
	var exact func() (tripartite.Attention[float64], error)
	if opt.Cores > 1 {
		exact = start(ctx, softmax)
	}
	got, err := attend(ctx, circuit, in, opt)
	if err != nil {
		return nil, err
	}
	if exact == nil {
		exact = start(ctx, softmax)
	}
	want, err := exact()
	if err != nil {
		return nil, err
	}
	out := &arrays[F]{
		tokens: in.Tokens, outputs: in.Outputs, calibrated: phi.Calibrated(), alone: earlier == 0,
		got: got, want: want, factor: make([]float64, in.Tokens), memory: circuit.Memory(),
	}
	for t, d := 0, in.Inputs; t < in.Tokens; t++ {
		out.factor[t] = phi.LogFactor(narrow[F](in.Q[t*d : (t+1)*d]))
	}
	return &Result{Summary: summarize(in, opt, cfg, out, earlier), out: out}, nil
}

// start computes f in a goroutine and returns a function that waits for it or
// for the end of the context. A panic of f comes back to whoever waits.
func start[T any](ctx context.Context, f func() T) func() (T, error) {
	type outcome struct {
		value T
		panic any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panic = recover()
			done <- o
		}()
		o.value = f()
	}()
	return func() (T, error) {
		select {
		case o := <-done:
			if o.panic != nil {
				panic(o.panic)
			}
			return o.value, nil
		case <-ctx.Done():
			var zero T
			return zero, ctx.Err()
		}
	}
}

// attend is Circuit.Attend, which can be interrupted between two tokens.
func attend[F tripartite.Float](ctx context.Context, c *tripartite.Circuit[F], in *Input, opt Options) (tripartite.Attention[F], error) {
	d, dv := in.Inputs, in.Outputs
	q, k, v := narrow[F](in.Q), narrow[F](in.K), narrow[F](in.V)
	out := tripartite.Attention[F]{Y: make([]F, in.Tokens*dv), Calcium: make([]tripartite.Calcium, in.Tokens)}
	write := func(t int) { c.Write(k[t*d:(t+1)*d], v[t*dv:(t+1)*dv]) }
	read := func(t int) { out.Calcium[t] = c.Read(out.Y[t*dv:(t+1)*dv], q[t*d:(t+1)*d]) }
	phases := []func(int){write, read}
	if opt.Causal {
		phases = []func(int){func(t int) { write(t); read(t) }}
	}
	for _, phase := range phases {
		for t := range in.Tokens {
			if err := ctx.Err(); err != nil {
				return out, err
			}
			phase(t)
			if opt.Step != nil {
				opt.Step()
			}
		}
	}
	return out, nil
}

// Curves resolves the tuning curves: weights given or drawn, constants of the
// calibration, gerf's parameter. W is drawn before b, from one generator.
func Curves(in *Input, opt Options) (*tuning.Config, error) {
	if in.Rows > 0 && opt.Neurons > 0 && opt.Neurons != in.Rows {
		return nil, fmt.Errorf("%d neurons asked for, but W has %d rows; leave out --neurons or W", opt.Neurons, in.Rows)
	}
	if opt.Neurons > maxDrawn {
		return nil, fmt.Errorf("%d neurons asked for; give --neurons 1 to %d", opt.Neurons, maxDrawn)
	}
	rows := cmp.Or(in.Rows, opt.Neurons, DefaultNeurons)
	if wide := max(in.Inputs, in.Outputs) * opt.Tuning.FeaturesPerRow(); rows > maxWeights/wide {
		return nil, fmt.Errorf("%d neurons with d=%d and dv=%d take more memory than is allowed; at most %d do not", rows, in.Inputs, in.Outputs, maxWeights/wide)
	}
	cfg := &tuning.Config{Map: opt.Tuning, Inputs: in.Inputs, W: in.W, B: in.B}
	rng := tuning.NewRand(opt.Seed)
	if cfg.W == nil {
		cfg.W = tuning.Weights(opt.Draw, rows, in.Inputs, rng)
	}
	if cfg.B == nil && opt.Tuning.NeedsPhases() {
		cfg.B = tuning.Phases(rows, rng)
	}
	if opt.Calibration != Uncalibrated && in.Inputs > maxCalibrated {
		return nil, fmt.Errorf("calibration: d is %d, but at most %d are calibrated; leave out --calibrate", in.Inputs, maxCalibrated)
	}
	var err error
	switch opt.Calibration {
	case CalibratedOn:
		if opt.Causal {
			return nil, fmt.Errorf("calibration: %w; give a calibration set", ErrOwnConstants)
		}
		cfg.Calibration, err = tuning.Calibrate(in.Q, in.K, in.Inputs)
	case CalibratedSet:
		if opt.Set.Inputs != in.Inputs {
			return nil, fmt.Errorf("calibration: the set has d=%d, but the input has d=%d; both must come from the same head", opt.Set.Inputs, in.Inputs)
		}
		cfg.Calibration, err = tuning.Calibrate(opt.Set.Q, opt.Set.K, in.Inputs)
	}
	if err != nil {
		return nil, err
	}
	if opt.Tuning == tuning.Gerf {
		cfg.A, err = gerfA(in, opt, cfg.Calibration)
	}
	return cfg, err
}

// gerfA returns gerf's parameter: the input's, or the one of least variance.
// With calibration it is always the latter, since the input's was made for
// queries and keys as they are.
func gerfA(in *Input, opt Options, c *tuning.Calibration) ([]float64, error) {
	switch {
	case c != nil:
		return c.GerfA(), nil
	case in.GerfA != nil:
		return in.GerfA, nil
	case opt.Causal:
		return nil, fmt.Errorf("gerf_A is missing: %w; give the array gerf_A, or a calibration set", ErrOwnConstants)
	}
	return []float64{tuning.GerfA(tuning.MeanSquaredNorm(in.Q, in.K, in.Inputs), in.Inputs)}, nil
}

// narrow rounds x to F.
func narrow[F tripartite.Float](x []float64) []F {
	out := make([]F, len(x))
	for i, v := range x {
		out[i] = F(v)
	}
	return out
}
