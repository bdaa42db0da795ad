package experiment

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/tuning"
)

// Intervals says how the ends of intervals are found. Seeds and inputs are two
// crossed samples; each is resampled by itself, as in the pigeonhole bootstrap
// (Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1:2), whose
// intervals are, if anything, too wide for means over both. The percentile method is
// that of Efron & Tibshirani (1993, An Introduction to the Bootstrap, chapter 13).
const Intervals = "95% percentile bootstrap of 2000 resamples, of seeds and of inputs with replacement"

// Together says what holds besides where several conditions are compared with one.
const Together = "; differences of several conditions from one: 95% for all together (Bonferroni), of 2000 resamples for each of them"

const (
	resamples = 2000
	level     = 0.95
)

// Estimate is a measured number with the ends of its interval.
type Estimate struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// Above reports whether the whole interval lies above x, Below whether it lies
// below: whether the number shows a difference from x. Where there is no interval,
// nothing is shown.
func (e Estimate) Above(x float64) bool { return float64(e.Low) > x }

// Below: see Above.
func (e Estimate) Below(x float64) bool { return float64(e.High) < x }

// String writes the number and its interval.
func (e Estimate) String() string {
	if !finite(float64(e.Low)) || !finite(float64(e.High)) {
		return digits(float64(e.Value))
	}
	return fmt.Sprintf("%s [%s, %s]", digits(float64(e.Value)), digits(float64(e.Low)), digits(float64(e.High)))
}

// bootstrap holds resamples: how often each seed and each input is in them. They are
// the same for all statistics, so that differences of these pair.
type bootstrap struct {
	seeds, inputs [][]float64 // [resamples][n]
	ones          [2][]float64
	missing       float64 // how often an interval misses: 1 - level, or less in a family
}

// fewSeeds are too few for a spread between them.
const fewSeeds = 2

// bootstrapStream is the stream of the resamples' random numbers, which no seed of
// an experiment changes.
const bootstrapStream = 0xb007

func newBootstrap(seeds, inputs int) *bootstrap { return drawBootstrap(seeds, inputs, 1) }

// drawBootstrap draws the resamples for a family of n intervals. The first are those of
// smaller families.
func drawBootstrap(seeds, inputs, n int) *bootstrap {
	if seeds < 1 || inputs < 1 {
		panic(fmt.Sprintf("experiment: a bootstrap of %d seeds and %d inputs", seeds, inputs))
	}
	b := &bootstrap{missing: (1 - level) / float64(n)}
	rng := tuning.NewRand(1, bootstrapStream)
	draw := func(n int) []float64 {
		counts := make([]float64, n)
		for range n {
			counts[rng.IntN(n)]++
		}
		return counts
	}
	for range n * resamples {
		b.seeds = append(b.seeds, draw(seeds))
		b.inputs = append(b.inputs, draw(inputs))
	}
	for i, n := range []int{seeds, inputs} {
		b.ones[i] = make([]float64, n)
		for j := range b.ones[i] {
			b.ones[i][j] = 1
		}
	}
	return b
}

// family returns a bootstrap for n intervals that are to hold all together as often as
// one does alone: each misses 1/n as often (Bonferroni). Differences of many conditions
// from one are such a family, or some would differ by chance. It has n times as many
// resamples, so that as many of them, 50, lie beyond each end as for one interval.
func (b *bootstrap) family(n int) *bootstrap {
	return drawBootstrap(len(b.ones[0]), len(b.ones[1]), max(n, 1))
}

// of returns a statistic with its interval: see ofMany.
func (b *bootstrap) of(statistic func(seeds, inputs []float64) float64) Estimate {
	return b.ofMany(1, func(dst, seeds, inputs []float64) { dst[0] = statistic(seeds, inputs) })[0]
}

// ofMany returns n statistics with their intervals. The function that computes them
// is told how often each seed and each input counts. A statistic that is not defined
// in some resample has no interval, and none has where there is one seed and one
// input.
func (b *bootstrap) ofMany(n int, statistics func(dst, seeds, inputs []float64)) []Estimate {
	numbers, nan := make([]float64, n), Number(math.NaN())
	statistics(numbers, b.ones[0], b.ones[1])
	out := make([]Estimate, n)
	for j, x := range numbers {
		out[j] = Estimate{Number(x), nan, nan}
	}
	if len(b.ones[0]) == 1 && len(b.ones[1]) == 1 {
		return out
	}
	all := make([][]float64, n)
	for j := range all {
		all[j] = make([]float64, 0, len(b.seeds))
	}
	for r := range b.seeds {
		statistics(numbers, b.seeds[r], b.inputs[r])
		for j, x := range numbers {
			all[j] = append(all[j], x)
		}
	}
	for j := range out {
		out[j].Low = Number(stats.Quantile(all[j], b.missing/2))
		out[j].High = Number(stats.Quantile(all[j], 1-b.missing/2))
	}
	return out
}

// ofSums returns, with their intervals, numbers that follow from sums over seeds and
// inputs. Cells holds the sums of every input under every seed, all of one length;
// of writes n numbers, given the sums of all that were resampled.
func (b *bootstrap) ofSums(cells [][][]float64, n int, of func(dst, sums []float64)) []Estimate {
	sums := make([]float64, len(cells[0][0]))
	return b.ofMany(n, func(dst, seeds, inputs []float64) {
		clear(sums)
		for s, ws := range seeds {
			for i, wi := range inputs {
				w := ws * wi
				if w == 0 {
					continue
				}
				for j, x := range cells[s][i] {
					sums[j] += w * x
				}
			}
		}
		of(dst, sums)
	})
}

// beside returns the sums of every input of several networks, [networks][inputs][sums],
// one after another: [inputs][sums of all].
func beside(networks ...[][]float64) [][]float64 {
	out := make([][]float64, len(networks[0]))
	for i := range out {
		for _, sums := range networks {
			out[i] = append(out[i], sums[i]...)
		}
	}
	return out
}
