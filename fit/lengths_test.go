package fit_test

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/fit"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/zoo/causal"
)

// batchOf packs texts into so many sequences of one length.
func batchOf(t *testing.T, net *network.Network, texts []string, n, length int, seed uint64) model.Batch {
	t.Helper()
	all, err := fit.Pack(t.Context(), net, texts, n, fit.Packing{Longest: length, Shortest: length, Share: 1}, seed)
	if err != nil {
		t.Fatal(err)
	}
	return model.NewBatch(all...)
}

// Fitted to short texts of a trained model, calcium follows the softmax normalizer in
// longer and in shorter ones: it sums over keys. What knows the query alone, however
// well, cannot, since the normalizer of one query grows with its context.
func TestCalciumFollowsTheNormalizerAtOtherLengths(t *testing.T) {
	net, err := network.Load(causal.Files(), causal.Name)
	if err != nil {
		t.Fatal(err)
	}
	const longest = 48
	texts := causal.Calibration()
	to, others := texts[:len(texts)*2/3], texts[len(texts)*2/3:]
	var parts []string // as short as what is fitted to
	for _, s := range to {
		for ; len(s) > longest; s = s[longest:] {
			parts = append(parts, s[:longest])
		}
	}
	sequences, err := fit.Pack(t.Context(), net, parts, 200, fit.Packing{Longest: longest, Shortest: 8}, 1)
	if err != nil {
		t.Fatal(err)
	}
	corpus, err := fit.NewCorpus(model.NewBatch(sequences...))
	if err != nil {
		t.Fatal(err)
	}
	validation, err := fit.NewCorpus(batchOf(t, net, others, 4, longest, 2))
	if err != nil {
		t.Fatal(err)
	}
	m := net.Model
	pool := tensor.NewPool(2)
	defer pool.Close()
	cfg := fit.Config{
		Network: net, Corpus: corpus, Validation: validation, Neurons: 16 * m.Layers() * m.Heads(), HeadSteps: 80, JointSteps: 2,
		Settings: fit.DefaultSettings(), Seed: 1, Pool: pool,
	}
	cfg.Settings.SurveySteps = 10
	r, err := fit.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := attention.ParseSelection("algebraic")
	if err != nil {
		t.Fatal(err)
	}
	circuits, err := network.Build(m, network.Options{Selection: sel, Fitted: r.Tuning})
	if err != nil {
		t.Fatal(err)
	}
	at := func(length int) []calcium { return calciumAt(t, m, circuits, batchOf(t, net, others, 8, length, 3)) }
	fitted, told := at(longest), 0
	for _, length := range []int{longest / 2, 2 * longest, 4 * longest} {
		for i, c := range at(length) {
			f := fitted[i]
			// Other texts of the same length move errors by as much.
			if !(c.off < 1.5*f.off+0.03) {
				t.Errorf("head %d: calcium is off by %.3f at %d tokens, by %.3f at %d, to which it was fitted", i, c.off, length, f.off, longest)
			}
			// So few steps leave a head or two behind 0.9.
			if !(c.slope > 0.75 && c.slope < 1.15) {
				t.Errorf("head %d: at %d tokens log c rises by %.3f times log Z", i, length, c.slope)
			}
			// What does not see the context is off by as much as log Z moves.
			if moved := math.Abs(c.normalizer - f.normalizer); length == 4*longest && moved > 0.5 {
				told++
				if !(c.off < moved/2) {
					t.Errorf("head %d: calcium is off by %.3f, log Z moved by %.3f", i, c.off, moved)
				}
			}
		}
	}
	if told < 5 {
		t.Errorf("log Z depends on the context in %d heads: the test sees little", told)
	}
}

// calcium compares that of one head with the softmax normalizer.
type calcium struct {
	off        float64 // median |log c - log Z|
	slope      float64 // of log c against log Z
	normalizer float64 // mean log Z
}

// calciumAt compares the calcium of every head on what it receives in the exact
// network.
func calciumAt(t *testing.T, m *model.Model, circuits *network.Circuits, b model.Batch) (all []calcium) {
	t.Helper()
	_, err := m.Forward(t.Context(), b, model.Run{Work: nn.NewWorkspace(nil), Trace: func(l int, trace *nn.Trace) {
		for h := range m.Heads() {
			v := trace.Value(h)
			y, logC := tensor.New(v.Rows, v.Cols), make([]float32, v.Rows)
			circuits.At(l, h).Forward(y, logC, trace.Query(h), trace.Key(h), v, b.Sequences, nil, nil, new(tensor.Arena))
			var off, c, z []float64
			for i, x := range trace.LogC(h) {
				off = append(off, math.Abs(float64(logC[i]-x)))
				c, z = append(c, float64(logC[i])), append(z, float64(x))
			}
			all = append(all, calcium{stats.Median(off), stats.Slope(c, z), stats.Mean(z)})
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
