package causal_test

import (
	"os"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/internal/zootest"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

// TestTheEngineAnswersAsTransformers holds tokenizer, logits and greedy generation against what transformers computed
// from the files of this folder.
func TestTheEngineAnswersAsTransformers(t *testing.T) {
	var want struct {
		Passages []struct {
			Text   string
			IDs    []int `json:"input_ids"`
			Logits []float64
			Prompt []int `json:"prompt_ids"`
			Greedy []int `json:"greedy_ids"`
		}
	}
	zootest.Read(t, os.DirFS("testdata"), "reference.json", &want)
	if len(want.Passages) != 3 {
		t.Fatalf("%d passages", len(want.Passages))
	}
	net, err := network.Load(causal.Files(), causal.Name)
	if err != nil {
		t.Fatal(err)
	}
	run := zootest.Run(t)
	const end = 256
	for _, p := range want.Passages {
		ids := append([]int{end}, net.Tokenizer.Encode(p.Text)...)
		if !slices.Equal(ids, p.IDs) {
			t.Errorf("%q: ids %v, want %v", p.Text, ids, p.IDs)
			continue
		}
		if text := net.Tokenizer.Decode(ids[1:]); text != p.Text {
			t.Errorf("%q comes back as %q", p.Text, text)
		}
		states, err := net.Model.Forward(t.Context(), model.NewBatch(ids), run)
		if err != nil {
			t.Fatal(err)
		}
		got := net.Model.Logits(states.SliceRows(states.Rows-1, states.Rows), run.Work.Pool()).Row(0)
		zootest.Logits(t, p.Text, nil, got, p.Logits)
		if len(p.Greedy) != 50 {
			t.Fatalf("%d tokens of a continuation, want 50", len(p.Greedy))
		}
		if grown := greedy(t, net.Model, run, p.Prompt, len(p.Greedy)); !slices.Equal(grown, p.Greedy) {
			t.Errorf("%q goes on as %q, want %q", net.Tokenizer.Decode(p.Prompt[1:]), net.Tokenizer.Decode(grown), net.Tokenizer.Decode(p.Greedy))
		}
	}
}

func greedy(t *testing.T, m *model.Model, run model.Run, prompt []int, n int) []int {
	t.Helper()
	s, err := m.NewSession(run)
	if err != nil {
		t.Fatal(err)
	}
	var grown []int
	for part := prompt; len(grown) < n; part = grown[len(grown)-1:] {
		if _, err := s.Feed(t.Context(), part...); err != nil {
			t.Fatal(err)
		}
		logits := s.Logits()
		grown = append(grown, slices.Index(logits, slices.Max(logits)))
	}
	return grown
}
