package nn

import (
	"fmt"
	"slices"

	"github.com/tripartite-go/tripartite/tensor"
)

// Projection is the weights of a linear map as checkpoints hold them: y = W x +
// b with W [out, in] and b [out], or nil for none.
type Projection struct {
	Weight tensor.Matrix
	Bias   []float32
}

// check reports weights that are not [out, in] or a bias that does not fit.
func (p Projection) check(name string, out, in int) error {
	if p.Weight.Rows != out || p.Weight.Cols != in {
		return fmt.Errorf("%s weights are [%d, %d], want [%d, %d]", name, p.Weight.Rows, p.Weight.Cols, out, in)
	}
	if p.Bias != nil && len(p.Bias) != out {
		return fmt.Errorf("%s bias has length %d, want %d", name, len(p.Bias), out)
	}
	return nil
}

// Linear is a linear map with packed weights.
type Linear struct {
	weight   tensor.Weight
	bias     []float32
	reversed *reversed
}

// NewLinear packs a projection, of which it keeps nothing, for products in a
// precision. It panics if the bias does not fit the weights.
func NewLinear(p Projection, precision tensor.Precision) Linear {
	if err := p.check("linear", p.Weight.Rows, p.Weight.Cols); err != nil {
		panic("nn: " + err.Error())
	}
	return Linear{weight: precision.Pack(p.Weight), bias: slices.Clone(p.Bias), reversed: new(reversed)}
}

// In returns the width of the input.
func (l Linear) In() int { return l.weight.In }

// Out returns the width of the output.
func (l Linear) Out() int { return l.weight.Out }

// Forward is dst = x Wᵀ + b on all threads of the pool: x [n, in], dst [n, out].
// dst must not overlap x.
func (l Linear) Forward(pool *tensor.Pool, dst, x tensor.Matrix) {
	if l.bias == nil {
		pool.Product(dst, x, l.weight)
		return
	}
	pool.ProductBias(dst, x, l.weight, l.bias)
}

// apply is Forward on the calling thread.
func (l Linear) apply(dst, x tensor.Matrix) {
	if l.bias == nil {
		tensor.Product(dst, x, l.weight)
		return
	}
	tensor.ProductBias(dst, x, l.weight, l.bias)
}

// part returns part i of parts of the map, which divide its outputs, and the
// first output of it.
func (l Linear) part(i, parts int) (lo int, part Linear) {
	lo, part.weight = l.weight.Part(i, parts)
	if l.bias != nil {
		part.bias = l.bias[lo : lo+part.Out()]
	}
	return lo, part
}

// LayerNorm takes mean and variance out of every row:
//
//	(x - mean)/sqrt(variance + Epsilon)·Gain + Bias
//
// Gain and Bias [D] may each be nil for 1 and 0.
type LayerNorm struct {
	Gain, Bias []float32
	Epsilon    float32
}

// Forward writes the normalized rows of x [n, D] to dst, which may be x.
func (l LayerNorm) Forward(dst, x tensor.Matrix) {
	if dst.Rows != x.Rows {
		panic(fmt.Sprintf("nn: layer normalization of [%d, %d] into [%d, %d]", x.Rows, x.Cols, dst.Rows, dst.Cols))
	}
	for t := range x.Rows {
		tensor.LayerNorm(dst.Row(t), x.Row(t), l.Gain, l.Bias, l.Epsilon)
	}
}

func (l LayerNorm) check(name string, width int) error {
	if l.Gain != nil && len(l.Gain) != width || l.Bias != nil && len(l.Bias) != width {
		return fmt.Errorf("%s has gain and bias of length %d and %d, want %d", name, len(l.Gain), len(l.Bias), width)
	}
	return nil
}

// Embedding is a table with one row [D] for each id: a token, a position, a
// kind of segment.
type Embedding struct {
	Table tensor.Matrix
}

// Lookup copies the row of ids[t] into row t of dst [len(ids), D]. It reports an
// id that the table does not have.
func (e Embedding) Lookup(dst tensor.Matrix, ids []int) error {
	return e.rows("Lookup", dst, ids, func(row, of []float32) { copy(row, of) })
}

// Add adds the row of ids[t] to row t of dst. It reports an id that the table
// does not have.
func (e Embedding) Add(dst tensor.Matrix, ids []int) error {
	return e.rows("Add", dst, ids, func(row, of []float32) { tensor.Add(row, row, of) })
}

func (e Embedding) rows(op string, dst tensor.Matrix, ids []int, do func(row, of []float32)) error {
	if dst.Rows != len(ids) || dst.Cols != e.Table.Cols {
		panic(fmt.Sprintf("nn: %s of %d ids in a table [%d, %d] into [%d, %d]", op, len(ids), e.Table.Rows, e.Table.Cols, dst.Rows, dst.Cols))
	}
	for t, id := range ids {
		if id < 0 || id >= e.Table.Rows {
			return fmt.Errorf("id %d at position %d is not in the table, which has 0 to %d", id, t, e.Table.Rows-1)
		}
		do(dst.Row(t), e.Table.Row(id))
	}
	return nil
}
