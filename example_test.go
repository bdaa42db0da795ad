package tripartite_test

import (
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// newCurves draws 4,096 hidden neurons for keys and queries of width 2.
func newCurves() *tuning.Curves[float64] {
	rng := tuning.NewRand(1)
	curves, err := tuning.New[float64](tuning.Config{
		Map:    tuning.Exp,
		Inputs: 2,
		W:      tuning.Weights(tuning.Orthogonal, 4096, 2, rng),
	})
	if err != nil {
		log.Fatal(err)
	}
	return curves
}

// Write two tokens into the synapses, then read with a query that resembles the
// first one's key.
func ExampleCircuit() {
	circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: newCurves(), Outputs: 1})
	if err != nil {
		log.Fatal(err)
	}
	circuit.Write([]float64{1, 0}, []float64{10}) // key, value
	circuit.Write([]float64{0, 1}, []float64{-10})

	y := make([]float64, 1)
	calcium := circuit.Read(y, []float64{1, -1})

	exact := 10 * (math.Exp(1) - math.Exp(-1)) / (math.Exp(1) + math.Exp(-1))
	fmt.Printf("output %.1f, softmax attention %.1f\n", y[0], exact)
	fmt.Printf("calcium %.1f, softmax normalizer %.1f\n", calcium.Value(), math.Exp(1)+math.Exp(-1))
	// Output:
	// output 7.6, softmax attention 7.6
	// calcium 3.0, softmax normalizer 3.1
}

// A causal sequence: token t is written, then read.
func ExampleCircuit_Attend() {
	circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: newCurves(), Outputs: 1})
	if err != nil {
		log.Fatal(err)
	}
	q := []float64{0.5, 0, 0, 0.5, 0.5, 0.5} // three tokens of width 2
	k := []float64{0, 1, 1, 0, 0.5, -0.5}
	v := []float64{1, 2, 3}
	got := circuit.Attend(q, k, v, true)
	want := tripartite.Softmax(q, k, v, 2, 1, true)
	for t := range 3 {
		fmt.Printf("token %d: circuit %.2f, softmax %.2f\n", t, got.Y[t], want.Y[t])
	}
	// Output:
	// token 0: circuit 1.00, softmax 1.00
	// token 1: circuit 1.38, softmax 1.38
	// token 2: circuit 1.86, softmax 1.85
}

// Memories written in parallel add up, and survive in a file.
func ExampleMemory() {
	curves := newCurves()
	part := func(key, value float64) *tripartite.Memory[float64] {
		circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: curves, Outputs: 1})
		if err != nil {
			log.Fatal(err)
		}
		circuit.Write([]float64{key, 0}, []float64{value})
		return circuit.Memory()
	}
	memory := part(1, 5)
	if err := memory.Merge(part(-1, 7)); err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "memory")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "memory.safetensors")
	if err := memory.Save(path); err != nil {
		log.Fatal(err)
	}
	info, err := tripartite.InspectMemory(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d tokens in %d x %d synapses, %d bytes\n", info.Tokens, info.Outputs, info.Neurons, info.Bytes)
	// Output: 2 tokens in 1 x 4096 synapses, 98304 bytes
}

// The trained weights of a transformer are the afferent synapses: the phase
// switches the hidden neurons from keys to queries.
func ExampleAfferents() {
	head := tripartite.Afferents[float64]{
		WQ: []float64{1, 2}, WK: []float64{3, 4}, WV: []float64{5, 6},
		ValueBias: []float64{0.5},
	}
	x := []float64{1, 1}
	drive := make([]float64, 1)
	for _, phase := range []tripartite.Phase{tripartite.Writing, tripartite.Reading} {
		head.Drive(drive, phase, x)
		fmt.Println(phase, drive[0])
	}
	head.Value(drive, x)
	fmt.Println("value", drive[0])
	// Output:
	// writing 7
	// reading 3
	// value 11.5
}
