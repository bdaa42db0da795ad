// Command ours does one piece of work at a time, at the bidding of peers.py, so
// that it can be run in turns with other programs. It reads lines of JSON on
// standard input and answers each with one on standard output:
//
//	{"work": "model", "sequences": 1, "tokens": 128, "threads": 2, "repeat": 1}
//	{"seconds": 0.0123}
//
// Work is "peak", "product" (256x768x768), "model" (the folder that may be given as
// argument, exact), "encoder" (MiniLM's shape, with so many "neurons", 0 for
// exact), "notebook", "training" (a step of bench.SmallLanguage, with so many
// sequences, tokens and neurons) or "dynamics" (a head in time, sampled every
// "record" seconds, 0 for not). Before it is timed, work is done once, unless it
// is to start "cold". "precision" is one of those that the answer to "peak" names.
// With "output", the answer holds what there is to compare: of "product" all
// elements, of "model" the mean of the last hidden states of the first sequence,
// normalized, of "dynamics" the outputs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/tripartite-go/tripartite/bench"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// seed of weights and activations.
const seed = 1

type request struct {
	Work      string
	Sequences int
	Tokens    int // of each sequence
	Neurons   int
	Precision string // of products; "" is float32
	Record    float64
	Threads   int
	Repeat    int // runs to take the mean of
	Cold      bool
	Output    bool
}

// precisions returns the names of those that products can be asked for in here.
func precisions() []string {
	names := []string{tensor.Float32.String()}
	if tensor.Fast.Arithmetic().Reason == "" {
		names = append(names, tensor.Fast.String())
	}
	return names
}

// prepared returns what of the request decides how its work is prepared.
func (r request) prepared() request {
	r.Repeat, r.Cold, r.Output = 0, false, false
	return r
}

type answer struct {
	Seconds float64   `json:"seconds"`
	Rate    float64   `json:"rate,omitempty"` // operations a second, of the peak
	Kernel  string    `json:"kernel"`
	Memory  int64     `json:"memory,omitempty"`
	Output  []float64 `json:"output,omitempty"`

	Precisions []string `json:"precisions,omitempty"` // of this CPU, beside the peak
}

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: ours [MODEL-FOLDER]")
		os.Exit(2)
	}
	folder := ""
	if len(os.Args) == 2 {
		folder = os.Args[1]
	}
	if err := serve(folder); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func serve(folder string) error {
	s := server{engines: map[string]engine{}, pools: map[int]*tensor.Pool{}, jobs: map[request]job{}}
	for _, name := range precisions() {
		p, err := tensor.ParsePrecision(name)
		if err != nil {
			return err
		}
		e := engine{precision: p}
		if folder != "" {
			if e.model, err = model.Load(os.DirFS(folder), folder, model.Precision(p)); err != nil {
				return err
			}
		}
		if e.encoder, err = bench.NewEncoder(p, seed); err != nil {
			return err
		}
		s.engines[name] = e
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var r request
		if err := in.Decode(&r); err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		a, err := s.answer(r)
		if err != nil {
			return fmt.Errorf("%+v: %w", r, err)
		}
		if err := out.Encode(a); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
	}
	return nil
}

// job does a piece of work and says what it took of memory and what came out.
type job struct {
	run    func() error
	memory int64
	output func() []float64
}

type server struct {
	engines map[string]engine // by precision
	pools   map[int]*tensor.Pool
	jobs    map[request]job
}

// engine is what computes in one precision.
type engine struct {
	precision tensor.Precision
	model     *model.Model // nil where no folder was given
	encoder   *bench.Encoder
}

