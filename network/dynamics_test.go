package network

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/causal"
	"github.com/tripartite-go/tripartite/zoo/language"
)

// fast are time constants of 20 ms for a presentation of a second, of which 0.75 s
// pass before synapses are plastic: transients fall to e^-37.
func fast() Dynamics {
	d := DefaultDynamics()
	d.Astrocyte = attention.Everywhere(0.02)
	return d
}

// bundled returns a bundled model with its fitted curves.
func bundled(t *testing.T, name string) (*Network, *Tuning) {
	t.Helper()
	files := language.Files()
	if name == causal.Name {
		files = causal.Files()
	}
	net, err := Load(files, name)
	if err != nil {
		t.Fatal(err)
	}
	curves, err := OpenTuningIn(files, TuningFile)
	if err != nil {
		t.Fatal(err)
	}
	return net, curves
}

// Both levels of the bundled models, all heads replaced, give the same logits where
// time constants are fast. What is left is float32: the algebraic level rounds.
func TestBundledModelsInTimeAreThoseOfTheAlgebraicLevel(t *testing.T) {
	texts := language.Verses()
	for _, name := range []string{language.Name, causal.Name} {
		net, curves := bundled(t, name)
		var ids [][]int
		for i := 0; i < len(texts); i += len(texts) / 4 {
			ids = append(ids, net.Tokenizer.Encode(texts[i]))
		}
		batch := model.NewBatch(ids...)
		logits := func(kind string) []float32 {
			d := fast()
			c := built(t, net.Model, Options{Selection: parse(t, kind), Fitted: curves, Dynamics: d.At})
			states, err := net.Model.Forward(t.Context(), batch, model.Run{Heads: c.Heads(), Work: workspace(t)})
			if err != nil {
				t.Fatal(err)
			}
			if i := c.Incidents(); i.Lost+i.NonPositive > 0 || i.Err != nil {
				t.Errorf("%s, %s: %+v", name, kind, i)
			}
			return net.Model.Logits(states, nil).Data
		}
		want, got := logits("algebraic"), logits("rate")
		worst := 0.0
		for i, w := range want {
			worst = max(worst, math.Abs(float64(got[i]-w)))
		}
		t.Logf("%s: %d tokens, %d logits, largest difference %.1e", name, batch.Tokens(), len(want), worst)
		if !(worst < 1e-4) {
			t.Errorf("%s: logits differ by %.2g", name, worst)
		}
	}
}

func TestEveryArchitectureRunsInTime(t *testing.T) {
	for _, folder := range []string{"bert", "albert", "gpt2", "bloom", "vit", "deit", "ast"} {
		m := open(t, folder)
		batch := inputs(t, m, 2, 3)
		d := fast()
		o := Options{Selection: parse(t, "algebraic"), Tuning: string(tuning.Exp), Draw: tuning.Orthogonal, Neurons: equal(24), Seed: 1, Dynamics: d.At}
		want := last(t, m, built(t, m, o), batch)
		o.Selection = parse(t, "rate")
		if e := distance(t, last(t, m, built(t, m, o), batch), want); !(e < 1e-5) {
			t.Errorf("%s: hidden states differ by %.2g", folder, e)
		}
		d.Astrocyte = attention.Everywhere(7.0)
		if e := distance(t, last(t, m, built(t, m, o), batch), want); !(e > 0.01) {
			t.Errorf("%s: a slow astrocyte changes hidden states by %.2g only", folder, e)
		}
	}
}

func TestInTimeThreadsChangeNothing(t *testing.T) {
	m := open(t, "bert")
	batch := model.NewBatch(sequences(4, 12, 3, 20, 1, 7)...)
	d := DefaultDynamics()
	var want []float32
	for _, threads := range []int{1, 2, 5} {
		pool := tensor.NewPool(threads)
		c := built(t, m, Options{Selection: parse(t, "rate"), Neurons: equal(24), Seed: 1, Dynamics: d.At})
		x, err := m.Forward(t.Context(), batch, model.Run{Heads: c.Heads(), Work: nn.NewWorkspace(pool)})
		pool.Close()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = x.Data
		}
		if !slices.Equal(x.Data, want) {
			t.Errorf("%d threads give other bits", threads)
		}
		if i := c.Incidents(); i.Readings != batch.Tokens()*m.Layers()*m.Heads() {
			t.Errorf("%d threads: %d readings", threads, i.Readings)
		}
	}
}

