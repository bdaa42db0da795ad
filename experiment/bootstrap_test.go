package experiment

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// mean is the statistic of cells that hold a value and a count.
func meanOf(dst, sums []float64) { dst[0] = sums[0] / sums[1] }

// table makes cells of values [seeds][inputs].
func tableOf(values [][]float64) [][][]float64 {
	out := make([][][]float64, len(values))
	for s, row := range values {
		for _, x := range row {
			out[s] = append(out[s], []float64{x, 1})
		}
	}
	return out
}

func interval(values [][]float64) Estimate {
	return newBootstrap(len(values), len(values[0])).ofSums(tableOf(values), 1, meanOf)[0]
}

// Answers that are known: quantiles of the resampled mean, counted by hand.
func TestIntervalsOfSmallSamplesAreThoseOfAllResamples(t *testing.T) {
	for _, c := range []struct {
		name   string
		values [][]float64
		want   [3]float64 // value, low, high
	}{
		// The mean of four is Binomial(4, 1/4)/4: 0 with probability 0.32, at most 2/4
		// with 0.949, at most 3/4 with 0.996.
		{"one input of four", [][]float64{{0, 0, 0, 1}}, [3]float64{0.25, 0, 0.75}},
		// Both seeds are drawn alike with probability 1/4 each.
		{"two seeds apart", [][]float64{{0, 0, 0}, {1, 1, 1}}, [3]float64{0.5, 0, 1}},
		{"the same with inputs and seeds exchanged", [][]float64{{0, 1}, {0, 1}, {0, 1}}, [3]float64{0.5, 0, 1}},
		{"no spread", [][]float64{{2, 2}, {2, 2}}, [3]float64{2, 2, 2}},
	} {
		e := interval(c.values)
		if got := [3]float64{float64(e.Value), float64(e.Low), float64(e.High)}; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if e := interval([][]float64{{3}}); e.Value != 3 || finite(float64(e.Low)) || finite(float64(e.High)) || e.Above(0) || e.Below(9) {
		t.Errorf("one seed and one input: %v, want no interval", e)
	}
}

// The interval of a mean of many normal numbers is 1.96 standard errors to each side;
// 2,000 resamples tell its ends to about 4%.
func TestTheIntervalOfAMeanIsThatOfTheNormalLaw(t *testing.T) {
	const n = 400
	rng := tuning.NewRand(1, 7)
	values := [][]float64{make([]float64, n)}
	mean, square := 0.0, 0.0
	for i := range n {
		x := 3 + rng.NormFloat64()
		values[0][i] = x
		mean += x / n
		square += x * x / n
	}
	half := 1.96 * math.Sqrt((square-mean*mean)/n)
	e := interval(values)
	for _, side := range []float64{float64(e.Value - e.Low), float64(e.High - e.Value)} {
		if !(math.Abs(side-half) < 0.12*half) {
			t.Errorf("the interval reaches %v to a side, want %v", side, half)
		}
	}
	if !(math.Abs(float64(e.Value)-mean) < 1e-12) {
		t.Errorf("the mean is %v, want %v", e.Value, mean)
	}
}

// With seeds, inputs and their interaction all at random, the interval of the mean
// holds the truth nearly as often as it says: five seeds are few, and percentile
// intervals of few are somewhat narrow.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const seeds, inputs, trials = 5, 20, 200
	held := 0
	for trial := range trials {
		rng := tuning.NewRand(2, trial)
		values := make([][]float64, seeds)
		byInput := make([]float64, inputs)
		for i := range byInput {
			byInput[i] = rng.NormFloat64()
		}
		for s := range values {
			bySeed := 0.5 * rng.NormFloat64()
			for i := range inputs {
				values[s] = append(values[s], bySeed+byInput[i]+rng.NormFloat64())
			}
		}
		if e := interval(values); !e.Above(0) && !e.Below(0) {
			held++
		}
	}
	if held < 85*trials/100 {
		t.Errorf("%d of %d intervals hold the truth, want 85%% at least", held, trials)
	}
}

// Of ten conditions without any difference, some interval of a family excludes zero in
// about one of twenty trials, where single intervals do in a third of them.
func TestFamiliesOfIntervalsHoldTogether(t *testing.T) {
	const inputs, conditions, trials = 40, 10, 60
	misses := map[bool]int{}
	for trial := range trials {
		rng := tuning.NewRand(4, trial)
		cells := make([][][]float64, 1)
		for range inputs {
			row := make([]float64, conditions)
			for c := range row {
				row[c] = rng.NormFloat64()
			}
			cells[0] = append(cells[0], row)
		}
		one := newBootstrap(1, inputs)
		for family, b := range map[bool]*bootstrap{false: one, true: one.family(conditions)} {
			for _, e := range b.ofSums(cells, conditions, func(dst, sums []float64) { copy(dst, sums) }) {
				if e.Above(0) || e.Below(0) {
					misses[family]++
					break
				}
			}
		}
	}
	if misses[true] > 10 || misses[false] < 15 {
		t.Errorf("of %d trials %d miss in a family, %d singly; want few, and a third or more", trials, misses[true], misses[false])
	}
}

// A statistic that some resample leaves undefined has no interval, and shows nothing.
func TestWhatIsNotDefinedHasNoInterval(t *testing.T) {
	e := newBootstrap(1, 2).ofSums(tableOf([][]float64{{1, 2}}), 1, func(dst, sums []float64) { dst[0] = math.Log(sums[0] - 2.5) })[0]
	if finite(float64(e.Low)) || e.Above(math.Inf(-1)) || e.Below(math.Inf(1)) {
		t.Errorf("an undefined resample gives %v", e)
	}
}

// A statistic of weights, and the same of sums, agree to the bit of rounding.
func TestBothFormsOfAStatisticAgree(t *testing.T) {
	values := [][]float64{{1, 4, 2}, {3, 0, 5}}
	b := newBootstrap(2, 3)
	a := b.of(func(seeds, inputs []float64) float64 {
		sum, n := 0.0, 0.0
		for s, ws := range seeds {
			for i, wi := range inputs {
				sum += ws * wi * values[s][i]
				n += ws * wi
			}
		}
		return sum / n
	})
	if c := interval(values); !(math.Abs(float64(a.Low-c.Low)) < 1e-12 && math.Abs(float64(a.High-c.High)) < 1e-12 && math.Abs(float64(a.Value-c.Value)) < 1e-12) {
		t.Errorf("%v and %v", a, c)
	}
}

// Each end of an interval in a family has as many resamples beyond it as that of one
// alone: the normal law's quantile far out is found as closely.
func TestEndsOfFamiliesAreToldAsCloselyAsOthers(t *testing.T) {
	const inputs, n = 400, 32
	rng := tuning.NewRand(1, 8)
	values := [][]float64{make([]float64, inputs)}
	mean, square := 0.0, 0.0
	for i := range values[0] {
		x := rng.NormFloat64()
		values[0][i] = x
		mean += x / inputs
		square += x * x / inputs
	}
	e := newBootstrap(1, inputs).family(n).ofSums(tableOf(values), 1, meanOf)[0]
	// 1 - 0.05/32/2 of the normal law lies below 3.163; 50 resamples beyond tell that to
	// about 2%, and a mean of 400 is normal to about as much so far out.
	half := 3.163 * math.Sqrt((square-mean*mean)/inputs)
	for _, side := range []float64{float64(e.Value - e.Low), float64(e.High - e.Value)} {
		if !(math.Abs(side-half) < 0.08*half) {
			t.Errorf("the interval reaches %v to a side, want %v", side, half)
		}
	}
}
