package transfer

import (
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/activations"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// budgetQueries is for how many queries of a sequence the variance law is
// evaluated; its cost grows with the square of the sequence's length for each.
const budgetQueries = 16

// before compares a head with other curves.
func before(x *activations.Head, head attention.Head, work *tensor.Arena) *Before {
	y, logC, trace := x.Answered(head, work)
	var off []float64
	var cosines mean
	for row := range y.Rows {
		cosines.add(stats.Cosine(y.Row(row), x.Y.Row(row)))
		if e := Number(logC[row] + trace.LogFactor[row] - x.LogZ[row]); defined(e) {
			off = append(off, math.Abs(float64(e)))
		}
	}
	return &Before{LogCalciumError: Number(stats.Median(off)), OutputCosine: cosines.value()}
}

// compare runs a head on what the exact head received and says how far calcium
// and output are off. It also returns the points for a figure, without tokens.
func compare(x *activations.Head, head attention.Head, cal *tuning.Calibration, work *tensor.Arena) (Head, []Point) {
	n := x.Seqs.Tokens()
	y, logC, trace := x.Answered(head, work)

	texts := x.Sequences()
	points := make([]Point, 0, n)
	var off, c, corrected, z, target, null, cosines []float64
	for i := range texts {
		t := &texts[i]
		lo, _ := x.Seqs.Bounds(i)
		for j := range t.Tokens() {
			row := lo + j
			factor := Number(trace.LogFactor[row])
			p := Point{
				Text: i, Position: j,
				LogNormalizer: Number(x.LogZ[row]),
				LogCalcium:    Number(logC[row]),
				LogCorrected:  Number(logC[row]) + factor,
				LogNull:       Number(t.LogNull(j)),
			}
			points = append(points, p)
			cosines = append(cosines, stats.Cosine(y.Row(row), x.Y.Row(row)))
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
		CalciumSlope:         Number(stats.Slope(corrected, z)),
		TargetCorrelation:    Number(stats.Correlation(c, target)),
		NullCorrelation:      Number(stats.Correlation(null, z)),
		LogCalciumError:      Number(stats.Median(off)),
		NonPositive:          trace.NonPositive,
		Lost:                 trace.Lost,
	}
	out.fillNorms(texts, cal)
	return out, points
}

// fillNorms sets mean squared norms and budgets, before and after calibration.
func (h *Head) fillNorms(texts []activations.Sequence, cal *tuning.Calibration) {
	h.MeanSquaredNorm = Number(activations.MeanSquaredNorm(texts))
	h.BudgetLog10 = Number(budget(texts, nil, nil, BudgetError))
	h.Budget = FromLog10(float64(h.BudgetLog10))
	h.MeanSquaredNormCalibrated, h.BudgetCalibratedLog10 = Number(math.NaN()), Number(math.NaN())
	h.BudgetCalibrated = Number(math.NaN())
	if cal == nil {
		return
	}
	var moved []activations.Sequence
	for i := range texts {
		t, _ := activations.Calibrated(cal, &texts[i])
		moved = append(moved, t)
	}
	h.MeanSquaredNormCalibrated = Number(activations.MeanSquaredNorm(moved))
	h.BudgetCalibratedLog10 = Number(budget(texts, cal.GerfA(), cal, BudgetError))
	h.BudgetCalibrated = FromLog10(float64(h.BudgetCalibratedLog10))
}

// budget returns log10 of the iid neurons for a relative error of calcium at the
// median query: of exp curves, or of calibrated ones.
func budget(texts []activations.Sequence, a []float64, cal *tuning.Calibration, err float64) float64 {
	ratios := activations.LogRatios(activations.Sample(texts, budgetQueries), a, cal)
	budgets := make([]float64, len(ratios))
	for i, r := range ratios {
		budgets[i] = tuning.Log10Budget(r, err)
	}
	return stats.Median(budgets)
}

func defined(x Number) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
