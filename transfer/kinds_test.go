package transfer_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/task"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/transfer"
	"github.com/tripartite-go/tripartite/tuning"
	"github.com/tripartite-go/tripartite/zoo/audition"
	"github.com/tripartite-go/tripartite/zoo/causal"
	"github.com/tripartite-go/tripartite/zoo/vision"
)

// folder returns bundled files as inputs, some times over, and the labels that
// they are named after.
func folder(t *testing.T, files fs.FS, labels []string, times int) (network.Inputs, []int) {
	t.Helper()
	names, err := fs.Glob(files, "*")
	if err != nil {
		t.Fatal(err)
	}
	in := network.Inputs{Files: slices.Repeat(names, times), Open: func(name string) (io.ReadCloser, error) { return files.Open(name) }}
	truth := make([]int, len(in.Files))
	for i, name := range in.Files {
		name, _, _ = strings.Cut(name, ".")
		name = strings.TrimRight(name, "-0123456789")
		truth[i] = slices.IndexFunc(labels, func(l string) bool { return strings.EqualFold(strings.ReplaceAll(l, " ", "-"), name) })
		if truth[i] < 0 {
			t.Fatalf("%s is named after no label", in.Files[i])
		}
	}
	return in, truth
}

// classifier is a small transfer of a bundled classifier on its samples, times over.
func classifier(t *testing.T, files, samples, calibration fs.FS, name string, times int) transfer.Config {
	t.Helper()
	cfg := config(t)
	var err error
	if cfg.Network, err = network.Load(files, name); err != nil {
		t.Fatal(err)
	}
	labels := cfg.Network.Model.Config().Labels
	cfg.Inputs, cfg.Truth = folder(t, samples, labels, times)
	cfg.Calibration, _ = folder(t, calibration, labels, 1)
	return cfg
}

// continuing is a small transfer of the bundled causal model.
func continuing(t *testing.T) transfer.Config {
	t.Helper()
	cfg := config(t)
	var err error
	if cfg.Network, err = network.Load(causal.Files(), causal.Name); err != nil {
		t.Fatal(err)
	}
	cfg.Inputs, cfg.Calibration = network.Inputs{Texts: causal.Verses()[:4]}, network.Inputs{Texts: causal.Calibration()[:16]}
	return cfg
}

func TestEveryKindOfInputIsTransferred(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short; a minute with the race detector, on threads that other tests share")
	}
	for name, c := range map[string]struct {
		cfg        transfer.Config
		kind, task string
		readout    int
	}{
		"pictures": {classifier(t, vision.Files(), vision.Samples(), vision.Calibration(), vision.Name, 1), transfer.Pictures, transfer.Classify, 1},
		"sounds":   {classifier(t, audition.Files(), audition.Samples(), audition.Calibration(), audition.Name, 1), transfer.Sounds, transfer.Classify, 2},
		"causal":   {continuing(t), transfer.Texts, transfer.Next, 1},
		"texts":    {config(t), transfer.Texts, transfer.Fill, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var first []byte
			var r *transfer.Report
			for _, threads := range []int{1, 3} {
				cfg := c.cfg
				pool := tensor.NewPool(threads)
				defer pool.Close()
				cfg.Pool = pool
				r = transferred(t, cfg)
				b, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = b
				} else if !bytes.Equal(first, b) {
					t.Error("three threads give another report than one")
				}
			}
			n, in := r.Network, r.Input
			if in.Kind != c.kind || in.Texts != c.cfg.Inputs.Len() || in.HeadTexts != in.Texts || in.HeadTokens != in.Tokens || len(r.Chosen.Points) != in.HeadTokens {
				t.Errorf("%+v, %d points", in, len(r.Chosen.Points))
			}
			if n.Task == nil || n.Task.Name != c.task || n.Task.Answers == 0 || n.Task.Known != n.Task.Answers || !(n.Task.Agreement > n.Task.AgreementUniform) {
				t.Errorf("task %+v", n.Task)
			}
			if !(n.HiddenCosine > n.HiddenUniform && n.EmbeddingCosine > n.EmbeddingUniform) {
				t.Errorf("%+v is no better than uniform attention", n)
			}
			checkAttended(t, r, c.readout)
		})
	}
}

