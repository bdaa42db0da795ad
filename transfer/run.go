package transfer

import (
	"context"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// run is the state of one transfer.
type run struct {
	ctx  context.Context
	cfg  Config
	work *nn.Workspace

	stage         string
	before, share float64

	batch, calibration model.Batch
	circuits           *network.Circuits
	exactHeads         [][]exactHead // [L][heads]
	exactStates        []tensor.Matrix
	points             [][][]Point // [L][heads]

	// limited counts the heads that the variance law asks more neurons for than
	// MostNeurons.
	limited int

	report Report
}

func (r *run) progress(done float64) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.stage, r.before+r.share*done)
	}
}

// tokenize turns texts into batches and fills in what the report says of model
// and input.
func (r *run) tokenize() error {
	var err error
	net := r.cfg.Network
	if r.batch, err = net.Batch(r.cfg.Texts, "text"); err != nil {
		return err
	}
	if len(r.cfg.Calibration) > 0 {
		if r.calibration, err = net.Batch(r.cfg.Calibration, "calibration text"); err != nil {
			return err
		}
	}
	c := net.Model.Config()
	r.report = Report{
		Schema: Schema, Program: r.cfg.Program, Kernel: tensor.Kernel(),
		Arithmetic: net.Model.Precision().Arithmetic(),
		Config: Resolved{
			Seed: r.cfg.Seed, Generator: tuning.Generator, Attention: r.cfg.Selection.String(),
			Tuning: r.cfg.Tuning, Draw: string(r.cfg.Draw), Neurons: r.cfg.Neurons, Error: r.cfg.Error,
			Estimator: r.cfg.Tuning == network.Calibrated || tuning.Map(r.cfg.Tuning).Estimates(),
		},
		Model: Model{
			Name: net.Model.Name(), Architecture: c.Architecture, Layers: net.Model.Layers(), Heads: net.Model.Heads(),
			HeadWidth: net.Model.HeadWidth(), Width: net.Model.Width(), Parameters: net.Model.Parameters(),
		},
		Input: Input{
			Texts: len(r.cfg.Texts), Tokens: len(r.batch.IDs),
			CalibrationTexts: len(r.cfg.Calibration), CalibrationTokens: len(r.calibration.IDs),
		},
	}
	if r.cfg.Error > 0 {
		r.report.Config.Neurons = 0
	}
	return nil
}

// exact runs the exact network and keeps what every head received and returned.
func (r *run) exact() error {
	net := r.cfg.Network.Model
	r.exactHeads = make([][]exactHead, net.Layers())
	_, err := net.Forward(r.ctx, r.batch, model.Run{
		Work:   r.work,
		Hidden: func(_ int, x tensor.Matrix) { r.exactStates = append(r.exactStates, x.Clone()) },
		Trace: func(l int, t *nn.Trace) {
			for h := range net.Heads() {
				r.exactHeads[l] = append(r.exactHeads[l], exactHead{
					q: t.Query(h).Clone(), k: t.Key(h).Clone(), v: t.Value(h).Clone(), y: t.Output(h).Clone(),
					logZ: append([]float32(nil), t.LogC(h)...), seqs: r.batch.Sequences,
				})
			}
			r.progress(float64(l+1) / float64(net.Layers()))
		},
	})
	return err
}

// heads compares every head with its replacement.
func (r *run) heads() error {
	pool, layers, heads := r.cfg.Pool, len(r.exactHeads), r.cfg.Network.Model.Heads()
	r.report.Layers = make([]Layer, layers)
	r.points = make([][][]Point, layers)
	for l := range layers {
		r.report.Layers[l] = Layer{Layer: l, Heads: make([]Head, heads)}
		r.points[l] = make([][]Point, heads)
	}
	arenas := make([]tensor.Arena, pool.Threads())
	for i := range arenas {
		arenas[i].Precision = r.cfg.Network.Model.Precision()
	}
	for l := range layers {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		pool.For(heads, func(worker, h int) {
			c := r.circuits.At(l, h)
			head, points := compare(r.exactHeads[l][h], c.Head, c.Calibration, &arenas[worker])
			head.Head, head.Attention, head.Neurons, head.MemoryBytes = h, c.Kind.String(), c.Neurons(), c.MemoryBytes()
			r.report.Layers[l].Heads[h], r.points[l][h] = head, points
		})
		r.progress(float64(l+1) / float64(layers))
	}
	r.choose()
	return nil
}

