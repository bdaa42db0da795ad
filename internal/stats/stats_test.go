package stats

import (
	"math"
	"testing"
)

func TestQuantiles(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		x    []float64
		p    float64
		want float64
	}{
		{[]float64{4}, 0.5, 4},
		{[]float64{2, 1}, 0.5, 1.5},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{0, 10, 20}, 0.05, 1},
		{[]float64{0, 10, 20}, 0, 0},
		{[]float64{0, 10, 20}, 1, 20},
		{[]float64{1, inf, inf}, 0.5, inf},
		{nil, 0.5, math.NaN()},
		{[]float64{1, math.NaN()}, 0.5, math.NaN()},
	} {
		got := Quantile(c.x, c.p)
		if math.IsNaN(got) != math.IsNaN(c.want) || !math.IsNaN(got) && got != c.want && !(math.Abs(got-c.want) < 1e-15) {
			t.Errorf("%v-quantile of %v is %v, want %v", c.p, c.x, got, c.want)
		}
	}
	x := []float64{3, 1, 2}
	if Median(x); x[0] != 3 {
		t.Error("the argument is sorted in place")
	}
}

func TestCorrelation(t *testing.T) {
	x := []float64{1, 2, 3, 4}
	if r := Correlation(x, []float64{-2, -4, -6, -8}); !(math.Abs(r+1) < 1e-15) {
		t.Errorf("correlation %v, want -1", r)
	}
	if s := Slope([]float64{3, 1, -1, -3}, x); !(math.Abs(s+2) < 1e-15) {
		t.Errorf("slope %v, want -2", s)
	}
	for name, r := range map[string]float64{
		"one point":  Correlation(x[:1], x[:1]),
		"its slope":  Slope(x[:1], x[:1]),
		"of one x":   Slope(x, []float64{5, 5, 5, 5}),
		"a constant": Correlation(x, []float64{5, 5, 5, 5}),
		"no mean":    Mean(nil),
	} {
		if !math.IsNaN(r) {
			t.Errorf("%s gives %v, want NaN", name, r)
		}
	}
}
