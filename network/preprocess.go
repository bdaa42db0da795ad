package network

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/tripartite-go/tripartite/input/audio"
	"github.com/tripartite-go/tripartite/input/image"
	"github.com/tripartite-go/tripartite/model"
)

// Preprocessor makes what a model reads of files with pictures or sounds, as its
// preprocessor_config.json says. It may be used by several goroutines at once.
type Preprocessor struct {
	extensions []string
	kinds      string // in words
	model      *model.Model
	read       func(io.Reader) (model.Values, error)
	seen       func([]float32) []float32
}

// ReadPreprocessor reads what a model's folder says of it. It refuses a model of
// text.
func ReadPreprocessor(files fs.FS, m *model.Model) (*Preprocessor, error) {
	p := &Preprocessor{model: m}
	var err error
	switch m.Config().Input {
	case model.Pixels:
		p.extensions, p.kinds = []string{".png", ".jpg", ".jpeg", ".webp"}, "PNG, JPEG and WebP"
		var processor *image.Processor
		processor, err = image.Load(files)
		p.read = func(r io.Reader) (model.Values, error) {
			x, height, width, err := processor.Read(r)
			return model.Values{Shape: []int{3, height, width}, Data: x}, err
		}
		p.seen = func(values []float32) []float32 { return processor.Brightness(values) }
	case model.Spectrogram:
		p.extensions, p.kinds = []string{".wav", ".flac"}, "WAV and FLAC"
		var extractor *audio.Extractor
		extractor, err = audio.Load(files)
		p.read = func(r io.Reader) (model.Values, error) {
			x, err := extractor.Read(r)
			frames, bins := extractor.Shape()
			return model.Values{Shape: []int{frames, bins}, Data: x}, err
		}
		p.seen = func(values []float32) []float32 {
			frames, bins := extractor.Shape()
			return transposed(values, frames, bins)
		}
	default:
		return nil, fmt.Errorf("%s reads texts, not pictures or sounds; use a model of images (ViT, DeiT) or sounds (AST)", m.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name(), err)
	}
	return p, nil
}

// Extensions returns how the names of files end that can be read, in lower case.
func (p *Preprocessor) Extensions() []string { return p.extensions }

// Kinds names the kinds of files in words.
func (p *Preprocessor) Kinds() string { return p.kinds }

// Read returns the model's input for one file, without a batch axis.
func (p *Preprocessor) Read(r io.Reader) (model.Values, error) {
	x, err := p.read(r)
	if err != nil {
		return x, err
	}
	batch := model.Values{Shape: append([]int{1}, x.Shape...), Data: x.Data}
	if _, err := p.model.BatchOf(batch); err != nil {
		return x, fmt.Errorf("as preprocessor_config.json says, %w", err)
	}
	return x, nil
}

// Seen returns what a reader would look at of one input: of pixel values
// [3, height, width] the brightness of each, 0 to 1; of features [time,
// frequency] the same numbers as [frequency, time], the lowest frequency first.
func (p *Preprocessor) Seen(values []float32) []float32 { return p.seen(values) }

// transposed returns x [rows, cols] as [cols, rows].
func transposed(x []float32, rows, cols int) []float32 {
	out := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = x[i*cols+j]
		}
	}
	return out
}
