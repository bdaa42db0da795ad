package bench

import "github.com/tripartite-go/tripartite/tensor"

// Schema names the form of Result.
const Schema = "tripartite.bench/1"

// Result is what Run found, complete in itself.
type Result struct {
	Schema            string `json:"schema"`
	Program           string `json:"program_version"`
	Kernel            string `json:"kernel"` // implementation of products and exponentials
	tensor.Arithmetic        // which products were asked for, and what was measured
	OS                string `json:"os"`
	Arch              string `json:"arch"`
	// Features are those of the CPU that kernels may use.
	Features []string `json:"cpu_features"`
	Cores    int      `json:"cores"` // that the process may use
	Seed     uint64   `json:"seed"`

	Peaks        []Peak        `json:"peaks"`
	Measurements []Measurement `json:"measurements"`
	// Skipped work would not have fitted into the time given.
	Skipped []Skipped `json:"skipped"`
}

// Peak is what multiply-adds in registers alone reached on so many threads at
// once, in 1e9 floating-point operations a second, over all repetitions.
type Peak struct {
	Threads int     `json:"threads"`
	Median  float64 `json:"median_gflops"`
	Highest float64 `json:"highest_gflops"`
}

// Work says what was measured.
type Work struct {
	// Kind is "product", "encoder", "notebook" or "training".
	Kind string `json:"kind"`
	// Shape is rows x inputs x outputs of a product, sequences x tokens
	// otherwise.
	Shape string `json:"shape"`
	// Attention is "exact" or "algebraic", empty for products.
	Attention string `json:"attention,omitempty"`
	// Neurons of every circuit.
	Neurons int `json:"neurons,omitempty"`
	Threads int `json:"threads"`
	// Precision of the products, "float32" or "fast".
	Precision string `json:"precision"`
}

// Measurement is the time that a piece of work took.
type Measurement struct {
	Work
	Repetitions int     `json:"repetitions"`
	Minimum     float64 `json:"minimum_ms"`
	Median      float64 `json:"median_ms"`
	// Operations counts the multiplications and additions of matrix products;
	// exponentials, norms and activations come on top.
	Operations float64 `json:"operations"`
	// OfPeak is the share of the peak that Operations reached, each repetition
	// beside the peak measured right before it; the median. The peak is that of
	// float32, which fast products may exceed.
	OfPeak float64 `json:"of_peak"`
	// TokensPerSecond at the median time, 0 for products.
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	// TimesExact is how many times faster than exact attention the same encoder
	// is, the median over rounds; 0 where there is nothing to compare with.
	TimesExact float64 `json:"times_exact,omitempty"`
	// Error is the largest error of a product, beside one in float64, of the root mean
	// square of its elements, over the first 256 rows; 0 for other work.
	Error float64 `json:"largest_error,omitempty"`
	// Memory in bytes that weights, curves and scratch took, of the notebooks'
	// head alone.
	Memory int64 `json:"memory_bytes,omitempty"`
}

// Skipped is work that was left out because it would have taken too long.
type Skipped struct {
	Work
	// Expected is the time that one repetition was expected to take at half the
	// peak.
	Expected float64 `json:"expected_ms"`
}