func (s *server) answer(r request) (answer, error) {
	if r.Threads < 1 || r.Repeat < 1 {
		return answer{}, fmt.Errorf("%d threads and %d runs, want at least 1 of each", r.Threads, r.Repeat)
	}
	a := answer{Kernel: tensor.Kernel()}
	pool, ok := s.pools[r.Threads]
	if !ok {
		pool = tensor.NewPool(r.Threads)
		s.pools[r.Threads] = pool
	}
	if r.Work == "peak" {
		a.Rate = pool.Peak(5 * time.Millisecond)
		a.Precisions = precisions()
		return a, nil
	}
	if r.Precision == "" {
		r.Precision = tensor.Float32.String()
	}
	if _, ok := s.engines[r.Precision]; !ok {
		return a, fmt.Errorf("no precision %q here, only %q", r.Precision, precisions())
	}
	j, ok := s.jobs[r.prepared()]
	if !ok {
		var err error
		if j, err = s.prepare(r, pool); err != nil {
			return a, err
		}
		s.jobs[r.prepared()] = j
	}
	if !r.Cold {
		if err := j.run(); err != nil {
			return a, err
		}
	}
	start := time.Now()
	for range r.Repeat {
		if err := j.run(); err != nil {
			return a, err
		}
	}
	a.Seconds = time.Since(start).Seconds() / float64(r.Repeat)
	a.Memory = j.memory
	if r.Output && j.output != nil {
		a.Output = j.output()
	}
	return a, nil
}

func (s *server) prepare(r request, pool *tensor.Pool) (job, error) {
	ctx, engine := context.Background(), s.engines[r.Precision]
	seqs := tensor.NewSequences(slices.Repeat([]int{r.Tokens}, r.Sequences)...)
	switch r.Work {
	case "product":
		x, dst, w := tensor.New(256, 768), tensor.New(256, 768), tensor.New(768, 768)
		uniform(x.Data, 0)
		uniform(w.Data, 1)
		packed := engine.precision.Pack(w)
		return job{
			run:    func() error { pool.Product(dst, x, packed); return nil },
			output: func() []float64 { return float64s(dst.Data) },
		}, nil
	case "model":
		if engine.model == nil {
			return job{}, errors.New("no folder of a model was given")
		}
		ids := make([]int, r.Sequences*r.Tokens)
		for i := range ids {
			ids[i] = 1000 + i*7919%20000 // the same in with_torch.py
		}
		batch := model.Batch{Sequences: seqs, IDs: ids}
		run := model.Run{Heads: engine.model.Exact(), Work: nn.NewWorkspace(pool)}
		var states tensor.Matrix
		return job{
			run:    func() (err error) { states, err = engine.model.Forward(ctx, batch, run); return err },
			output: func() []float64 { return unit(states.SliceRows(0, r.Tokens)) },
		}, nil
	case "encoder":
		heads, err := engine.encoder.Heads(r.Neurons)
		if err != nil {
			return job{}, err
		}
		x, work := engine.encoder.Input(seqs.Tokens()), nn.NewWorkspace(pool)
		y := x.Clone()
		return job{run: func() error { return engine.encoder.Forward(ctx, y, x, seqs, heads, work) }}, nil
	case "training":
		cfg := bench.SmallLanguage()
		m, err := bench.NewLanguageModel(cfg, r.Neurons, seed, pool)
		if err != nil {
			return job{}, err
		}
		ids, targets, seqs := cfg.Batch(r.Sequences, r.Tokens, seed)
		return job{run: func() error { _, err := m.Step(ids, targets, seqs); return err }}, nil
	case "dynamics":
		return r.dynamics()
	case "notebook":
		n, err := bench.NewNotebook(seed, engine.precision, pool)
		if err != nil {
			return job{}, err
		}
		return job{run: func() error { n.Run(); return nil }, memory: n.Memory()}, nil
	}
	return job{}, fmt.Errorf("there is no work %q", r.Work)
}

// uniform fills x with numbers in [-1, 1) that parts.py makes too: a mix of the
// bits of their index.
func uniform(x []float32, stream uint32) {
	for i := range x {
		h := (uint32(i) + stream<<24) * 0x9e3779b9
		h = (h ^ h>>16) * 0x85ebca6b
		h = (h ^ h>>13) * 0xc2b2ae35
		h ^= h >> 16
		x[i] = float32(h>>8)/(1<<23) - 1
	}
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// unit returns the mean of the rows, of length 1.
func unit(m tensor.Matrix) []float64 {
	mean := make([]float64, m.Cols)
	for t := range m.Rows {
		for i, x := range m.Row(t) {
			mean[i] += float64(x)
		}
	}
	square := 0.0
	for _, x := range mean {
		square += x * x
	}
	for i := range mean {
		mean[i] /= math.Sqrt(square)
	}
	return mean
}
