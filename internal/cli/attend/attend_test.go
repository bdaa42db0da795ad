package attend

import (
	"context"
	"errors"
	"math"
	"testing"
)

func TestMedianAndCorrelation(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.x); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.x, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
	x := []float64{1, 2, 4}
	for _, c := range []struct {
		y    []float64
		want float64
	}{{[]float64{3, 5, 9}, 1}, {[]float64{-1, -2, -4}, -1}, {[]float64{1, 2, 1}, -1 / math.Sqrt(28)}} {
		if got := correlation(x, c.y); !(math.Abs(got-c.want) < 1e-15) {
			t.Errorf("correlation with %v is %v, want %v", c.y, got, c.want)
		}
	}
	if defined(correlation(x, []float64{2, 2, 2})) != nil || defined(math.Inf(1)) != nil {
		t.Error("what is undefined is given as a number")
	}
}

// The null predictor is what log Z is when all keys are the same.
func TestNullPredictorIsExactForEqualKeys(t *testing.T) {
	in := &Input{Tokens: 3, Inputs: 2, Q: []float64{1, 2, 3, 4, 5, 6}, K: []float64{0.5, -1, 0.5, -1, 0.5, -1}}
	for _, causal := range []bool{false, true} {
		for i, got := range nullPredictor(in, causal) {
			n := 3.0
			if causal {
				n = float64(i + 1)
			}
			want := math.Log(n) + 0.5*in.Q[2*i] - in.Q[2*i+1]
			if !(math.Abs(got-want) < 1e-14) {
				t.Errorf("causal %v: token %d: %v, want %v", causal, i, got, want)
			}
		}
	}
}

func TestRelativeErrorIsOfTheWhole(t *testing.T) {
	if got := relativeError([]float32{3, 0}, []float64{0, 4}); got != 1.25 {
		t.Errorf("%v, want 1.25", got)
	}
}

func TestWhatStartRunsReturnsPanicsAndEnds(t *testing.T) {
	if got, err := start(t.Context(), func() int { return 7 })(); got != 7 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	block := make(chan struct{})
	defer close(block)
	wait := start(ctx, func() int { <-block; return 0 })
	cancel()
	if _, err := wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting after the end: %v", err)
	}
	defer func() {
		if recover() != "wires crossed" {
			t.Error("the panic of a goroutine did not come back")
		}
	}()
	_, _ = start(t.Context(), func() int { panic("wires crossed") })()
	t.Error("no panic")
}
