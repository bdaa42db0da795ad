package vision_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/input/image"
	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

// reference is what transformers computed from the files of this folder.
type reference struct {
	Samples []struct {
		File, Label string
		Logits      []float64
	}
	Labels  string `json:"first_1000_test_labels"`
	Answers string `json:"first_1000_test_answers"`
}

func readReference(t *testing.T) reference {
	t.Helper()
	var want reference
	zootest.Read(t, os.DirFS("testdata"), "reference.json", &want)
	if len(want.Samples) != 10 || len(want.Labels) != 1000 || len(want.Answers) != 1000 {
		t.Fatalf("%d samples, %d labels, %d answers", len(want.Samples), len(want.Labels), len(want.Answers))
	}
	return want
}

// classify returns the logits [n, labels] of pictures.
func classify(t *testing.T, m *model.Model, pictures ...*image.Picture) tensor.Matrix {
	t.Helper()
	processor, err := image.Load(vision.Files())
	if err != nil {
		t.Fatal(err)
	}
	values := model.Values{Shape: []int{len(pictures), 3, 28, 28}}
	for _, p := range pictures {
		v, _, _, err := processor.Pixels(p)
		if err != nil {
			t.Fatal(err)
		}
		values.Data = append(values.Data, v...)
	}
	return zootest.Classify(t, m, zootest.Run(t), values)
}

func TestTheEngineAnswersAsTransformers(t *testing.T) {
	m := zootest.Load(t, vision.Files(), vision.Name)
	for _, want := range readReference(t).Samples {
		file, err := vision.Samples().Open(want.File)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := image.Decode(file)
		file.Close()
		if err != nil {
			t.Fatalf("%s: %v", want.File, err)
		}
		zootest.Logits(t, want.File, m.Config().Labels, classify(t, m, picture).Row(0), want.Logits)
	}
}

// TestTheFirstThousandTestPictures answers them as transformers does. The pictures are those of the Debian package
// dataset-fashion-mnist; FASHION_MNIST names another folder with its files.
func TestTheFirstThousandTestPictures(t *testing.T) {
	folder := "/usr/share/datasets/fashion-mnist"
	if given := os.Getenv("FASHION_MNIST"); given != "" {
		folder = given
	}
	data, err := os.ReadFile(filepath.Join(folder, "t10k-images-idx3-ubyte.gz"))
	if err != nil {
		t.Skipf("%v: install dataset-fashion-mnist, or name its folder by FASHION_MNIST", err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	const header, size = 16, 28 * 28
	grey := make([]byte, header+1000*size)
	if _, err := io.ReadFull(unpacked, grey); err != nil {
		t.Fatal(err)
	}
	var pictures []*image.Picture
	for one := range slices.Chunk(grey[header:], size) {
		p := &image.Picture{Width: 28, Height: 28}
		for _, v := range one {
			p.Pix = append(p.Pix, v, v, v)
		}
		pictures = append(pictures, p)
	}
	m, want := zootest.Load(t, vision.Files(), vision.Name), readReference(t)
	right := [2]int{} // transformers, the engine
	other := 0
	for at := 0; at < len(pictures); at += 100 {
		logits := classify(t, m, pictures[at:at+100]...)
		for i := range logits.Rows {
			row := logits.Row(i)
			answer := byte('0' + slices.Index(row, slices.Max(row)))
			label, theirs := want.Labels[at+i], want.Answers[at+i]
			if theirs == label {
				right[0]++
			}
			if answer == label {
				right[1]++
			}
			if answer != theirs {
				other++
			}
		}
	}
	t.Logf("%d of 1,000 right", right[1])
	// Two logits would have to lie within rounding of each other.
	if right[0] != right[1] || other > 1 {
		t.Errorf("%d right, transformers %d; %d answers are other than its", right[1], right[0], other)
	}
}
