package attend

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/npz"
	"github.com/tripartite-go/tripartite/stream"
	"github.com/tripartite-go/tripartite/tuning"
)

// Head is one head and the weights by which rows of width D reach it. Weights that
// are nil are the identity.
type Head struct {
	Width           int // D
	Inputs, Outputs int // d, dv
	weights         tripartite.Afferents[float64]
	neurons         Input // W, b, gerf_A
}

// HeadArrays lists the arrays that ReadHead knows.
func HeadArrays() []string {
	return []string{"W_Q", "W_K", "W_V", "b_Q", "b_K", "b_V", "W", "b", "gerf_A"}
}

// IdentityHead is the head without weights: rows are their own queries, keys and
// values, so that they attend to those before that resemble them.
func IdentityHead(width int) *Head {
	return &Head{Width: width, Inputs: width, Outputs: width, neurons: Input{Inputs: width, Outputs: width}}
}

// ReadHead takes the weights W_Q, W_K [d, D] and W_V [dv, D], biases b_Q, b_K [d]
// and b_V [dv], and W, b and gerf_A as Read does, from an archive, for rows of
// width D. All may be absent.
func ReadHead(archive *npz.Archive, name string, precision Precision, width int) (*Head, error) {
	r := reader{archive: archive, name: name, precision: precision}
	h := IdentityHead(width)
	read := func(name string, out *int, axes string) ([]float64, error) {
		*out = width
		if !archive.Has(name) {
			return nil, nil
		}
		w, shape, err := r.matrix(name, axes)
		if err == nil && shape[1] != width {
			err = r.failf("%s is %s, and the rows of the input have width %d; give weights [%s] with D=%d", name, dims(shape), width, axes, width)
		}
		if err == nil {
			*out = shape[0]
		}
		return w, err
	}
	var keys int
	var err error
	if h.weights.WQ, err = read("W_Q", &h.Inputs, "d, D"); err != nil {
		return nil, err
	}
	if h.weights.WK, err = read("W_K", &keys, "d, D"); err != nil {
		return nil, err
	}
	if h.weights.WV, err = read("W_V", &h.Outputs, "dv, D"); err != nil {
		return nil, err
	}
	if keys != h.Inputs {
		return nil, r.failf("W_Q makes queries of width %d and W_K keys of width %d, where one that is absent is the identity; give both [d,D]", h.Inputs, keys)
	}
	for _, b := range []struct {
		name string
		to   *[]float64
		n    int
	}{{"b_Q", &h.weights.QueryBias, h.Inputs}, {"b_K", &h.weights.KeyBias, h.Inputs}, {"b_V", &h.weights.ValueBias, h.Outputs}} {
		if !archive.Has(b.name) {
			continue
		}
		x, shape, err := r.array(b.name)
		if err != nil {
			return nil, err
		}
		if len(shape) != 1 || shape[0] != b.n {
			return nil, r.failf("%s is %s, want [%d]", b.name, dims(shape), b.n)
		}
		*b.to = x
	}
	h.neurons.Inputs, h.neurons.Outputs = h.Inputs, h.Outputs
	return h, h.neurons.readNeurons(&r, fmt.Sprintf("queries have width %d", h.Inputs))
}

// Set reads rows to their end and returns the queries and keys that the head
// makes of them, at most max.
func (h *Head) Set(ctx context.Context, rows stream.Rows, max int) (*Set, error) {
	s := &Set{Inputs: h.Inputs}
	row, drive := make([]float64, h.Width), make([]float64, h.Inputs)
	for n := 0; n < max; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		h.weights.Drive(drive, tripartite.Reading, row)
		s.Q = append(s.Q, drive...)
		h.weights.Drive(drive, tripartite.Writing, row)
		s.K = append(s.K, drive...)
	}
	return s, nil
}

// StreamHead returns what a stream runs the head with. Of the options it is the
// causal circuit whatever Causal says.
func StreamHead[F tripartite.Float](h *Head, opt Options) (stream.HeadConfig[F], error) {
	opt.Causal = true
	var cfg stream.HeadConfig[F]
	c, err := Curves(&h.neurons, opt)
	if err != nil {
		return cfg, err
	}
	phi, err := tuning.New[F](*c)
	if err != nil {
		return cfg, err
	}
	cfg.Circuit = tripartite.Config[F]{Tuning: phi, Outputs: h.Outputs, HalfSaturation: opt.Sigma, Forget: opt.Forget}
	w := &h.weights
	cfg.Afferents = tripartite.Afferents[F]{
		WQ: weights[F](w.WQ), QueryBias: weights[F](w.QueryBias), WK: weights[F](w.WK), KeyBias: weights[F](w.KeyBias),
		WV: weights[F](w.WV), ValueBias: weights[F](w.ValueBias),
	}
	return cfg, nil
}

// weights rounds to F, and leaves the identity what it is.
func weights[F tripartite.Float](x []float64) []F {
	if x == nil {
		return nil
	}
	return narrow[F](x)
}
