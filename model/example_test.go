package model_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
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
