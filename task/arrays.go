package task

import (
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/model"
)

// Ints is an array of whole numbers [n] or [rows, columns], row-major.
type Ints struct {
	Shape []int
	Data  []int64
}

// Floats is an array of float32, row-major.
type Floats struct {
	Shape []int
	Data  []float32
}

func newFloats(shape []int) Floats {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return Floats{Shape: shape, Data: make([]float32, n)}
}

// Arrays are the inputs of a model, as transformers names them: of one of text
// the first three, where AttentionMask is 0 for padding; of one of images or
// sounds the one that it reads. Those of other models are not looked at.
type Arrays struct {
	InputIDs      *Ints // [N] or [B, N]
	TokenTypeIDs  *Ints // nil for 0 throughout
	AttentionMask *Ints // nil for 1 throughout

	PixelValues *Floats // [channels, height, width] or [B, channels, height, width]
	InputValues *Floats // [time, frequency] or [B, time, frequency]
}

// rows are the inputs one under another, tokens or values.
type rows struct {
	model.Padded // without ids where there are values
	values       *model.Values
}

// rows finds the inputs that a model reads.
func (in *Arrays) rows(m *model.Model) (rows, error) {
	c := m.Config()
	var values *Floats
	switch c.Input {
	case model.Pixels:
		values = in.PixelValues
	case model.Spectrogram:
		values = in.InputValues
	default:
		if in.InputIDs == nil {
			return rows{}, in.missing(m)
		}
		p, err := in.padded()
		return rows{Padded: p}, err
	}
	if values == nil {
		return rows{}, in.missing(m)
	}
	v := model.Values{Shape: values.Shape, Data: values.Data}
	switch axes := len(c.ValuesShape()); {
	case len(v.Shape) == axes:
		v.Shape = append([]int{1}, v.Shape...)
	case len(v.Shape) != axes+1:
		return rows{}, fmt.Errorf("%v has the shape %v, %s reads %v, or several of those", c.Input, v.Shape, m.Name(), c.ValuesShape())
	case v.Shape[0] == 0:
		return rows{}, fmt.Errorf("%v has the shape %v and holds nothing; give at least one row", c.Input, v.Shape)
	}
	return rows{model.Padded{Rows: v.Shape[0], Cols: c.Positions}, &v}, nil
}

// missing says which array there should be, and which there is.
func (in *Arrays) missing(m *model.Model) error {
	reads := m.Config().Input
	for _, a := range []struct {
		given bool
		input model.Input
	}{{in.InputIDs != nil, model.Tokens}, {in.PixelValues != nil, model.Pixels}, {in.InputValues != nil, model.Spectrogram}} {
		if a.given {
			return fmt.Errorf("%s reads %v, but the input holds %v; give it that array, or use another model", m.Name(), reads, a.input)
		}
	}
	return fmt.Errorf("%s reads %v, which the input does not hold; give it that array", m.Name(), reads)
}

// batch returns rows lo to hi, and how to put padding back.
func (r *rows) batch(m *model.Model, lo, hi int) (model.Batch, model.Padded, error) {
	part := model.Padded{Rows: hi - lo, Cols: r.Cols}
	if v := r.values; v != nil {
		one := len(v.Data) / r.Rows
		b, err := m.BatchOf(model.Values{Shape: append([]int{hi - lo}, v.Shape[1:]...), Data: v.Data[lo*one : hi*one]})
		return b, part, err
	}
	from, to := lo*r.Cols, hi*r.Cols
	part.IDs = r.IDs[from:to]
	if r.Segments != nil {
		part.Segments = r.Segments[from:to]
	}
	if r.Mask != nil {
		part.Mask = r.Mask[from:to]
	}
	b, err := part.Ragged()
	return b, part, err
}

// padded returns the batch of tokens that the arrays describe.
func (in *Arrays) padded() (model.Padded, error) {
	shape := in.InputIDs.Shape
	var p model.Padded
	switch len(shape) {
	case 1:
		p.Rows, p.Cols = 1, shape[0]
	case 2:
		p.Rows, p.Cols = shape[0], shape[1]
	default:
		return p, fmt.Errorf("input_ids has the shape %v; want [tokens] or [rows, tokens]", shape)
	}
	if p.Rows == 0 || p.Cols == 0 {
		return p, fmt.Errorf("input_ids has the shape %v and holds no token; give at least one", shape)
	}
	p.IDs = in.InputIDs.Data
	for _, a := range []struct {
		name string
		from *Ints
		to   *[]int64
	}{{"token_type_ids", in.TokenTypeIDs, &p.Segments}, {"attention_mask", in.AttentionMask, &p.Mask}} {
		if a.from == nil {
			continue
		}
		if !slices.Equal(a.from.Shape, shape) {
			return p, fmt.Errorf("%s has the shape %v, input_ids %v; give both the same", a.name, a.from.Shape, shape)
		}
		*a.to = a.from.Data
	}
	return p, nil
}
