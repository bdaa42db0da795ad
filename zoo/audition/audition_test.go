package audition_test

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/zoo/audition"
)

var words = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}

// longest is the samples that fill the 128 frames which the model reads.
const longest = 127*160 + 400

func TestTheConfigurationIsAnASTOfShortSounds(t *testing.T) {
	var config struct {
		Type   string            `json:"model_type"`
		Frames int               `json:"max_length"`
		Bins   int               `json:"num_mel_bins"`
		Labels map[string]string `json:"id2label"`
	}
	zootest.Read(t, audition.Files(), "config.json", &config)
	if config.Type != "audio-spectrogram-transformer" || config.Frames != 128 || config.Bins != 64 {
		t.Errorf("%+v, want an AST of 128 frames of 64 bins", config)
	}
	for i, want := range words {
		if got := config.Labels[fmt.Sprint(i)]; got != want {
			t.Errorf("label %d is %q, want %q", i, got, want)
		}
	}
	var extractor struct {
		Type   string `json:"feature_extractor_type"`
		Rate   int    `json:"sampling_rate"`
		Frames int    `json:"max_length"`
		Bins   int    `json:"num_mel_bins"`
	}
	zootest.Read(t, audition.Files(), "preprocessor_config.json", &extractor)
	if extractor.Type != "ASTFeatureExtractor" || extractor.Rate != 16000 || extractor.Frames != config.Frames || extractor.Bins != config.Bins {
		t.Errorf("%+v does not prepare sounds for %+v", extractor, config)
	}
}

func TestThereIsASampleOfEveryDigitAndTwoToCalibrateWith(t *testing.T) {
	for _, word := range words {
		data, err := fs.ReadFile(audition.Samples(), word+".wav")
		if err != nil {
			t.Error(err)
			continue
		}
		const header = 44
		if string(data[:4]) != "RIFF" || binary.LittleEndian.Uint32(data[24:]) != 16000 || len(data) > header+2*longest {
			t.Errorf("%s.wav is no WAV at 16 kHz that the model reads whole", word)
		}
		names, err := fs.Glob(audition.Calibration(), word+"-*.flac")
		if err != nil || len(names) != 2 {
			t.Errorf("%d sounds of %s to calibrate with (%v), want 2", len(names), word, err)
		}
	}
}

// TestTheCardSaysWhatWasMeasured compares README.md with testdata/measures.json, which the script wrote.
func TestTheCardSaysWhatWasMeasured(t *testing.T) {
	var m struct {
		Parameters int
		Minutes    float64
		Words      map[string]int
		Voices     map[string]int
		Accuracy   map[string]float64 `json:"test_accuracy"`
		Natural    map[string]float64 `json:"test_accuracy_of_flite_rms"`
		ByDigit    map[string]float64 `json:"noisy_test_accuracy_by_digit"`
		Alike      float64            `json:"noisy_test_accuracy_attending_to_all_alike"`
		Human      int                `json:"human_recordings_right"`
		Norms      [][]float64        `json:"mean_squared_norm"`
	}
	zootest.Read(t, os.DirFS("testdata"), "measures.json", &m)
	if m.Words["test"] != 1000 || !(m.Accuracy["noisy"] >= 0.95) {
		t.Errorf("accuracy %v on %d words, at least 0.95 on 1,000 promised", m.Accuracy["noisy"], m.Words["test"])
	}
	card := zootest.ReadCard(t)
	card.Says("| parameters | %d,%03d", m.Parameters/1000, m.Parameters%1000)
	card.Says("%.1f minutes", m.Minutes)
	card.Says("| this model | %.1f%% | %.1f%% |", 100*m.Accuracy["noisy"], 100*m.Accuracy["clean"])
	card.Says("| this model, flite's rms alone | %.1f%% | %.1f%% |", 100*m.Natural["noisy"], 100*m.Natural["clean"])
	card.Says("| this model, attending to all tokens alike | %.1f%% |", 100*m.Alike)
	card.Says("%d of 10 recordings", m.Human)
	for _, part := range []string{"train", "validation", "test"} {
		card.Says("| %d | %s |", m.Voices[part], grouped(m.Words[part]))
	}
	for _, word := range words {
		card.Says("| %s | %.0f%% |", word, 100*m.ByDigit[word])
	}
	card.Norms(m.Norms)
}

// grouped writes a number with a comma before its last three digits.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
