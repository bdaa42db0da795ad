package task_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/task"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// A model embeds texts with exact attention, then with every head replaced by a
// circuit of neurons and astrocytes.
func ExampleEmbed() {
	files := os.DirFS("../model/testdata/sentence-mean") // any folder from the hub
	net, err := network.Load(files, "sentence-mean")
	if err != nil {
		log.Fatal(err)
	}
	cfg := net.Model.Config()
	sentence, err := task.ReadSentence(files, &cfg)
	if err != nil {
		log.Fatal(err)
	}
	pool := tensor.NewPool(0)
	defer pool.Close()
	opts := task.Options{Work: nn.NewWorkspace(pool)}
	texts := []string{"an astrocyte", "a synapse"}
	ctx := context.Background()
	exact, err := task.Embed(ctx, net, sentence, texts, opts)
	if err != nil {
		log.Fatal(err)
	}

	passages := model.NewBatch(net.Tokenizer.Encode("neurons and astrocytes wrap a synapse"), net.Tokenizer.Encode("calcium, calcium!"))
	calibration, err := network.Calibrate(ctx, net.Model, passages, opts.Work, nil)
	if err != nil {
		log.Fatal(err)
	}
	algebraic, err := attention.ParseSelection("algebraic")
	if err != nil {
		log.Fatal(err)
	}
	circuits, err := network.Build(net.Model, network.Options{
		Selection: algebraic, Tuning: network.Calibrated, Draw: tuning.Orthogonal, Seed: 1,
		Neurons:     func(layer, head int) int { return 1024 },
		Calibration: calibration,
	})
	if err != nil {
		log.Fatal(err)
	}
	opts.Heads = circuits.Heads()
	circuit, err := task.Embed(ctx, net, sentence, texts, opts)
	if err != nil {
		log.Fatal(err)
	}

	cosine := float32(0)
	for j, x := range exact.Embeddings[0] {
		cosine += x * circuit.Embeddings[0][j]
	}
	fmt.Printf("%d texts, width %d\n", len(exact.Embeddings), len(exact.Embeddings[0]))
	fmt.Println("cosine between exact and circuit above 0.9:", cosine > 0.9)
	// Output:
	// 2 texts, width 24
	// cosine between exact and circuit above 0.9: true
}
