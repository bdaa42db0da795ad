package activations

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/tripartite-go/tripartite/tuning"
)

// Mask says which keys a query sees: all of its sequence or, causal, those up to
// itself, of which a key of age t - tau weighs exp(-slope (t - tau)).
type Mask struct {
	Causal bool
	Slope  float64 // of ALiBi, 0 for none
}

// Sequence is one head's queries and keys for one sequence in float64, which
// sets no error of its own.
type Sequence struct {
	Mask
	D  int
	Q  []float64 // [queries, d]
	At []int     // [queries] the token that each query belongs to
	K  []float64 // [n, d] of all tokens
}

// Queries returns how many queries there are.
func (a *Sequence) Queries() int { return len(a.At) }

// Tokens returns how many keys there are.
func (a *Sequence) Tokens() int { return len(a.K) / a.D }

// Query returns query i [d].
func (a *Sequence) Query(i int) []float64 { return a.Q[i*a.D : (i+1)*a.D] }

// Key returns key t [d].
func (a *Sequence) Key(t int) []float64 { return a.K[t*a.D : (t+1)*a.D] }

// Seen returns how many keys query i sees, from the first.
func (a *Sequence) Seen(i int) int {
	if a.Causal {
		return a.At[i] + 1
	}
	return a.Tokens()
}

// LogWeight returns the logarithm of the weight of key t for query i.
func (a *Sequence) LogWeight(i, t int) float64 { return -a.Slope * float64(a.At[i]-t) }

// LogNormalizer returns log Z of softmax for query i: of the keys that it sees,
// each with its weight.
func (a *Sequence) LogNormalizer(i int) float64 {
	logits := make([]float64, a.Seen(i))
	for t := range logits {
		logits[t] = floats.Dot(a.Query(i), a.Key(t)) + a.LogWeight(i, t)
	}
	return floats.LogSumExp(logits)
}

// LogNormalizers returns log Z of every query.
func (a *Sequence) LogNormalizers() []float64 {
	out := make([]float64, a.Queries())
	for i := range out {
		out[i] = a.LogNormalizer(i)
	}
	return out
}

// LogNull returns what is known of the normalizer of query i without looking at
// single keys: log N + q.mean(k) over the N keys that it sees. With ALiBi both are
// weighted: N is the sum of exp(-slope age) and the mean that of keys with these
// weights. A correlation of calcium has to beat this one's.
func (a *Sequence) LogNull(i int) float64 {
	var logits, weights float64
	for t := range a.Seen(i) {
		w := math.Exp(a.LogWeight(i, t))
		logits += w * floats.Dot(a.Query(i), a.Key(t))
		weights += w
	}
	return math.Log(weights) + logits/weights
}

// LogRatios returns the variance law's log ratio for every query of every
// sequence (see tuning.Law), under plain or calibrated curves.
func LogRatios(all []Sequence, a []float64, cal *tuning.Calibration) []float64 {
	var out []float64
	for i := range all {
		x := &all[i]
		var weight []float64
		if cal != nil {
			moved, excitability := Calibrated(cal, x)
			x, weight = &moved, excitability
		}
		if x.Slope != 0 {
			aged := make([]float64, x.Tokens())
			copy(aged, weight)
			for t := range aged {
				aged[t] += x.Slope * float64(t)
			}
			weight = aged
		}
		law := tuning.NewLaw(x.K, x.D, a, weight)
		for i := range x.Queries() {
			out = append(out, law.LogRatioOfFirst(x.Query(i), x.Seen(i)))
		}
	}
	return out
}

// Calibrated returns q' and k', and the log excitability of every key.
func Calibrated(cal *tuning.Calibration, a *Sequence) (moved Sequence, excitability []float64) {
	moved = *a
	moved.Q, moved.K = make([]float64, len(a.Q)), make([]float64, len(a.K))
	for lo := 0; lo < len(a.Q); lo += a.D {
		cal.Query(moved.Q[lo:lo+a.D], a.Q[lo:lo+a.D])
	}
	for t := range a.Tokens() {
		cal.Key(moved.K[t*a.D:(t+1)*a.D], a.Key(t))
		excitability = append(excitability, cal.LogExcitability(a.Key(t)))
	}
	return moved, excitability
}

// MeanSquaredNorm returns the mean of |q+k|² over the pairs of a query and a key
// that it sees.
func MeanSquaredNorm(all []Sequence) float64 {
	var sum, pairs float64
	for i := range all {
		a := &all[i]
		if !a.Causal {
			n := float64(a.Queries()) * float64(a.Tokens())
			sum += n * tuning.MeanSquaredNorm(a.Q, a.K, a.D)
			pairs += n
			continue
		}
		total, squares, t := make([]float64, a.D), 0.0, 0 // over the keys so far
		for i := range a.Queries() {
			for ; t < a.Seen(i); t++ {
				floats.Add(total, a.Key(t))
				squares += floats.Dot(a.Key(t), a.Key(t))
			}
			q, n := a.Query(i), float64(a.Seen(i))
			sum += n*floats.Dot(q, q) + squares + 2*floats.Dot(q, total)
			pairs += n
		}
	}
	return sum / pairs
}

// Sample keeps at most n queries of every sequence, evenly spread, and all keys.
func Sample(all []Sequence, n int) []Sequence {
	out := make([]Sequence, len(all))
	for i, a := range all {
		out[i] = a
		if a.Queries() <= n {
			continue
		}
		out[i].Q, out[i].At = nil, nil
		for j := range n {
			row := j * a.Queries() / n
			out[i].Q = append(out[i].Q, a.Query(row)...)
			out[i].At = append(out[i].At, a.At[row])
		}
	}
	return out
}
