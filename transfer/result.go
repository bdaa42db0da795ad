package transfer

import (
	"encoding/json"
	"math"

	"github.com/tripartite-go/tripartite/internal/answers"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// Schema is the version of the report's JSON; it changes when a field changes
// its meaning or goes.
const Schema = "tripartite.transfer/1"

// Report is the result of a transfer: what a pretrained transformer computes
// exactly and as a network of neurons and astrocytes. It holds no times and no
// paths, so that the same input gives the same bytes.
type Report struct {
	Schema            string   `json:"schema"`
	Program           string   `json:"program"` // version of the program
	Kernel            string   `json:"kernel"`  // which products and exponentials were used
	tensor.Arithmetic          // which products, in particular
	Config            Resolved `json:"config"`
	Model             Model    `json:"model"`
	Input             Input    `json:"input"`
	Layers            []Layer  `json:"layers"`
	// Contexts divide queries by the number of keys that they see, the fewest first.
	Contexts []Context `json:"contexts,omitempty"`
	Network  Network   `json:"network"`
	Attended Attended  `json:"attended"`    // what the last layer looks at
	Chosen   Chosen    `json:"chosen_head"` // one head, token by token
	Scaling  Scaling   `json:"scaling"`     // error against number of neurons
	Fidelity Fidelity  `json:"fidelity"`    // of whole networks, against number of neurons
	// Timescales are of networks with heads in time, nil for others.
	Timescales *Timescales `json:"timescales,omitempty"`
	// Notes are plain sentences: what the numbers mean, what to do when they are
	// bad, and warnings.
	Notes []string `json:"notes"`
}

// Resolved is the configuration with every default filled in.
type Resolved struct {
	Seed      uint64  `json:"seed"`
	Generator string  `json:"generator"`
	Attention string  `json:"attention"`       // selection rule, "algebraic" by default
	Tuning    string  `json:"tuning"`          // "calibrated", "fitted" or the name of a map
	Estimator bool    `json:"estimator"`       // whether the error vanishes with the number of neurons
	Draw      string  `json:"draw"`            // "orthogonal" or "iid", "" for fitted curves
	Neurons   int     `json:"neurons"`         // per head; 0 where allocated by error, and for fitted curves
	Error     float64 `json:"error,omitempty"` // wanted relative error of calcium
	// TotalNeurons are those of all heads, Curves the fingerprint of fitted curves.
	TotalNeurons int    `json:"total_neurons"`
	Curves       string `json:"curves,omitempty"`
	// Dynamics are those of heads in time, nil where there are none. SecondsPerToken is
	// the circuit's time: of all layers with such heads, one after another.
	Dynamics        *network.Dynamics `json:"dynamics,omitempty"`
	SecondsPerToken Number            `json:"seconds_per_token,omitempty"`
}

// Model describes the network.
type Model struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Causal       bool   `json:"causal"` // tokens see themselves and those before
	ALiBi        bool   `json:"alibi"`  // and weigh them by exp(-slope age)
	Layers       int    `json:"layers"`
	Heads        int    `json:"heads"`      // per layer
	HeadWidth    int    `json:"head_width"` // d
	Width        int    `json:"width"`      // D
	Parameters   int64  `json:"parameters"`
}

// The kinds of inputs.
const (
	Texts    = "texts"
	Pictures = "pictures"
	Sounds   = "sounds"
)

// Input counts the data: texts, pictures or sounds. Heads are compared on some of
// many inputs, spread evenly over them, whole networks on all.
type Input struct {
	Kind              string `json:"kind"`
	Texts             int    `json:"texts"` // inputs of that kind
	Tokens            int    `json:"tokens"`
	HeadTexts         int    `json:"head_texts"` // those that heads are compared on
	HeadTokens        int    `json:"head_tokens"`
	CalibrationTexts  int    `json:"calibration_texts"`
	CalibrationTokens int    `json:"calibration_tokens"`
	Masked            int    `json:"masked"` // tokens to fill; 0 for models without such a head
}

// Layer is one application of a block.
type Layer struct {
	Layer int    `json:"layer"`
	Heads []Head `json:"heads"`
	// HiddenCosine is the mean cosine between the hidden states that leave this
	// layer in the exact network and in the circuit network.
	HiddenCosine Number `json:"hidden_cosine"`
}

