package attend

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// Schema is the version of the summary's JSON; it changes when a field changes
// its meaning or goes.
const Schema = "tripartite.attend/1"

// Summary is what a run says about the head. It holds no times and no paths, so
// that the same input gives the same bytes. Numbers that are not defined, such
// as a correlation over one token, are null.
type Summary struct {
	Schema    string   `json:"schema"`
	Program   string   `json:"program"` // version of the program, filled in by the caller
	Seed      uint64   `json:"seed"`
	Generator string   `json:"generator"`
	Config    Resolved `json:"config"`

	Tokens  int `json:"tokens"`  // N
	Inputs  int `json:"inputs"`  // d
	Outputs int `json:"outputs"` // dv
	Neurons int `json:"neurons"` // hidden neurons; two per row of W for trig and hyperbolic

	MeanSquaredNorm    float64  `json:"mean_squared_norm"`   // mean |q+k|², before calibration
	RelativeError      *float64 `json:"relative_error"`      // |y - exact_y| / |exact_y|, Frobenius
	LogCalciumError    *float64 `json:"log_calcium_error"`   // median |log c - log Z|, c times the query's factor
	CalciumCorrelation *float64 `json:"calcium_correlation"` // Pearson of log c and log Z over tokens
	NullCorrelation    *float64 `json:"null_correlation"`    // the same for log N + q.mean(k) in place of log c
	NonPositive        int      `json:"nonpositive_calcium"` // tokens with c <= 0

	MemoryTokens int `json:"memory_tokens"` // in the memory after the last token
	MemoryBytes  int `json:"memory_bytes"`

	Notes []string `json:"notes"` // what the numbers mean and what to do, in sentences
}

// Resolved is the configuration with every default filled in.
type Resolved struct {
	Tuning      tuning.Map  `json:"tuning"`
	Estimator   bool        `json:"estimator"` // whether the error vanishes with the number of neurons
	Weights     string      `json:"weights"`   // "iid" or "orthogonal" where drawn, "input"
	Phases      string      `json:"phases"`    // "drawn", "input", "none"
	Rows        int         `json:"rows"`      // of W
	GerfA       []float64   `json:"gerf_a,omitempty"`
	Calibration Calibration `json:"calibration"`
	Causal      bool        `json:"causal"`
	Forget      float64     `json:"forget"`
	Sigma       float64     `json:"sigma"`
	Precision   Precision   `json:"precision"`
	Resumed     int         `json:"resumed_tokens"` // in the memory before the first token
}

func summarize[F tripartite.Float](in *Input, opt Options, cfg *tuning.Config, out *arrays[F], earlier int) Summary {
	s := Summary{
		Schema: Schema, Seed: opt.Seed, Generator: tuning.Generator,
		Config: Resolved{
			Tuning: opt.Tuning, Estimator: opt.Tuning.Estimates(), Weights: string(opt.Draw), Phases: "none",
			Rows: len(cfg.W) / in.Inputs, GerfA: cfg.A, Calibration: opt.Calibration,
			Causal: opt.Causal, Forget: opt.Forget, Sigma: opt.Sigma, Precision: opt.Precision, Resumed: earlier,
		},
		Tokens: in.Tokens, Inputs: in.Inputs, Outputs: in.Outputs, Neurons: out.memory.Neurons(),
		MeanSquaredNorm: tuning.MeanSquaredNorm(in.Q, in.K, in.Inputs),
		MemoryTokens:    out.memory.Tokens(), MemoryBytes: out.memory.Bytes(),
	}
	if in.W != nil {
		s.Config.Weights = "input"
	}
	if opt.Tuning.NeedsPhases() {
		s.Config.Phases = "drawn"
		if in.B != nil {
			s.Config.Phases = "input"
		}
	}
	null := nullPredictor(in, opt.Causal)
	var difference, logC, logZ, logNull []float64
	for t, c := range corrected(out.got.Calcium, out.factor) {
		if !isPositive(c) {
			s.NonPositive++
			continue
		}
		z := out.want.Calcium[t].Log
		difference = append(difference, math.Abs(c.Log-z))
		logC, logZ, logNull = append(logC, c.Log), append(logZ, z), append(logNull, null[t])
	}
	if out.alone {
		s.RelativeError = defined(relativeError(out.got.Y, out.want.Y))
		s.LogCalciumError = defined(median(difference))
		s.CalciumCorrelation = defined(correlation(logC, logZ))
		s.NullCorrelation = defined(correlation(logNull, logZ))
	}
	s.Notes = s.notes()
	return s
}

