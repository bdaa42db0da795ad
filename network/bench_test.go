package network

import (
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/language"
)

// BenchmarkForward runs the bundled language model on its verses, exactly and
// with every head a circuit of 128 neurons, on all cores.
func BenchmarkForward(b *testing.B) {
	net, err := Load(language.Files(), language.Name)
	if err != nil {
		b.Fatal(err)
	}
	var ids [][]int
	for _, v := range language.Verses() {
		ids = append(ids, net.Tokenizer.Encode(v))
	}
	batch := model.NewBatch(ids...)
	pool := tensor.NewPool(0)
	defer pool.Close()
	work := nn.NewWorkspace(pool)
	for _, kind := range []string{"exact", "algebraic"} {
		b.Run(kind, func(b *testing.B) {
			sel, err := attention.ParseSelection(kind)
			if err != nil {
				b.Fatal(err)
			}
			c, err := Build(net.Model, Options{Selection: sel, Tuning: string(tuning.Exp), Draw: tuning.Orthogonal, Seed: 1,
				Neurons: func(int, int) int { return 128 }})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := net.Model.Forward(b.Context(), batch, model.Run{Heads: c.Heads(), Work: work}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(batch.IDs))/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
