package stream

import (
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func open(t testing.TB, folder string) *model.Model {
	t.Helper()
	m, err := model.Load(os.DirFS("../model/testdata/"+folder), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// config is that of a stream through circuits of the model.
func config(t testing.TB, m *model.Model, kind string, seed uint64) Config {
	t.Helper()
	sel, err := attention.ParseSelection(kind)
	if err != nil {
		t.Fatal(err)
	}
	c, err := network.Build(m, network.Options{Selection: sel, Tuning: string(tuning.Exp), Draw: tuning.Orthogonal, Seed: seed,
		Neurons: func(int, int) int { return 24 }})
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(1)
	t.Cleanup(pool.Close)
	return Config{Model: m, Heads: c.Heads(), Work: nn.NewWorkspace(pool), Identity: Identity{Model: m.Name(), Checkpoint: m.Name(), Input: IDNumbers}}
}

func begin(t testing.TB, cfg Config) *Stream {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkToken(b *testing.B) {
	s := begin(b, config(b, open(b, "bloom"), "algebraic", 1))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.lines = s.lines[:0]
		if err := s.token(i%61, true, 2, Output{Lines: discard{}}); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
