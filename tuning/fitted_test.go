package tuning_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

// fittedForms returns forms of m neurons of width d with every part.
func fittedForms(m, d int) (write, read tuning.Form[float64]) {
	form := func(seed uint64) tuning.Form[float64] {
		return tuning.Form[float64]{
			W: gaussian(seed, m*d, 0, 0.5), B: gaussian(seed+1, m, 0, 1), LogScale: -0.5,
			Metric: gaussian(seed+2, d*d, 0, 0.3), Center: gaussian(seed+3, d, 0, 1), Excite: gaussian(seed+4, d, 0, 0.2),
		}
	}
	return form(1), form(11)
}

func TestFittedCurvesAreTheFormsTheyWereMadeOf(t *testing.T) {
	const m, d = 5, 3
	write, read := fittedForms(m, d)
	c, err := tuning.NewFitted(write, read)
	if err != nil {
		t.Fatal(err)
	}
	if c.Map() != tuning.Fitted || c.Neurons() != m || c.Inputs() != d || c.Calibrated() {
		t.Errorf("map %q, %d neurons, d=%d, calibrated %v", c.Map(), c.Neurons(), c.Inputs(), c.Calibrated())
	}
	x := gaussian(5, d, 0, 1)
	if f := c.LogFactor(x); f != 0 {
		t.Errorf("calcium of fitted curves is the normalizer, but for a factor exp(%v)", f)
	}
	log, sign := make([]float64, m), make([]float64, m)
	for p, f := range []tuning.Form[float64]{write, read} {
		c.Log(log, sign, tuning.Phase(p), x)
		level := 0.0
		for i := range d {
			z := 0.0
			for j := range d {
				z += f.Metric[i*d+j] * (x[j] - f.Center[j])
			}
			level += z * z / 2
		}
		for i := range m {
			want := dot(f.W[i*d:(i+1)*d], x) + f.B[i] - level + dot(f.Excite, x) + f.LogScale
			if !(math.Abs(log[i]-want) < 1e-12) || sign[i] != 1 { // sums of a dozen terms of size 1
				t.Errorf("%s: log rate of neuron %d is %v, sign %v, want %v", tuning.Phase(p), i, log[i], sign[i], want)
			}
		}
	}
}

func TestFittedCurvesShareNothingWithTheirForms(t *testing.T) {
	write, read := fittedForms(4, 2)
	c, err := tuning.NewFitted(write, read)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := tuning.NewFitted(read, write)
	if c.Fingerprint() == other.Fingerprint() {
		t.Error("curves with keys and queries exchanged have the same fingerprint")
	}
	before := slices.Clone(c.Form(tuning.Reading).W)
	read.W[0]++
	if !slices.Equal(before, c.Form(tuning.Reading).W) {
		t.Error("curves change with the form that they were made of")
	}
	changed, _ := tuning.NewFitted(write, read)
	if c.Fingerprint() == changed.Fingerprint() {
		t.Error("a fingerprint that does not see the curves of reading")
	}
}

func TestFormsThatDoNotFitAreRefused(t *testing.T) {
	for _, x := range []struct {
		change func(write, read *tuning.Form[float64])
		want   string
	}{
		{func(w, _ *tuning.Form[float64]) { w.B = nil }, "0 neurons"},
		{func(w, _ *tuning.Form[float64]) { w.W = w.W[1:] }, "m rows of d"},
		{func(_, r *tuning.Form[float64]) { r.W = r.W[2:] }, "reading: W has 10 values, want 12"},
		{func(_, r *tuning.Form[float64]) { r.B = r.B[1:] }, "reading: B has 5 values, want 6"},
		{func(w, _ *tuning.Form[float64]) { w.Metric = w.Metric[1:] }, "writing: Metric has 3 values, want 4"},
		{func(w, _ *tuning.Form[float64]) { w.Center = []float64{} }, "writing: Center has 0 values, want 2"},
		{func(_, r *tuning.Form[float64]) { r.Excite[1] = math.NaN() }, "reading: Excite[1] is NaN"},
		{func(w, _ *tuning.Form[float64]) { w.B[2] = math.Inf(1) }, "writing: B[2] is +Inf"},
		{func(w, _ *tuning.Form[float64]) { w.LogScale = math.NaN() }, "writing: LogScale is NaN"},
		{func(_, r *tuning.Form[float64]) { r.Link = tuning.LinkCosine }, "reading: link"},
	} {
		write, read := fittedForms(6, 2)
		x.change(&write, &read)
		if _, err := tuning.NewFitted(write, read); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v, want an error that says %q", err, x.want)
		}
	}
	write, read := fittedForms(6, 2)
	write.Metric, write.Center, write.Excite, read.Metric = nil, nil, nil, nil
	if _, err := tuning.NewFitted(write, read); err != nil {
		t.Errorf("parts that may be left out: %v", err)
	}
}
