package attention

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func newRate(t testing.TB, cfg RateConfig) *Rate {
	t.Helper()
	r, err := NewRate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dynamics with one time constant for all, and a presentation of a second.
func dynamics(tau float64, causal bool) rate.Config {
	c := rate.Default(1, 1)
	c.Kinetics = rate.Kinetics{Hidden: tau, Output: tau, Astrocyte: tau}
	c.Causal = causal
	return c
}

func TestAHeadInTimeIsThatOfPackageRate(t *testing.T) {
	const d, dv, n, m = 6, 5, 12, 24
	in := newInput(1, d, dv, 0.5, n)
	phi, _ := curves(t, tuning.Exp, m, d, nil)
	for _, causal := range []bool{false, true} {
		cfg := dynamics(0.3, causal)
		cfg.Domains = rate.Domains{Of: rate.Interleaved(m, 3), Coupling: rate.Couple(rate.Ring, 3, 2)}
		got := run(newRate(t, RateConfig{Tuning: phi, Dynamics: cfg}), in)

		cfg.Neurons, cfg.Outputs = m, dv
		var drives [2][]float64
		log, sign := make([]float64, m), make([]float64, m)
		for p, x := range []tensor.Matrix{tuning.Writing: in.k, tuning.Reading: in.q} {
			for s := range n {
				phi.Log(log, sign, tuning.Phase(p), x.Row(s))
				for _, a := range log {
					drives[p] = append(drives[p], math.Exp(a))
				}
			}
		}
		want, err := rate.Run(context.Background(), cfg, rate.Input{Keys: drives[0], Queries: drives[1], Values: wide(in.v.Data)}, rate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rounded := func(x float64) float64 { return epsilon * math.Abs(x) } // to float32
		near(t, fmt.Sprintf("causal %v", causal), got.y.Data, want.Y, func(i int) float64 { return rounded(want.Y[i]) })
		for s, log := range got.logC {
			c := (want.Calcium[3*s] + want.Calcium[3*s+1] + want.Calcium[3*s+2]) / 3
			if !(math.Abs(float64(log)-math.Log(c)) <= 2*rounded(math.Log(c))) {
				t.Errorf("causal %v: log c of token %d is %v, want %v", causal, s, log, math.Log(c))
			}
		}
	}
}

// Fast kinetics leave e^-75 of a transient.
func TestAHeadInTimeSettlesToTheCircuit(t *testing.T) {
	const d = 8
	in := newInput(3, d, 6, 0.7, 30, 1, 17)
	cal, err := tuning.Calibrate(in.q.Data, in.k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tuning.Maps() {
		if m.Signed() {
			continue // see TestWhatSignedCurvesLoseIsCounted
		}
		for _, calibration := range []*tuning.Calibration{nil, cal} {
			phi, _ := curves(t, m, 32, d, calibration)
			for _, causal := range []bool{false, true} {
				for _, forget := range []float64{0, 0.4} {
					if forget > 0 && !causal {
						continue // there, tokens read after all were written are no positions
					}
					what := fmt.Sprintf("%s, calibrated %v, causal %v, forget %g", m, calibration != nil, causal, forget)
					settled := run(newCircuit(t, CircuitConfig{Tuning: phi, Causal: causal, Forget: forget}), in)
					r := newRate(t, RateConfig{Tuning: phi, Dynamics: dynamics(0.01, causal), Forget: forget})
					got := run(r, in)
					near(t, what, got.y.Data, wide(settled.y.Data), constant(2e-5))
					// The factor of what a token loses while it is written cancels in y; it goes where
					// the calibration's goes.
					var sum [2][]float64
					for i, o := range []output{got, settled} {
						for s := range o.logC {
							sum[i] = append(sum[i], float64(o.logC[s])+float64(o.trace.LogFactor[s]))
						}
					}
					for s := range sum[0] {
						if !(math.Abs(sum[0][s]-sum[1][s]) < 2e-5) {
							t.Errorf("%s: log calcium and factor of token %d are %v, settled %v", what, s, sum[0][s], sum[1][s])
						}
					}
					if i := r.Incidents(); i != (Incidents{Readings: in.q.Rows, NonPositive: got.trace.NonPositive}) {
						t.Errorf("%s: %+v", what, i)
					}
				}
			}
		}
	}
}

func TestASlowAstrocyteIsFarFromTheCircuitAndTimeRepairsIt(t *testing.T) {
	in := newInput(3, 8, 6, 0.7, 20)
	phi, _ := curves(t, tuning.Exp, 32, 8, nil)
	settled := run(newCircuit(t, CircuitConfig{Tuning: phi}), in)
	last := math.Inf(1)
	for _, present := range []float64{1, 7, 70, 700} {
		cfg := dynamics(0.02, false)
		cfg.Kinetics.Astrocyte, cfg.Timing.Present = 7, present
		r := newRate(t, RateConfig{Tuning: phi, Dynamics: cfg})
		got := run(r, in)
		var diff, norm float64
		for i, w := range settled.y.Data {
			diff += float64((got.y.Data[i] - w) * (got.y.Data[i] - w))
			norm += float64(w * w)
		}
		e := math.Sqrt(diff / norm)
		if !(e < last/2) || present == 1 && !(e > 0.5) || present == 700 && !(e < 1e-5) {
			t.Errorf("%g s per presentation: error %.2g after %.2g", present, e, last)
		}
		if s := r.Seconds(20); s != 40*present {
			t.Errorf("20 tokens take %v s, want %v", s, 40*present)
		}
		last = e
	}
}

func TestNoiseIsTheSameForEverySequence(t *testing.T) {
	one := newInput(3, 8, 6, 0.7, 10)
	in := input{seqs: tensor.NewSequences(10, 10)}
	for _, x := range []struct{ from, to *tensor.Matrix }{{&one.q, &in.q}, {&one.k, &in.k}, {&one.v, &in.v}} {
		*x.to = tensor.New(20, x.from.Cols)
		x.to.SliceRows(0, 10).CopyFrom(*x.from)
		x.to.SliceRows(10, 20).CopyFrom(*x.from)
	}
	phi, _ := curves(t, tuning.Exp, 32, 8, nil)
	cfg := dynamics(0.02, true)
	cfg.Noise = rate.Noise{Hidden: 0.3, Correlation: 0.1, Hold: 0.1, Seed: 3}
	got := run(newRate(t, RateConfig{Tuning: phi, Dynamics: cfg}), in)
	sameBits(t, "the second of two equal sequences",
		output{y: got.y.SliceRows(10, 20), logC: got.logC[10:]}, output{y: got.y.SliceRows(0, 10), logC: got.logC[:10]})
	cfg.Noise.Seed = 4
	if other := run(newRate(t, RateConfig{Tuning: phi, Dynamics: cfg}), in); slices.Equal(other.y.Data, got.y.Data) {
		t.Error("another seed gives the same noise")
	}
}

// A reading has a number, or is counted as lost, whatever signed curves do.
func TestWhatSignedCurvesLoseIsCounted(t *testing.T) {
	in := newInput(3, 8, 6, 1, 60)
	for _, m := range tuning.Maps() {
		if !m.Signed() {
			continue
		}
		phi, _ := curves(t, m, 8, 8, nil)
		for _, causal := range []bool{false, true} {
			r := newRate(t, RateConfig{Tuning: phi, Dynamics: dynamics(0.05, causal)})
			got := run(r, in)
			lost, nonPositive := 0, 0
			for s := range in.q.Rows {
				switch bad := notFinite(got.y.Row(s)); bad {
				case 0:
				case in.v.Cols:
					lost++
				default:
					t.Fatalf("%s: %d of %d outputs of token %d are not finite", m, bad, in.v.Cols, s)
				}
				if !(got.logC[s] > float32(math.Inf(-1))) {
					nonPositive++
				}
			}
			want := Incidents{Readings: 60, Lost: lost, NonPositive: nonPositive}
			if i := r.Incidents(); i != want || got.trace.Lost != lost || got.trace.NonPositive != nonPositive {
				t.Errorf("%s, causal %v: counted %+v, want %+v, and in the trace %+v", m, causal, i, want, got.trace)
			}
			if m == tuning.Cosine && lost == 0 {
				t.Error("no reading is lost: the test tests nothing")
			}
		}
	}
}

func notFinite(x []float32) int {
	n := 0
	for _, v := range x {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// What cannot be presented is lost and counted; what float64 cannot hold is an
// error besides.
func TestWhatCannotBePresentedIsCounted(t *testing.T) {
	nan := float32(math.NaN())
	phi, _ := curves(t, tuning.Exp, 8, 4, nil)
	for _, c := range []struct {
		name   string
		change func(in *input)
		causal bool
		lost   int
		err    string
	}{
		{"a key that is NaN", func(in *input) { in.k.Row(3)[1] = nan }, true, 7, ""},
		{"the same when all is written first", func(in *input) { in.k.Row(3)[1] = nan }, false, 10, ""},
		{"a value that is NaN", func(in *input) { in.v.Row(9)[0] = nan }, true, 1, ""},
		{"a query that is infinite", func(in *input) { in.q.Row(9)[0] = float32(math.Inf(-1)) }, true, 1, ""},
		{"keys and queries that are large", func(in *input) {
			for _, x := range []tensor.Matrix{in.q, in.k} {
				tensor.Scale(x.Data, 25, x.Data)
			}
		}, false, 10, "token 0: rates are too small"},
		{"values that are too large", func(in *input) { tensor.Scale(in.v.Data, 1e38, in.v.Data) }, false, 0, ""},
	} {
		in := newInput(2, 4, 3, 0.7, 10)
		c.change(&in)
		r := newRate(t, RateConfig{Tuning: phi, Dynamics: dynamics(0.05, c.causal)})
		got := run(r, in)
		i := r.Incidents()
		if i.Lost != c.lost || got.trace.Lost != c.lost || i.Readings != 10 {
			t.Errorf("%s: %+v, want %d lost", c.name, i, c.lost)
		}
		if text := fmt.Sprint(i.Err); c.err == "" && i.Err != nil || c.err != "" && !strings.Contains(text, c.err) {
			t.Errorf("%s: %v, want %q", c.name, i.Err, c.err)
		}
		for s := range 10 {
			lost := notFinite(got.y.Row(s)) > 0
			if lost != (s >= 10-c.lost) {
				t.Errorf("%s: token %d is %v", c.name, s, got.y.Row(s))
			}
		}
	}
	// One key of two that drives nothing leaves the other to be read.
	narrow, _ := curves(t, tuning.Exp, 8, 1, nil)
	in := input{tensor.New(2, 1), tensor.New(2, 1), tensor.New(2, 1), tensor.NewSequences(2)}
	in.k.Data[1] = 60 // exp(-1800)
	r := newRate(t, RateConfig{Tuning: narrow, Dynamics: dynamics(0.05, false)})
	if got := run(r, in); notFinite(got.y.Data) > 0 || r.Incidents().Err != nil {
		t.Errorf("one faint key of two: %v, %+v", got.y.Data, r.Incidents())
	}
}

func TestIncidentsOfManyThreadsAddUp(t *testing.T) {
	in := newInput(3, 8, 6, 1, 20)
	phi, _ := curves(t, tuning.Cosine, 8, 8, nil)
	r := newRate(t, RateConfig{Tuning: phi, Dynamics: dynamics(0.05, true)})
	run(r, in)
	once := r.Incidents()
	var wait sync.WaitGroup
	for range 7 {
		wait.Go(func() { run(r, in) })
	}
	wait.Wait()
	if got, want := r.Incidents(), (Incidents{8 * once.Readings, 8 * once.NonPositive, 8 * once.Lost, nil}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBadRateHeadsAreRefused(t *testing.T) {
	phi, _ := curves(t, tuning.Exp, 8, 4, nil)
	for _, c := range []struct {
		change func(*RateConfig)
		want   string
	}{
		{func(c *RateConfig) { c.Tuning = nil }, "no tuning curves"},
		{func(c *RateConfig) { c.Forget = 1 }, "forgetting 1"},
		{func(c *RateConfig) { c.Dynamics.Timing.Window = 0 }, "nothing is stored"},
		{func(c *RateConfig) { c.Dynamics.Kinetics.Astrocyte = 0 }, "astrocyte is 0 s"},
		{func(c *RateConfig) { c.Dynamics.Domains.Of = []int{0} }, "there are 8"},
	} {
		cfg := RateConfig{Tuning: phi, Dynamics: dynamics(0.1, false)}
		c.change(&cfg)
		if _, err := NewRate(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
