package model

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/safetensors"
	"github.com/tripartite-go/tripartite/tensor"
)

// source is where weights come from: a checkpoint, read on all threads of a
// pool. What is packed is read into scratch memory, a block at a time for each
// thread.
type source struct {
	checkpoint *safetensors.Checkpoint
	pool       *tensor.Pool
	readers    []reader // one per worker
}

func newSource(c *safetensors.Checkpoint, pool *tensor.Pool) *source {
	s := &source{checkpoint: c, pool: pool, readers: make([]reader, pool.Threads())}
	for i := range s.readers {
		s.readers[i].checkpoint = c
	}
	return s
}

// run does parts 0 to n-1 on all threads and returns the error of the first
// part, in order, that has one.
func (s *source) run(n int, do func(r *reader, i int) error) error {
	errs := make([]error, n)
	s.pool.For(n, func(worker, i int) { errs[i] = do(&s.readers[worker], i) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// piece is how many numbers are read at a time: as many as stay in the
// second-level cache until they are checked.
const piece = 1 << 16

// fill reads all tensors that fill a field, large ones in pieces.
func (s *source) fill(found []binding) error {
	type part struct {
		name string
		dst  []float32
		from int
	}
	var parts []part
	for _, f := range found {
		if f.dst == nil {
			continue
		}
		*f.dst = tensor.NewLasting(1, f.info.Len()).Data
		for from := 0; from < len(*f.dst); from += piece {
			parts = append(parts, part{f.info.Name, (*f.dst)[from:min(from+piece, len(*f.dst))], from})
		}
	}
	return s.run(len(parts), func(r *reader, i int) error {
		return r.read(parts[i].dst, parts[i].name, parts[i].from)
	})
}

// blocks builds blocks from their weights, several at a time.
func (s *source) blocks(c *Config, weights []blockWeights) ([]*nn.Block, error) {
	blocks := make([]*nn.Block, len(weights))
	return blocks, s.run(len(weights), func(r *reader, i int) (err error) {
		blocks[i], err = weights[i].build(c, r)
		return err
	})
}

// layer builds one linear map.
func (s *source) layer(c *Config, l *linear) (nn.Linear, error) {
	p, err := s.readers[0].projections(l)
	if err != nil {
		return nn.Linear{}, err
	}
	return nn.NewLinear(p[0], c.precision), nil
}

// reader reads tensors into memory that it keeps.
type reader struct {
	checkpoint *safetensors.Checkpoint
	scratch    tensor.Matrix
}

// projections reads what is to be packed. The weights are valid until the next
// call.
func (r *reader) projections(ls ...*linear) ([]nn.Projection, error) {
	n := 0
	for _, l := range ls {
		n += l.size()
	}
	if n > len(r.scratch.Data) {
		r.scratch = tensor.NewLasting(1, n)
	}
	p := make([]nn.Projection, len(ls))
	free := r.scratch.Data
	take := func(n int) (data []float32) {
		data, free = free[:n], free[n:]
		return data
	}
	for i, l := range ls {
		data := take(l.out * l.in)
		for from := 0; from < len(data); from += piece {
			if err := r.read(data[from:min(from+piece, len(data))], l.weight, from); err != nil {
				return nil, err
			}
		}
		weight := tensor.FromData(data, l.out, l.in)
		if l.transposed {
			weight = tensor.FromData(take(len(data)), l.out, l.in)
			tensor.Transpose(weight, tensor.FromData(data, l.in, l.out))
		}
		p[i] = nn.Projection{Weight: weight, Bias: l.bias}
	}
	return p, nil
}

// read fills dst with numbers of a tensor, from the given one on, and refuses
// those that are none.
func (r *reader) read(dst []float32, name string, from int) error {
	if err := r.checkpoint.ReadFloat32(dst, name, from); err != nil {
		return err
	}
	if s := float64(tensor.Sum(dst)); !math.IsNaN(s) && !math.IsInf(s, 0) {
		return nil // one that is NaN or infinite would show in the sum
	}
	for i, x := range dst {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("tensor %q holds %v at element %d; the weights are damaged: download them again, or save them anew in a type of wider range", name, x, from+i)
		}
	}
	return nil
}
