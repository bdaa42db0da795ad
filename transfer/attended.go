package transfer

// Attended shows, for a few inputs, what the tokens that the answer is read from
// attend to in the last layer: in the exact network beside the circuit network,
// each as it runs.
type Attended struct {
	Layer  int             `json:"layer"`
	Inputs []AttendedInput `json:"inputs"`
}

// AttendedInput is one input. What is attended to sums to 1 over its tokens.
type AttendedInput struct {
	Input int    `json:"input"`          // which of the inputs, from 0
	Name  string `json:"name,omitempty"` // of the file; empty for a text

	// Tokens are those of a text, as its tokenizer spells them; for a causal model,
	// those before the one that is guessed.
	Tokens []string `json:"tokens,omitempty"`
	// Patches say where the tokens of a picture or sound lie, nil for a text. The
	// last Patches.Rows x Patches.Cols tokens are the patches, row by row; class and
	// distillation tokens come before them.
	Patches *Patches `json:"patches,omitempty"`

	// Readout are the tokens that the answer is read from: class and distillation
	// tokens of pictures and sounds, the masked token of a model that fills, the
	// last one shown of a causal model, the first one otherwise.
	Readout []int `json:"readout"`
	// Exact and Circuit [heads][tokens] are the attention of these, their mean where
	// they are several.
	Exact   [][]Number `json:"exact"`
	Circuit [][]Number `json:"circuit"`
	// Correlation is Pearson's, of the means over heads.
	Correlation Number `json:"correlation"`

	// What the networks answer; nil for a model without an answer.
	ExactAnswer   *Answer `json:"exact_answer,omitempty"`
	CircuitAnswer *Answer `json:"circuit_answer,omitempty"`
	UniformAnswer *Answer `json:"uniform_answer,omitempty"`
	// Truth is the right answer, "" where it is not known.
	Truth string `json:"truth,omitempty"`
}

// Answer is the likeliest label or token, and its probability.
type Answer struct {
	Text        string `json:"text"`
	Probability Number `json:"probability"`
}

// Patches are what a model sees of a picture or sound, and how it cuts that up
// (see model.Grid).
type Patches struct {
	Channels     int `json:"channels"` // 1 for a spectrogram
	Height       int `json:"height"`   // of what is seen: pixels, or bins of frequency
	Width        int `json:"width"`    // pixels, or frames of time
	PatchHeight  int `json:"patch_height"`
	PatchWidth   int `json:"patch_width"`
	StrideHeight int `json:"stride_height"` // from one patch to the next
	StrideWidth  int `json:"stride_width"`
	Rows         int `json:"rows"` // of patches
	Cols         int `json:"cols"`
	// Seen [Channels, Height, Width] is what is cut up: the values of a picture from
	// 0 to 1, or a spectrogram's normalized log energies, of which row 0 is the lowest
	// frequency. It is for figures, and not part of the JSON.
	Seen []float32 `json:"-"`
}
