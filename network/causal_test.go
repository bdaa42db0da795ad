package network

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// inputs returns random inputs of a model, whatever it reads.
func inputs(t *testing.T, m *model.Model, seed uint64, n int) model.Batch {
	t.Helper()
	c, rng := m.Config(), tuning.NewRand(seed)
	if c.Input == model.Tokens {
		all := make([][]int, n)
		for i := range all {
			for range 12 + i%8 {
				all[i] = append(all[i], rng.IntN(c.Vocabulary))
			}
		}
		return model.NewBatch(all...)
	}
	v := model.Values{Shape: append([]int{n}, c.ValuesShape()...)}
	size := n
	for _, s := range c.ValuesShape() {
		size *= s
	}
	for range size {
		v.Data = append(v.Data, float32(rng.NormFloat64()))
	}
	b, err := m.BatchOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryArchitectureBecomesACircuit(t *testing.T) {
	for _, folder := range []string{"gpt2", "bloom", "vit", "deit", "ast"} {
		m := open(t, folder)
		batch := inputs(t, m, 2, 3)
		cal, err := Calibrate(t.Context(), m, inputs(t, m, 1, 40), workspace(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		exact := last(t, m, nil, batch)
		if !slices.Equal(exact, last(t, m, built(t, m, Options{Selection: parse(t, "exact")}), batch)) {
			t.Errorf("%s: exact heads give another result than the model's own", folder)
		}
		floor := distance(t, last(t, m, built(t, m, Options{Selection: parse(t, "uniform")}), batch), exact)
		o := Options{Selection: parse(t, "algebraic"), Tuning: Calibrated, Draw: tuning.Orthogonal, Seed: 1, Calibration: cal}
		var errs []float64
		for _, n := range []int{16, 8192} {
			o.Neurons = equal(n)
			errs = append(errs, distance(t, last(t, m, built(t, m, o), batch), exact))
		}
		t.Logf("%s: uniform %.3f, circuits %.3f", folder, floor, errs)
		if errs[1] > errs[0]/2 || errs[1] > floor/2 {
			t.Errorf("%s: errors %.3f with 16 and 8192 neurons; uniform attention gives %.3f", folder, errs, floor)
		}
	}
}

// TestALiBiIsForgetting holds the heads of a network with ALiBi, on what they
// received, against the plain sum with its bias, and against the circuit of the
// root package that forgets 1 - exp(-slope) with every token.
func TestALiBiIsForgetting(t *testing.T) {
	m := open(t, "bloom")
	ids := sequences(9, 60)[0]
	for i := range ids {
		ids[i] %= 61
	}
	slopes := map[float32]bool{}
	for _, kind := range []string{"exact", "algebraic"} {
		c := built(t, m, Options{Selection: parse(t, kind), Neurons: equal(40)})
		run := model.Run{Heads: c.Heads(), Work: workspace(t)}
		run.Trace = func(l int, trace *nn.Trace) {
			for h := range m.Heads() {
				q, k, v, y := trace.Query(h), trace.Key(h), trace.Value(h), trace.Output(h)
				slope := m.Slope(h)
				slopes[slope] = true
				want := biased(q, k, v, float64(slope))
				if kind == "algebraic" {
					circuit, err := tripartite.New(tripartite.Config[float32]{
						Tuning: c.At(l, h).Curves, Outputs: v.Cols, Forget: 1 - math.Exp(-float64(slope)),
					})
					if err != nil {
						t.Fatal(err)
					}
					want = circuit.Attend(rows(q), rows(k), rows(v), true).Y
				}
				// Values reach some units; drives of float32 lose 1e-7 of their size.
				if d := distance(t, rows(y), want); d > 1e-5 {
					t.Errorf("%s: head %d.%d is off by %.1e", kind, l, h, d)
				}
			}
		}
		if _, err := m.Forward(t.Context(), model.NewBatch(ids), run); err != nil {
			t.Fatal(err)
		}
	}
	if len(slopes) != 6 || slopes[0] {
		t.Errorf("six heads have the slopes %v", slopes)
	}
}

// biased is causal attention with ALiBi as it is defined.
func biased(q, k, v tensor.Matrix, slope float64) []float32 {
	var y []float32
	for t := range q.Rows {
		sum, out := 0.0, make([]float64, v.Cols)
		for u := range t + 1 {
			logit := -slope * float64(t-u)
			for i, x := range q.Row(t) {
				logit += float64(x) * float64(k.At(u, i))
			}
			w := math.Exp(logit)
			sum += w
			for j := range out {
				out[j] += w * float64(v.At(u, j))
			}
		}
		for _, x := range out {
			y = append(y, float32(x/sum))
		}
	}
	return y
}

func TestHeadsOfCausalModelsAreCausal(t *testing.T) {
	for _, folder := range []string{"gpt2", "bloom"} {
		m := open(t, folder)
		for _, kind := range []string{"exact", "uniform", "algebraic"} {
			c := built(t, m, Options{Selection: parse(t, kind), Neurons: equal(24)})
			ids := sequences(4, 15)[0]
			for i := range ids {
				ids[i] %= 61
			}
			whole := last(t, m, c, model.NewBatch(ids))
			if part := last(t, m, c, model.NewBatch(ids[:9])); !slices.Equal(part, whole[:len(part)]) {
				t.Errorf("%s: %s heads see later tokens", folder, kind)
			}
			s, err := m.NewSession(model.Run{Heads: c.Heads(), Work: workspace(t)})
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range ids {
				x, err := s.Feed(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if d := distance(t, x.Data, whole[i*m.Width():(i+1)*m.Width()]); d > 1e-4 {
					t.Errorf("%s: %s heads, token by token: token %d is off by %.1e", folder, kind, i, d)
				}
			}
		}
	}
}

func TestImagesNeedNoTokenizerButAPreprocessor(t *testing.T) {
	if _, err := Load(os.DirFS(testdata+"vit"), "vit"); err == nil || !strings.Contains(err.Error(), "preprocessor_config.json") {
		t.Errorf("without one: %v", err)
	}
	n, err := Load(os.DirFS("../task/testdata/vit"), "vit")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Batch([]string{"a"}, "text"); err == nil || !strings.Contains(err.Error(), "vit reads pixel_values, not texts") {
		t.Errorf("a text for ViT: %v", err)
	}
	if m := open(t, "vit"); m.Config().Input != model.Pixels || !isPlain(m.Exact()) {
		t.Error("ViT's heads are not plain softmax")
	}
}

func isPlain(heads [][]attention.Head) bool {
	for _, layer := range heads {
		if slices.ContainsFunc(layer, func(h attention.Head) bool { return h != attention.Softmax{} }) {
			return false
		}
	}
	return true
}
