package nn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// BenchmarkBlock runs a block of MiniLM's shape on sequences of 128 tokens.
func BenchmarkBlock(b *testing.B) {
	s := size{384, 12, 32, 32, 1536}
	block := newBlock(b, BlockConfig{Heads: s.heads}, newParams(s, true))
	rng := tuning.NewRand(1)
	curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: s.d, W: tuning.Weights(tuning.Orthogonal, 128, s.d, rng)})
	if err != nil {
		b.Fatal(err)
	}
	circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves})
	if err != nil {
		b.Fatal(err)
	}
	for _, h := range []struct {
		name string
		head attention.Head
	}{{"exact", attention.Softmax{}}, {"circuit-128", circuit}, {"uniform", attention.Uniform{}}} {
		for _, lengths := range [][]int{{16}, {128}, {512}, slices.Repeat([]int{64}, 8)} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%dx%d/threads=%d", h.name, len(lengths), lengths[0], threads), func(b *testing.B) {
					pool := tensor.NewPool(threads)
					defer pool.Close()
					seqs := tensor.NewSequences(lengths...)
					x := random(1, seqs.Tokens(), s.width, 1)
					y := x.Clone()
					pass := Pass{Sequences: seqs, Heads: repeat(h.head, s.heads), Work: NewWorkspace(pool)}
					b.ReportAllocs()
					for b.Loop() {
						block.Forward(y, x, pass)
					}
					b.ReportMetric(float64(b.N*x.Rows)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		}
	}
}

// BenchmarkBlockBackward runs the same block forward and back, with all gradients.
func BenchmarkBlockBackward(b *testing.B) {
	s := size{384, 12, 32, 32, 1536}
	params := newParams(s, true)
	block := newBlock(b, BlockConfig{Heads: s.heads}, params)
	curves, err := tuning.New[float32](tuning.Config{Map: tuning.Exp, Inputs: s.d, W: tuning.Weights(tuning.Orthogonal, 128, s.d, tuning.NewRand(1))})
	if err != nil {
		b.Fatal(err)
	}
	circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves})
	if err != nil {
		b.Fatal(err)
	}
	causal, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves, Causal: true})
	if err != nil {
		b.Fatal(err)
	}
	for _, h := range []struct {
		name string
		head attention.Head
	}{{"exact", attention.Softmax{}}, {"exact-causal", attention.Softmax{Causal: true}}, {"circuit-128", circuit}, {"circuit-128-causal", causal}} {
		for _, lengths := range [][]int{{128}, {512}, slices.Repeat([]int{128}, 8)} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%dx%d/threads=%d", h.name, len(lengths), lengths[0], threads), func(b *testing.B) {
					pool := tensor.NewPool(threads)
					defer pool.Close()
					seqs := tensor.NewSequences(lengths...)
					x, dy := random(1, seqs.Tokens(), s.width, 1), random(2, seqs.Tokens(), s.width, 1)
					y, dx := x.Clone(), x.Clone()
					grad := &BlockGradient{Params: params.Zeros()}
					if _, ok := h.head.(*attention.Circuit); ok {
						for range s.heads {
							grad.Curves = append(grad.Curves, attention.NewCurvesGradient(curves))
						}
					}
					pass := Pass{Sequences: seqs, Heads: repeat(h.head, s.heads), Tape: new(Tape), Work: NewWorkspace(pool)}
					b.ReportAllocs()
					for b.Loop() {
						block.Forward(y, x, pass)
						block.Backward(dx, grad, dy, pass)
					}
					b.ReportMetric(float64(b.N*x.Rows)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		}
	}
}

func ExampleBlock_Forward() {
	// A block of width 4 with two heads: one exact, one that attends to all alike.
	identity := Projection{Weight: tensor.New(4, 4)}
	for i := range 4 {
		identity.Weight.Row(i)[i] = 1
	}
	none := Projection{Weight: tensor.New(4, 4)}
	block, err := NewBlock(BlockConfig{Heads: 2, PreNorm: true}, BlockParams{
		Query: none, Key: none, Value: identity, Output: identity, Up: none, Down: none})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tensor.FromData([]float32{1, -1, 1, -1, -2, 2, -2, 2}, 2, 4)
	y := tensor.New(2, 4)
	block.Forward(y, x, Pass{
		Sequences: tensor.NewSequences(2),
		Heads:     []attention.Head{attention.Softmax{}, attention.Uniform{}},
		Work:      NewWorkspace(nil),
	})
	// Both heads return the mean of the normalized values, which is 0.
	fmt.Println(strings.Trim(fmt.Sprint(y.Data), "[]"))
	// Output: 1 -1 1 -1 -2 2 -2 2
}
