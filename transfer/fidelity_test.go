package transfer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/transfer"
	"github.com/tripartite-go/tripartite/tuning"
)

// asFitted writes calibrated curves as fitted ones, a form for each phase: the
// same circuits under another name, but for the factor of calcium.
func asFitted(t *testing.T, cfg transfer.Config, neurons int) *network.Tuning {
	t.Helper()
	m := cfg.Network.Model
	batch, _, err := cfg.Network.CalibrationBatch(t.Context(), cfg.Calibration, cfg.Pool)
	if err != nil {
		t.Fatal(err)
	}
	cal, err := network.Calibrate(t.Context(), m, batch, nn.NewWorkspace(cfg.Pool), nil)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := network.Build(m, network.Options{Selection: selection(t, "algebraic"), Tuning: network.Calibrated, Draw: tuning.Orthogonal,
		Seed: cfg.Seed, Calibration: cal, Neurons: func(int, int) int { return neurons }})
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]*tuning.Curves[float32], m.Layers())
	for l := range all {
		for h := range m.Heads() {
			c := drawn.At(l, h).Curves
			f, err := tuning.NewFitted(c.Form(tuning.Writing), c.Form(tuning.Reading))
			if err != nil {
				t.Fatal(err)
			}
			all[l] = append(all[l], f)
		}
	}
	out, err := network.NewTuning(m, network.TuningInfo{}, all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same fails where two measures of the same circuits differ by more than float32
// rounding through four layers.
func same(t *testing.T, what string, got, want transfer.Number) {
	t.Helper()
	if !(math.Abs(float64(got-want)) <= 1e-4) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Calibrated curves that are written as fitted ones do what they did, and are
// reported as fitted: one kind beside the others, with calibrated ones before them
// and no factor of calcium.
func TestFittedCurvesAreReportedBesideTheOthers(t *testing.T) {
	cfg := config(t)
	plain := transferred(t, cfg)
	cfg.Tuning, cfg.Fitted = string(tuning.Fitted), asFitted(t, cfg, 64)
	shared := asFitted(t, cfg, 32)
	shared.Info.Shared = true                                                 // as its file would say
	cfg.Compare = []*network.Tuning{cfg.Fitted, asFitted(t, cfg, 16), shared} // itself once more
	cfg.Neurons, cfg.Draw = 0, tuning.IID                                     // of no head
	r := transferred(t, cfg)

	heads := cfg.Network.Model.Layers() * cfg.Network.Model.Heads()
	if c := r.Config; c.Tuning != "fitted" || c.Estimator || c.Draw != "" || c.Neurons != 0 || c.TotalNeurons != 64*heads || c.Curves != cfg.Fitted.Fingerprint() {
		t.Errorf("configuration %+v", c)
	}
	if c := plain.Config; c.TotalNeurons != 64*heads || c.Curves != "" {
		t.Errorf("calibrated: configuration %+v", c)
	}
	same(t, "hidden cosine", r.Network.HiddenCosine, plain.Network.HiddenCosine)
	for l, layer := range r.Layers {
		for i, h := range layer.Heads {
			was := plain.Layers[l].Heads[i]
			if h.Calibrated == nil || was.Calibrated != nil {
				t.Fatalf("head %d.%d: before %+v, of calibrated curves %+v", l, i, h.Calibrated, was.Calibrated)
			}
			same(t, "output cosine", h.OutputCosine, was.OutputCosine)
			if h.CorrectedCorrelation != h.CalciumCorrelation {
				t.Errorf("head %d.%d: fitted calcium has a factor", l, i)
			}
			if !(h.Calibrated.OutputCosine > 0 && h.Calibrated.LogCalciumError > 0) {
				t.Errorf("head %d.%d: before %+v", l, i, h.Calibrated)
			}
		}
	}

	f := r.Fidelity
	names := []string{"exp", "calibrated", "fitted", "fitted-shared"}
	if len(f.Curves) != 4 || f.Texts != 3 || f.Task != transfer.Fill || f.Answers == 0 {
		t.Fatalf("fidelity %+v", f)
	}
	for i, c := range f.Curves {
		if c.Name != names[i] || len(c.Hidden) != len(c.Neurons) || len(c.Agreement) != len(c.Neurons) {
			t.Errorf("curve %d: %+v", i, c)
		}
	}
	exp, calibrated, fitted := f.Curves[0], f.Curves[1], f.Curves[2]
	if len(exp.Neurons) != 8 || exp.Neurons[7] != 2048 || exp.Draw != "iid" || calibrated.Draw != "orthogonal" || fitted.Draw != "" {
		t.Errorf("%+v, %+v, %+v", exp, calibrated, fitted)
	}
	if len(fitted.Neurons) != 2 || fitted.Neurons[0] != 16 || fitted.Neurons[1] != 64 {
		t.Fatalf("fitted networks of %v neurons, want 16 and 64, each once", fitted.Neurons)
	}
	same(t, "16 neurons, fitted", fitted.Hidden[0], calibrated.Hidden[0])
	same(t, "64 neurons, fitted", fitted.Hidden[1], calibrated.Hidden[2])
	if one := f.Curves[3]; len(one.Neurons) != 1 || one.Neurons[0] != 32 {
		t.Errorf("one curve for both phases: networks of %v neurons, want 32", one.Neurons)
	} else {
		same(t, "32 neurons, one curve for both phases", one.Hidden[0], calibrated.Hidden[1])
	}
	if !(calibrated.Hidden[7] > calibrated.Hidden[0] && calibrated.Hidden[7] > exp.Hidden[7] && exp.Hidden[7] > f.HiddenUniform && calibrated.Hidden[7] < 1) {
		t.Errorf("more neurons do not help: %v, %v, uniform %v", exp.Hidden, calibrated.Hidden, f.HiddenUniform)
	}
	last := r.Scaling.Curves[len(r.Scaling.Curves)-1]
	if last.Name != "fitted" || len(last.Neurons) != 1 || last.Neurons[0] != 64 || !(last.Error[0] > 0) {
		t.Errorf("error of calcium against neurons ends with %+v", last)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, words := range []string{"network fitted with 64 neurons a head", "fitted with 32 neurons a head, one curve of each for keys and queries, keeps", "of exp curves, and about", "Z itself, without a factor"} {
		if !strings.Contains(notes, words) {
			t.Errorf("notes lack %q:\n%s", words, notes)
		}
	}
}

// Where nothing is replaced or nothing is asked, fidelity says so by what it
// leaves out.
func TestFidelityHasNoMoreThanThereIs(t *testing.T) {
	cfg := config(t)
	cfg.Selection = selection(t, "exact,1=uniform")
	if f := transferred(t, cfg).Fidelity; len(f.Curves) != 0 {
		t.Errorf("no circuit, and %d curves", len(f.Curves))
	}
	cfg = config(t)
	cfg.Tuning, cfg.Calibration = "exp", network.Inputs{}
	cfg.Selection = selection(t, "exact,2.1=algebraic")
	f := transferred(t, cfg).Fidelity
	if len(f.Curves) != 1 || f.Curves[0].Name != "exp" || f.Curves[0].Neurons[0] != 16 {
		t.Errorf("without calibration: %+v", f.Curves)
	}
}