// choose picks the head that is shown token by token.
func (r *run) choose() {
	l, h := r.cfg.Layer, r.cfg.Head
	if l < 0 {
		l, h = r.medianHead()
	}
	points := r.points[l][h]
	for i := range points { // in the order of the batch
		points[i].Token = r.cfg.Network.Tokenizer.Token(r.batch.IDs[i])
	}
	r.report.Chosen = Chosen{Layer: l, Head: h, Points: points}
}

// medianHead returns the replaced head whose calcium has the median error: a
// typical one, not the best.
func (r *run) medianHead() (layer, head int) {
	var errs []float64
	each := func(f func(l int, h Head)) {
		for _, layer := range r.report.Layers {
			for _, h := range layer.Heads {
				if h.Neurons > 0 && defined(h.LogCalciumError) {
					f(layer.Layer, h)
				}
			}
		}
	}
	each(func(_ int, h Head) { errs = append(errs, float64(h.LogCalciumError)) })
	typical, least := stats.Median(errs), math.Inf(1)
	each(func(l int, h Head) {
		if off := math.Abs(float64(h.LogCalciumError) - typical); off < least {
			layer, head, least = l, h.Head, off
		}
	})
	return layer, head
}

// networks runs the whole network with its replaced heads and with uniform ones.
func (r *run) networks() error {
	net := r.cfg.Network.Model
	circuit, err := r.states(r.circuits.Heads())
	if err != nil {
		return err
	}
	r.progress(0.5)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	uniform, err := r.states(net.Uniform())
	if err != nil {
		return err
	}
	last := net.Layers()
	for l := range last {
		r.report.Layers[l].HiddenCosine = Number(meanCosine(r.exactStates[l+1], circuit[l+1]))
	}
	n := &r.report.Network
	n.HiddenCosine = r.report.Layers[last-1].HiddenCosine
	n.HiddenUniform = Number(meanCosine(r.exactStates[last], uniform[last]))

	seqs := r.batch.Sequences
	want := embeddings(r.exactStates[last], seqs)
	got, floor := embeddings(circuit[last], seqs), embeddings(uniform[last], seqs)
	c := make([]float64, want.Rows)
	for i := range c {
		c[i] = cosine(want.Row(i), got.Row(i))
	}
	n.EmbeddingCosine, n.EmbeddingUniform = Number(stats.Mean(c)), Number(meanCosine(want, floor))
	n.EmbeddingP05 = Number(stats.Quantile(c, 0.05))
	n.EmbeddingOther = Number(otherCosine(want))
	return nil
}

// states runs a network and returns its hidden states [L+1].
func (r *run) states(heads [][]attention.Head) ([]tensor.Matrix, error) {
	var out []tensor.Matrix
	_, err := r.cfg.Network.Model.Forward(r.ctx, r.batch, model.Run{
		Heads: heads, Work: r.work,
		Hidden: func(_ int, x tensor.Matrix) { out = append(out, x.Clone()) },
	})
	return out, err
}

// scaling measures the error against the number of neurons at the chosen head.
func (r *run) scaling() error {
	l, h := r.report.Chosen.Layer, r.report.Chosen.Head
	cal := r.circuits.At(l, h).Calibration
	out, err := scaling(r.ctx, r.cfg.Pool, r.exactHeads[l][h].activations(), cal, r.cfg.Draws, r.cfg.Seed)
	if err != nil {
		return err
	}
	out.Layer, out.Head = l, h
	r.report.Scaling = out
	return nil
}

// meanCosine returns the mean cosine of the rows of x and y.
func meanCosine(x, y tensor.Matrix) float64 {
	c := make([]float64, x.Rows)
	for i := range c {
		c[i] = cosine(x.Row(i), y.Row(i))
	}
	return stats.Mean(c)
}

// otherCosine returns the mean cosine of every row with the next one: what two
// different texts have in common.
func otherCosine(x tensor.Matrix) float64 {
	if x.Rows < 2 {
		return math.NaN()
	}
	c := make([]float64, x.Rows)
	for i := range c {
		c[i] = cosine(x.Row(i), x.Row((i+1)%x.Rows))
	}
	return stats.Mean(c)
}

// embeddings returns the mean of every sequence's rows [n, D]; cosines do not
// ask for unit length.
func embeddings(states tensor.Matrix, seqs tensor.Sequences) tensor.Matrix {
	out := tensor.New(seqs.Len(), states.Cols)
	for i := range seqs.Len() {
		lo, hi := seqs.Bounds(i)
		for t := lo; t < hi; t++ {
			tensor.AddScaled(out.Row(i), 1/float32(hi-lo), states.Row(t))
		}
	}
	return out
}
