package network

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// folder of small random checkpoints, see package model.
const testdata = "../model/testdata/"

func open(t *testing.T, folder string) *model.Model {
	t.Helper()
	m, err := model.Load(os.DirFS(testdata+folder), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func workspace(t *testing.T) *nn.Workspace {
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	return nn.NewWorkspace(pool)
}

// sequences returns token ids of a vocabulary of 64.
func sequences(seed uint64, lengths ...int) [][]int {
	rng := tuning.NewRand(seed)
	all := make([][]int, len(lengths))
	for i, n := range lengths {
		for range n {
			all[i] = append(all[i], rng.IntN(64))
		}
	}
	return all
}

func calibration(t *testing.T, m *model.Model) *Calibration {
	t.Helper()
	lengths := make([]int, 40)
	for i := range lengths {
		lengths[i] = 12 + i%8
	}
	c, err := Calibrate(t.Context(), m, model.NewBatch(sequences(1, lengths...)...), workspace(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t *testing.T, selection string) attention.Selection {
	t.Helper()
	s, err := attention.ParseSelection(selection)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(neurons int) func(layer, head int) int {
	return func(int, int) int { return neurons }
}

func built(t *testing.T, m *model.Model, o Options) *Circuits {
	t.Helper()
	if o.Tuning == "" {
		o.Tuning = string(tuning.Exp)
	}
	if o.Draw == "" {
		o.Draw = tuning.IID
	}
	c, err := Build(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// last returns the last hidden states with those heads, nil for exact ones.
func last(t *testing.T, m *model.Model, c *Circuits, b model.Batch) []float32 {
	t.Helper()
	run := model.Run{Work: workspace(t)}
	if c != nil {
		run.Heads = c.Heads()
	}
	x, err := m.Forward(t.Context(), b, run)
	if err != nil {
		t.Fatal(err)
	}
	return x.Data
}

// distance is |a-b|/|b|.
func distance(t *testing.T, a, b []float32) float64 {
	t.Helper()
	if len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%d values against %d", len(a), len(b))
	}
	var diff, norm float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		diff += d * d
		norm += float64(b[i]) * float64(b[i])
	}
	if r := math.Sqrt(diff / norm); !math.IsNaN(r) {
		return r
	}
	t.Fatal("a distance is NaN")
	return 0
}

func TestCircuitsComeCloserWithMoreNeurons(t *testing.T) {
	for _, folder := range []string{"bert", "albert"} {
		m := open(t, folder)
		batch := model.NewBatch(sequences(2, 9, 14, 3)...)
		exact := last(t, m, nil, batch)
		floor := distance(t, last(t, m, built(t, m, Options{Selection: parse(t, "uniform")}), batch), exact)
		o := Options{Selection: parse(t, "algebraic"), Tuning: Calibrated, Draw: tuning.Orthogonal, Seed: 1, Calibration: calibration(t, m)}
		var errs []float64
		for _, n := range []int{16, 8192} {
			o.Neurons = equal(n)
			errs = append(errs, distance(t, last(t, m, built(t, m, o), batch), exact))
		}
		t.Logf("%s: uniform %.3f, circuits %.3f", folder, floor, errs)
		if errs[1] > errs[0]/3 || errs[1] > floor/4 {
			t.Errorf("%s: errors %.3f with 16 and 8192 neurons; uniform attention gives %.3f", folder, errs, floor)
		}
	}
}

func TestExactSelectionIsTheModelItself(t *testing.T) {
	m := open(t, "bert")
	batch := model.NewBatch(sequences(3, 7, 5)...)
	if !slices.Equal(last(t, m, nil, batch), last(t, m, built(t, m, Options{Selection: parse(t, "exact")}), batch)) {
		t.Error("exact heads give another result than the model's own")
	}
}

func TestAHeadDoesNotDependOnTheOthers(t *testing.T) {
	m := open(t, "bert")
	o := Options{Selection: parse(t, "algebraic"), Tuning: Calibrated, Draw: tuning.Orthogonal, Neurons: equal(24), Seed: 5, Calibration: calibration(t, m)}
	all := built(t, m, o)
	o.Selection = parse(t, "exact,1.2=algebraic,0=uniform")
	one := built(t, m, o)
	seen := map[string]bool{}
	for l := range 2 {
		for h := range 3 {
			head, want := one.At(l, h), attention.KindExact
			switch {
			case l == 0:
				want = attention.KindUniform
			case h == 2:
				want = attention.KindAlgebraic
				if head.Curves.Fingerprint() != all.At(l, h).Curves.Fingerprint() {
					t.Error("the curves of head 1.2 depend on the other heads")
				}
			}
			if head.Kind != want || (head.Neurons() == 24) != (want == attention.KindAlgebraic) {
				t.Errorf("head %d.%d is %v with %d neurons, want %v", l, h, head.Kind, head.Neurons(), want)
			}
			seen[all.At(l, h).Curves.Fingerprint()] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("6 heads have %d different curves", len(seen))
	}
	o.Seed++
	if built(t, m, o).At(1, 2).Curves.Fingerprint() == one.At(1, 2).Curves.Fingerprint() {
		t.Error("another seed gives the same curves")
	}
}

func TestEveryMapBuilds(t *testing.T) {
	m := open(t, "albert")
	batch := model.NewBatch(sequences(4, 6)...)
	o := Options{Selection: parse(t, "algebraic"), Draw: tuning.IID, Neurons: equal(10), Calibration: calibration(t, m)}
	for _, name := range append(tuning.Maps(), Calibrated) {
		o.Tuning = string(name)
		c := built(t, m, o)
		want := 10
		if name == tuning.Trig || name == tuning.Hyperbolic {
			want = 20 // two for each row of W
		}
		if got := c.At(2, 1).Neurons(); got != want {
			t.Errorf("%s: %d neurons, want %d", name, got, want)
		}
		if cal := c.At(0, 0).Curves.Calibrated(); cal != (name == Calibrated) {
			t.Errorf("%s: calibrated is %v", name, cal)
		}
		x := last(t, m, c, batch)
		if !name.Signed() && slices.ContainsFunc(x, func(v float32) bool { return v != v }) {
			t.Errorf("%s: the output holds NaN", name)
		}
	}
}

func TestNeuronsAreAllocatedPerHead(t *testing.T) {
	m := open(t, "bert")
	c := built(t, m, Options{Selection: parse(t, "algebraic"), Draw: tuning.IID, Neurons: func(l, h int) int { return 10*l + h + 1 }})
	head := c.At(1, 2)
	if got := head.Neurons(); got != 13 {
		t.Errorf("head 1.2 has %d neurons, want 13", got)
	}
	d := m.HeadWidth()
	state, token := head.NewState(), tensor.New(1, d)
	head.Forward(tensor.New(1, d), nil, token, token, token, tensor.NewSequences(1), state, nil, nil)
	if got, want := head.MemoryBytes(), state.Bytes(); got != want {
		t.Errorf("its memory is said to take %d bytes, and takes %d", got, want)
	}
}

func TestCalibrationShrinksEveryHead(t *testing.T) {
	m := open(t, "bert")
	c := calibration(t, m)
	for l := range 2 {
		for h := range 3 {
			after := 0.0
			for _, v := range c.At(l, h).Variance {
				after += 2 * v
			}
			if before := c.norms[l][h]; !(after < before) {
				t.Errorf("head %d.%d: calibration takes |q+k|² from %.2f to %.2f", l, h, before, after)
			}
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	m := open(t, "bert")
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"no calibration": {Options{Selection: parse(t, "algebraic"), Tuning: Calibrated, Draw: tuning.IID, Neurons: equal(8)}, "calibration texts"},
		"gerf":           {Options{Selection: parse(t, "algebraic"), Tuning: "gerf", Draw: tuning.IID, Neurons: equal(8)}, "calibration texts"},
		"no neurons":     {Options{Selection: parse(t, "algebraic"), Tuning: "exp", Draw: tuning.IID, Neurons: equal(0)}, "layer 0, head 0: 0 hidden neurons"},
		"many neurons":   {Options{Selection: parse(t, "exact,1.1=algebraic"), Tuning: "exp", Draw: tuning.IID, Neurons: equal(1 << 40)}, "layer 1, head 1: 1099511627776 hidden neurons"},
		"no such layer":  {Options{Selection: parse(t, "exact,2=algebraic"), Tuning: "exp", Draw: tuning.IID}, "no layer 2"},
		"no such draw":   {Options{Selection: parse(t, "algebraic"), Tuning: "exp", Draw: "orthgonal", Neurons: equal(8)}, "orthgonal"},
		"no such curves": {Options{Tuning: "sharp"}, "sharp"},
	} {
		if _, err := Build(m, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Calibrate(t.Context(), m, model.Batch{}, workspace(t), nil); err == nil || !strings.Contains(err.Error(), "text") {
		t.Errorf("calibration without text: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Calibrate(ctx, m, model.NewBatch(sequences(1, 5)...), workspace(t), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled calibration: %v", err)
	}
}

func TestTokenizerMustBeTheModels(t *testing.T) {
	if _, err := Load(os.DirFS(testdata+"sentence-mean"), "sentence-mean"); err != nil {
		t.Error(err)
	}
	if _, err := Load(os.DirFS(testdata+"bert"), "bert"); err == nil || !strings.Contains(err.Error(), "tokenizer") {
		t.Errorf("a folder without tokenizer: %v", err)
	}
	files := fstest.MapFS{}
	for name, folder := range map[string]string{"config.json": "bert", "model.safetensors": "bert", "tokenizer.json": "sentence-mean"} {
		data, err := fs.ReadFile(os.DirFS(testdata+folder), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	if _, err := Load(files, "mixed"); err == nil || !strings.Contains(err.Error(), "ids up to 81") || !strings.Contains(err.Error(), "64 tokens") {
		t.Errorf("a tokenizer with more words than the model: %v", err)
	}
}
