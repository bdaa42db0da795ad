package model

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
)

// Config is a model's config.json with every default filled in. Sizes that the
// architecture has are positive, the others 0; those that tensors show agree with
// the tensors once a model is loaded.
type Config struct {
	Architecture string // model_type: "bert", "gpt2", "vit" and so on
	Input        Input  // what the model reads
	// Causal says that a token attends to itself and to those before it.
	Causal bool

	Vocabulary int // V, vocab_size; 0 for images and sounds
	Segments   int // type_vocab_size: kinds of text that a token may belong to; 0 where there are none
	// Positions is the length of the longest sequence (max_position_embeddings,
	// n_positions), 0 where there is no limit, as in BLOOM. Images and sounds have
	// that many tokens, each of them.
	Positions     int
	Grid          Grid // how an image or a sound is cut up
	EmbeddingSize int  // E, embedding_size; narrower than Width in ALBERT alone
	Width         int  // D, hidden_size
	FeedForward   int  // intermediate_size
	Heads         int  // num_attention_heads, per layer

	// Layers is num_hidden_layers. ALBERT applies Inner blocks in each
	// (inner_group_num), from one of Groups groups (num_hidden_groups); both are 1
	// elsewhere.
	Layers, Groups, Inner int

	Activation nn.Activation // hidden_act, activation_function
	Epsilon    float64       // layer_norm_eps, layer_norm_epsilon
	// Tied says that the decoder of words is the table of word embeddings. A
	// decoder that is stored and differs counts more.
	Tied bool

	DType  string   // dtype or torch_dtype: what the file says; tensors tell for themselves
	Labels []string // id2label, by id
	// Problem is problem_type, what a classifier was trained for:
	// "multi_label_classification" where labels do not exclude one another,
	// "regression", else "single_label_classification" or nothing.
	Problem string

	precision tensor.Precision // from Load's options, not from the file
	threads   int              // the same, 0 for all
	preNorm   bool             // see nn.BlockConfig
	qkvBias   bool             // of ViT, DeiT and AST
	labels    int              // how many labels a classifier has
	pooler    struct {         // of ViT and DeiT
		width      int
		activation nn.Activation
	}
	scaled struct { // of GPT-2: logits are divided by
		width bool // sqrt(d)
		layer bool // the number of the layer, from 1
	}
}

// Input is what a model reads.
type Input int

// The inputs.
const (
	Tokens      Input = iota // ids of tokens
	Pixels                   // images
	Spectrogram              // log-mel spectrograms of sounds
)

// String returns the name that transformers gives the array.
func (i Input) String() string {
	return [...]string{"input_ids", "pixel_values", "input_values"}[i]
}

// Grid says how an image [Channels, Height, Width] is cut into patches. Of a
// spectrogram, Height is frequency and Width is time. Patches go row by row, top
// to bottom: those of a spectrogram run through all times of one band of
// frequencies before the next band.
type Grid struct {
	Channels                  int // 1 for a spectrogram
	Height, Width             int
	PatchHeight, PatchWidth   int
	StrideHeight, StrideWidth int // from one patch to the next
}

// Patches returns the number of rows and of columns of patches. What is left at
// the right and at the bottom is not read.
func (g Grid) Patches() (rows, cols int) {
	return (g.Height-g.PatchHeight)/g.StrideHeight + 1, (g.Width-g.PatchWidth)/g.StrideWidth + 1
}

// inputs returns the numbers in a patch.
func (g Grid) inputs() int { return g.Channels * g.PatchHeight * g.PatchWidth }

// Fits reports whether a sequence of n tokens has positions.
func (c *Config) Fits(n int) bool { return c.Positions == 0 || n <= c.Positions }

// nameLabels names the labels of a classifier as transformers does where no file
// names them.
func (c *Config) nameLabels() {
	for i := len(c.Labels); i < c.labels; i++ {
		c.Labels = append(c.Labels, fmt.Sprintf("LABEL_%d", i))
	}
}

// HeadWidth is d, the width of a key.
func (c *Config) HeadWidth() int { return c.Width / c.Heads }

// Applications is L, how often a block is applied: the number of hidden states
// less one.
func (c *Config) Applications() int { return c.Layers * c.Inner }

// Limits that no transformer comes near. What tensors can show is checked
// against them; these keep the rest from overflowing or from asking for more
// memory than any file could account for.
const (
	maxSize         = 1 << 28
	maxApplications = 1 << 12
	maxConfigBytes  = 1 << 25
)

const configFile = "config.json"

// ReadConfig reads what config.json says of a model, without its weights. The name
// stands for the model in errors.
func ReadConfig(files fs.FS, name string) (Config, error) {
	cfg, err := readConfig(files)
	if err != nil {
		return Config{}, fmt.Errorf("model %s: %w", name, err)
	}
	return *cfg, nil
}

// readConfig reads config.json of a model's folder. Its errors name the file.
func readConfig(fsys fs.FS) (*Config, error) {
	file, err := fsys.Open(configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s; a model's folder holds config.json, model.safetensors and the tokenizer's files", configFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that it can be read", configFile, reason(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that it can be read", configFile, reason(err))
	}
	cfg, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	return cfg, nil
}

// parseConfig resolves the text of a config.json.
func parseConfig(text []byte) (*Config, error) {
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("it is larger than %d bytes; check that this is the right file", maxConfigBytes)
	}
	fields, err := parseFields(text)
	if err != nil {
		return nil, err
	}
	kind := fields.text("model_type", "")
	if fields.err != nil {
		return nil, fields.err
	}
	arch, err := findArchitecture(kind)
	if err != nil {
		return nil, err
	}
	cfg := &Config{Architecture: kind, Groups: 1, Inner: 1}
	arch.configure(cfg, fields)
	cfg.DType = fields.text("dtype", fields.text("torch_dtype", ""))
	cfg.Labels = fields.labels()
	cfg.Problem = fields.text("problem_type", "")
	if cfg.labels = len(cfg.Labels); cfg.labels == 0 {
		cfg.labels = fields.size("num_labels", 2) // as many as transformers takes where none are named
	}
	if fields.err != nil {
		return nil, fields.err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// check refuses sizes that do not fit each other.
func (c *Config) check() error {
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d; correct the one that is wrong", c.Width, c.Heads)
	}
	if c.Inner > maxApplications || c.Layers > maxApplications/c.Inner {
		return fmt.Errorf("num_hidden_layers %d times inner_group_num %d is more than %d applications of a block; correct them", c.Layers, c.Inner, maxApplications)
	}
	if c.Groups > c.Layers {
		return fmt.Errorf("num_hidden_groups %d is more than num_hidden_layers %d; correct the one that is wrong", c.Groups, c.Layers)
	}
	if c.Input != Tokens {
		return c.Grid.check()
	}
	return nil
}

// check refuses patches that do not fit and images that no file could hold.
func (g Grid) check() error {
	if g.PatchHeight > g.Height || g.PatchWidth > g.Width {
		return fmt.Errorf("patches of %d x %d do not fit into %d x %d; correct the size that is wrong", g.PatchHeight, g.PatchWidth, g.Height, g.Width)
	}
	if g.Height > maxSize/g.Width || g.Channels > maxSize/(g.Height*g.Width) {
		return fmt.Errorf("%d x %d with %d channels is more than %d numbers; correct the size that is wrong", g.Height, g.Width, g.Channels, maxSize)
	}
	return nil
}

// reason drops operation and path from an error of the file system, since the
// caller names the file.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