// Head compares one head with its circuit, both given the exact network's
// queries, keys and values, so that errors of earlier layers do not enter.
type Head struct {
	Head      int    `json:"head"`
	Attention string `json:"attention"` // exact, algebraic, rate, uniform
	Neurons   int    `json:"neurons"`   // m; 0 for heads without hidden neurons

	// Of a causal head, a query sees the keys up to its own token, with ALiBi each
	// with the weight exp(-slope age); Z and N, the sum of the weights, count these.
	MeanSquaredNorm           Number `json:"mean_squared_norm"`            // mean |q+k|² over keys that are seen
	MeanSquaredNormCalibrated Number `json:"mean_squared_norm_calibrated"` // mean |q'+k'|²

	// Budget is the number of iid random neurons for a relative error of calcium
	// of BudgetError at the median query: plain exp curves, and calibrated ones.
	// Values beyond a float64 are given as MaxFloat64; the logarithm is exact.
	Budget                Number `json:"budget"`
	BudgetLog10           Number `json:"budget_log10"`
	BudgetCalibrated      Number `json:"budget_calibrated"`
	BudgetCalibratedLog10 Number `json:"budget_calibrated_log10"`

	// A calibrated circuit leaves out one factor f per query, which cancels in its
	// output: its calcium c estimates Z/f, and corrected calcium c f estimates Z.
	// Without calibration f is 1 and the two are the same.
	LogCalciumError      Number `json:"log_calcium_error"`     // median |log(c f) - log Z|
	CalciumCorrelation   Number `json:"calcium_correlation"`   // Pearson of log c and log Z over tokens
	CorrectedCorrelation Number `json:"corrected_correlation"` // of log(c f) and log Z
	CalciumSlope         Number `json:"calcium_slope"`         // of log(c f) against log Z over tokens, by least squares
	TargetCorrelation    Number `json:"target_correlation"`    // of log c and log(Z/f), what the circuit is asked to compute
	NullCorrelation      Number `json:"null_correlation"`      // of log N + q.mean(k) and log Z, the mean weighted as Z is
	OutputCosine         Number `json:"output_cosine"`         // mean cosine of the head's outputs
	NonPositive          int    `json:"nonpositive_calcium"`   // tokens with c <= 0 (signed curves)
	Lost                 int    `json:"lost,omitempty"`        // tokens without a value: in time, c passed through 0
	MemoryBytes          int    `json:"memory_bytes"`          // H, g and shifts of one sequence

	// Calibrated is what a circuit with fitted curves took the place of: calibrated
	// curves with as many neurons, drawn at random. Nil for other curves, and where
	// there was nothing to calibrate on.
	Calibrated *Before `json:"calibrated,omitempty"`

	// Allocated says of a circuit whose neurons were allocated by Config.Error what was
	// asked for and what came of it; nil for others.
	Allocated *Allocated `json:"allocated,omitempty"`
}

// Context is how close calcium comes to the softmax normalizer where queries see
// from Shortest to Longest keys: at the median of all replaced heads, the median over
// queries of |log(c f) - log Z|, and of log(c f) - log Z. Where all inputs are of one
// length there is one.
type Context struct {
	Shortest        int    `json:"shortest"`
	Longest         int    `json:"longest"`
	Queries         int    `json:"queries"` // of a head
	LogCalciumError Number `json:"log_calcium_error"`
	LogCalciumBias  Number `json:"log_calcium_bias"`
}

// Allocated is what the variance law said of the relative error of a head's calcium,
// c f/Z - 1, and what was measured.
type Allocated struct {
	// AskedLog10 is log10 of the neurons that keep the error at Config.Error at the
	// median query of the calibration inputs. The head has as many, but no fewer than
	// LeastNeurons and no more than MostNeurons.
	AskedLog10 Number `json:"neurons_asked_log10"`
	// Law is the root mean square over draws of independent rows that the law predicts
	// for the neurons that the head has, at the median query of the inputs that heads
	// are compared on. Error is what was measured there: the median over queries of
	// |c f/Z - 1|, of one draw. Of Gaussian errors the median is 0.67 of the root mean
	// square, and orthogonal rows err less than independent ones.
	Law   Number `json:"error_law"`
	Error Number `json:"error"`
}

