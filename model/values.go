package model

import (
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/tensor"
)

// Values is an array of numbers, row-major, as transformers takes it:
// pixel_values [n, channels, height, width] or input_values [n, time, frequency].
type Values struct {
	Shape []int
	Data  []float32
}

// ValuesShape returns the shape of one image or sound that the model reads, nil
// for a model of text.
func (c *Config) ValuesShape() []int {
	switch c.Input {
	case Pixels:
		return []int{c.Grid.Channels, c.Grid.Height, c.Grid.Width}
	case Spectrogram:
		return []int{c.Grid.Width, c.Grid.Height}
	}
	return nil
}

// BatchOf returns the batch of images or sounds. It refuses an array of another
// shape than the model reads, and numbers that are not finite. The batch shares
// the data.
func (m *Model) BatchOf(v Values) (Batch, error) {
	one := m.config.ValuesShape()
	if one == nil {
		return Batch{}, fmt.Errorf("%s reads %v, that is ids of tokens, and no images or sounds; give it those, or use another model", m.name, Tokens)
	}
	if len(v.Shape) != len(one)+1 || !slices.Equal(v.Shape[1:], one) {
		return Batch{}, m.wrongShape(v.Shape)
	}
	n, size := v.Shape[0], m.config.Grid.numbers()
	if len(v.Data) != n*size {
		panic(fmt.Sprintf("model: %d numbers in an array of shape %v", len(v.Data), v.Shape))
	}
	for i, x := range v.Data {
		if x-x != 0 {
			return Batch{}, fmt.Errorf("%v: row %d holds %v; correct what made the array", m.config.Input, i/size, x)
		}
	}
	lengths := slices.Repeat([]int{m.config.Positions}, n)
	return Batch{Sequences: tensor.NewSequences(lengths...), Values: tensor.FromData(v.Data, n, size)}, nil
}

// numbers returns how many an image or a spectrogram has.
func (g Grid) numbers() int { return g.Channels * g.Height * g.Width }

// wrongShape says what to do about an array of another shape.
func (m *Model) wrongShape(shape []int) error {
	g := m.config.Grid
	if m.config.Input == Pixels {
		return fmt.Errorf("%v has the shape %v, %s reads [n, %d, %d, %d] (channels, height, width), as its positions are not interpolated; resize the images to %d x %d",
			Pixels, shape, m.name, g.Channels, g.Height, g.Width, g.Height, g.Width)
	}
	return fmt.Errorf("%v has the shape %v, %s reads [n, %d, %d] (time, frequency); pad the spectrograms to %d frames or cut them there, as the feature extractor of transformers does",
		Spectrogram, shape, m.name, g.Width, g.Height, g.Width)
}

// checkValues refuses a batch that is no image or sound of the model's.
func (m *Model) checkValues(b Batch) error {
	if len(b.IDs) > 0 || b.Values.Rows == 0 && b.Sequences.Len() > 0 {
		return fmt.Errorf("%s reads %v, and no ids of tokens; give it those, or use a model of text", m.name, m.config.Input)
	}
	if b.Values.Rows != b.Sequences.Len() || b.Tokens() != b.Values.Rows*m.config.Positions || b.Values.Rows > 0 && b.Values.Cols != m.config.Grid.numbers() {
		panic(fmt.Sprintf("model: batch of values [%d, %d] in %d sequences of %d tokens", b.Values.Rows, b.Values.Cols, b.Sequences.Len(), b.Tokens()))
	}
	return nil
}
