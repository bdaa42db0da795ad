package transfer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// defaultDraws is how many independent draws of W an error is the root mean
// square of. It is the median over scalingTokens queries at least, where there are
// that many, and over no more than scalingQueries of a sequence.
const (
	defaultDraws   = 8
	scalingTokens  = 32
	scalingQueries = 64
)

// scalingNeurons returns the numbers of hidden neurons.
func scalingNeurons() []int { return []int{16, 32, 64, 128, 256, 512, 1024, 2048} }

// scaling measures the error of calcium against the number of neurons for every
// map, for calibrated curves, and of fitted ones, nil for none, at one head. Rows are drawn iid, since the
// variance law holds for these.
func scaling(ctx context.Context, pool *tensor.Pool, texts []activations.Sequence, cal *tuning.Calibration, fitted *tuning.Curves[float32], draws int, seed uint64) (Scaling, error) {
	if draws == 0 {
		draws = defaultDraws
	}
	texts = activations.Sample(firstTokens(texts, scalingTokens), scalingQueries)
	neurons := scalingNeurons()
	logZ := make([][]float64, len(texts)) // the same for every map, number and draw
	for i := range texts {
		logZ[i] = texts[i].LogNormalizers()
	}
	type family struct {
		name string
		cfg  tuning.Config
	}
	var families []family
	for _, m := range tuning.Maps() {
		cfg := tuning.Config{Map: m}
		if m == tuning.Gerf {
			cfg.A = []float64{tuning.GerfA(activations.MeanSquaredNorm(texts), texts[0].D)}
		}
		families = append(families, family{name: string(m), cfg: cfg})
	}
	if cal != nil {
		families = append(families, family{name: network.Calibrated, cfg: tuning.Config{Map: tuning.Gerf, A: cal.GerfA(), Calibration: cal}})
	}

	out := Scaling{Draws: draws}
	for i := range texts {
		out.Tokens += texts[i].Queries()
	}
	out.Curves = make([]Curve, len(families))
	for i, f := range families {
		out.Curves[i] = Curve{Name: f.name, Estimator: f.cfg.Map.Estimates(), Neurons: slices.Clone(neurons),
			Error: make([]Number, len(neurons))}
	}
	failed := make([]error, len(families)*len(neurons))
	pool.For(len(failed), func(_, part int) {
		if ctx.Err() != nil {
			return
		}
		// The largest come first, so that threads end together.
		i, j := part%len(families), len(neurons)-1-part/len(families)
		e, err := calciumError(families[i].cfg, texts, logZ, neurons[j], draws, seed)
		out.Curves[i].Error[j], failed[part] = Number(e), err
	})
	if err := ctx.Err(); err != nil {
		return Scaling{}, err
	}
	for _, err := range failed {
		if err != nil {
			return Scaling{}, fmt.Errorf("error against number of neurons: %w", err)
		}
	}
	for i, f := range families {
		if f.cfg.Map != tuning.Exp && f.cfg.Map != tuning.Gerf {
			continue
		}
		ratios := activations.LogRatios(texts, f.cfg.A, f.cfg.Calibration)
		for _, m := range neurons {
			e := make([]float64, len(ratios))
			for t, r := range ratios {
				e[t] = math.Sqrt(math.Expm1(r) / float64(m))
			}
			out.Curves[i].Law = append(out.Curves[i].Law, Number(capped(stats.Median(e))))
		}
	}
	if fitted != nil {
		e, err := fittedError(fitted, texts, logZ)
		if err != nil {
			return Scaling{}, err
		}
		out.Curves = append(out.Curves, Curve{Name: string(tuning.Fitted), Neurons: []int{fitted.Neurons()}, Error: []Number{Number(e)}})
	}
	return out, nil
}

// fittedError returns the median over tokens of |c/Z - 1|.
func fittedError(fitted *tuning.Curves[float32], texts []activations.Sequence, logZ [][]float64) (float64, error) {
	curves, err := tuning.NewFitted(widened(fitted.Form(tuning.Writing)), widened(fitted.Form(tuning.Reading)))
	if err != nil {
		return 0, fmt.Errorf("error of fitted curves: %w", err)
	}
	var errs []float64
	for i := range texts {
		ratios, err := activations.RelativeCalcium(curves, &texts[i], logZ[i])
		if err != nil {
			return 0, fmt.Errorf("error of fitted curves: %w", err)
		}
		for _, r := range ratios {
			errs = append(errs, capped(math.Abs(r-1)))
		}
	}
	return stats.Median(errs), nil
}

// widened is a form in float64.
func widened(f tuning.Form[float32]) tuning.Form[float64] {
	all := func(x []float32) []float64 {
		if x == nil {
			return nil
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = float64(v)
		}
		return out
	}
	return tuning.Form[float64]{
		Link: f.Link, LogScale: f.LogScale,
		W: all(f.W), B: all(f.B), Metric: all(f.Metric), Center: all(f.Center), Excite: all(f.Excite),
	}
}

// calciumError returns the median over tokens of the root mean square over
// draws of c f/Z - 1. Where a map does not estimate exp(q.k), its calcium is
// first given the one factor, for all tokens and draws, that serves it best: the
// scale of a kernel cancels in the output and is no error.
func calciumError(cfg tuning.Config, texts []activations.Sequence, logZ [][]float64, neurons, draws int, seed uint64) (float64, error) {
	cfg.Inputs = texts[0].D
	rows := neurons / cfg.Map.FeaturesPerRow()
	var ratios [][]float64 // [draws][tokens] c f/Z
	for draw := range draws {
		rng := tuning.NewRand(seed, scalingStream, rows, draw)
		cfg.W = tuning.Weights(tuning.IID, rows, cfg.Inputs, rng)
		cfg.B = tuning.Phases(rows, rng)
		curves, err := tuning.New[float64](cfg)
		if err != nil {
			return 0, err
		}
		var r []float64
		for i := range texts {
			ratio, err := activations.RelativeCalcium(curves, &texts[i], logZ[i])
			if err != nil {
				return 0, err
			}
			r = append(r, ratio...)
		}
		ratios = append(ratios, r)
	}
	scale := 1.0
	if !cfg.Map.Estimates() {
		scale = bestScale(ratios)
	}
	errs := make([]float64, len(ratios[0]))
	for t := range errs {
		var square float64
		for _, r := range ratios {
			e := scale*r[t] - 1
			square += e * e / float64(draws)
		}
		errs[t] = capped(math.Sqrt(square))
	}
	return stats.Median(errs), nil
}

// bestScale returns the factor s that makes the sum of (s r - 1)² least.
func bestScale(ratios [][]float64) float64 {
	var sum, squares float64
	for _, draw := range ratios {
		for _, r := range draw {
			sum += r
			squares += r * r
		}
	}
	if squares == 0 {
		return 1
	}
	return sum / squares
}

// firstTokens returns the texts from the beginning that hold at least n tokens
// together, or all.
func firstTokens(texts []activations.Sequence, n int) []activations.Sequence {
	seen := 0
	for i := range texts {
		if seen += texts[i].Tokens(); seen >= n {
			return texts[:i+1]
		}
	}
	return texts
}
