package attend

import (
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/stats"
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
	Kernel    string   `json:"kernel"`  // how the circuit was computed
	Seed      uint64   `json:"seed"`
	Generator string   `json:"generator"`
	Config    Resolved `json:"config"`

	Tokens  int `json:"tokens"`  // N
	Inputs  int `json:"inputs"`  // d
	Outputs int `json:"outputs"` // dv
	Neurons int `json:"neurons"` // hidden neurons; two per row of W for trig and hyperbolic

	MeanSquaredNorm float64  `json:"mean_squared_norm"` // mean |q+k|², before calibration
	RelativeError   *float64 `json:"relative_error"`    // |y - exact_y| / |exact_y|, Frobenius

	// A calibrated circuit leaves out one factor f per query, which cancels in its
	// output: its calcium is c, corrected calcium c f. Otherwise f is 1.
	LogCalciumError      *float64 `json:"log_calcium_error"`     // median |log(c f) - log Z|
	CalciumCorrelation   *float64 `json:"calcium_correlation"`   // Pearson of log c and log Z over tokens
	CorrectedCorrelation *float64 `json:"corrected_correlation"` // of log(c f) and log Z
	NullCorrelation      *float64 `json:"null_correlation"`      // of log N + q.mean(k) and log Z
	NonPositive          int      `json:"nonpositive_calcium"`   // tokens with c <= 0

	MemoryTokens int   `json:"memory_tokens"` // in the memory after the last token
	MemoryBytes  int64 `json:"memory_bytes"`

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
		Schema: Schema, Kernel: "sequential, " + string(opt.Precision), Seed: opt.Seed, Generator: tuning.Generator,
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
	var difference, logC, logCorrected, logZ, logNull []float64
	for t, c := range out.got.Calcium {
		if !isPositive(c) {
			s.NonPositive++
			continue
		}
		z, f := out.want.Calcium[t].Log, out.factor[t]
		difference = append(difference, math.Abs(c.Log+f-z))
		logC, logCorrected = append(logC, c.Log), append(logCorrected, c.Log+f)
		logZ, logNull = append(logZ, z), append(logNull, null[t])
	}
	if out.alone {
		s.RelativeError = defined(relativeError(out.got.Y, out.want.Y))
		s.LogCalciumError = defined(stats.Median(difference))
		s.CalciumCorrelation = defined(stats.Correlation(logC, logZ))
		s.CorrectedCorrelation = defined(stats.Correlation(logCorrected, logZ))
		s.NullCorrelation = defined(stats.Correlation(logNull, logZ))
	}
	s.Notes = s.notes()
	return s
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

// defined returns nil for what is not a finite number.
func defined(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