func TestTimeConstantsBelongToHeads(t *testing.T) {
	m := open(t, "bert")
	d := DefaultDynamics()
	var err error
	number := func(s string) (x float64, err error) {
		_, err = fmt.Sscan(s, &x)
		return x, err
	}
	if d.Astrocyte, err = attention.ParsePerHead("0.02,1=7,1.2=0.5", "value", "0.2", number); err != nil {
		t.Fatal(err)
	}
	if d.Present, err = attention.ParsePerHead("1,0.1=3,1=2", "value", "1", number); err != nil {
		t.Fatal(err)
	}
	c := built(t, m, Options{Selection: parse(t, "rate,0.0=exact"), Neurons: equal(8), Dynamics: func(l, h int, curves *tuning.Curves[float32]) (rate.Config, error) {
		got, err := d.At(l, h, curves)
		want := map[[2]int]float64{{0, 1}: 0.02, {0, 2}: 0.02, {1, 0}: 7, {1, 1}: 7, {1, 2}: 0.5}[[2]int{l, h}]
		if got.Kinetics.Astrocyte != want {
			t.Errorf("head %d.%d has tau_astro %v, want %v", l, h, got.Kinetics.Astrocyte, want)
		}
		return got, err
	}})
	// 10 tokens, twice, for 3 s in the slowest head of layer 0 and for 2 s in layer 1.
	if s := c.Seconds(10); s != 100 {
		t.Errorf("10 tokens take %v s, want 100", s)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"tau_hidden_s":"0.02","tau_output_s":"0.02","tau_astrocyte_s":"0.02,1=7,1.2=0.5","present_s":"1,0.1=3,1=2","window":"0.25","domains":1,"assign":"interleaved","graph":"all"}`; string(text) != want {
		t.Errorf("written as %s, want %s", text, want)
	}
}

func TestDomainsAreDividedAndCoupled(t *testing.T) {
	m := open(t, "bert")
	batch := model.NewBatch(sequences(4, 12, 20)...)
	d := fast()
	o := Options{Selection: parse(t, "rate"), Neurons: equal(24), Seed: 1, Dynamics: d.At}
	whole := last(t, m, built(t, m, o), batch)
	off := func(domains int, assign rate.Assignment, coupling float64) float64 {
		d.Domains, d.Assign, d.Coupling = domains, assign, coupling
		return distance(t, last(t, m, built(t, m, o), batch), whole)
	}
	for _, a := range rate.Assignments() {
		split, mended := off(4, a, 0), off(4, a, 1000)
		if !(split > 0.01) || !(mended < split/20) {
			t.Errorf("%s: four domains change hidden states by %.2g, coupled ones by %.2g", a, split, mended)
		}
	}
	d.Domains = 25
	if _, err := Build(m, Options{Selection: o.Selection, Tuning: string(tuning.Exp), Draw: tuning.IID, Neurons: equal(24), Dynamics: d.At}); err == nil || !strings.Contains(err.Error(), "layer 0, head 0: rate: 25 domains for 24 hidden neurons") {
		t.Errorf("%v", err)
	}
}

func TestDynamicsAreCheckedAgainstTheModel(t *testing.T) {
	d := DefaultDynamics()
	if err := d.Check(2, 3); err != nil {
		t.Error(err)
	}
	d.Window, _ = attention.ParsePerHead("0.25,2=0.5", "value", "1", func(string) (float64, error) { return 0.5, nil })
	if err := d.Check(2, 3); err == nil || !strings.Contains(err.Error(), "window") || !strings.Contains(err.Error(), "no layer 2") {
		t.Errorf("%v", err)
	}
	d = DefaultDynamics()
	d.Window = attention.Everywhere(0.0)
	_, err := Build(open(t, "bert"), Options{Selection: parse(t, "exact,1.2=rate"), Tuning: string(tuning.Exp), Draw: tuning.IID, Neurons: equal(8), Dynamics: d.At})
	if err == nil || !strings.Contains(err.Error(), "layer 1, head 2") || !strings.Contains(err.Error(), "nothing is stored") {
		t.Errorf("a window of 0: %v", err)
	}
}

// What float64 cannot hold is named with its place.
func TestIncidentsNameThePlace(t *testing.T) {
	m := open(t, "bert")
	d := fast()
	c := built(t, m, Options{Selection: parse(t, "exact,1.1=rate"), Tuning: string(tuning.Cosine), Neurons: equal(4), Seed: 2, Dynamics: d.At})
	last(t, m, c, model.NewBatch(sequences(4, 12, 20)...))
	if i := c.Incidents(); i.Readings != 32 {
		t.Errorf("%+v, want 32 readings", i)
	}
	q := tensor.New(1, m.HeadWidth())
	for j := range q.Data {
		q.Data[j] = 1e3
	}
	c = built(t, m, Options{Selection: parse(t, "exact,1.1=rate"), Neurons: equal(4), Seed: 2, Dynamics: d.At})
	c.At(1, 1).Forward(tensor.New(1, 2), nil, q, q, tensor.New(1, 2), tensor.NewSequences(1), nil, nil, nil)
	if err := c.Incidents().Err; err == nil || !strings.HasPrefix(err.Error(), "layer 1, head 1: token 0: rates are too small") {
		t.Errorf("%v", err)
	}
}
