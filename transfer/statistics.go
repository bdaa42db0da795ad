package transfer

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/tripartite-go/tripartite/tuning"
)

// cosine returns the cosine of the angle between x and y. Two zero vectors agree.
func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for i, a := range x {
		b := float64(y[i])
		xy += float64(a) * b
		xx += float64(a) * float64(a)
		yy += b * b
	}
	switch {
	case xx == 0 && yy == 0:
		return 1
	case xx == 0 || yy == 0:
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// capped returns x, at most MaxFloat64, since JSON has no infinity.
func capped(x float64) float64 { return min(x, math.MaxFloat64) }

// logNormalizer returns log sum exp(q.k) over the keys k [n, d].
func logNormalizer(q, k []float64) float64 {
	d := len(q)
	logits := make([]float64, len(k)/d)
	for t := range logits {
		logits[t] = floats.Dot(q, k[t*d:(t+1)*d])
	}
	return floats.LogSumExp(logits)
}

// logNull returns log N + q.mean(k): what is known of the normalizer without
// looking at single keys. A correlation of calcium has to beat this one's.
func logNull(q, k []float64) float64 {
	d := len(q)
	n := len(k) / d
	var s float64
	for t := range n {
		s += floats.Dot(q, k[t*d:(t+1)*d])
	}
	return math.Log(float64(n)) + s/float64(n)
}

// logRatios returns the variance law's log ratio for every query of every text
// (see tuning.Law), under plain or calibrated curves.
func logRatios(texts []activations, a []float64, cal *tuning.Calibration) []float64 {
	var out []float64
	for _, t := range texts {
		q, k, weight := t.q, t.k, []float64(nil)
		if cal != nil {
			q, k, weight = calibrated(cal, t)
		}
		law := tuning.NewLaw(k, t.d, a, weight)
		for lo := 0; lo < len(q); lo += t.d {
			out = append(out, law.LogRatio(q[lo:lo+t.d]))
		}
	}
	return out
}

// calibrated returns q', k' and the log excitability of every key.
func calibrated(cal *tuning.Calibration, t activations) (q, k, excitability []float64) {
	q, k = make([]float64, len(t.q)), make([]float64, len(t.k))
	for lo := 0; lo < len(t.q); lo += t.d {
		cal.Query(q[lo:lo+t.d], t.q[lo:lo+t.d])
	}
	for lo := 0; lo < len(t.k); lo += t.d {
		cal.Key(k[lo:lo+t.d], t.k[lo:lo+t.d])
		excitability = append(excitability, cal.LogExcitability(t.k[lo:lo+t.d]))
	}
	return q, k, excitability
}

// meanSquaredNorm returns the mean of |q+k|² over the pairs within each text.
func meanSquaredNorm(texts []activations) float64 {
	var sum, pairs float64
	for _, t := range texts {
		n := float64(t.tokens())
		sum += n * n * tuning.MeanSquaredNorm(t.q, t.k, t.d)
		pairs += n * n
	}
	return sum / pairs
}
