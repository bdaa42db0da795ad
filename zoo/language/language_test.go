package language_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/zoo/language"
)

// bytesAllowed bounds what a program that imports the package carries.
const bytesAllowed = 6_000_000

func TestTheFolderIsCompleteAndSmall(t *testing.T) {
	total := 0
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"} {
		data, err := fs.ReadFile(language.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 {
			t.Errorf("%s is empty", name)
		}
		total += len(data)
	}
	for _, text := range append(language.Verses(), language.Calibration()...) {
		total += len(text) + 1
	}
	if total > bytesAllowed {
		t.Errorf("%d bytes are embedded, %d allowed", total, bytesAllowed)
	}
}

func TestFilesCanBeReadAtAnyOffset(t *testing.T) {
	file, err := language.Files().Open("model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, ok := file.(io.ReaderAt); !ok {
		t.Error("the weights are no io.ReaderAt")
	}
	if _, ok := file.(io.Seeker); !ok {
		t.Error("the weights are no io.Seeker")
	}
}

func TestTheConfigurationIsOneBlockAppliedFourTimes(t *testing.T) {
	data, err := fs.ReadFile(language.Files(), "config.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		ModelType string `json:"model_type"`
		Layers    int    `json:"num_hidden_layers"`
		Groups    int    `json:"num_hidden_groups"`
		Vocab     int    `json:"vocab_size"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if config.ModelType != "albert" || config.Layers != 4 || config.Groups != 1 {
		t.Errorf("%+v, want albert with 4 layers in 1 group", config)
	}
	vocabulary, err := fs.ReadFile(language.Files(), "vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	if entries := strings.Count(string(vocabulary), "\n"); entries != config.Vocab {
		t.Errorf("vocab.txt holds %d entries, config.json says %d", entries, config.Vocab)
	}
}

func TestDemonstrationAndCalibrationShareNoText(t *testing.T) {
	verses, calibration := language.Verses(), language.Calibration()
	if len(verses) < 40 || len(verses) > 60 {
		t.Errorf("%d verses, want 40 to 60", len(verses))
	}
	if len(calibration) != 300 {
		t.Errorf("%d calibration texts, want 300", len(calibration))
	}
	seen := map[string]string{}
	for kind, texts := range map[string][]string{"verse": verses, "calibration text": calibration} {
		for i, text := range texts {
			if strings.TrimSpace(text) != text || len(strings.Fields(text)) < 5 {
				t.Errorf("%s %d is %q, want at least five words and no blanks around them", kind, i+1, text)
			}
			if other, twice := seen[text]; twice {
				t.Errorf("%q is a %s and a %s", text, kind, other)
			}
			seen[text] = kind
		}
	}
}

// TestTheReferenceAnswersAreWellFormed guards testdata/fill.json, against which the engine is checked.
func TestTheReferenceAnswersAreWellFormed(t *testing.T) {
	data, err := os.ReadFile("testdata/fill.json")
	if err != nil {
		t.Fatal(err)
	}
	var fill struct {
		Passages []struct {
			Text  string
			IDs   []int `json:"input_ids"`
			Masks []struct {
				Position int
				IDs      []int
				Logits   []float64
			}
		}
		Embeddings []struct {
			IDs       []int `json:"input_ids"`
			Embedding []float64
		}
	}
	if err := json.Unmarshal(data, &fill); err != nil {
		t.Fatal(err)
	}
	if len(fill.Passages) != 12 || len(fill.Embeddings) != 2 {
		t.Fatalf("%d passages and %d embeddings, want 12 and 2", len(fill.Passages), len(fill.Embeddings))
	}
	const mask = 4
	for i, p := range fill.Passages {
		if want := strings.Count(p.Text, "[MASK]"); len(p.Masks) != want || want == 0 {
			t.Errorf("passage %d: %d masks in the text, %d answered", i, want, len(p.Masks))
		}
		for _, m := range p.Masks {
			if m.Position < 0 || m.Position >= len(p.IDs) || p.IDs[m.Position] != mask {
				t.Errorf("passage %d: no [MASK] at position %d", i, m.Position)
			}
			if len(m.IDs) != 5 || len(m.Logits) != 5 {
				t.Errorf("passage %d: %d ids and %d logits at position %d, want the best five", i, len(m.IDs), len(m.Logits), m.Position)
			}
			for j := 1; j < len(m.Logits); j++ {
				if !(m.Logits[j] <= m.Logits[j-1]) {
					t.Errorf("passage %d: logits %v do not fall", i, m.Logits)
				}
			}
		}
	}
	for i, e := range fill.Embeddings {
		sum := 0.0
		for _, x := range e.Embedding {
			sum += x * x
		}
		if len(e.IDs) == 0 || len(e.Embedding) != 256 || !(math.Abs(sum-1) < 1e-5) {
			t.Errorf("embedding %d: %d ids, %d numbers of squared norm %v, want 256 numbers of norm 1", i, len(e.IDs), len(e.Embedding), sum)
		}
	}
}
