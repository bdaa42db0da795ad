package transfer

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/tripartite-go/tripartite/tuning"
)

// mask says which keys a query sees: all of its sequence or, causal, those up to
// itself, of which a key of age t - tau weighs exp(-slope (t - tau)).
type mask struct {
	causal bool
	slope  float64 // of ALiBi, 0 for none
}

// activations are one head's queries and keys for one sequence in float64, which
// sets no error of its own.
type activations struct {
	mask
	d  int
	q  []float64 // [queries, d]
	at []int     // [queries] the token that each query belongs to
	k  []float64 // [n, d] of all tokens
}

// queries returns how many queries there are; tokens how many keys.
func (a *activations) queries() int { return len(a.at) }
func (a *activations) tokens() int  { return len(a.k) / a.d }

func (a *activations) query(i int) []float64 { return a.q[i*a.d : (i+1)*a.d] }
func (a *activations) key(t int) []float64   { return a.k[t*a.d : (t+1)*a.d] }

// seen returns how many keys query i sees, from the first.
func (a *activations) seen(i int) int {
	if a.causal {
		return a.at[i] + 1
	}
	return a.tokens()
}

// logWeight returns the logarithm of the weight of key t for query i.
func (a *activations) logWeight(i, t int) float64 { return -a.slope * float64(a.at[i]-t) }

// logNormalizer returns log Z of softmax for query i: of the keys that it sees,
// each with its weight.
func (a *activations) logNormalizer(i int) float64 {
	logits := make([]float64, a.seen(i))
	for t := range logits {
		logits[t] = floats.Dot(a.query(i), a.key(t)) + a.logWeight(i, t)
	}
	return floats.LogSumExp(logits)
}

func (a *activations) logNormalizers() []float64 {
	out := make([]float64, a.queries())
	for i := range out {
		out[i] = a.logNormalizer(i)
	}
	return out
}

// logNull returns what is known of the normalizer of query i without looking at
// single keys: log N + q.mean(k) over the N keys that it sees. With ALiBi both are
// weighted: N is the sum of exp(-slope age) and the mean that of keys with these
// weights. A correlation of calcium has to beat this one's.
func (a *activations) logNull(i int) float64 {
	var logits, weights float64
	for t := range a.seen(i) {
		w := math.Exp(a.logWeight(i, t))
		logits += w * floats.Dot(a.query(i), a.key(t))
		weights += w
	}
	return math.Log(weights) + logits/weights
}

// logRatios returns the variance law's log ratio for every query of every
// sequence (see tuning.Law), under plain or calibrated curves.
func logRatios(all []activations, a []float64, cal *tuning.Calibration) []float64 {
	var out []float64
	for i := range all {
		x := &all[i]
		var weight []float64
		if cal != nil {
			moved, excitability := calibrated(cal, x)
			x, weight = &moved, excitability
		}
		if x.slope != 0 {
			aged := make([]float64, x.tokens())
			copy(aged, weight)
			for t := range aged {
				aged[t] += x.slope * float64(t)
			}
			weight = aged
		}
		law := tuning.NewLaw(x.k, x.d, a, weight)
		for i := range x.queries() {
			out = append(out, law.LogRatioOfFirst(x.query(i), x.seen(i)))
		}
	}
	return out
}

// calibrated returns q' and k', and the log excitability of every key.
func calibrated(cal *tuning.Calibration, a *activations) (moved activations, excitability []float64) {
	moved = *a
	moved.q, moved.k = make([]float64, len(a.q)), make([]float64, len(a.k))
	for lo := 0; lo < len(a.q); lo += a.d {
		cal.Query(moved.q[lo:lo+a.d], a.q[lo:lo+a.d])
	}
	for t := range a.tokens() {
		cal.Key(moved.k[t*a.d:(t+1)*a.d], a.key(t))
		excitability = append(excitability, cal.LogExcitability(a.key(t)))
	}
	return moved, excitability
}

// meanSquaredNorm returns the mean of |q+k|² over the pairs of a query and a key
// that it sees.
func meanSquaredNorm(all []activations) float64 {
	var sum, pairs float64
	for i := range all {
		a := &all[i]
		if !a.causal {
			n := float64(a.queries()) * float64(a.tokens())
			sum += n * tuning.MeanSquaredNorm(a.q, a.k, a.d)
			pairs += n
			continue
		}
		total, squares, t := make([]float64, a.d), 0.0, 0 // over the keys so far
		for i := range a.queries() {
			for ; t < a.seen(i); t++ {
				floats.Add(total, a.key(t))
				squares += floats.Dot(a.key(t), a.key(t))
			}
			q, n := a.query(i), float64(a.seen(i))
			sum += n*floats.Dot(q, q) + squares + 2*floats.Dot(q, total)
			pairs += n
		}
	}
	return sum / pairs
}

// sample keeps at most n queries of every sequence, evenly spread, and all keys.
func sample(all []activations, n int) []activations {
	out := make([]activations, len(all))
	for i, a := range all {
		out[i] = a
		if a.queries() <= n {
			continue
		}
		out[i].q, out[i].at = nil, nil
		for j := range n {
			row := j * a.queries() / n
			out[i].q = append(out[i].q, a.query(row)...)
			out[i].at = append(out[i].at, a.at[row])
		}
	}
	return out
}
