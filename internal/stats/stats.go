// Package stats holds the few statistics that results, figures and the command
// line share, so that a median is the same number wherever it is shown.
package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Median returns the median of x, NaN of nothing or of NaN. It leaves x as it
// is.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

// Quantile returns the p-quantile of x, 0 <= p <= 1, interpolated linearly
// between the order statistics (definition 7 of Hyndman & Fan 1996, NumPy's
// default); NaN of nothing or of NaN. It leaves x as it is.
func Quantile(x []float64, p float64) float64 {
	if len(x) == 0 || slices.ContainsFunc(x, math.IsNaN) {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	at := p * float64(len(x)-1)
	i := min(int(at), len(x)-1)
	j := min(i+1, len(x)-1)
	if x[i] == x[j] { // infinities too
		return x[i]
	}
	f := at - float64(i)
	return (1-f)*x[i] + f*x[j]
}

// Correlation returns Pearson's coefficient of x and y, NaN where either does
// not vary. It panics if their lengths differ.
func Correlation(x, y []float64) float64 {
	if len(x) != len(y) {
		panic("stats: correlation of slices of different lengths")
	}
	if len(x) < 2 {
		return math.NaN()
	}
	return stat.Correlation(x, y, nil)
}

// Slope returns that of y against x by least squares, NaN where x does not vary. It
// panics if their lengths differ.
func Slope(y, x []float64) float64 {
	if len(x) != len(y) {
		panic("stats: slope of slices of different lengths")
	}
	if len(x) < 2 {
		return math.NaN()
	}
	return stat.Covariance(y, x, nil) / stat.Variance(x, nil)
}

// Mean returns the mean of x, NaN of nothing.
func Mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return stat.Mean(x, nil)
}
