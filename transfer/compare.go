package transfer

import (
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// exactHead is what one head of the exact network received and returned, for
// all sequences: q, k [N, d], v, y [N, dv], and the softmax normalizer's logarithm.
type exactHead struct {
	mask
	q, k, v, y tensor.Matrix
	logZ       []float32
	seqs       tensor.Sequences
}

// budgetQueries is for how many queries of a sequence the variance law is
// evaluated; its cost grows with the square of the sequence's length for each.
const budgetQueries = 16

// answered runs a head on what the exact head received: outputs y, log c, and what
// the trace holds.
func (x *exactHead) answered(head attention.Head, work *tensor.Arena) (y tensor.Matrix, logC []float32, trace attention.Trace) {
	y = tensor.New(x.y.Rows, x.y.Cols)
	logC = make([]float32, x.y.Rows)
	trace = attention.Trace{LogFactor: make([]float32, x.y.Rows)}
	head.Forward(y, logC, x.q, x.k, x.v, x.seqs, nil, &trace, work)
	return y, logC, trace
}

// before compares a head with other curves.
func before(x *exactHead, head attention.Head, work *tensor.Arena) *Before {
	y, logC, trace := x.answered(head, work)
	var off []float64
	var cosines mean
	for row := range y.Rows {
		cosines.add(stats.Cosine(y.Row(row), x.y.Row(row)))
		if e := Number(logC[row] + trace.LogFactor[row] - x.logZ[row]); defined(e) {
			off = append(off, math.Abs(float64(e)))
		}
	}
	return &Before{LogCalciumError: Number(stats.Median(off)), OutputCosine: cosines.value()}
}

// compare runs a head on what the exact head received and says how far calcium
// and output are off. It also returns the points for a figure, without tokens.
func compare(x *exactHead, head attention.Head, cal *tuning.Calibration, work *tensor.Arena) (Head, []Point) {
	n := x.seqs.Tokens()
	y, logC, trace := x.answered(head, work)

	texts := x.activations()
	points := make([]Point, 0, n)
	var off, c, corrected, z, target, null, cosines []float64
	for i := range texts {
		t := &texts[i]
		lo, _ := x.seqs.Bounds(i)
		for j := range t.tokens() {
			row := lo + j
			factor := Number(trace.LogFactor[row])
			p := Point{
				Text: i, Position: j,
				LogNormalizer: Number(x.logZ[row]),
				LogCalcium:    Number(logC[row]),
				LogCorrected:  Number(logC[row]) + factor,
				LogNull:       Number(t.logNull(j)),
			}
			points = append(points, p)
			cosines = append(cosines, stats.Cosine(y.Row(row), x.y.Row(row)))
			// Calcium that is not positive has no logarithm; it is counted instead.
			if !defined(p.LogCalcium) {
				continue
			}
			off = append(off, math.Abs(float64(p.LogCorrected-p.LogNormalizer)))
			c = append(c, float64(p.LogCalcium))
			corrected = append(corrected, float64(p.LogCorrected))
			z = append(z, float64(p.LogNormalizer))
			target = append(target, float64(p.LogNormalizer-factor))
			null = append(null, float64(p.LogNull))
		}
	}
	out := Head{
		OutputCosine:         Number(stats.Mean(cosines)),
		CalciumCorrelation:   Number(stats.Correlation(c, z)),
		CorrectedCorrelation: Number(stats.Correlation(corrected, z)),
		TargetCorrelation:    Number(stats.Correlation(c, target)),
		NullCorrelation:      Number(stats.Correlation(null, z)),
		LogCalciumError:      Number(stats.Median(off)),
		NonPositive:          trace.NonPositive,
	}
	out.fillNorms(texts, cal)
	return out, points
}

// fillNorms sets mean squared norms and budgets, before and after calibration.
func (h *Head) fillNorms(texts []activations, cal *tuning.Calibration) {
	h.MeanSquaredNorm = Number(meanSquaredNorm(texts))
	h.BudgetLog10 = Number(budget(texts, nil, nil, BudgetError))
	h.Budget = FromLog10(float64(h.BudgetLog10))
	h.MeanSquaredNormCalibrated, h.BudgetCalibratedLog10 = Number(math.NaN()), Number(math.NaN())
	h.BudgetCalibrated = Number(math.NaN())
	if cal == nil {
		return
	}
	var moved []activations
	for i := range texts {
		t, _ := calibrated(cal, &texts[i])
		moved = append(moved, t)
	}
	h.MeanSquaredNormCalibrated = Number(meanSquaredNorm(moved))
	h.BudgetCalibratedLog10 = Number(budget(texts, cal.GerfA(), cal, BudgetError))
	h.BudgetCalibrated = FromLog10(float64(h.BudgetCalibratedLog10))
}

// budget returns log10 of the iid neurons for a relative error of calcium at the
// median query: of exp curves, or of calibrated ones.
func budget(texts []activations, a []float64, cal *tuning.Calibration, err float64) float64 {
	ratios := logRatios(sample(texts, budgetQueries), a, cal)
	budgets := make([]float64, len(ratios))
	for i, r := range ratios {
		budgets[i] = tuning.Log10Budget(r, err)
	}
	return stats.Median(budgets)
}

// activations returns the queries and keys of every sequence in float64.
func (x *exactHead) activations() []activations {
	out := make([]activations, x.seqs.Len())
	for i := range out {
		lo, hi := x.seqs.Bounds(i)
		out[i] = activations{mask: x.mask, d: x.q.Cols, q: widen(x.q.SliceRows(lo, hi)), k: widen(x.k.SliceRows(lo, hi)), at: make([]int, hi-lo)}
		for t := range out[i].at {
			out[i].at[t] = t
		}
	}
	return out
}

func widen(m tensor.Matrix) []float64 {
	out := make([]float64, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		for _, v := range m.Row(i) {
			out = append(out, float64(v))
		}
	}
	return out
}

func defined(x Number) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
