package audio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const (
	configFile    = "preprocessor_config.json"
	maxConfigSize = 1 << 20
	maxFrames     = 1 << 16
	maxBins       = 1 << 10
)

// config is a preprocessor_config.json. What is absent is as ASTFeatureExtractor
// has it.
type config struct {
	Type      string   `json:"feature_extractor_type"`
	Rate      *int     `json:"sampling_rate"`
	Bins      *int     `json:"num_mel_bins"`
	Frames    *int     `json:"max_length"`
	Normalize *bool    `json:"do_normalize"`
	Mean      *float64 `json:"mean"`
	Std       *float64 `json:"std"`
}

// Load reads the preprocessor_config.json of a model's folder.
func Load(fsys fs.FS) (*Extractor, error) {
	f, err := fsys.Open(configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s, which says how sounds are prepared: get it from where the model is from", configFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	if len(data) > maxConfigSize {
		return nil, fmt.Errorf("%s has more than %d bytes: it is no such file", configFile, maxConfigSize)
	}
	e, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	return e, nil
}

// Parse returns the extractor that the text of a preprocessor_config.json asks
// for, an ASTFeatureExtractor.
func Parse(data []byte) (*Extractor, error) {
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%w; get the file again", err)
	}
	switch c.Type {
	case "ASTFeatureExtractor":
	case "":
		return nil, errors.New(`names no extractor: "feature_extractor_type" is to be ASTFeatureExtractor`)
	default:
		return nil, fmt.Errorf("%q is not done here: ASTFeatureExtractor is", c.Type)
	}
	// The statistics are AudioSet's.
	e := &Extractor{bins: 128, frames: 1024, normalize: true, mean: -4.2677393, std: 4.5689974}
	set(&e.bins, c.Bins)
	set(&e.frames, c.Frames)
	set(&e.normalize, c.Normalize)
	set(&e.mean, c.Mean)
	set(&e.std, c.Std)
	// At another rate the two ways that transformers has of making frames part:
	// with torchaudio they are of 25 ms, without of 400 samples.
	if c.Rate != nil && *c.Rate != rate {
		return nil, fmt.Errorf(`"sampling_rate" is %d; only %d is done here`, *c.Rate, rate)
	}
	for _, v := range []struct {
		field    string
		is, most int
	}{{"num_mel_bins", e.bins, maxBins}, {"max_length", e.frames, maxFrames}} {
		if v.is < 1 || v.is > v.most {
			return nil, fmt.Errorf("%q is %d; from 1 to %d make sense", v.field, v.is, v.most)
		}
	}
	if std := float32(2 * e.std); e.normalize && (std == 0 || std-std != 0 || float32(e.mean)-float32(e.mean) != 0) {
		return nil, fmt.Errorf(`"mean" is %v and "std" is %v, by which nothing can be normalized`, e.mean, e.std)
	}
	e.prepare()
	return e, nil
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}
