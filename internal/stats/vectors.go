package stats

import (
	"cmp"
	"math"
	"slices"
)

// Cosine returns the cosine between two vectors of one length: 1 between two of
// zeros, 0 where one is.
func Cosine(x, y []float32) float64 {
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

// CentredCosine returns the mean cosine between the vectors of two networks [n][D],
// after the mean of the exact ones was taken off both: embeddings share a large
// part, and the rest tells one input from another. NaN of nothing.
func CentredCosine(exact, got [][]float32) float64 {
	if len(exact) == 0 {
		return math.NaN()
	}
	mean := make([]float64, len(exact[0]))
	for _, row := range exact {
		for j, v := range row {
			mean[j] += float64(v) / float64(len(exact))
		}
	}
	off := func(dst, x []float32) {
		for j, v := range x {
			dst[j] = float32(float64(v) - mean[j])
		}
	}
	a, b := make([]float32, len(mean)), make([]float32, len(mean))
	var sum float64
	for i := range exact {
		off(a, exact[i])
		off(b, got[i])
		sum += Cosine(a, b)
	}
	return sum / float64(len(exact))
}

// SimilarityRank returns the Spearman correlation between the similarities, cosines
// of all pairs, of the vectors of two networks [n][D]; NaN where they have no order:
// of fewer than three vectors, or of equal ones.
func SimilarityRank(exact, got [][]float32) float64 {
	return RankCorrelation(similarities(exact), similarities(got))
}

func similarities(x [][]float32) []float64 {
	out := make([]float64, 0, len(x)*(len(x)-1)/2)
	for i := range x {
		for j := range i {
			out = append(out, Cosine(x[i], x[j]))
		}
	}
	return out
}

// RankCorrelation is Spearman's coefficient: Pearson's of ranks, where ties share
// theirs. It panics if lengths differ.
func RankCorrelation(x, y []float64) float64 { return Correlation(ranks(x), ranks(y)) }

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = float64(lo+hi-1) / 2
		}
		lo = max(hi, lo+1) // a NaN equals nothing
	}
	return out
}
