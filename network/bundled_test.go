package network

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/zoo/language"
)

// TestBundledModelAnswersAsItsMakers holds tokenizer, model and read-out against
// what transformers computed from the same files (tools/zoo/language.py
// reference): ids exactly, logits and embeddings within what float32 sums leave.
func TestBundledModelAnswersAsItsMakers(t *testing.T) {
	text, err := os.ReadFile("../zoo/language/testdata/fill.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Passages []struct {
			Text     string
			InputIDs []int `json:"input_ids"`
			Masks    []struct {
				Position int
				IDs      []int
				Logits   []float64
			}
		}
		Embeddings []struct {
			Text      string
			InputIDs  []int `json:"input_ids"`
			Embedding []float64
		}
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Passages) < 10 || len(want.Embeddings) < 2 {
		t.Fatalf("%d passages and %d embeddings", len(want.Passages), len(want.Embeddings))
	}
	net, err := Load(language.Files(), language.Name)
	if err != nil {
		t.Fatal(err)
	}
	work := workspace(t)
	const tolerance = 2e-4 // as for every checkpoint, of max(1, |reference|)
	near := func(got float32, want float64) bool {
		return math.Abs(float64(got)-want) <= tolerance*max(1, math.Abs(want))
	}
	for _, p := range want.Passages {
		if ids := net.Tokenizer.Encode(p.Text); !slices.Equal(ids, p.InputIDs) {
			t.Errorf("%q: ids %v, want %v", p.Text, ids, p.InputIDs)
			continue
		}
		states, err := net.Model.Forward(t.Context(), model.NewBatch(p.InputIDs), model.Run{Work: work})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Masks {
			logits := net.Model.Logits(states.SliceRows(m.Position, m.Position+1), work.Pool()).Row(0)
			for i, id := range m.IDs {
				if !near(logits[id], m.Logits[i]) {
					t.Errorf("%q at %d: logit of %q is %v, want %v", p.Text, m.Position, net.Tokenizer.Token(id), logits[id], m.Logits[i])
				}
			}
			if best := slices.Index(logits, slices.Max(logits)); best != m.IDs[0] {
				t.Errorf("%q at %d: the first word is %q, want %q", p.Text, m.Position, net.Tokenizer.Token(best), net.Tokenizer.Token(m.IDs[0]))
			}
		}
	}
	for _, e := range want.Embeddings {
		states, err := net.Model.Forward(t.Context(), model.NewBatch(e.InputIDs), model.Run{Work: work})
		if err != nil {
			t.Fatal(err)
		}
		mean := make([]float64, states.Cols)
		var norm float64
		for i := range states.Rows {
			for j, v := range states.Row(i) {
				mean[j] += float64(v)
			}
		}
		for _, v := range mean {
			norm += v * v
		}
		if len(mean) != len(e.Embedding) {
			t.Fatalf("embedding of width %d, want %d", len(mean), len(e.Embedding))
		}
		for j, v := range mean {
			if got := v / math.Sqrt(norm); !(math.Abs(got-e.Embedding[j]) <= 1e-5) {
				t.Errorf("%q: component %d of the embedding is %v, want %v", e.Text, j, got, e.Embedding[j])
			}
		}
	}
}
