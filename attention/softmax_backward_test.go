package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// The twins of this file and of circuit_backward_test.go are the same formulas in
// float64, a loop for each sum, and central differences hold them to what they
// claim. float32 is then compared with the twin.

// table is a matrix in float64, by rows.
type table [][]float64

func newTable(rows, cols int) table {
	m := make(table, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

func doubled(m tensor.Matrix) table {
	out := newTable(m.Rows, m.Cols)
	for i := range out {
		copy(out[i], wide(m.Row(i)))
	}
	return out
}

func inner(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func addTo(dst []float64, f float64, x []float64) {
	for i, v := range x {
		dst[i] += f * v
	}
}

// total is sum dy∘y: the number whose gradient with respect to y is dy.
func total(dy, y table) float64 {
	var s float64
	for t := range y {
		s += inner(dy[t], y[t])
	}
	return s
}

// slope is the derivative of f with respect to *p by central differences of
// fourth order. With steps of 1e-3 of numbers around 1 both their error and the
// rounding of float64 are below 1e-11 of f.
func slope(f func() float64, p *float64) float64 {
	const h = 1e-3
	x := *p
	at := func(step float64) float64 {
		*p = x + step*h
		return f()
	}
	s := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
	*p = x
	return s
}

// checkSlopes compares up to 40 elements of a gradient with central differences of
// f: within 1e-6 of the difference itself, or of a hundredth of the gradient's
// largest element where the difference is smaller than that.
func checkSlopes(t *testing.T, what string, f func() float64, values, gradient []float64) {
	t.Helper()
	largest := 0.
	for _, g := range gradient {
		largest = max(largest, math.Abs(g))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range min(40, len(values)) {
		i := n
		if len(values) > 40 {
			i = rng.IntN(len(values))
		}
		want := slope(f, &values[i])
		if tol := 1e-6 * max(math.Abs(want), largest/100, 1e-12); !(math.Abs(gradient[i]-want) <= tol) {
			t.Errorf("%s: element %d of the gradient is %v, central differences say %v", what, i, gradient[i], want)
			return
		}
	}
}

func checkTableSlopes(t *testing.T, what string, f func() float64, values, gradient table) {
	t.Helper()
	for r := range values {
		if r%max(1, len(values)/8) == 0 {
			checkSlopes(t, fmt.Sprintf("%s, row %d", what, r), f, values[r], gradient[r])
		}
	}
}

// nearScale compares a float32 gradient with its twin, relative to the twin's
// largest element: an element is a sum of terms as large as that which may
// cancel, each with the rounding of float32.
func nearScale(t *testing.T, what string, got tensor.Matrix, want table, tolerance float64) {
	t.Helper()
	largest := 0.
	for _, row := range want {
		for _, v := range row {
			largest = max(largest, math.Abs(v))
		}
	}
	if got.Rows != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, got.Rows, len(want))
	}
	for i, row := range want {
		near(t, fmt.Sprintf("%s, row %d", what, i), got.Row(i), row, constant(tolerance*largest))
	}
}

// softmaxTwin is exact attention.
type softmaxTwin struct {
	q, k, v table
	causal  bool
	slope   float64
}

// weights returns P [N, N].
func (s *softmaxTwin) weights() table {
	p := newTable(len(s.q), len(s.q))
	for t, row := range p {
		var z float64
		for u := range row {
			if s.causal && u > t {
				break
			}
			row[u] = math.Exp(inner(s.q[t], s.k[u]) - s.slope*float64(t-u))
			z += row[u]
		}
		for u := range row {
			row[u] /= z
		}
	}
	return p
}

func (s *softmaxTwin) forward() table {
	y := newTable(len(s.q), len(s.v[0]))
	for t, row := range s.weights() {
		for u, w := range row {
			addTo(y[t], w, s.v[u])
		}
	}
	return y
}

func (s *softmaxTwin) backward(dy table) (dq, dk, dv table) {
	n := len(s.q)
	dq, dk, dv = newTable(n, len(s.q[0])), newTable(n, len(s.q[0])), newTable(n, len(s.v[0]))
	y := s.forward()
	for t, row := range s.weights() {
		for u, p := range row {
			ds := p * (inner(dy[t], s.v[u]) - inner(dy[t], y[t]))
			addTo(dv[u], p, dy[t])
			addTo(dq[t], ds, s.k[u])
			addTo(dk[u], ds, s.q[t])
		}
	}
	return dq, dk, dv
}

var softmaxes = []Softmax{{}, {Causal: true}, {Causal: true, Slope: 0.25}}

func newSoftmaxTwin(h Softmax, in input) *softmaxTwin {
	return &softmaxTwin{doubled(in.q), doubled(in.k), doubled(in.v), h.Causal, float64(h.Slope)}
}

func TestSoftmaxTwinGoesBackAsCentralDifferencesSay(t *testing.T) {
	for _, h := range softmaxes {
		in := newInput(4, 5, 3, 1, 9)
		s := newSoftmaxTwin(h, in)
		dy := doubled(random(9, 9, 3, 1))
		dq, dk, dv := s.backward(dy)
		f := func() float64 { return total(dy, s.forward()) }
		what := fmt.Sprintf("%+v: ", h)
		checkTableSlopes(t, what+"q", f, s.q, dq)
		checkTableSlopes(t, what+"k", f, s.k, dk)
		checkTableSlopes(t, what+"v", f, s.v, dv)
	}
}

// back runs a head forward and back.
func back(h Trainable, in input, dy tensor.Matrix, curves *CurvesGradient, work *tensor.Arena) Gradient {
	out := run(h, in)
	g := Gradient{Query: random(1, in.q.Rows, in.q.Cols, 1), Key: random(2, in.k.Rows, in.k.Cols, 1),
		Value: random(3, in.v.Rows, in.v.Cols, 1), Curves: curves}
	h.Backward(g, dy, out.y, out.logC, in.q, in.k, in.v, in.seqs, work)
	return g
}

func TestSoftmaxGoesBackAsItsTwin(t *testing.T) {
	for _, n := range []int{1, 2, 31, 63, 64, 65, 130, 300} {
		for _, h := range softmaxes {
			for _, std := range []float64{0.5, 1.5} {
				in := newInput(4, 8, 5, std, n)
				dy := random(9, n, 5, 1)
				g := back(h, in, dy, nil, nil)
				dq, dk, dv := newSoftmaxTwin(h, in).backward(doubled(dy))
				what := fmt.Sprintf("%d tokens, %+v, std %g: ", n, h, std)
				if n <= 2 {
					// Where one weight is near 1, g.v - g.y cancels: what remains of
					// its terms, which are of the size of 1, is rounding.
					nearScale(t, what+"v", g.Value, dv, 1e-6)
					for i := range n {
						near(t, what+"q", g.Query.Row(i), dq[i], constant(2e-6))
						near(t, what+"k", g.Key.Row(i), dk[i], constant(2e-6))
					}
					continue
				}
				nearScale(t, what+"q", g.Query, dq, 5e-6)
				nearScale(t, what+"k", g.Key, dk, 5e-6)
				nearScale(t, what+"v", g.Value, dv, 5e-6)
			}
		}
	}
}
