package bench

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

func BenchmarkTrainingStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, neurons := range []int{0, trainingNeurons} {
			b.Run(attentionName(neurons)+string(rune('0'+threads)), func(b *testing.B) {
				pool := tensor.NewPool(threads)
				defer pool.Close()
				cfg := SmallLanguage()
				m, err := NewLanguageModel(cfg, neurons, 1, pool)
				if err != nil {
					b.Fatal(err)
				}
				ids, targets, seqs := cfg.Batch(16, 128, 1)
				var loss float64
				for b.Loop() {
					if loss, err = m.Step(ids, targets, seqs); err != nil {
						b.Fatal(err)
					}
				}
				if math.IsNaN(loss) {
					b.Fatal("NaN")
				}
				b.ReportMetric(loss, "loss")
			})
		}
	}
}
