package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
)

// judged is a file and what transformers says of it; see tools/ref/answers.py.
type judged struct {
	File   string    `json:"file"`
	Logits []float64 `json:"logits"`
}

func openFile(name string) (io.ReadCloser, error) { return os.Open(name) }

// judge loads a classifier.
func judge(t testing.TB, files fs.FS) *network.Network {
	t.Helper()
	n, err := network.Load(files, "the model")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func softmax(logits []float64) []float64 {
	p, sum := make([]float64, len(logits)), 0.0
	for i, l := range logits {
		p[i] = math.Exp(l)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestLabelsAreThoseOfTransformers(t *testing.T) {
	// What is left of probabilities where pixels of JPEG differ by up to 3 levels of
	// 255 (see package image). Else inputs agree, and float32 leaves 1e-6.
	tolerances := map[string]float64{".jpg": 5e-3}
	for _, name := range []string{"vit", "deit", "ast"} {
		n := judge(t, os.DirFS(filepath.Join("testdata", name)))
		want := answers[judged](t, name)
		var files []string
		for _, w := range want {
			files = append(files, "../"+w.File)
		}
		seen := 0
		c := Classification{Top: 100, Open: openFile, Each: func(one Classified) error {
			if one.File != files[seen] {
				t.Errorf("%s came as number %d", one.File, seen)
			}
			seen++
			return nil
		}}
		got, err := Classify(t.Context(), n, files, c, options(t))
		if err != nil || seen != len(files) {
			t.Fatal(seen, err)
		}
		worst := map[string]float64{}
		for i, w := range want {
			probabilities := softmax(w.Logits)
			if got[i].Err != nil || len(got[i].Labels) != len(probabilities) {
				t.Fatalf("%+v", got[i])
			}
			tolerance := 1e-5
			if x, ok := tolerances[filepath.Ext(w.File)]; ok {
				tolerance = x
			}
			last := 1.0
			for _, l := range got[i].Labels {
				d := math.Abs(l.Probability - probabilities[l.ID])
				worst[filepath.Ext(w.File)] = max(worst[filepath.Ext(w.File)], d)
				if !(d <= tolerance) {
					t.Errorf("%s, %s: %s has the probability %.5f, want %.5f", name, w.File, l.Label, l.Probability, probabilities[l.ID])
				}
				if l.Label != n.Model.Config().Labels[l.ID] || l.Probability > last {
					t.Errorf("%s, %s: %+v after %v", name, w.File, l, last)
				}
				last = l.Probability
			}
		}
		t.Logf("%s: probabilities differ by %v at most", name, worst)
	}
}

func TestAFileDoesNotChangeTheOthers(t *testing.T) {
	n := judge(t, os.DirFS("testdata/vit"))
	pictures, err := filepath.Glob("../input/image/testdata/*.png")
	if err != nil || len(pictures) < 5 {
		t.Fatal(pictures, err)
	}
	files := slices.Concat(slices.Repeat(pictures, 12), []string{"nosuch.png", "classify_test.go"}, pictures) // several batches
	c := Classification{Top: 3, Open: openFile}
	all, err := Classify(t.Context(), n, files, c, options(t))
	if err != nil || len(all) != len(files) {
		t.Fatal(err)
	}
	for i, name := range files {
		if failed := name == "nosuch.png" || name == "classify_test.go"; failed != (all[i].Err != nil) || failed != (all[i].Labels == nil) {
			t.Errorf("%+v", all[i])
		}
	}
	for i, name := range pictures {
		one, err := Classify(t.Context(), n, []string{name}, c, options(t))
		if err != nil {
			t.Fatal(err)
		}
		if last := all[len(files)-len(pictures)+i]; !slices.Equal(one[0].Labels, last.Labels) || !slices.Equal(one[0].Labels, all[i].Labels) {
			t.Errorf("%s alone: %v, among others %v", name, one[0].Labels, last.Labels)
		}
	}
}

func TestLabelsThatDoNotExcludeOneAnother(t *testing.T) {
	logits := []float32{0.5, -2, 3}
	c := model.Config{Labels: []string{"a", "b", "c"}, Problem: "multi_label_classification"}
	got := labels(logits, &c, 2)
	if len(got) != 2 || got[0].Label != "c" || got[1].Label != "a" {
		t.Fatal(got)
	}
	for _, l := range got {
		if want := 1 / (1 + math.Exp(-float64(logits[l.ID]))); !(math.Abs(l.Probability-want) < 1e-12) {
			t.Errorf("%+v, want %v", l, want)
		}
	}
}

func TestFilesThatCannotBeClassified(t *testing.T) {
	n := judge(t, os.DirFS("testdata/vit"))
	c := Classification{Top: 1, Open: openFile}
	bare := &network.Network{Model: loadModel(t, "vit")}
	_, err := Classify(t.Context(), bare, nil, c, options(t))
	says(t, "no classifier", err, "no classifier", "AutoModelForImageClassification", "hidden")
	c.Top = 0
	_, err = Classify(t.Context(), n, nil, c, options(t))
	says(t, "no labels", err, "at least 1")

	_, err = network.ReadPreprocessor(folder("bert"), loadModel(t, "bert"))
	says(t, "text", err, "reads texts, not pictures or sounds", "ViT")
	_, err = network.ReadPreprocessor(fstest.MapFS{}, n.Model)
	says(t, "no preprocessor", err, "the model", "preprocessor_config.json")
	other := fstest.MapFS{"preprocessor_config.json": {Data: []byte(`{"image_processor_type": "ViTImageProcessor", "size": 40}`)}}
	n.Preprocessor, err = network.ReadPreprocessor(other, n.Model)
	if err != nil {
		t.Fatal(err)
	}
	c.Top = 1
	got, err := Classify(t.Context(), n, []string{"../input/image/testdata/text.png"}, c, options(t))
	if err != nil {
		t.Fatal(err)
	}
	says(t, "other size", got[0].Err, "preprocessor_config.json", "[1 3 40 40]", "32")

	ctx, cancel := context.WithCancel(t.Context())
	c.Each = func(Classified) error { cancel(); return nil }
	files := slices.Repeat([]string{"../input/image/testdata/text.png"}, 500)
	got, err = Classify(ctx, n, files, c, options(t))
	if !errors.Is(err, context.Canceled) || len(got) == 0 || len(got) == len(files) {
		t.Errorf("cancelled: %d files, %v", len(got), err)
	}
	failure := errors.New("no room")
	c.Each = func(Classified) error { return fmt.Errorf("write: %w", failure) }
	if _, err = Classify(t.Context(), n, files, c, options(t)); !errors.Is(err, failure) {
		t.Errorf("an output that fails: %v", err)
	}
}
