package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// List returns all experiments, each with its default config.
func List() []Experiment {
	return []Experiment{
		entry("normalizer", normalizerAbout, DefaultNormalizer(), Normalizer),
		entry("neurons", neuronsAbout, DefaultNeurons(), Neurons),
		entry("timescales", timescalesAbout, DefaultTimescales(), Timescales),
		compared(entry("domains", domainsAbout, DefaultDomains(), Domains)),
		compared(entry("noise", noiseAbout, DefaultNoise(), Noise)),
		compared(entry("load", loadAbout, DefaultLoad(), Load)),
		compared(entry("coverage", coverageAbout, DefaultCoverage(), Coverage)),
		compared(entry("silencing", silencingAbout, DefaultSilencing(), Silencing)),
		compared(entry("predictions", predictionsAbout, DefaultPredictions(), Predictions)),
	}
}

// Schema is the version of a report's JSON; it changes when a field changes its
// meaning or goes.
const Schema = "tripartite.experiment/1"

// Experiment is an entry of the list.
type Experiment struct {
	Name string
	// Summary is one line, About a few more sentences.
	Summary, About string

	compared bool // several conditions with one: their intervals are a family

	config any // a pointer to the config
	run    func(context.Context, *Lab) (Findings, error)
}

// entry makes an entry of the list. The first line of about is the summary.
func entry[C any, F Findings](name, about string, config C, run func(context.Context, *Lab, C) (F, error)) Experiment {
	summary, about, _ := strings.Cut(about, "\n")
	return Experiment{Name: name, Summary: summary, About: strings.TrimSpace(about), config: &config, run: func(ctx context.Context, lab *Lab) (Findings, error) {
		f, err := run(ctx, lab, config)
		if err != nil {
			return nil, err
		}
		return f, nil
	}}
}

// compared marks an experiment that compares several conditions with one.
func compared(e Experiment) Experiment {
	e.compared = true
	return e
}

// Find returns the experiment of that name.
func Find(name string) (Experiment, bool) {
	all := List()
	i := slices.IndexFunc(all, func(e Experiment) bool { return e.Name == name })
	if i < 0 {
		return Experiment{}, false
	}
	return all[i], true
}

// Config returns a pointer to the experiment's config, for reading.
func (e Experiment) Config() any { return e.config }

// Set changes a field of the config, by its JSON name, to a value in JSON; what is
// no JSON is taken as a string.
func (e Experiment) Set(name, value string) error {
	text, err := json.Marshal(e.config)
	if err != nil {
		panic("experiment: " + err.Error()) // configs are plain data
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		panic("experiment: " + err.Error())
	}
	if _, known := fields[name]; !known {
		names := make([]string, 0, len(fields))
		for n := range fields {
			names = append(names, n)
		}
		slices.Sort(names)
		return fmt.Errorf("%s has no setting %q; it has %s", e.Name, name, strings.Join(names, ", "))
	}
	raw := json.RawMessage(value)
	if !json.Valid(raw) {
		raw, _ = json.Marshal(value) // a string
	}
	set, err := json.Marshal(map[string]json.RawMessage{name: raw})
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(set))
		d.DisallowUnknownFields()
		err = d.Decode(e.config)
	}
	if err != nil {
		return fmt.Errorf("%s: %s cannot be %s; it is %s by default", e.Name, name, value, fields[name])
	}
	return nil
}

// Check refuses settings that cannot be run on any network, by name. Run does so, too.
func (e Experiment) Check() error {
	if c, ok := e.config.(interface{ checkCurves() error }); ok {
		if err := c.checkCurves(); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	if c, ok := e.config.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}

// Report is the result of an experiment. It holds no times and no paths, so that
// the same input gives the same bytes.
type Report struct {
	Schema            string `json:"schema"`
	Program           string `json:"program"` // version of the program
	Kernel            string `json:"kernel"`  // which products and exponentials were used
	tensor.Arithmetic        // which products, in particular
	Experiment        string `json:"experiment"`
	Model             *Model `json:"model,omitempty"`
	// Seeds, one animal each, and the generator for which they mean what they do.
	Seeds     []uint64 `json:"seeds"`
	Generator string   `json:"generator"`
	Intervals string   `json:"intervals"` // how the ends of intervals are found
	Config    any      `json:"config"`    // with every default filled in
	Result    Findings `json:"result"`
	// Text says what the numbers show, and no more.
	Text []Statement `json:"text"`
}

// Model describes the network.
type Model struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Causal       bool   `json:"causal"`
	Layers       int    `json:"layers"`
	Heads        int    `json:"heads"`      // per layer
	HeadWidth    int    `json:"head_width"` // d
}

// Run runs an experiment. It stops early, with the context's error, when the
// context is done; the lab's folder then holds the seeds that are finished.
func (e Experiment) Run(ctx context.Context, lab *Lab) (*Report, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	f, err := e.run(ctx, lab)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Schema: Schema, Program: lab.Program, Kernel: tensor.Kernel(), Experiment: e.Name,
		Seeds: lab.Seeds, Generator: tuning.Generator, Intervals: Intervals,
		Config: e.config, Result: f, Text: f.Statements(),
	}
	if e.compared {
		r.Intervals += Together
	}
	if n := len(lab.Seeds); n <= fewSeeds {
		few := statements(r.Text)
		few.add(Caution, "Intervals of %s hold little or nothing of the spread between seeds, and are too narrow for other animals; 5 seeds are the least to go by.", counts.Plural(n, "seed"))
		r.Text = few
	}
	if lab.Network != nil {
		m := lab.Network.Model
		c := m.Config()
		r.Arithmetic = m.Precision().Arithmetic()
		r.Model = &Model{Name: m.Name(), Architecture: c.Architecture, Causal: c.Causal, Layers: m.Layers(), Heads: m.Heads(), HeadWidth: m.HeadWidth()}
	}
	return r, nil
}
