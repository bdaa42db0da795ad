package bench

import (
	"math"
	"runtime"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// The largest computation of the notebooks that accompany Kozachkov, Kastanenka
// & Krotov (PNAS 2023): one head of a vision transformer.
const (
	notebookTokens  = 197
	notebookWidth   = 64
	notebookNeurons = 100_000
)

// Notebook is the authors' notebook job: one head of width 64 over 197 tokens
// with 100,000 neurons whose tuning curves are exp. Threads share its neurons.
type Notebook struct {
	head      *attention.Circuit
	precision tensor.Precision
	dst       tensor.Matrix
	q, k, v   tensor.Matrix
	seqs      tensor.Sequences
	work      *nn.Workspace
	allocated int64
}

// NewNotebook draws activations and neurons, for products in a precision on the
// threads of a pool; nil is one thread.
func NewNotebook(seed uint64, precision tensor.Precision, pool *tensor.Pool) (*Notebook, error) {
	before := heap()
	rng := tuning.NewRand(seed, streamNotebook)
	scale := math.Pow(notebookWidth, -0.25) // so that q.k is the logit
	head, err := circuit(notebookWidth, notebookNeurons, false, precision, rng)
	if err != nil {
		return nil, err
	}
	n := &Notebook{
		head: head, precision: precision, work: nn.NewWorkspace(pool), seqs: tensor.NewSequences(notebookTokens), dst: tensor.New(notebookTokens, notebookWidth),
		q: gaussian(rng, notebookTokens, notebookWidth, scale),
		k: gaussian(rng, notebookTokens, notebookWidth, scale),
		v: gaussian(rng, notebookTokens, notebookWidth, 1),
	}
	n.Run()
	n.allocated = int64(heap()) - int64(before)
	return n, nil
}

// Run computes the head once.
func (n *Notebook) Run() {
	n.work.Attend(n.dst, nil, n.head, n.q, n.k, n.v, n.seqs, n.precision)
}

// Memory returns how many bytes curves, activations and scratch take.
func (n *Notebook) Memory() int64 { return n.allocated }

// operations of keys, queries, writing and reading.
func (n *Notebook) operations() float64 {
	return 4 * 2 * notebookTokens * notebookWidth * notebookNeurons
}

// heap returns the bytes in use after garbage has been collected.
func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
