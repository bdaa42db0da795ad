package figure_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/tripartite-go/tripartite/figure"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/transfer"
)

// A figure is written to anything that takes bytes, here to a buffer.
func ExampleCircuit() {
	f := figure.Circuit()
	var b bytes.Buffer
	if err := f.SVG(&b); err != nil {
		log.Fatal(err)
	}
	width, height := f.Size()
	fmt.Printf("%g mm by %g mm\n", width, height)
	about, _, _ := strings.Cut(f.Description(), ". ")
	fmt.Println(about)
	fmt.Println(strings.HasPrefix(b.String(), "<svg "))
	// Output:
	// 178 mm by 62 mm
	// A circuit of hidden neurons, output neurons and one astrocyte that wraps all synapses between them
	// true
}

// What a text's first token attends to: here it is made up, for two heads; package
// transfer computes it.
func ExampleAttention() {
	f := figure.Attention(transfer.Attended{Layer: 5, Inputs: []transfer.AttendedInput{{
		Tokens:      []string{"[CLS]", "astro", "##cytes", "[SEP]"},
		Readout:     []int{0},
		Exact:       [][]transfer.Number{{0.1, 0.2, 0.6, 0.1}, {0.7, 0.1, 0.1, 0.1}},
		Circuit:     [][]transfer.Number{{0.1, 0.3, 0.5, 0.1}, {0.7, 0.1, 0.1, 0.1}},
		Correlation: 0.965,
	}}})
	fmt.Println(f.Description())
	// Output:
	// Attention of the tokens that the answer is read from at layer 5, mean of 2 heads, in the exact network and in that of neurons and astrocytes, behind the words of 1 input. text 1: correlation 0.965.
}

// A head of two hidden neurons in time, sampled every 10 ms.
func ExampleTraces() {
	cfg := rate.Default(2, 1)
	run, err := rate.Run(context.Background(), cfg, rate.Input{
		Keys: []float64{3, 0.1, 0.1, 3}, Queries: []float64{3, 0.1, 1, 1}, Values: []float64{10, -10},
	}, rate.Options{Record: 0.01})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(figure.Traces(run.Trace).Description())
	// Output:
	// Astrocyte calcium in 1 domain, rates of 1 output neuron and 2 hidden neurons, gains and the norm of the Hebbian weights over 4.0 s, in which 2 tokens are written and read, first all written, then all read.
}
