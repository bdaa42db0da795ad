package nn

import (
	"fmt"

	"github.com/tripartite-go/tripartite/tensor"
)

// Layout is the order of rows in a fused projection of queries, keys and values.
type Layout int

const (
	// Thirds holds all queries, then all keys, then all values, as GPT-2 does
	// (once its [in, out] weights are transposed).
	Thirds Layout = iota
	// PerHead holds query, key and value of the first head, then of the second,
	// as BLOOM does.
	PerHead
)

// Unfuse takes a fused projection [3·heads·d, D] apart.
func Unfuse(p Projection, heads int, layout Layout) (query, key, value Projection, err error) {
	rows := p.Weight.Rows
	if heads < 1 || rows == 0 || rows%(3*heads) != 0 {
		return query, key, value, fmt.Errorf("fused weights [%d, %d] do not hold queries, keys and values of %d heads", rows, p.Weight.Cols, heads)
	}
	if err := p.check("fused", rows, p.Weight.Cols); err != nil {
		return query, key, value, err
	}
	parts := [3]Projection{}
	d := rows / (3 * heads)
	for i := range parts {
		parts[i].Weight = tensor.New(heads*d, p.Weight.Cols)
		if p.Bias != nil {
			parts[i].Bias = make([]float32, heads*d)
		}
		for h := range heads {
			from := i*heads*d + h*d
			if layout == PerHead {
				from = (3*h + i) * d
			}
			parts[i].Weight.SliceRows(h*d, (h+1)*d).CopyFrom(p.Weight.SliceRows(from, from+d))
			if p.Bias != nil {
				copy(parts[i].Bias[h*d:(h+1)*d], p.Bias[from:from+d])
			}
		}
	}
	return parts[0], parts[1], parts[2], nil
}