func checkAttended(t *testing.T, r *transfer.Report, readout int) {
	t.Helper()
	if r.Attended.Layer != r.Model.Layers-1 || len(r.Attended.Inputs) != min(6, r.Input.Texts) {
		t.Errorf("%d inputs at layer %d", len(r.Attended.Inputs), r.Attended.Layer)
	}
	for _, in := range r.Attended.Inputs {
		tokens := len(in.Tokens)
		if p := in.Patches; p != nil {
			tokens = readout + p.Rows*p.Cols
			if len(p.Seen) != p.Channels*p.Height*p.Width || in.Name == "" || in.Tokens != nil {
				t.Errorf("%q: %d numbers seen of %+v", in.Name, len(p.Seen), p)
			}
			if p.Channels == 3 && !(slices.Min(p.Seen) >= 0 && slices.Max(p.Seen) <= 1) {
				t.Errorf("%q: brightness from %v to %v", in.Name, slices.Min(p.Seen), slices.Max(p.Seen))
			}
		}
		if len(in.Readout) != readout || len(in.Exact) != r.Model.Heads || len(in.Circuit) != r.Model.Heads || !(in.Correlation >= -1 && in.Correlation <= 1) {
			t.Errorf("input %d: read from %v, %d and %d heads, correlation %v", in.Input, in.Readout, len(in.Exact), len(in.Circuit), in.Correlation)
		}
		for _, rows := range [][][]transfer.Number{in.Exact, in.Circuit} {
			for h, row := range rows {
				var sum float64
				for _, w := range row {
					sum += float64(w)
				}
				if len(row) != tokens || !(math.Abs(sum-1) < 1e-5) {
					t.Errorf("input %d, head %d: %d weights that sum to %v, of %d tokens", in.Input, h, len(row), sum, tokens)
				}
			}
		}
		for _, a := range []*transfer.Answer{in.ExactAnswer, in.CircuitAnswer, in.UniformAnswer} {
			if a == nil || a.Text == "" || !(a.Probability > 0 && a.Probability <= 1) {
				t.Errorf("input %d: answer %+v", in.Input, a)
			}
		}
		if in.Truth == "" {
			t.Errorf("input %d: the right answer is not known", in.Input)
		}
	}
}

