package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/language"
)

// setup is a small setup of the bundled language model.
func setup(t *testing.T, seeds ...uint64) Setup {
	t.Helper()
	net, err := network.Load(language.Files(), language.Name)
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	return Setup{
		Network: net, Weights: "weights", Pool: pool, Seeds: seeds, Program: "test",
		Inputs:      network.Inputs{Texts: language.Verses()[:6]},
		Calibration: network.Inputs{Texts: language.Calibration()[:40]},
	}
}

func newLab(t *testing.T, s Setup) *Lab {
	t.Helper()
	lab, err := NewLab(s)
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

// small makes an experiment's config one for tests.
func small(t *testing.T, name string) Experiment {
	t.Helper()
	x, ok := Find(name)
	if !ok {
		t.Fatalf("no experiment %s", name)
	}
	for field, value := range smallSettings[name] {
		if err := x.Set(field, value); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// smallSettings of each experiment.
var smallSettings = map[string]map[string]string{
	"domains":    {"neurons": "16", "tokens": "40", "domains": "[2]", "detailed": "4", "coupling": "[0,100]"},
	"noise":      {"neurons": "16", "tokens": "40", "amplitude": "[0.5]", "rates_above_saturation": "[0.1]"},
	"timescales": {"neurons": "16", "tokens": "80", "tau_astrocyte_s": "[7,0.2]", "present_s": "[0.1,1]"},
	"normalizer": {"neurons": "32", "tokens": "80"},
	"neurons":    {"neurons": "[8,32]", "tokens": "80", "heads": "2", "queries": "3", "maps": `["exp","relu","trig","calibrated"]`},
	"load":       {"neurons": "16", "earlier": "[0,20]", "forget": "[0,0.1]", "heads": "2", "probes": "3", "queries": "2"},
	"coverage":   {"neurons": "16", "tuning": "calibrated", "tokens": "60", "task_tokens": "100", "fractions": "[1,0.3]"},
	"silencing":  {"neurons": "16", "tuning": "calibrated", "tokens": "60", "task_tokens": "100"},
	"predictions": {
		"load":      `{"neurons": 16, "earlier": [0,20], "forget": [0,0.1], "heads": 2, "probes": 3, "queries": 2}`,
		"coverage":  `{"neurons": 16, "tuning": "calibrated", "tokens": 60, "task_tokens": 100, "fractions": [1,0.3]}`,
		"silencing": `{"neurons": 16, "tuning": "calibrated", "tokens": 60, "task_tokens": 100}`,
		"domains":   `{"neurons": 16, "tokens": 40, "detailed": 4}`,
	},
}

func encode(t *testing.T, r *Report) []byte {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every experiment runs, says something, and gives a table, charts and valid JSON.
func TestEveryExperimentRuns(t *testing.T) {
	for _, x := range List() {
		t.Run(x.Name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("skipped: -short")
			}
			x = small(t, x.Name)
			r, err := x.Run(t.Context(), newLab(t, setup(t, 1, 2)))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Text) == 0 || len(r.Result.Table().Rows) == 0 || len(r.Result.Charts()) == 0 {
				t.Errorf("%d statements, %d rows, %d charts", len(r.Text), len(r.Result.Table().Rows), len(r.Result.Charts()))
			}
			for _, s := range r.Text {
				if strings.Contains(s.Text, "%!") || strings.Contains(s.Text, "NaN") {
					t.Errorf("%q is not well formed", s.Text)
				}
			}
			encode(t, r)
			if x.Summary == "" || x.About == "" {
				t.Error("nothing says what it does")
			}
		})
	}
}

// Threads, and seeds that were finished before, change no byte of the result.
func TestAnInterruptedExperimentGoesOnToTheSameBytes(t *testing.T) {
	x := small(t, "normalizer")
	whole, err := x.Run(t.Context(), newLab(t, setup(t, 1, 2, 3)))
	if err != nil {
		t.Fatal(err)
	}
	s := setup(t, 1, 2, 3)
	s.Dir = t.TempDir()
	s.Pool = nil // one thread
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(stage string, _ float64) {
		if strings.Contains(stage, "seed 3") {
			cancel()
		}
	}
	if _, err := x.Run(ctx, newLab(t, s)); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	for seed, want := range map[uint64]bool{1: true, 2: true, 3: false} {
		if _, err := os.Stat(filepath.Join(s.Dir, SeedFile(seed))); (err == nil) != want {
			t.Errorf("seed %d is kept: %v, want %v", seed, err == nil, want)
		}
	}
	s.Resume, s.Progress = true, nil
	resumed, err := x.Run(t.Context(), newLab(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, whole), encode(t, resumed)) {
		t.Error("the resumed result differs")
	}
}

// Finished seeds of something else are refused by name, with what to do.
func TestFinishedSeedsOfSomethingElseAreRefused(t *testing.T) {
	x := small(t, "normalizer")
	s := setup(t, 1)
	s.Dir = t.TempDir()
	if _, err := x.Run(t.Context(), newLab(t, s)); err != nil {
		t.Fatal(err)
	}
	s.Resume = true
	path := filepath.Join(s.Dir, SeedFile(1))
	original, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, s Setup, x Experiment, words ...string) {
		t.Helper()
		_, err := x.Run(t.Context(), newLab(t, s))
		if err == nil {
			t.Errorf("%s: resumed", what)
			return
		}
		for _, w := range append(words, path) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", what, err, w)
			}
		}
	}
	other := s
	other.Inputs.Texts = language.Verses()[1:6]
	refused("other inputs", other, x, "inputs", "--resume")
	y := small(t, "normalizer")
	if err := y.Set("neurons", "33"); err != nil {
		t.Fatal(err)
	}
	refused("other settings", s, y, "settings")
	for what, text := range map[string]string{
		"damaged":      string(original[:len(original)/2]),
		"another kind": `{"schema": "other"}`,
		"another seed": strings.Replace(string(original), `"seed":1`, `"seed":2`, 1),
		"no measure":   string(original[:bytes.Index(original, []byte(`"measured"`))]) + `"measured":7}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		refused(what, s, x)
	}
}

func TestSettingsAreCheckedByName(t *testing.T) {
	x, _ := Find("normalizer")
	for _, set := range [][2]string{{"neurons", "64"}, {"tuning", "exp"}, {"draw", "iid"}, {"tokens", "50"}} {
		if err := x.Set(set[0], set[1]); err != nil {
			t.Error(err)
		}
	}
	if c := x.Config().(*NormalizerConfig); c.Neurons != 64 || c.Tuning != "exp" || c.Draw != tuning.IID || c.Tokens != 50 {
		t.Errorf("the config is %+v", c)
	}
	if err := x.Set("neuron", "64"); err == nil || !strings.Contains(err.Error(), "neurons") {
		t.Errorf("an unknown setting: %v", err)
	}
	if err := x.Set("neurons", "many"); err == nil || !strings.Contains(err.Error(), "64") {
		t.Errorf("a number that is none: %v", err)
	}
	again, _ := Find("normalizer")
	if c := again.Config().(*NormalizerConfig); c.Neurons != DefaultNormalizer().Neurons {
		t.Error("settings of one change the defaults of the next")
	}
}

func TestLabsRefuseWhatCannotBeRun(t *testing.T) {
	for what, change := range map[string]func(*Setup){
		"give at least one": func(s *Setup) { s.Seeds = nil },
		"give some":         func(s *Setup) { s.Inputs.Texts = nil },
		"is empty":          func(s *Setup) { s.Inputs.Texts = []string{" "} },
	} {
		s := setup(t, 1)
		change(&s)
		if _, err := NewLab(s); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q: %v", what, err)
		}
	}
	s := setup(t, 1)
	s.Calibration.Texts = nil
	if _, err := small(t, "normalizer").Run(t.Context(), newLab(t, s)); err == nil || !strings.Contains(err.Error(), "calibrate") {
		t.Errorf("nothing to calibrate on: %v", err)
	}
	x := small(t, "normalizer")
	for _, set := range [][2]string{{"tuning", "fitted"}} {
		if err := x.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Run(t.Context(), newLab(t, setup(t, 1))); err == nil || !strings.Contains(err.Error(), "fitted") {
		t.Errorf("no fitted curves: %v", err)
	}
}

// A report says how its own intervals are found, and warns of few seeds.
func TestReportsSayWhatTheirIntervalsHold(t *testing.T) {
	const few = "hold little or nothing of the spread between seeds"
	for _, c := range []struct {
		name     string
		seeds    []uint64
		together bool
	}{{"normalizer", []uint64{1, 2, 3}, false}, {"noise", []uint64{1}, true}, {"neurons", []uint64{1, 2}, false}} {
		r, err := small(t, c.name).Run(t.Context(), newLab(t, setup(t, c.seeds...)))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.HasSuffix(r.Intervals, Together); got != c.together {
			t.Errorf("%s: %q", c.name, r.Intervals)
		}
		if got, want := says(r.Text, few), len(c.seeds) < 3; got != want {
			t.Errorf("%s: a warning of %d seeds: %v, want %v", c.name, len(c.seeds), got, want)
		}
	}
}
