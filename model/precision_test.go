package model

import (
	"math"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// Every product of a model is fast, and its outputs stay near those of float32.
// One rounding to bfloat16 alone would change them by 2e-3.
func TestFastModelsStayNearFloat32(t *testing.T) {
	for _, name := range []string{"bert-masked-lm", "albert-masked-lm"} {
		outputs := map[tensor.Precision][]tensor.Matrix{}
		for _, p := range []tensor.Precision{tensor.Float32, tensor.Fast} {
			m, err := Load(os.DirFS("testdata/"+name), name, Precision(p))
			if err != nil {
				t.Fatal(err)
			}
			if m.Precision() != p {
				t.Errorf("%s in %v is in %v", name, p, m.Precision())
			}
			w := workspace(t, 2)
			states, err := m.Forward(t.Context(), NewBatch([]int{2, 5, 7, 3}, []int{4, 1}), Run{Work: w})
			if err != nil {
				t.Fatal(err)
			}
			outputs[p] = []tensor.Matrix{states, m.Logits(states, w.Pool())}
		}
		for i, want := range outputs[tensor.Float32] {
			var squares, errors float64
			for j, x := range want.Data {
				e := float64(outputs[tensor.Fast][i].Data[j] - x)
				squares += float64(x) * float64(x)
				errors += e * e
			}
			if e := math.Sqrt(errors / squares); !(e <= 2e-4) {
				t.Errorf("%s: output %d is off by %g of its size", name, i, e)
			} else {
				t.Logf("%s: output %d is off by %g of its size", name, i, e)
			}
		}
	}
}
