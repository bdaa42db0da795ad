package fit

import "github.com/tripartite-go/tripartite/network"

// Schema is the version of the result's JSON; it changes when a field changes its
// meaning or goes.
const Schema = "tripartite.fit/1"

// Result is what came of a fit. It holds no times and no paths.
type Result struct {
	Schema   string   `json:"schema"`
	Program  string   `json:"program"`
	Kernel   string   `json:"kernel"`
	Model    string   `json:"model"`
	Seed     uint64   `json:"seed"`
	Settings Settings `json:"settings"`
	// Neurons of all heads together.
	Neurons    int      `json:"neurons"`
	Shared     bool     `json:"shared"` // one tuning curve for both phases
	HeadSteps  int      `json:"head_steps"`
	JointSteps int      `json:"joint_steps"` // done, fewer than planned where patience ended
	Corpus     Counts   `json:"corpus"`
	Validation Counts   `json:"validation"`
	Networks   Networks `json:"networks"`
	Heads      []Head   `json:"heads"` // layer by layer

	// Tuning holds the fitted curves.
	Tuning *network.Tuning `json:"-"`
}

// Counts says how large a corpus is.
type Counts struct {
	Sequences int `json:"sequences"` // made of what was given, in all turns of a text
	Tokens    int `json:"tokens"`
}

// Networks compares networks with the exact one, on validation: with uniform
// attention, the floor; with as many neurons in every head, on average, that are
// drawn at random, and calibrated; with curves fitted head by head, and jointly.
type Networks struct {
	Uniform    Fidelity `json:"uniform"`
	Random     Fidelity `json:"random"`
	Calibrated Fidelity `json:"calibrated"`
	PerHead    Fidelity `json:"per_head"`
	Joint      Fidelity `json:"joint"`
}

// Head says how one head was fitted. All but Cost is measured on what the head of
// the exact network sees of the validation corpus.
type Head struct {
	Layer   int `json:"layer"`
	Head    int `json:"head"`
	Neurons int `json:"neurons"`
	// Cost is what the head's error cost the output in the survey; see Weights.
	Cost float64 `json:"cost"`
	// Divergence is the mean over queries of KL(softmax row || circuit's row): of
	// the curves that were fitted to this head alone, and in the end.
	PerHeadDivergence float64 `json:"per_head_divergence"`
	Divergence        float64 `json:"divergence"`
	// LogCalciumError is the median of |log c - log Z|, in the end.
	LogCalciumError float64 `json:"log_calcium_error"`
}
