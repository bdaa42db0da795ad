package bench

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// product is a matrix product of normal random numbers, the same for all that
// measure it.
type product struct {
	rows, in, out int
	operands      func() (x, w tensor.Matrix) // [rows, in], [out, in]
	reference     func() []float64            // of the first rows
}

// errorRows is how many rows of a product are compared with float64.
const errorRows = 256

func newProduct(seed uint64, rows, in, out int) *product {
	p := &product{rows: rows, in: in, out: out}
	p.operands = sync.OnceValues(func() (x, w tensor.Matrix) {
		rng := tuning.NewRand(seed, streamInput)
		return gaussian(rng, rows, in, 1), gaussian(rng, out, in, 1)
	})
	p.reference = sync.OnceValue(func() []float64 {
		x, w := p.operands()
		y := make([]float64, min(rows, errorRows)*out)
		for i := range y {
			a, b := x.Row(i/out), w.Row(i%out)
			for k, v := range a {
				y[i] += float64(v) * float64(b[k])
			}
		}
		return y
	})
	return p
}

// job multiplies on a pool.
func (p *product) job(pool *tensor.Pool, precision tensor.Precision) *job {
	j := &job{
		Work: Work{
			Kind: KindProduct, Shape: fmt.Sprintf("%dx%dx%d", p.rows, p.in, p.out), Threads: pool.Threads(), Precision: precision.String(),
		},
		operations: 2 * float64(p.rows) * float64(p.in) * float64(p.out),
		pool:       pool,
	}
	j.prepare = func() (func(context.Context) error, int64, error) {
		x, weights := p.operands()
		w, dst := precision.Pack(weights), tensor.New(p.rows, p.out)
		pool.Product(dst, x, w)
		j.err = largestError(dst.Data, p.reference())
		return func(context.Context) error { pool.Product(dst, x, w); return nil }, 0, nil
	}
	return j
}

// largestError is the largest distance of the first elements from what they should
// be, of the root mean square of that.
func largestError(got []float32, want []float64) (largest float64) {
	var squares float64
	for i, w := range want {
		largest = max(largest, math.Abs(float64(got[i])-w))
		squares += w * w
	}
	return largest / math.Sqrt(squares/float64(len(want)))
}
