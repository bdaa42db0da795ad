package attend

import (
	"context"
	"errors"
	"math"
	"testing"
)

func TestWhatIsUndefinedIsNoNumber(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := defined(x); got != nil {
			t.Errorf("%v is given as %v", x, *got)
		}
	}
	if got := defined(-2); got == nil || *got != -2 {
		t.Errorf("-2 is given as %v", got)
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
