package audio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tripartite-go/tripartite/internal/preprocessor"
)

const (
	maxFrames = 1 << 16
	maxBins   = 1 << 10
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
func Load(fsys fs.FS) (*Extractor, error) { return preprocessor.Load(fsys, "sounds", Parse) }

// Default returns the extractor of a file that leaves everything to
// ASTFeatureExtractor: 128 bins, normalized by the statistics of AudioSet.
func Default() *Extractor {
	e := standard()
	e.prepare()
	return e
}

func standard() *Extractor {
	return &Extractor{bins: 128, frames: 1024, normalize: true, mean: -4.2677393, std: 4.5689974}
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
	e := standard()
	preprocessor.Set(&e.bins, c.Bins)
	preprocessor.Set(&e.frames, c.Frames)
	preprocessor.Set(&e.normalize, c.Normalize)
	preprocessor.Set(&e.mean, c.Mean)
	preprocessor.Set(&e.std, c.Std)
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
