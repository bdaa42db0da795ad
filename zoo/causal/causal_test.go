package causal_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

func TestTheConfigurationIsBLOOMOnBytes(t *testing.T) {
	var config struct {
		Type   string `json:"model_type"`
		Layers int    `json:"n_layer"`
		Heads  int    `json:"n_head"`
		Width  int    `json:"hidden_size"`
		Vocab  int    `json:"vocab_size"`
		Begin  int    `json:"bos_token_id"`
		End    int    `json:"eos_token_id"`
	}
	zootest.Read(t, causal.Files(), "config.json", &config)
	if config.Type != "bloom" || config.Layers != 4 || config.Heads != 5 || config.Width != 160 || config.Vocab != 257 {
		t.Errorf("%+v, want bloom of 4 layers, 5 heads, width 160 on 257 tokens", config)
	}
	if config.Begin != 256 || config.End != 256 {
		t.Errorf("%+v, want 256 before and after a text", config)
	}
}

func TestEveryByteIsATokenAndNothingIsMerged(t *testing.T) {
	var tokenizer struct {
		Model struct {
			Type   string
			Vocab  map[string]int
			Merges []any
		}
	}
	zootest.Read(t, causal.Files(), "tokenizer.json", &tokenizer)
	m := tokenizer.Model
	if m.Type != "BPE" || len(m.Vocab) != 257 || len(m.Merges) != 0 {
		t.Fatalf("%s of %d tokens and %d merges, want BPE of 257 and none", m.Type, len(m.Vocab), len(m.Merges))
	}
	for c := '!'; c <= '~'; c++ {
		if id, ok := m.Vocab[string(c)]; !ok || id != int(c) {
			t.Errorf("%c is token %d, want its byte, %d", c, id, c)
		}
	}
	if m.Vocab["Ġ"] != ' ' || m.Vocab["Ċ"] != '\n' || m.Vocab["</s>"] != 256 {
		t.Errorf("space, line feed and end are %d, %d and %d, want 32, 10 and 256", m.Vocab["Ġ"], m.Vocab["Ċ"], m.Vocab["</s>"])
	}
}

func TestDemonstrationAndCalibrationShareNoText(t *testing.T) {
	verses, calibration := causal.Verses(), causal.Calibration()
	if len(verses) != 48 || len(calibration) != 300 {
		t.Errorf("%d verses and %d calibration texts, want 48 and 300", len(verses), len(calibration))
	}
	seen := map[string]bool{}
	for _, text := range append(verses, calibration...) {
		if len(text) < 80 || len(text) > 240 || strings.TrimSpace(text) != text {
			t.Errorf("%q is not 80 to 240 bytes without blanks around them", text)
		}
		if seen[text] {
			t.Errorf("%q stands there twice", text)
		}
		seen[text] = true
	}
}

// TestTheCardSaysWhatWasMeasured compares README.md with testdata/measures.json, which the script wrote.
func TestTheCardSaysWhatWasMeasured(t *testing.T) {
	var m struct {
		Parameters int
		Minutes    float64
		Bits       map[string]float64 `json:"bits_per_byte"`
		ByBook     map[string]float64 `json:"test_by_book"`
		KneserNey  map[string]float64 `json:"test_kneser_ney_by_order"`
		Compressed map[string]float64 `json:"test_compressed"`
		Distance   float64            `json:"test_attending_by_distance_alone"`
		Norms      [][]float64        `json:"mean_squared_norm"`
	}
	zootest.Read(t, os.DirFS("testdata"), "measures.json", &m)
	if !(m.Bits["test"] < m.KneserNey["5"] && m.KneserNey["5"] < m.Compressed["gzip"]) {
		t.Errorf("%v, %v and %v bits per byte: the model is to be better than 5-grams and they than gzip", m.Bits["test"], m.KneserNey["5"], m.Compressed["gzip"])
	}
	card := zootest.ReadCard(t)
	card.Says("| parameters | %d,%03d,%03d", m.Parameters/1e6, m.Parameters/1000%1000, m.Parameters%1000)
	card.Says("%.1f minutes", m.Minutes)
	card.Says("| this model | %.3f |", m.Bits["test"])
	card.Says("| this model, attending by distance alone | %.3f |", m.Distance)
	card.Says("| 5-gram model of bytes, interpolated Kneser-Ney | %.3f |", m.KneserNey["5"])
	card.Says("| gzip -9 | %.3f |", m.Compressed["gzip"])
	card.Says("| xz -9e | %.3f |", m.Compressed["xz"])
	card.Says("| xz -9e after the training books | %.3f |", m.Compressed["xz_after_training_text"])
	card.Says("Validation books: %.3f", m.Bits["validation"])
	card.Says("Genesis 1 to 10, which it was trained on: %.3f", m.Bits["genesis_1_to_10_seen_in_training"])
	for order := 3; order <= 7; order++ {
		card.Says("%.3f", m.KneserNey[fmt.Sprint(order)])
	}
	for book, bits := range m.ByBook {
		card.Says("| %s | %.3f |", book, bits)
	}
	card.Norms(m.Norms)
}
