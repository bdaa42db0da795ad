package task_test

import (
	"context"
	"fmt"
	"io"
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

// A causal model goes on with a text, piece by piece.
func ExampleGenerate() {
	files := os.DirFS("testdata/gpt2")
	net, err := network.Load(files, "gpt2")
	if err != nil {
		log.Fatal(err)
	}
	ends, err := task.EndTokens(files, net.Tokenizer)
	if err != nil {
		log.Fatal(err)
	}
	pool := tensor.NewPool(0)
	defer pool.Close()
	pieces := 0
	texts, err := task.Generate(context.Background(), net, []string{"In the beginning"}, task.Generation{
		Sampling:  task.Sampling{Temperature: 0.8, TopP: 0.95, Seed: 1},
		MaxTokens: 20,
		Ends:      ends,
		Stream:    func(int, string) error { pieces++; return nil },
	}, task.Options{Work: nn.NewWorkspace(pool)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d tokens, until %s; came piece by piece: %v\n", len(texts[0].IDs), texts[0].Finish, pieces > 5)
	// Output: 20 tokens, until length; came piece by piece: true
}

// A classifier says what is in a picture.
func ExampleClassify() {
	files := os.DirFS("testdata/vit")
	net, err := network.Load(files, "vit")
	if err != nil {
		log.Fatal(err)
	}
	pool := tensor.NewPool(0)
	defer pool.Close()
	out, err := task.Classify(context.Background(), net, []string{"../input/image/testdata/text.png"}, task.Classification{
		Top:  2,
		Open: func(name string) (io.ReadCloser, error) { return os.Open(name) },
	}, task.Options{Work: nn.NewWorkspace(pool)})
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range out[0].Labels {
		fmt.Printf("%.0f%% %s\n", 100*l.Probability, l.Label)
	}
	// Output:
	// 78% synapse
	// 18% other
}
