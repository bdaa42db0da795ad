package model_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Two sequences of token ids go through the exact network; on the way the
// logarithms of the softmax normalizers, which calcium stands for in a circuit,
// are read.
func ExampleModel_Forward() {
	m, err := model.Load(os.DirFS("testdata/albert-masked-lm"), "albert-masked-lm")
	if err != nil {
		log.Fatal(err)
	}
	pool := tensor.NewPool(0)
	defer pool.Close()
	states, err := m.Forward(context.Background(), model.NewBatch([]int{2, 17, 33, 3}, []int{2, 40, 3}), model.Run{
		Work: nn.NewWorkspace(pool),
		Trace: func(layer int, t *nn.Trace) {
			fmt.Printf("layer %d: log normalizers of %d tokens at head 0\n", layer, len(t.LogC(0)))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	logits := m.Logits(states.SliceRows(1, 2), pool)
	fmt.Printf("hidden states [%d, %d], logits of one token [%d, %d]\n", states.Rows, states.Cols, logits.Rows, logits.Cols)
	// Output:
	// layer 0: log normalizers of 7 tokens at head 0
	// layer 1: log normalizers of 7 tokens at head 0
	// layer 2: log normalizers of 7 tokens at head 0
	// hidden states [7, 24], logits of one token [1, 64]
}

// A causal model whose heads are circuits reads tokens as they arrive: what it
// carries from one to the next does not grow.
func ExampleSession() {
	m, err := model.Load(os.DirFS("testdata/bloom"), "bloom")
	if err != nil {
		log.Fatal(err)
	}
	heads := m.Exact()
	for l := range heads {
		for h := range heads[l] {
			rng := tuning.NewRand(1, l, h)
			curves, err := tuning.New[float32](tuning.Config{
				Map: tuning.Exp, Inputs: m.HeadWidth(), W: tuning.Weights(tuning.Orthogonal, 64, m.HeadWidth(), rng),
			})
			if err != nil {
				log.Fatal(err)
			}
			heads[l][h], err = attention.NewCircuit(attention.CircuitConfig{
				Tuning: curves, Causal: true, Forget: 1 - math.Exp(-float64(m.Slope(h))),
			})
			if err != nil {
				log.Fatal(err)
			}
		}
	}
	s, err := m.NewSession(model.Run{Heads: heads, Work: nn.NewWorkspace(nil)})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 1000 {
		if _, err := s.Feed(context.Background(), i%61); err != nil {
			log.Fatal(err)
		}
		if n := s.Tokens(); n == 1 || n == 1000 {
			fmt.Printf("%4d tokens, %d bytes, logits of %d words\n", n, s.Bytes(), len(s.Logits()))
		}
	}
	// Output:
	//    1 tokens, 21504 bytes, logits of 61 words
	// 1000 tokens, 21504 bytes, logits of 61 words
}