// The error from which a note says what to do about it.
const noteworthyError = 0.1

func (s *Summary) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	c := s.Config
	if !c.Estimator {
		note("%s curves do not estimate exp(q.k): the error does not vanish however many neurons there are.", c.Tuning)
	}
	if s.NonPositive > 0 {
		note("At %d of %d tokens calcium is zero or below and does not normalize: the output there is no average of the values, and log_normalizer is NaN or -inf. Use non-negative curves (exp, hyperbolic, gerf) or more neurons.", s.NonPositive, s.Tokens)
	}
	if c.Resumed > 0 {
		note("The memory held %d tokens before the first one. Exact attention does not see them, so that there is nothing to compare with and no exact arrays are written.", c.Resumed)
		return notes
	}
	if c.Forget > 0 || c.Sigma > 0 {
		note("Exact attention neither forgets nor saturates; the differences contain what --forget and --sigma do.")
	}
	if c.Estimator && s.RelativeError != nil && *s.RelativeError > noteworthyError {
		remedy := "calibrate (--calibrate), draw orthogonal weights (--draw orthogonal) or take more neurons"
		if c.Calibration != Uncalibrated {
			remedy = "draw orthogonal weights (--draw orthogonal), use gerf curves or take more neurons"
		}
		note("The error of random tuning curves grows exponentially with |q+k|², whose mean is %.3g here: %s.", s.MeanSquaredNorm, remedy)
	}
	return notes
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	c := s.Config
	order := "all tokens written, then read"
	if c.Causal {
		order = "causal"
	}
	weights := "W given"
	if c.Weights != "input" {
		weights = c.Weights + " weights, seed " + fmt.Sprint(s.Seed)
	}
	calibrated := map[Calibration]string{
		Uncalibrated: "", CalibratedOn: "calibrated on the input, ", CalibratedSet: "calibrated on a set, ",
	}[c.Calibration]
	lines := []string{
		fmt.Sprintf("%d tokens, d=%d, dv=%d, %s, %s", s.Tokens, s.Inputs, s.Outputs, order, c.Precision),
		fmt.Sprintf("%d hidden neurons, %s curves, %s%s", s.Neurons, c.Tuning, calibrated, weights),
	}
	if c.Resumed == 0 {
		lines = append(lines,
			"output   relative error against softmax     "+show(s.RelativeError),
			"calcium  median |log c - log Z|             "+show(s.LogCalciumError),
			"         correlation of log c and log Z     "+show(s.CalciumCorrelation)+" (null predictor "+show(s.NullCorrelation)+")")
	}
	lines = append(lines,
		fmt.Sprintf("         tokens with calcium <= 0           %d", s.NonPositive),
		fmt.Sprintf("memory   %d tokens in %d bytes", s.MemoryTokens, s.MemoryBytes))
	for _, n := range s.Notes {
		lines = append(lines, "note: "+n)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, l); err != nil {
			return err
		}
	}
	return nil
}

func show(x *float64) string {
	if x == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.4g", *x)
}

// nullPredictor is log N + q.mean(k) for every token: what log Z would be if all
// keys were their mean. Causal, it is taken over the tokens seen.
func nullPredictor(in *Input, causal bool) []float64 {
	d := in.Inputs
	sum := make([]float64, d)
	add := func(t int) {
		for j, x := range in.K[t*d : (t+1)*d] {
			sum[j] += x
		}
	}
	if !causal {
		for t := range in.Tokens {
			add(t)
		}
	}
	out := make([]float64, in.Tokens)
	for t := range out {
		n := float64(in.Tokens)
		if causal {
			add(t)
			n = float64(t + 1)
		}
		out[t] = math.Log(n)
		for j, x := range in.Q[t*d : (t+1)*d] {
			out[t] += x * sum[j] / n
		}
	}
	return out
}

// relativeError returns |got - want| / |want|.
func relativeError[F tripartite.Float](got []F, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		diff += (float64(got[i]) - w) * (float64(got[i]) - w)
		norm += w * w
	}
	return math.Sqrt(diff / norm)
}

// median returns NaN for no values.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// correlation returns Pearson's coefficient, NaN where one of the two is
// constant.
func correlation(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xx, yy, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
		xy += (x[i] - mx) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// defined returns nil for what is not a finite number.
func defined(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
