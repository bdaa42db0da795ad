package fit

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// Config says what to fit, to what, and for how long.
type Config struct {
	// Network is the pretrained transformer.
	Network *network.Network
	// Corpus is what is fitted to. Validation, other sequences of the same kind, is
	// what progress is judged by, and when to stop.
	Corpus, Validation *Corpus
	// Neurons is how many hidden neurons all heads have together. They are divided
	// by what the error of each head costs the output.
	Neurons int
	// Shared gives every neuron one tuning curve for both phases, as in the paper:
	// what it answers to as a key, it answers to as a query.
	Shared bool
	// HeadSteps and JointSteps are the lengths of the two stages. With both given,
	// the result depends on the configuration, the seed and the kernel alone. 0
	// means as many as Minutes allow.
	HeadSteps, JointSteps int
	// Minutes is how long the fit may take, about; it counts where steps are not
	// given. The number of steps is fixed by how long the first ones take, and the
	// result names it.
	Minutes float64
	// Patience ends the joint fit when validation has not improved for so many
	// looks, of which there are 25 in all; 0 goes on to the end.
	Patience int
	Settings Settings
	Seed     uint64
	Pool     *tensor.Pool
	// Checkpoint is the file that the state of the fit is kept in, so that a fit that
	// was interrupted goes on where it was: to the same result. Empty for none.
	Checkpoint string
	// Program and Weights, the hash of the model's weights, go into the result.
	Program, Weights string
	// Progress, if not nil, is told how far the fit is, every second or so.
	Progress func(Progress)

	saveEvery time.Duration // between two checkpoints; 0 for defaultSaveEvery
}

// Settings are what measured best, and rarely need to be changed.
type Settings struct {
	SurveySteps int     `json:"survey_steps"` // of the short fits that neurons are allocated by
	HeadBatch   int     `json:"head_batch"`   // sequences in a step
	HeadRate    float64 `json:"head_rate"`    // the highest learning rate
	Calcium     float64 `json:"calcium"`      // weight of log²(calcium/normalizer) beside the divergence
	JointBatch  int     `json:"joint_batch"`
	// JointRate times the root of the loss that the joint fit begins with is its
	// highest learning rate: the loss goes about with the square of the way that
	// curves have to go, and steps with the way.
	JointRate float64 `json:"joint_rate"`
	Weights   Weights `json:"weights"`
}

// DefaultSettings returns the settings that measured best.
func DefaultSettings() Settings {
	return Settings{
		SurveySteps: 300, HeadBatch: 8, HeadRate: 0.1, Calcium: 0.1,
		JointBatch: 8, JointRate: 0.015, Weights: Weights{Hidden: 1, Embedding: 2, Answer: 1, Calcium: 1},
	}
}

// FewestTokens returns how many tokens a corpus must hold: covariances of queries
// and keys, of rank d, take more than d of them.
func FewestTokens(m *model.Model) int { return 2 * m.HeadWidth() }

func (c *Config) check() error {
	m := c.Network.Model
	if m.Precision() != tensor.Float32 {
		return fmt.Errorf("%s is loaded in precision %s, and only float32 goes backward; load it in float32", m.Name(), m.Precision())
	}
	if c.Corpus == nil || c.Validation == nil {
		return errors.New("fit: a corpus to fit to and one to validate on are needed")
	}
	for _, p := range []struct {
		what   string
		corpus *Corpus
		least  int
	}{{"fit to", c.Corpus, FewestTokens(m)}, {"validate on", c.Validation, 1}} {
		if n := p.corpus.Tokens(); n < p.least {
			return fmt.Errorf("there are %d tokens to %s, of which every head needs at least %d; give more", n, p.what, p.least)
		}
		if err := m.Check(p.corpus.batch); err != nil {
			return err
		}
	}
	if least := fewest * m.Layers() * m.Heads(); c.Neurons < least {
		return fmt.Errorf("%d neurons for %d heads: give at least %d, %d a head", c.Neurons, m.Layers()*m.Heads(), least, fewest)
	}
	if c.HeadSteps < 0 || c.JointSteps < 0 || !(c.Minutes >= 0) {
		return fmt.Errorf("%d and %d steps in %v minutes; give numbers above 0", c.HeadSteps, c.JointSteps, c.Minutes)
	}
	if (c.HeadSteps == 0 || c.JointSteps == 0) && c.Minutes == 0 {
		return errors.New("the length of the fit is missing: give minutes, or the steps of both stages")
	}
	s := &c.Settings
	for _, p := range []struct {
		name  string
		value float64
	}{{"survey_steps", float64(s.SurveySteps)}, {"head_batch", float64(s.HeadBatch)}, {"head_rate", s.HeadRate}, {"joint_batch", float64(s.JointBatch)}, {"joint_rate", s.JointRate}} {
		if !(p.value > 0) {
			return fmt.Errorf("%s is %v, it must be above 0; begin with DefaultSettings", p.name, p.value)
		}
	}
	w := &s.Weights
	for _, p := range []struct {
		name  string
		value float64
	}{{"calcium", s.Calcium}, {"weights.hidden", w.Hidden}, {"weights.embedding", w.Embedding}, {"weights.answer", w.Answer}, {"weights.calcium", w.Calcium}} {
		if !(p.value >= 0) || math.IsInf(p.value, 1) {
			return fmt.Errorf("%s is %v, it must be a number of at least 0; begin with DefaultSettings", p.name, p.value)
		}
	}
	return nil
}
