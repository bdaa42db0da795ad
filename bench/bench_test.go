package bench

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

func TestProductsAreMeasuredBesideThePeak(t *testing.T) {
	told := 0.0
	r, err := Run(t.Context(), Config{
		Kinds: []string{KindProduct}, Threads: []int{1, 2}, Time: time.Minute, Seed: 1, Program: "v1", Features: []string{"fma"},
		Progress: func(_ string, done float64) {
			if done < told || done > 1 {
				t.Errorf("progress goes from %v to %v", told, done)
			}
			told = done
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != Schema || r.Program != "v1" || r.Kernel != tensor.Kernel() || len(r.Features) != 1 {
		t.Errorf("result is that of %+v", r)
	}
	if len(r.Measurements) != 8 || len(r.Skipped) != 0 || told == 0 {
		t.Fatalf("%d measurements, %d skipped, progress %v; want 8 and none", len(r.Measurements), len(r.Skipped), told)
	}
	for _, m := range r.Measurements {
		if m.Repetitions < leastRepetitions || !(m.Minimum > 0) || !(m.Median >= m.Minimum) || !(m.OfPeak > 0 && m.OfPeak < 2) || m.TokensPerSecond != 0 {
			t.Errorf("%+v", m)
		}
	}
	for i, p := range r.Peaks {
		if p.Threads != i+1 || !(p.Median > 0) || !(p.Highest >= p.Median) {
			t.Errorf("peak %+v", p)
		}
	}
	if _, err := json.Marshal(r); err != nil { // no NaN, no infinity
		t.Error(err)
	}
}

func TestLongWorkIsLeftOutAndNamed(t *testing.T) {
	r, err := Run(t.Context(), Config{Threads: []int{1}, Time: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Skipped, func(s Skipped) bool { return s.Shape == "1x8192" && s.Attention == "exact" && s.Expected > 1 }) {
		t.Errorf("skipped %+v, want the longest encoder among them", r.Skipped)
	}
	for _, m := range r.Measurements {
		if m.Repetitions != leastRepetitions {
			t.Errorf("%+v: %d repetitions in no time, want %d", m.Work, m.Repetitions, leastRepetitions)
		}
	}
}

func TestRatiosCompareRepetitionsOfOneRound(t *testing.T) {
	exact := &job{seconds: []float64{2, 40, 6}}
	j := &job{Work: Work{Kind: KindEncoder}, exact: exact, tokens: 8, seconds: []float64{1, 10, 2}, shares: []float64{0.5, 0.1, 0.4}}
	m := j.result()
	if m.TimesExact != 3 || m.Minimum != 1000 || m.Median != 2000 || m.OfPeak != 0.4 || m.TokensPerSecond != 4 {
		t.Errorf("%+v", m)
	}
}

func TestMeasuringStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Kinds: []string{KindProduct}, Threads: []int{1}, Time: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	_, err := Run(ctx, Config{Kinds: []string{KindProduct}, Threads: []int{1}, Time: time.Hour, Progress: func(_ string, done float64) {
		if done >= 0.2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestUnknownWorkIsRefused(t *testing.T) {
	for _, cfg := range []Config{{Kinds: []string{"sleep"}}, {Threads: []int{0}}} {
		if r, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%+v gives %+v", cfg, r)
		}
	}
}

// What is timed is a whole network: its outputs are normalized, and circuits
// come near to the softmax that they stand for.
func TestEncoderComputesWhatItIsTimedFor(t *testing.T) {
	e, err := NewEncoder(tensor.Float32, 1)
	if err != nil {
		t.Fatal(err)
	}
	const length = 24
	seqs, x := tensor.NewSequences(length), e.Input(length)
	out := func(neurons int) tensor.Matrix {
		heads, err := e.Heads(neurons)
		if err != nil {
			t.Fatal(err)
		}
		y := tensor.New(length, width)
		if err := e.Forward(t.Context(), y, x, seqs, heads, nn.NewWorkspace(nil)); err != nil {
			t.Fatal(err)
		}
		return y
	}
	exact, circuits := out(0), out(neurons)
	var dot, nx, nc float64
	for i, a := range exact.Data {
		b := circuits.Data[i]
		dot, nx, nc = dot+float64(a)*float64(b), nx+float64(a)*float64(a), nc+float64(b)*float64(b)
	}
	if rms := math.Sqrt(nx / float64(len(exact.Data))); !(math.Abs(rms-1) < 1e-3) {
		t.Errorf("rms of the output is %v, want 1 after layer normalization", rms)
	}
	if cosine := dot / math.Sqrt(nx*nc); !(cosine > 0.9 && cosine < 1-1e-9) {
		t.Errorf("cosine of circuits and softmax is %v, want above 0.9 and not 1", cosine)
	}
}

func TestOperationsOfAnEncoder(t *testing.T) {
	// One layer's weights are 4·384² + 2·384·1536 = 1,769,472; a token meets each
	// once, in 6 layers, and 2·384 numbers of every token's key and value.
	if got, want := encoderOperations(10, 5, 0), 2.*6*10*(1769472+2*384*5); got != want {
		t.Errorf("%v operations, want %v", got, want)
	}
	if got, want := encoderOperations(10, 5, 128), 2.*6*10*(1769472+4*384*128); got != want {
		t.Errorf("with circuits %v operations, want %v", got, want)
	}
}