// Before is one head with other curves, as Head has it.
type Before struct {
	LogCalciumError Number `json:"log_calcium_error"`
	OutputCosine    Number `json:"output_cosine"`
}

// BudgetError is the relative error of calcium that budgets are given for.
const BudgetError = 0.1

// Network compares whole networks; Uniform is the same comparison for a network
// whose heads all attend uniformly, the floor below which attention is useless.
type Network struct {
	HiddenCosine  Number `json:"hidden_cosine"` // last hidden state, mean over tokens
	HiddenUniform Number `json:"hidden_cosine_uniform"`
	// The embedding of an input is the mean of its last hidden states or, of a
	// picture or a sound, of those of the tokens that the answer is read from (class
	// and distillation tokens).
	EmbeddingCosine  Number `json:"embedding_cosine"`
	EmbeddingP05     Number `json:"embedding_cosine_p05"`
	EmbeddingUniform Number `json:"embedding_cosine_uniform"`
	// EmbeddingCentred is the mean cosine after the mean exact embedding was taken off
	// both: what tells one input from another. SimilarityRank is the Spearman
	// correlation of the similarities of all pairs, of up to 1,000 inputs.
	EmbeddingCentred Number `json:"embedding_cosine_centred"`
	SimilarityRank   Number `json:"similarity_rank_correlation"`
	EmbeddingOther   Number `json:"embedding_cosine_other_text"` // exact embeddings of two different inputs
	Task             *Task  `json:"task,omitempty"`              // nil for a model that gives no answers
}

// What models are for.
const (
	Fill     = answers.Fill     // guess masked tokens
	Classify = answers.Classify // name pictures or sounds
	Next     = answers.Next     // guess every token of a text from those before it
)

// Task is what a model is for, done by the three networks. An answer is a token
// or a label.
type Task struct {
	Name             string `json:"name"`              // Fill, Classify or Next
	Answers          int    `json:"answers"`           // masked tokens, inputs, or tokens
	Known            int    `json:"known"`             // answers of which the right one is known
	Agreement        Number `json:"agreement"`         // circuit's likeliest answer is exact attention's
	AgreementUniform Number `json:"agreement_uniform"` // the same for uniform attention
	Exact            Number `json:"accuracy_exact"`    // likeliest answer is right, of those known
	Circuit          Number `json:"accuracy_circuit"`
	Uniform          Number `json:"accuracy_uniform"`
	// Loss is the mean of -log p of the right token in nats, BitsPerByte the same in
	// bits for each byte of text that is predicted; both for Next alone.
	Loss        *Loss `json:"nats_per_token,omitempty"`
	BitsPerByte *Loss `json:"bits_per_byte,omitempty"`
}

// Loss is that of the three networks.
type Loss struct {
	Exact   Number `json:"exact"`
	Circuit Number `json:"circuit"`
	Uniform Number `json:"uniform"`
}

// Chosen is one head, token by token.
type Chosen struct {
	Layer  int     `json:"layer"`
	Head   int     `json:"head"`
	Points []Point `json:"points"`
}

// Point is one token of one input at one head. All logarithms are natural.
type Point struct {
	Text          int    `json:"text"` // which of the inputs, from 0
	Position      int    `json:"position"`
	Token         string `json:"token"`                 // as the tokenizer spells it, or "patch ROW,COLUMN"
	LogNormalizer Number `json:"log_normalizer"`        // log Z of softmax
	LogCalcium    Number `json:"log_calcium"`           // log c, as the circuit computes it
	LogCorrected  Number `json:"log_corrected_calcium"` // log(c f), f being the query's factor
	LogNull       Number `json:"log_null"`              // log N + q.mean(k), see Head
}

// Scaling is the error of calcium against the number of neurons at one head,
// measured over independent draws of the curves.
type Scaling struct {
	Layer  int     `json:"layer"`
	Head   int     `json:"head"`
	Draws  int     `json:"draws"`
	Tokens int     `json:"tokens"`
	Curves []Curve `json:"curves"`
}