// circuits builds the heads that a transfer builds.
func circuits(t *testing.T, cfg transfer.Config, work *nn.Workspace) *network.Circuits {
	t.Helper()
	b, _, err := cfg.Network.CalibrationBatch(t.Context(), cfg.Calibration, cfg.Pool)
	if err != nil {
		t.Fatal(err)
	}
	cal, err := network.Calibrate(t.Context(), cfg.Network.Model, b, work, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := network.Build(cfg.Network.Model, network.Options{Selection: cfg.Selection, Tuning: cfg.Tuning, Draw: cfg.Draw,
		Neurons: func(int, int) int { return cfg.Neurons }, Calibration: cal, Seed: cfg.Seed})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Many pictures pass in parts, and are named as the task classify names them; heads
// are compared on some of them, of every label.
func TestManyPicturesAreNamedAsTheTaskDoes(t *testing.T) {
	cfg := classifier(t, vision.Files(), vision.Calibration(), vision.Samples(), vision.Name, 1) // a hundred
	cfg.Truth[7] = -1
	r := transferred(t, cfg)
	if r.Input.Tokens != 5000 || r.Input.HeadTexts != 40 || r.Input.HeadTokens != 2000 || r.Network.Task.Known != 99 {
		t.Errorf("%+v, %+v", r.Input, r.Network.Task)
	}
	labels := map[int]bool{}
	for _, p := range r.Chosen.Points {
		labels[cfg.Truth[p.Text]] = true
	}
	if len(labels) < 10 {
		t.Errorf("heads are compared on pictures of %d labels", len(labels))
	}
	o := task.Options{Work: nn.NewWorkspace(cfg.Pool)}
	var first [2][]int
	for i := range first {
		if i == 1 {
			o.Heads = circuits(t, cfg, o.Work).Heads()
		}
		out, err := task.Classify(t.Context(), cfg.Network, cfg.Inputs.Files, task.Classification{Top: 1, Open: cfg.Inputs.Open}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range out {
			first[i] = append(first[i], one.Labels[0].ID)
		}
	}
	share := func(a, b []int) transfer.Number {
		n, equal := 0.0, 0.0
		for i := range a {
			if b[i] >= 0 {
				n++
				if a[i] == b[i] {
					equal++
				}
			}
		}
		return transfer.Number(equal / n)
	}
	k := r.Network.Task
	if k.Agreement != share(first[1], first[0]) || k.Exact != share(first[0], cfg.Truth) || k.Circuit != share(first[1], cfg.Truth) {
		t.Errorf("%+v; want agreement %v, accuracies %v and %v", k, share(first[1], first[0]), share(first[0], cfg.Truth), share(first[1], cfg.Truth))
	}
}

// Nats and bits are those of a session that is fed token by token.
func TestNextTokensAreGuessedAsASessionGuesses(t *testing.T) {
	cfg := continuing(t)
	cfg.Inputs.Texts = cfg.Inputs.Texts[:2]
	r := transferred(t, cfg)
	m, work := cfg.Network.Model, nn.NewWorkspace(cfg.Pool)
	for name, c := range map[string]struct {
		run         model.Run
		nats, right transfer.Number
		bits        transfer.Number
	}{
		"exact":   {model.Run{Work: work}, r.Network.Task.Loss.Exact, r.Network.Task.Exact, r.Network.Task.BitsPerByte.Exact},
		"circuit": {model.Run{Work: work, Heads: circuits(t, cfg, work).Heads()}, r.Network.Task.Loss.Circuit, r.Network.Task.Circuit, r.Network.Task.BitsPerByte.Circuit},
	} {
		var nats, right, tokens, bytes float64
		for _, text := range cfg.Inputs.Texts {
			s, err := m.NewSession(c.run)
			if err != nil {
				t.Fatal(err)
			}
			ids := cfg.Network.Tokenizer.Encode(text)
			bytes += float64(len(text) - 1) // tokens are bytes, and the first is not guessed
			for i, id := range ids[:len(ids)-1] {
				x, err := s.Feed(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				row := m.Logits(x, cfg.Pool).Row(0)
				var sum float64
				best := 0
				for j, l := range row {
					sum += math.Exp(float64(l))
					if l > row[best] {
						best = j
					}
				}
				nats += math.Log(sum) - float64(row[ids[i+1]])
				if best == ids[i+1] {
					right++
				}
				tokens++
			}
		}
		// A session goes other ways round, in float32.
		for what, x := range map[string][2]float64{"nats": {float64(c.nats), nats / tokens}, "bits per byte": {float64(c.bits), nats / math.Ln2 / bytes}, "right": {float64(c.right), right / tokens}} {
			if tolerance := 1e-3; !(math.Abs(x[0]-x[1]) <= tolerance) {
				t.Errorf("%s: %s %v, a session has %v", name, what, x[0], x[1])
			}
		}
	}
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	cfg := classifier(t, vision.Files(), vision.Samples(), vision.Calibration(), vision.Name, 1)
	open := cfg.Inputs.Open
	for name, c := range map[string]struct {
		change func(*transfer.Config)
		want   string
	}{
		"no picture": {func(c *transfer.Config) {
			c.Inputs.Open = func(name string) (io.ReadCloser, error) {
				if name == "coat.png" {
					return io.NopCloser(strings.NewReader("wool")), nil
				}
				return open(name)
			}
		}, "coat.png: not a picture"},
		"no file":        {func(c *transfer.Config) { c.Calibration.Files = []string{"nosuch.png"} }, "nosuch.png"},
		"texts":          {func(c *transfer.Config) { c.Inputs = network.Inputs{Texts: []string{"a"}}; c.Truth = nil }, "vision reads pixel_values, not texts"},
		"nothing":        {func(c *transfer.Config) { c.Inputs, c.Truth = network.Inputs{}, nil }, "no pictures to run"},
		"no calibration": {func(c *transfer.Config) { c.Calibration = network.Inputs{} }, "calibration pictures"},
	} {
		cfg := cfg
		c.change(&cfg)
		if _, err := transfer.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	text := config(t)
	text.Inputs = cfg.Inputs
	if _, err := transfer.Run(t.Context(), text); err == nil || !strings.Contains(err.Error(), "language reads texts, not files such as ankle-boot.png") {
		t.Errorf("files for a model of text: %v", err)
	}
}

// Curves that need no constants need no other pictures.
func TestPicturesWithoutCalibration(t *testing.T) {
	cfg := classifier(t, vision.Files(), vision.Samples(), vision.Calibration(), vision.Name, 1)
	cfg.Calibration, cfg.Tuning, cfg.Truth = network.Inputs{}, string(tuning.Exp), nil
	cfg.Error = 4 // allocated on the pictures that are run, for want of others
	r := transferred(t, cfg)
	k := r.Network.Task
	if k.Known != 0 || !math.IsNaN(float64(k.Exact)) || !math.IsNaN(float64(r.Layers[0].Heads[0].BudgetCalibrated)) || r.Attended.Inputs[0].Truth != "" {
		t.Errorf("%+v", k)
	}
	if !slices.ContainsFunc(r.Notes, func(s string) bool { return strings.Contains(s, "Which label is right is not known") }) {
		t.Errorf("notes: %q", r.Notes)
	}
}
