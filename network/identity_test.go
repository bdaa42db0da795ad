package network_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

// filesOf returns the files of the bundled vision model, to be changed.
func filesOf(t *testing.T, change map[string][]byte) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := vision.Files().(interface {
			ReadFile(string) ([]byte, error)
		}).ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	for name, data := range change {
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// A checkpoint is its configuration and its weights, and no other file that lies
// with them.
func TestTheCheckpointIsConfigurationAndWeights(t *testing.T) {
	hash := func(files fstest.MapFS) string {
		h, err := network.Checkpoint(files)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	plain := filesOf(t, nil)
	want := hash(plain)
	if got := hash(filesOf(t, map[string][]byte{network.TuningFile: []byte("curves"), "README.md": []byte("card")})); got != want {
		t.Error("files beside the weights change the checkpoint")
	}
	weights := append([]byte(nil), plain["model.safetensors"].Data...)
	weights[len(weights)-1] ^= 1
	changed := map[string]string{
		"weights":       hash(filesOf(t, map[string][]byte{"model.safetensors": weights})),
		"configuration": hash(filesOf(t, map[string][]byte{"config.json": append([]byte(" "), plain["config.json"].Data...)})),
	}
	for what, got := range changed {
		if got == want {
			t.Errorf("other %s are the same checkpoint", what)
		}
	}
	missing := maps.Clone(plain)
	delete(missing, "config.json")
	if _, err := network.Checkpoint(missing); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("no configuration: %v", err)
	}
	if _, err := network.Checkpoint(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "model.safetensors") {
		t.Errorf("no weights: %v", err)
	}
}

// asFitted writes curves that were drawn as fitted ones: a form for each phase.
func asFitted(t *testing.T, m *model.Model, seed uint64) *network.Tuning {
	t.Helper()
	sel, err := attention.ParseSelection("algebraic")
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := network.Build(m, network.Options{Selection: sel, Tuning: string(tuning.Exp), Draw: tuning.IID, Seed: seed,
		Neurons: func(l, h int) int { return 8 + l + h }})
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
	out, err := network.NewTuning(m, network.TuningInfo{Checkpoint: "abc"}, all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFingerprintIsThatOfTheCurves(t *testing.T) {
	m, err := model.Load(vision.Files(), vision.Name)
	if err != nil {
		t.Fatal(err)
	}
	one, other := asFitted(t, m, 1), asFitted(t, m, 2)
	if one.Fingerprint() == other.Fingerprint() || one.Fingerprint() != asFitted(t, m, 1).Fingerprint() {
		t.Error("fingerprints do not tell curves apart")
	}
	dir := t.TempDir()
	if err := one.Save(filepath.Join(dir, network.TuningFile), safetensors.F32); err != nil {
		t.Fatal(err)
	}
	// A second save of what was read is the same to the bit: amplitudes are in the
	// drive by then.
	read, err := network.OpenTuningIn(os.DirFS(dir), network.TuningFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Save(filepath.Join(dir, "again.safetensors"), safetensors.F32); err != nil {
		t.Fatal(err)
	}
	again, err := network.OpenTuning(filepath.Join(dir, "again.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if read.Fingerprint() != again.Fingerprint() {
		t.Error("the same curves in another file have another fingerprint")
	}
}

func TestNeuronsAreCountedOverCircuits(t *testing.T) {
	m, err := model.Load(vision.Files(), vision.Name)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := attention.ParseSelection("exact,1=algebraic,2.3=algebraic")
	if err != nil {
		t.Fatal(err)
	}
	fitted := asFitted(t, m, 1)
	c, err := network.Build(m, network.Options{Selection: sel, Fitted: fitted})
	if err != nil {
		t.Fatal(err)
	}
	want := 8 + 2 + 3
	for h := range m.Heads() {
		want += 8 + 1 + h
	}
	if got := c.Neurons(); got != want {
		t.Errorf("%d neurons, want %d", got, want)
	}
	if got := c.MeanNeurons(); got != float64(want)/float64(m.Heads()+1) {
		t.Errorf("%v neurons in the mean", got)
	}
	none, err := network.Build(m, network.Options{Fitted: fitted})
	if err != nil {
		t.Fatal(err)
	}
	if none.Neurons() != 0 || none.MeanNeurons() != 0 {
		t.Errorf("exact heads have %d neurons", none.Neurons())
	}
}
