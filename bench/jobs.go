package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Kinds of work, in the order in which they are shown.
const (
	KindProduct  = "product"
	KindEncoder  = "encoder"
	KindNotebook = "notebook"
	KindTraining = "training"
)

// Kinds returns the kinds of work that can be measured.
func Kinds() []string { return []string{KindProduct, KindEncoder, KindNotebook, KindTraining} }

// neurons of every circuit of the encoder, and of the language model in training.
const (
	neurons         = 128
	trainingNeurons = 64
)

// job is a piece of work that can be run again and again.
type job struct {
	Work
	operations float64
	tokens     int
	pool       *tensor.Pool
	// prepare makes what run needs; it is called once, and not for work that is
	// skipped.
	prepare func() (run func(context.Context) error, memory int64, err error)
	exact   *job // the same work with softmax attention

	run     func(context.Context) error
	memory  int64
	err     float64   // of a product
	repeat  int       // runs in one repetition
	seconds []float64 // [round] of one run
	shares  []float64 // [round] of the peak
}

// jobs lists the work of a configuration.
func jobs(cfg Config, pools []*tensor.Pool) ([]*job, error) {
	precisions := []tensor.Precision{tensor.Float32}
	if cfg.Precision == tensor.Fast && cfg.Precision.Arithmetic().Reason == "" {
		precisions = append(precisions, tensor.Fast)
	}
	var all []*job
	if slices.Contains(cfg.Kinds, KindProduct) {
		for _, s := range [][3]int{{256, 768, 768}, {1024, 384, 1536}, {12, 768, 768}, {1, 768, 768}} {
			p := newProduct(cfg.Seed, s[0], s[1], s[2])
			for _, precision := range precisions {
				for _, pool := range pools {
					all = append(all, p.job(pool, precision))
				}
			}
		}
	}
	if slices.Contains(cfg.Kinds, KindEncoder) {
		encoders := make([]*Encoder, len(precisions))
		for i, p := range precisions {
			var err error
			if encoders[i], err = NewEncoder(p, cfg.Seed); err != nil {
				return nil, err
			}
		}
		for _, s := range [][2]int{{1, 16}, {1, 128}, {1, 256}, {1, 512}, {32, 64}, {1, 2048}, {1, 8192}} {
			for i, precision := range precisions {
				for _, p := range pools {
					exact := encoderJob(encoders[i], precision, p, s[0], s[1], 0)
					algebraic := encoderJob(encoders[i], precision, p, s[0], s[1], neurons)
					algebraic.exact = exact
					all = append(all, exact, algebraic)
				}
			}
		}
	}
	if slices.Contains(cfg.Kinds, KindNotebook) {
		for _, precision := range precisions {
			for _, p := range pools {
				all = append(all, notebookJob(cfg.Seed, precision, p))
			}
		}
	}
	if slices.Contains(cfg.Kinds, KindTraining) {
		for _, p := range pools {
			exact := trainingJob(cfg.Seed, p, 16, 128, 0)
			algebraic := trainingJob(cfg.Seed, p, 16, 128, trainingNeurons)
			algebraic.exact = exact
			all = append(all, exact, algebraic)
		}
	}
	return all, nil
}

// trainingJob is a training step of the small language model.
func trainingJob(seed uint64, pool *tensor.Pool, sequences, length, neurons int) *job {
	cfg, tokens := SmallLanguage(), sequences*length
	return &job{
		Work:       Work{KindTraining, fmt.Sprintf("%dx%d", sequences, length), attentionName(neurons), neurons, pool.Threads(), tensor.Float32.String()},
		operations: cfg.trainingOperations(tokens, length, neurons),
		tokens:     tokens,
		pool:       pool,
		prepare: func() (func(context.Context) error, int64, error) {
			m, err := NewLanguageModel(cfg, neurons, seed, pool)
			if err != nil {
				return nil, 0, err
			}
			ids, targets, seqs := cfg.Batch(sequences, length, seed)
			return func(context.Context) error { _, err := m.Step(ids, targets, seqs); return err }, 0, nil
		},
	}
}

// attentionName names the attention of heads with so many neurons.
func attentionName(neurons int) string {
	if neurons > 0 {
		return "algebraic"
	}
	return "exact"
}

func encoderJob(e *Encoder, precision tensor.Precision, pool *tensor.Pool, sequences, length, neurons int) *job {
	tokens := sequences * length
	return &job{
		Work:       Work{KindEncoder, fmt.Sprintf("%dx%d", sequences, length), attentionName(neurons), neurons, pool.Threads(), precision.String()},
		operations: encoderOperations(tokens, length, neurons),
		tokens:     tokens,
		pool:       pool,
		prepare: func() (func(context.Context) error, int64, error) {
			heads, err := e.Heads(neurons)
			if err != nil {
				return nil, 0, err
			}
			seqs := tensor.NewSequences(slices.Repeat([]int{length}, sequences)...)
			x, work := e.Input(tokens), nn.NewWorkspace(pool)
			y := tensor.New(tokens, width)
			return func(ctx context.Context) error { return e.Forward(ctx, y, x, seqs, heads, work) }, 0, nil
		},
	}
}

// encoderOperations counts the products of a forward pass over sequences of one
// length: projections and feed-forward layer, and logits and weighted sums, or
// drives, writing and reading.
func encoderOperations(tokens, length, neurons int) float64 {
	perToken := 4*width*width + 2*width*feedForward
	if neurons == 0 {
		perToken += 2 * width * length
	} else {
		perToken += 4 * width * neurons
	}
	return 2 * layers * float64(tokens) * float64(perToken)
}

func notebookJob(seed uint64, precision tensor.Precision, pool *tensor.Pool) *job {
	j := &job{
		Work:       Work{KindNotebook, fmt.Sprintf("1x%d", notebookTokens), "algebraic", notebookNeurons, pool.Threads(), precision.String()},
		operations: (*Notebook)(nil).operations(),
		tokens:     notebookTokens,
		pool:       pool,
	}
	j.prepare = func() (func(context.Context) error, int64, error) {
		n, err := NewNotebook(seed, precision, pool)
		if err != nil {
			return nil, 0, err
		}
		return func(context.Context) error { n.Run(); return nil }, n.Memory(), nil
	}
	return j
}
