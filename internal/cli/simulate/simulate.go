package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// Options say how to run the head: its tuning curves as in package attend, and its
// dynamics, of which Run fills in sizes, domains, sigma, order and seed.
type Options struct {
	attend.Options
	Dynamics rate.Config

	Domains    int // per astrocyte; 0 means those of the input, or one
	Assign     rate.Assignment
	Graph      rate.Shape // of the domains of an astrocyte, and of astrocytes
	Coupling   float64    // within an astrocyte
	Astrocytes int        // at least 1
	Gap        float64    // between astrocytes

	Record float64 // seconds between samples; 0 for none
}

// What a few megabytes of input could otherwise ask for.
const (
	maxRates   = 1 << 28 // of hidden neurons, over all tokens
	maxDomains = 1 << 10 // whose coupling [K, K] is diagonalized
)

// Run writes and reads every token in time, and at the algebraic level for
// comparison. It stops early with the context's error when the context is
// cancelled.
func Run(ctx context.Context, in *Input, opt Options) (*Result, error) {
	curves, err := attend.Curves(&in.Input, opt.Options)
	if err != nil {
		return nil, err
	}
	phi, err := tuning.New[float64](*curves)
	if err != nil {
		return nil, err
	}
	cfg := opt.Dynamics
	cfg.Neurons, cfg.Outputs = phi.Neurons(), in.Outputs
	cfg.Readout.HalfSaturation, cfg.Causal, cfg.Noise.Seed = opt.Sigma, opt.Causal, opt.Seed
	if cfg.Domains, err = domains(in, opt, curves, phi); err != nil {
		return nil, err
	}
	if in.Tokens > maxRates/cfg.Neurons {
		return nil, fmt.Errorf("%d tokens of %d hidden neurons are more than is allowed; give at most %d tokens", in.Tokens, cfg.Neurons, maxRates/cfg.Neurons)
	}
	sequence := rate.Input{
		Keys:    rates(phi, tuning.Writing, in.K, in.Inputs),
		Queries: rates(phi, tuning.Reading, in.Q, in.Inputs),
		Values:  in.V,
	}
	got, err := rate.Run(ctx, cfg, sequence, rate.Options{Record: opt.Record, Step: opt.Step})
	if err != nil {
		return nil, err
	}
	want, err := algebraic(ctx, in, phi, cfg)
	if err != nil {
		return nil, err
	}
	r := &Result{Run: got, Algebraic: want, tokens: in.Tokens, neurons: cfg.Neurons, outputs: in.Outputs}
	r.RelativeError = relativeError(got.Y, want)
	r.Summary = summarize(in, opt, curves, cfg, r)
	return r, nil
}

// rates returns phi(x) [N, m] of the rows of x.
func rates(phi *tuning.Curves[float64], p tuning.Phase, x []float64, d int) []float64 {
	m := phi.Neurons()
	n := len(x) / d
	out, log, sign := make([]float64, n*m), make([]float64, m), make([]float64, m)
	for t := range n {
		phi.Log(log, sign, p, x[t*d:(t+1)*d])
		for i, s := range sign {
			if s != 0 { // not 0 Inf
				out[t*m+i] = s * math.Exp(log[i])
			}
		}
	}
	return out
}

