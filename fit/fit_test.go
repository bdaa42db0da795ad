package fit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

func open(t testing.TB, folder string) *model.Model {
	t.Helper()
	m, err := model.Load(os.DirFS("../model/testdata/"+folder), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// corpusOf returns random input of a model.
func corpusOf(t testing.TB, m *model.Model, seed uint64, n int) *Corpus {
	t.Helper()
	rng, cfg := tuning.NewRand(seed), m.Config()
	var b model.Batch
	if cfg.Input == model.Tokens {
		all := make([][]int, n)
		for i := range all {
			for range 6 + rng.IntN(10) {
				all[i] = append(all[i], rng.IntN(cfg.Vocabulary))
			}
		}
		b = model.NewBatch(all...)
	} else {
		v := model.Values{Shape: append([]int{n}, cfg.ValuesShape()...)}
		size := n
		for _, s := range cfg.ValuesShape() {
			size *= s
		}
		for range size {
			v.Data = append(v.Data, float32(rng.NormFloat64()))
		}
		var err error
		if b, err = m.BatchOf(v); err != nil {
			t.Fatal(err)
		}
	}
	c, err := NewCorpus(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// small is a fit of a small random model that takes a fraction of a second.
func small(t testing.TB, m *model.Model, threads int) Config {
	t.Helper()
	pool := tensor.NewPool(threads)
	t.Cleanup(pool.Close)
	s := DefaultSettings()
	s.SurveySteps, s.HeadBatch, s.JointBatch = 10, 4, 4
	return Config{
		Network: &network.Network{Model: m}, Corpus: corpusOf(t, m, 1, 240), Validation: corpusOf(t, m, 2, 12),
		Neurons: 24 * m.Layers() * m.Heads(), HeadSteps: 60, JointSteps: 40, Settings: s, Seed: 5, Pool: pool, Weights: "abc",
	}
}

func mustRun(t testing.TB, cfg Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bytesOf returns all that a fit gives.
func bytesOf(t testing.TB, r *Result) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := r.Tuning.Write(&buf, safetensors.F32); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&buf).Encode(r); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestEveryArchitectureIsFitted(t *testing.T) {
	for _, folder := range []string{"bert", "albert", "gpt2", "bloom", "vit-two-labels", "deit-teacher", "ast-labels"} {
		m := open(t, folder)
		cfg := small(t, m, 2)
		r := mustRun(t, cfg)
		n := &r.Networks
		// What was learned is better than what was drawn, and learning together better
		// than apart.
		if !(n.Joint.Loss < n.PerHead.Loss && n.PerHead.Loss < n.Random.Loss && n.Joint.Loss < n.Calibrated.Loss && n.Joint.Loss < n.Uniform.Loss) {
			t.Errorf("%s: losses: uniform %v, random %v, calibrated %v, head by head %v, jointly %v", folder,
				n.Uniform.Loss, n.Random.Loss, n.Calibrated.Loss, n.PerHead.Loss, n.Joint.Loss)
		}
		if (n.Joint.Embedding != nil) != (folder == "bert" || folder == "albert") {
			t.Errorf("%s: embedding %+v", folder, n.Joint.Embedding)
		}
		if (n.Joint.Answer != nil) != (m.HasClassifier() || m.Config().Causal && m.HasLogits()) {
			t.Errorf("%s: answer %+v", folder, n.Joint.Answer)
		}
		if r.Neurons != cfg.Neurons/grain*grain || r.JointSteps != cfg.JointSteps || len(r.Heads) != m.Layers()*m.Heads() {
			t.Errorf("%s: %d neurons, %d joint steps, %d heads", folder, r.Neurons, r.JointSteps, len(r.Heads))
		}
		if err := r.Tuning.Serves(m, "abc"); err != nil {
			t.Error(err)
		}
	}
}

func TestTheResultDependsOnTheSeedAndNotOnThreads(t *testing.T) {
	for _, folder := range []string{"bert", "bloom"} {
		m := open(t, folder)
		want := bytesOf(t, mustRun(t, small(t, m, 1)))
		if !bytes.Equal(want, bytesOf(t, mustRun(t, small(t, m, 3)))) {
			t.Errorf("%s: three threads give another result than one", folder)
		}
		cfg := small(t, m, 2)
		cfg.Seed++
		if bytes.Equal(want, bytesOf(t, mustRun(t, cfg))) {
			t.Errorf("%s: another seed gives the same result", folder)
		}
	}
}

// interruption cancels a fit at a given step of a stage.
type interruption struct {
	stage string
	step  int
}

func TestAFitThatWasInterruptedGoesOnToTheSameResult(t *testing.T) {
	m := open(t, "bert")
	want := bytesOf(t, mustRun(t, small(t, m, 2)))
	path := filepath.Join(t.TempDir(), "state")
	for _, at := range []interruption{{StageRead, 0}, {StageSurvey, 1}, {StageAllocate, 1}, {StageHeads, 1}, {StageHeads, 40}, {StageJoint, 1}, {StageJoint, 17}, {StageSettle, 0}} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := small(t, m, 2)
		cfg.Checkpoint = path
		cfg.Progress = func(p Progress) {
			if p.Stage == at.stage && p.Step >= at.step {
				cancel()
			}
		}
		_, err := Run(ctx, cfg)
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted in %q at step %d: %v", at.stage, at.step, err)
		}
		kept := !slices.Contains([]string{StageRead, StageSurvey, StageAllocate}, at.stage) // before, there is nothing to keep
		if _, err := os.Stat(path); (err == nil) != kept {
			t.Errorf("interrupted in %q at step %d, the checkpoint: %v", at.stage, at.step, err)
		}
	}
	cfg := small(t, m, 1)
	cfg.Checkpoint = path
	if !bytes.Equal(want, bytesOf(t, mustRun(t, cfg))) {
		t.Error("a fit that was interrupted gives another result than one that was not")
	}
}

// edited changes something of a state, which JSON within JSON holds.
func edited(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	f, err := safetensors.NewReader(bytes.NewReader(data), int64(len(data)), "state")
	if err != nil {
		t.Fatal(err)
	}
	meta := f.Metadata()
	state := strings.Replace(meta["state"], from, to, 1)
	if state == meta["state"] {
		t.Fatalf("there is no %s in %s", from, state)
	}
	meta["state"] = state
	var all []safetensors.Tensor
	for _, i := range f.Tensors() {
		values, err := f.Float32(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, safetensors.New(i.Name, i.Shape, values))
	}
	var buf bytes.Buffer
	if err := safetensors.Write(&buf, all, meta); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestCheckpointsThatAreRefused(t *testing.T) {
	m := open(t, "bert")
	path := filepath.Join(t.TempDir(), "state")
	cfg := small(t, m, 2)
	cfg.Checkpoint = path
	mustRun(t, cfg)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data   []byte
		change func(*Config)
		want   string
	}{
		"truncated":      {good[:len(good)-9], func(*Config) {}, "begin anew"},
		"another stage":  {edited(t, good, `"stage":"settling calcium"`, `"stage":"resting calcium"`), func(*Config) {}, "begin anew"},
		"too many steps": {edited(t, good, `"done":40`, `"done":41`), func(*Config) {}, "41 of 40 steps"},
		"no neurons":     {edited(t, good, `"neurons":[`, `"neurons":[0,`), func(*Config) {}, "a head of 0 neurons"},
		"not finite":     {append(append([]byte{}, good[:len(good)-4]...), 0, 0, 0xc0, 0x7f), func(*Config) {}, "it holds NaN"},
		"no checkpoint":  {[]byte("hello"), func(*Config) {}, "begin anew"},
		"another seed":   {good, func(c *Config) { c.Seed++ }, "another fit"},
		"other texts":    {good, func(c *Config) { c.Corpus = corpusOf(t, m, 9, 60) }, "another fit"},
		"other settings": {good, func(c *Config) { c.Settings.HeadRate *= 2 }, "another fit"},
		"other weights":  {good, func(c *Config) { c.Weights = "def" }, "another fit"},
	} {
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		cfg := small(t, m, 2)
		cfg.Checkpoint = path
		c.change(&cfg)
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	m := open(t, "bert")
	one, err := NewCorpus(model.NewBatch([]int{1, 2}))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := NewCorpus(model.NewBatch(slices.Repeat([]int{9999}, 19)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"too little text":  {func(c *Config) { c.Corpus = one }, "2 tokens to fit to"},
		"no corpus":        {func(c *Config) { c.Corpus = nil }, "a corpus to fit to"},
		"foreign tokens":   {func(c *Config) { c.Validation = foreign }, "9999"},
		"few neurons":      {func(c *Config) { c.Neurons = 20 }, "give at least 96"},
		"no length":        {func(c *Config) { c.JointSteps = 0 }, "give minutes"},
		"negative minutes": {func(c *Config) { c.Minutes = math.NaN() }, "NaN minutes"},
		"no settings":      {func(c *Config) { c.Settings = Settings{} }, "DefaultSettings"},
		"no weight":        {func(c *Config) { c.Settings.Weights.Calcium = math.NaN() }, "weights.calcium is NaN"},
		"negative weight":  {func(c *Config) { c.Settings.Weights.Hidden = -1 }, "weights.hidden is -1"},
	} {
		cfg := small(t, m, 1)
		c.change(&cfg)
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := NewCorpus(model.Batch{}); err == nil {
		t.Error("a corpus of nothing")
	}
	if _, err := NewCorpus(model.NewBatch([]int{1}, nil)); err == nil || !strings.Contains(err.Error(), "sequence 2") {
		t.Errorf("an empty sequence: %v", err)
	}
}

// One token repeated has covariances of 0.
func TestOneTokenRepeatedIsFittedToo(t *testing.T) {
	m := open(t, "bert")
	cfg := small(t, m, 2)
	all := make([][]int, 30)
	for i := range all {
		all[i] = slices.Repeat([]int{7}, 3+i%9)
	}
	var err error
	if cfg.Corpus, err = NewCorpus(model.NewBatch(all...)); err != nil {
		t.Fatal(err)
	}
	cfg.Validation = cfg.Corpus
	if r := mustRun(t, cfg); !(r.Networks.Joint.Hidden > 0.99) {
		t.Errorf("hidden states keep a cosine of %v", r.Networks.Joint.Hidden)
	}
}

func TestPatienceEndsAFit(t *testing.T) {
	cfg := small(t, open(t, "bert"), 2)
	cfg.Patience, cfg.JointSteps = 2, 100
	cfg.Settings.JointRate = 50 // leads nowhere
	r := mustRun(t, cfg)
	if r.JointSteps >= 100 {
		t.Errorf("%d steps were done", r.JointSteps)
	}
	// Settling calcium rounds the curves anew.
	if !(r.Networks.Joint.Loss <= r.Networks.PerHead.Loss*(1+1e-5)) {
		t.Errorf("the best curves lose %v, those before %v", r.Networks.Joint.Loss, r.Networks.PerHead.Loss)
	}
}

func TestMinutesGiveSteps(t *testing.T) {
	cfg := small(t, open(t, "bert"), 2)
	cfg.HeadSteps, cfg.JointSteps, cfg.Minutes = 0, 0, 1e-6
	r := mustRun(t, cfg)
	if r.HeadSteps != fewestHeadSteps || r.JointSteps != fewestJointSteps {
		t.Errorf("no time gives %d and %d steps, want the fewest, %d and %d", r.HeadSteps, r.JointSteps, fewestHeadSteps, fewestJointSteps)
	}
}

// A state is refused, or a fit can go on from it.
func FuzzState(f *testing.F) {
	m := open(f, "bloom-one-head")
	cfg := small(f, m, 1)
	cfg.HeadSteps, cfg.JointSteps, cfg.Settings.SurveySteps = 4, 2, 2
	cfg.Checkpoint = filepath.Join(f.TempDir(), "state")
	for _, stage := range []string{StageHeads, StageJoint, ""} {
		ctx, cancel := context.WithCancel(f.Context())
		cfg.Progress = func(p Progress) {
			if p.Stage == stage {
				cancel()
			}
		}
		if _, err := Run(ctx, cfg); err != nil && !errors.Is(err, context.Canceled) {
			f.Fatal(err)
		}
		cancel()
		good, err := os.ReadFile(cfg.Checkpoint)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(good)
		f.Add(good[:len(good)-3])
	}
	cfg.Progress = nil
	r := newRun(cfg)
	if err := r.read(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.NewReader(bytes.NewReader(data), int64(len(data)), "state")
		if err != nil {
			return
		}
		s, err := r.parse(file)
		if err != nil {
			return
		}
		if err := r.resume(s); err != nil {
			t.Fatal(err)
		}
	})
}
