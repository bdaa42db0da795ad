package audition_test

import (
	"io/fs"
	"math"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/input/audio"
	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/zoo/audition"
)

// hear returns the log-mel features of a sound and the logits that the model gives them.
func hear(t *testing.T, m *model.Model, files fs.FS, name string) (features, logits []float32) {
	t.Helper()
	extractor, err := audio.Load(audition.Files())
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if features, err = extractor.Read(file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	frames, bins := extractor.Shape()
	values := model.Values{Shape: []int{1, frames, bins}, Data: features}
	return features, zootest.Classify(t, m, zootest.Run(t), values).Row(0)
}

// TestTheEngineAnswersAsTransformers goes the whole way from a file: transformers' own feature extractor made the
// reference. Features are compared by two moments, logits one by one.
func TestTheEngineAnswersAsTransformers(t *testing.T) {
	var want struct {
		Samples []struct {
			File       string
			Mean       float64 `json:"feature_mean"`
			MeanSquare float64 `json:"feature_mean_square"`
			Logits     []float64
		}
	}
	zootest.Read(t, os.DirFS("testdata"), "reference.json", &want)
	if len(want.Samples) != 10 {
		t.Fatalf("%d samples", len(want.Samples))
	}
	m := zootest.Load(t, audition.Files(), audition.Name)
	for _, want := range want.Samples {
		features, got := hear(t, m, audition.Samples(), want.File)
		var mean, square float64
		for _, v := range features {
			mean += float64(v) / float64(len(features))
			square += float64(v) * float64(v) / float64(len(features))
		}
		if !(math.Abs(mean-want.Mean) <= 1e-5 && math.Abs(square-want.MeanSquare) <= 1e-5) {
			t.Errorf("%s: moments of the features are %v and %v, want %v and %v", want.File, mean, square, want.Mean, want.MeanSquare)
		}
		zootest.Logits(t, want.File, m.Config().Labels, got, want.Logits)
	}
}

// TestSoundsToCalibrateWithCanBeRead also sees that the model, which was trained on their words, knows most of them.
func TestSoundsToCalibrateWithCanBeRead(t *testing.T) {
	m := zootest.Load(t, audition.Files(), audition.Name)
	right := 0
	for digit, word := range words {
		names, err := fs.Glob(audition.Calibration(), word+"-*.flac")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			_, logits := hear(t, m, audition.Calibration(), name)
			best := 0
			for i, v := range logits {
				if v > logits[best] {
					best = i
				}
			}
			if best == digit {
				right++
			}
		}
	}
	if right < 16 {
		t.Errorf("%d of 20 sounds of the training part are recognized", right)
	}
}