// Curve is one family of tuning curves. Errors are the median over tokens of
// the root mean square, over draws, of c f/Z - 1, f being the query's factor. A
// map that is no estimator is first given the one factor that serves it best.
//
// Fitted curves are one point, with the neurons that the head has; nothing of them
// is drawn, and the error is the median of |c/Z - 1|.
type Curve struct {
	Name      string   `json:"name"` // a map, "calibrated" or "fitted"
	Estimator bool     `json:"estimator"`
	Neurons   []int    `json:"neurons"`
	Error     []Number `json:"error"`
	// Law is what the variance law predicts for Error, empty where there is none.
	Law []Number `json:"law,omitempty"`
}

// Fidelity is how much of the exact network is kept by networks whose replaced
// heads have one kind of curves, against the neurons of a head in the mean.
type Fidelity struct {
	// Inputs that were run, and answers that were asked for, of those that Task.Name
	// says. Words that are to be filled are masked.
	Texts   int    `json:"texts"`
	Tokens  int    `json:"tokens"`
	Task    string `json:"task,omitempty"`
	Answers int    `json:"answers,omitempty"`
	// Of the network whose heads are all uniform.
	HiddenUniform    Number          `json:"hidden_cosine_uniform"`
	AgreementUniform Number          `json:"agreement_uniform"`
	Curves           []FidelityCurve `json:"curves"` // none where no head is replaced
}

// FittedShared names fitted curves of which a neuron has one for both phases, as in
// the paper, beside those of which it has two.
const FittedShared = "fitted-shared"

// FidelityCurve is one kind of curves.
type FidelityCurve struct {
	Name    string   `json:"name"`           // "exp", "calibrated", "fitted" or FittedShared
	Draw    string   `json:"draw,omitempty"` // "" for fitted curves
	Neurons []Number `json:"neurons"`        // of a replaced head, the mean
	// Hidden is the mean cosine of the last hidden states, Agreement the share of
	// answers that are the exact network's, empty where nothing is asked.
	Hidden    []Number `json:"hidden_cosine"`
	Agreement []Number `json:"agreement,omitempty"`
}

// Timescales is how a network with heads in time answers when every token is
// presented for longer and longer, against the exact network.
type Timescales struct {
	// Inputs that were run, and answers that were asked for, as in Fidelity.
	Texts         int    `json:"texts"`
	Tokens        int    `json:"tokens"`
	TokensPerText Number `json:"tokens_per_text"` // mean
	Task          string `json:"task,omitempty"`
	Answers       int    `json:"answers,omitempty"`
	// Layers with heads in time; a text takes 2 Layers TokensPerText presentations.
	Layers int `json:"layers"`
	// Of the network whose heads are all uniform, and of the one that is algebraic where
	// this one is in time: what it settles to.
	HiddenUniform      Number           `json:"hidden_cosine_uniform"`
	AgreementUniform   Number           `json:"agreement_uniform"`
	HiddenAlgebraic    Number           `json:"hidden_cosine_algebraic"`
	AgreementAlgebraic Number           `json:"agreement_algebraic"`
	Curves             []TimescaleCurve `json:"curves"`
}

// TimescaleCurve is one time constant of calcium. All else, but for the length of
// presentations, is as configured.
type TimescaleCurve struct {
	Astrocyte string   `json:"tau_astrocyte_s"` // a rule, as Resolved.Dynamics has it
	Present   []Number `json:"present_s"`       // of a token, to be written or to be read; the mean over layers
	Seconds   []Number `json:"seconds_per_text"`
	// Hidden is the mean cosine of the last hidden states to the exact network's;
	// Agreement the share of answers that are the exact network's, Logits the largest
	// difference of a logit of these from the algebraic level's, both empty where nothing
	// is asked.
	Hidden    []Number `json:"hidden_cosine"`
	Agreement []Number `json:"agreement,omitempty"`
	Logits    []Number `json:"logit_difference,omitempty"`
}

// Number is a measured float64. JSON has no word for a number that is not
// defined (the correlation of constants, the logarithm of calcium that is not
// positive): such a Number is NaN in Go and null in JSON, infinities too.
type Number float64

// FromLog10 returns 10^x, at most MaxFloat64.
func FromLog10(x float64) Number { return Number(min(math.Pow(10, x), math.MaxFloat64)) }

// MarshalJSON writes n, or null where it is not finite.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number, and null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}
