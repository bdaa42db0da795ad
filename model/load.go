package model

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// Load reads the model in a folder laid out as Hugging Face does: config.json
// and model.safetensors, or shards of it with their index. The name stands for
// the model in errors and reports.
//
// The weights must match config.json tensor by tensor; what does not is listed
// by name, all of it. Weights that are NaN or infinite are refused, and so is
// what the architecture could be told to do and this package does not.
func Load(files fs.FS, name string, options ...Option) (*Model, error) {
	m, err := load(files, options)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	m.name = name
	return m, nil
}

// Option says how a model is to be run, beside what its files say.
type Option func(*Config)

// Threads sets how many threads read and pack the weights; the default, 0, is as
// many as the process may use.
func Threads(n int) Option { return func(c *Config) { c.threads = n } }

// Precision sets the arithmetic of all products; the default is tensor.Float32.
func Precision(p tensor.Precision) Option { return func(c *Config) { c.precision = p } }

func load(files fs.FS, options []Option) (*Model, error) {
	cfg, err := readConfig(files)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		o(cfg)
	}
	arch, err := findArchitecture(cfg.Architecture)
	if err != nil {
		return nil, err
	}
	checkpoint, err := safetensors.OpenCheckpoint(files)
	if err != nil {
		return nil, err
	}
	pool := tensor.NewPool(cfg.threads)
	defer pool.Close()
	m, err := arch.load(cfg, newSource(checkpoint, pool))
	return m, errors.Join(err, checkpoint.Close())
}

// architecture is what the file of one architecture provides.
type architecture struct {
	configure func(*Config, *fields)
	load      func(*Config, *source) (*Model, error)
}

// supported lists the names that findArchitecture knows.
const supported = "albert, audio-spectrogram-transformer, bert, bloom, deit, gpt2 and vit"

// findArchitecture returns the architecture that config.json calls model_type.
// A new one is a file of its own and a line here.
func findArchitecture(modelType string) (architecture, error) {
	switch modelType {
	case "albert":
		return architecture{configureALBERT, loadALBERT}, nil
	case "audio-spectrogram-transformer":
		return architecture{configureAST, loadAST}, nil
	case "bert":
		return architecture{configureBERT, loadBERT}, nil
	case "bloom":
		return architecture{configureBLOOM, loadBLOOM}, nil
	case "deit":
		return architecture{configureDeiT, loadDeiT}, nil
	case "gpt2":
		return architecture{configureGPT2, loadGPT2}, nil
	case "vit":
		return architecture{configureViT, loadViT}, nil
	case "":
		return architecture{}, errors.New(`there is no model_type; add the right one, such as "model_type": "bert" (supported are ` + supported + ")")
	}
	return architecture{}, fmt.Errorf("model_type %q is not supported; supported are %s", modelType, supported)
}
