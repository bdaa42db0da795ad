package tuning

import (
	"fmt"
	"math"
)

// Law is the variance law of the calcium over one set of keys: how far the
// calcium of m random neurons with iid rows strays from the softmax normalizer,
// exactly and before anything is run. For exp,
//
//	Var(c)/c² = (1/m) [sum_{t,t'} p_t p_t' exp((q+k_t).(q+k_t')) - 1]
//
// with p the softmax row of query q. For gerf the double sum is that of the
// second moment of its Gaussian integral, axis by axis; A = 0 is exp.
//
// The law over many keys, with a weight for each, and the step from it to a
// number of neurons are this project's. A Law is not safe for concurrent use.
type Law struct {
	d, n  int
	keys  []float64 // [n, d]
	beta  []float64 // [d] (1-4A)/(1-8A)
	bias  []float64 // [n] log weight of a key, the same in numerator and denominator
	gram  []float64 // [n, n] sum_j beta_j k_j k'_j
	self  []float64 // [n] gram_tt/2 - |k_t|²/2 + bias
	half  float64   // log of prod_j (1-4A_j)/(1-8A_j)^(1/2)
	drive []float64 // [n] scratch
}

// NewLaw prepares the law for keys [n, d]. A is gerf's parameter, one value or
// one per axis; nil for exp. LogWeight [n], if not nil, holds the logarithms of
// factors on the keys' rates, such as the excitability of a calibration.
// Time and memory grow with n². The law keeps keys and logWeight: leave them as
// they are while it is in use.
func NewLaw(keys []float64, d int, a, logWeight []float64) *Law {
	if d < 1 || len(keys) == 0 || len(keys)%d != 0 {
		panic(fmt.Sprintf("tuning: %d key values are not rows of d=%d", len(keys), d))
	}
	n := len(keys) / d
	if len(a) > 1 && len(a) != d {
		panic(fmt.Sprintf("tuning: %d values of A, want none, one, or one for each of the d=%d axes", len(a), d))
	}
	for _, x := range a {
		if badA(x) {
			panic(fmt.Sprintf("tuning: A is %v, it must be finite and at most 0", x))
		}
	}
	if logWeight != nil && len(logWeight) != n {
		panic(fmt.Sprintf("tuning: %d weights for %d keys", len(logWeight), n))
	}
	l := &Law{d: d, n: n, keys: keys, bias: logWeight, beta: make([]float64, d),
		gram: make([]float64, n*n), self: make([]float64, n), drive: make([]float64, n)}
	for j := range d {
		aj := axis(a, j)
		l.beta[j] = (1 - 4*aj) / (1 - 8*aj)
		l.half += math.Log1p(-4*aj) - math.Log1p(-8*aj)/2
	}
	scaled := make([]float64, d)
	for t := range n {
		for j, v := range l.key(t) {
			scaled[j] = l.beta[j] * v
		}
		for u := range t + 1 {
			g := dot(scaled, l.key(u))
			l.gram[t*n+u], l.gram[u*n+t] = g, g
		}
		l.self[t] = (l.gram[t*n+t] - dot(l.key(t), l.key(t))) / 2
		if logWeight != nil {
			l.self[t] += logWeight[t]
		}
	}
	return l
}

func (l *Law) key(t int) []float64 { return l.keys[t*l.d : (t+1)*l.d] }

// LogRatio returns log(m E[c²]/c² + 1 - m) for query q [d]: the logarithm of
// the second moment of one neuron's share over the squared mean. It is at
// least 0; the relative variance of the calcium is (exp(LogRatio) - 1)/m.
func (l *Law) LogRatio(q []float64) float64 { return l.LogRatioOfFirst(q, l.n) }

// LogRatioOfFirst is LogRatio of the first n keys alone: those that a causal head
// has written when it reads the query. What it has forgotten of them by then,
// slope times their age, is a log weight slope·t of key t, since what is common
// to all keys cancels.
func (l *Law) LogRatioOfFirst(q []float64, n int) float64 {
	// E[second moment] sums exp(C(q) + s_t + s_t' + gram_tt') with
	// s_t = 2 (beta q).k_t + self_t and C(q) = 2 q beta q - |q|².
	if len(q) != l.d {
		panic(fmt.Sprintf("tuning: a query of width %d, want d=%d", len(q), l.d))
	}
	if n < 1 || n > l.n {
		panic(fmt.Sprintf("tuning: a variance law of the first %d of %d keys", n, l.n))
	}
	c := l.half
	for j, v := range q {
		c += (2*l.beta[j] - 1) * v * v
	}
	top, sum := math.Inf(-1), 0.0
	for t := range n {
		var s float64
		logit := 0.0
		for j, v := range l.key(t) {
			s += l.beta[j] * q[j] * v
			logit += q[j] * v
		}
		l.drive[t] = 2*s + l.self[t]
		if l.bias != nil {
			logit += l.bias[t]
		}
		top, sum = logAdd(top, sum, logit)
	}
	logZ := top + math.Log(sum)
	top, sum = math.Inf(-1), 0
	for t := range n {
		row := l.gram[t*l.n : (t+1)*l.n]
		for u := range t + 1 {
			x := l.drive[t] + l.drive[u] + row[u]
			if u < t {
				x += math.Ln2 // the pair counts twice
			}
			top, sum = logAdd(top, sum, x)
		}
	}
	return max(0, c+top+math.Log(sum)-2*logZ)
}

// logAdd adds exp(x) to sum exp(top).
func logAdd(top, sum, x float64) (float64, float64) {
	if x <= top {
		return top, sum + math.Exp(x-top)
	}
	return x, sum*math.Exp(top-x) + 1
}

// Log10Budget returns log10 of the number of iid neurons that brings the root
// mean square relative error of the calcium down to err, given a LogRatio. It is
// at least 0, since one neuron is the least. It is a logarithm because for plain
// curves on pretrained heads the number often exceeds what any machine, or a
// float64, holds.
func Log10Budget(logRatio, err float64) float64 {
	if !(err > 0) {
		panic(fmt.Sprintf("tuning: budget for an error of %v, want one above 0", err))
	}
	// log(exp(r) - 1), stable at both ends.
	v := logRatio + math.Log1p(-math.Exp(-logRatio))
	if logRatio < 1 {
		v = math.Log(math.Expm1(logRatio))
	}
	return max(0, v/math.Ln10-2*math.Log10(err))
}

// Log10PairBudget is Log10Budget for a single kernel value exp(q.k), whose
// relative variance is (exp(|q+k|²) - 1)/m under exp.
func Log10PairBudget(squaredNorm, err float64) float64 { return Log10Budget(squaredNorm, err) }