// domains resolves which domain every hidden neuron belongs to, and their coupling.
func domains(in *Input, opt Options, curves *tuning.Config, phi *tuning.Curves[float64]) (rate.Domains, error) {
	var d rate.Domains
	k := opt.Domains * opt.Astrocytes
	switch {
	case in.Domains != nil && opt.Domains > 0:
		return d, fmt.Errorf("--domains %d, and the input says which domain every neuron belongs to; leave out one of them", opt.Domains)
	case in.Domains != nil:
		if len(in.Domains) != phi.Neurons() {
			return d, fmt.Errorf("domains are given for %d neurons, and there are %d hidden neurons; give one for each", len(in.Domains), phi.Neurons())
		}
		d.Of, k = in.Domains, 1
		for _, j := range in.Domains {
			k = max(k, j+1)
		}
	case opt.Domains == 0:
		k = opt.Astrocytes
	}
	if k%opt.Astrocytes != 0 {
		return d, fmt.Errorf("%d domains do not divide into %d astrocytes with as many domains each; choose another number of --astrocytes", k, opt.Astrocytes)
	}
	if k > maxDomains {
		return d, fmt.Errorf("%d domains, and at most %d are allowed", k, maxDomains)
	}
	if d.Of == nil && k > 1 {
		var err error
		if d.Of, err = rate.Assign(opt.Assign, alike(curves, opt.Tuning), phi.Neurons(), k); err != nil {
			return d, err
		}
	}
	switch {
	case in.Coupling != nil && (opt.Coupling > 0 || opt.Gap > 0):
		return d, errors.New("the input has an array coupling, and --coupling or --gap is given, too; leave out one of them")
	case in.Coupling != nil && len(in.Coupling) != k*k:
		return d, fmt.Errorf("coupling has %d strengths, and there are %d domains; give [%d,%d]", len(in.Coupling), k, k, k)
	case in.Coupling != nil:
		var err error
		if d.Coupling, err = rate.CoupleBy(k, in.Coupling); err != nil {
			return d, err
		}
	case k > 1:
		d.Coupling = rate.CoupleAstrocytes(opt.Astrocytes, k/opt.Astrocytes, opt.Graph, opt.Coupling, opt.Graph, opt.Gap)
	}
	return d, nil
}

// alike returns a row for each hidden neuron that says what it is tuned to: its
// weights. Those that a map makes two neurons of come twice.
func alike(curves *tuning.Config, m tuning.Map) []float64 {
	x := append([]float64(nil), curves.W...)
	if m.FeaturesPerRow() == 1 {
		return x
	}
	sign := 1.0
	if m == tuning.Hyperbolic { // exp(w.x) and exp(-w.x)
		sign = -1
	}
	for _, w := range curves.W {
		x = append(x, sign*w)
	}
	return x
}

// forget is lambda of the algebraic level, to which the dynamics settle when H and
// g forget alike; 0 when they do not.
func forget(cfg rate.Config) float64 {
	if cfg.Forgetting.Hebb != cfg.Forgetting.Gain {
		return 0
	}
	return -math.Expm1(-cfg.Forgetting.Hebb * cfg.Timing.Present)
}

// algebraic returns the outputs [N, dv] of the same head at the algebraic level.
func algebraic(ctx context.Context, in *Input, phi *tuning.Curves[float64], cfg rate.Config) ([]float64, error) {
	lambda := forget(cfg)
	if lambda == 1 { // nothing is left of any token but the last
		lambda = math.Nextafter(1, 0)
	}
	circuit, err := tripartite.New(tripartite.Config[float64]{
		Tuning: phi, Outputs: in.Outputs, HalfSaturation: cfg.Readout.HalfSaturation, Forget: lambda,
	})
	if err != nil {
		return nil, err
	}
	d, dv := in.Inputs, in.Outputs
	y := make([]float64, in.Tokens*dv)
	write := func(t int) { circuit.Write(in.K[t*d:(t+1)*d], in.V[t*dv:(t+1)*dv]) }
	read := func(t int) { circuit.Read(y[t*dv:(t+1)*dv], in.Q[t*d:(t+1)*d]) }
	passes := []func(int){write, read}
	if cfg.Causal {
		passes = []func(int){func(t int) { write(t); read(t) }}
	}
	for _, pass := range passes {
		for t := range in.Tokens {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			pass(t)
		}
	}
	return y, nil
}

// relativeError returns |got - want| / |want|, Frobenius, over what is a number in
// got.
func relativeError(got, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		if !math.IsNaN(got[i]) {
			diff += (got[i] - w) * (got[i] - w)
			norm += w * w
		}
	}
	return math.Sqrt(diff / norm)
}
