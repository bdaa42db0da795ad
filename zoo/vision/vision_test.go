package vision_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

// kinds are the classes in the order of their numbers.
var kinds = []string{"T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}

func TestTheConfigurationIsAViTOfSmallPictures(t *testing.T) {
	var config struct {
		Type     string            `json:"model_type"`
		Side     int               `json:"image_size"`
		Patch    int               `json:"patch_size"`
		Channels int               `json:"num_channels"`
		Labels   map[string]string `json:"id2label"`
	}
	zootest.Read(t, vision.Files(), "config.json", &config)
	if config.Type != "vit" || config.Side != 28 || config.Patch != 4 || config.Channels != 3 {
		t.Errorf("%+v, want a ViT of 28 x 28 pixels in patches of 4, in colour", config)
	}
	for i, want := range kinds {
		if got := config.Labels[fmt.Sprint(i)]; got != want {
			t.Errorf("label %d is %q, want %q", i, got, want)
		}
	}
	var processor struct {
		Type string `json:"image_processor_type"`
		Size struct{ Height, Width int }
	}
	zootest.Read(t, vision.Files(), "preprocessor_config.json", &processor)
	if processor.Type != "ViTImageProcessor" || processor.Size.Height != config.Side || processor.Size.Width != config.Side {
		t.Errorf("%+v does not prepare pictures for %+v", processor, config)
	}
}

func TestSamplesAndCalibrationAreDifferentPicturesOfEveryKind(t *testing.T) {
	seen := map[string]string{}
	for folder, want := range map[string]struct {
		files   fs.FS
		perKind int
	}{"samples": {vision.Samples(), 1}, "calibration": {vision.Calibration(), 10}} {
		count := map[string]int{}
		names, err := fs.Glob(want.files, "*.png")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			kind := strings.TrimSuffix(name, ".png")
			if folder == "calibration" {
				kind = kind[:strings.LastIndex(kind, "-")]
			}
			count[kind]++
			grey := picture(t, want.files, name)
			if other, twice := seen[string(grey.Pix)]; twice {
				t.Errorf("%s/%s is the same picture as %s", folder, name, other)
			}
			seen[string(grey.Pix)] = folder + "/" + name
		}
		for _, kind := range kinds {
			if file := strings.ReplaceAll(strings.ToLower(kind), " ", "-"); count[file] != want.perKind {
				t.Errorf("%s holds %d pictures of %s, want %d", folder, count[file], file, want.perKind)
			}
		}
	}
}

func picture(t *testing.T, files fs.FS, name string) *image.Gray {
	t.Helper()
	file, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoded, err := png.Decode(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	grey, ok := decoded.(*image.Gray)
	if !ok || grey.Rect != image.Rect(0, 0, 28, 28) || grey.At(0, 0) == (color.Gray{255}) {
		t.Fatalf("%s is no grey picture of 28 x 28 on black", name)
	}
	return grey
}

func TestTheNoticeOfThePicturesComesWithThem(t *testing.T) {
	notice, err := fs.ReadFile(vision.Files(), "LICENSE-fashion-mnist")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2017 Zalando SE", "Permission is hereby granted", "shall be included in all copies", `"AS IS"`} {
		if !strings.Contains(string(notice), want) {
			t.Errorf("the notice does not say %q", want)
		}
	}
}

// TestTheCardSaysWhatWasMeasured compares README.md with testdata/measures.json, which the script wrote.
func TestTheCardSaysWhatWasMeasured(t *testing.T) {
	var m struct {
		Parameters int
		Minutes    float64
		Pictures   map[string]int
		Accuracy   map[string]float64
		ByKind     map[string]float64 `json:"test_accuracy_by_kind"`
		Alike      float64            `json:"test_accuracy_attending_to_all_alike"`
		Norms      [][]float64        `json:"mean_squared_norm"`
	}
	zootest.Read(t, os.DirFS("testdata"), "measures.json", &m)
	if !(m.Accuracy["test"] >= 0.89) {
		t.Errorf("test accuracy %v, at least 0.89 promised", m.Accuracy["test"])
	}
	card := zootest.ReadCard(t)
	card.Says("| parameters | %d,%03d", m.Parameters/1000, m.Parameters%1000)
	card.Says("%.1f minutes", m.Minutes)
	card.Says("| this model | %.2f%% |", 100*m.Accuracy["test"])
	card.Says("| this model, attending to all tokens alike | %.2f%% |", 100*m.Alike)
	card.Says("training pictures %.2f%%, validation pictures %.2f%%", 100*m.Accuracy["train"], 100*m.Accuracy["validation"])
	for _, kind := range kinds {
		card.Says("| %s | %.1f%% |", kind, 100*m.ByKind[kind])
	}
	card.Norms(m.Norms)
}
