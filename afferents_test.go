package tripartite_test

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// A head as BERT has them, with biases on query, key and value: tokens go through
// the afferents into the circuit, whose output is that of the head.
func TestAHeadWithBiasesRunsThroughAfferents(t *testing.T) {
	const n, width, d, dv, rows = 12, 10, 4, 3, 1 << 14
	head := tripartite.Afferents[float64]{
		WQ: gaussian[float64](1, d*width, 0, 0.25), QueryBias: gaussian[float64](2, d, 0, 0.5),
		WK: gaussian[float64](3, d*width, 0, 0.25), KeyBias: gaussian[float64](4, d, 0, 0.5),
		WV: gaussian[float64](5, dv*width, 0, 0.5), ValueBias: gaussian[float64](6, dv, 0, 1),
	}
	x := gaussian[float64](7, n*width, 0, 1)
	token := func(i int) []float64 { return x[i*width : (i+1)*width] }
	affine := func(w, b []float64, i, row int) float64 {
		s := b[row]
		for j, v := range token(i) {
			s += w[row*width+j] * v
		}
		return s
	}

	// The head as its checkpoint means it: logits over the square root of d.
	want := make([]float64, n*dv)
	for i := range n {
		weights, z := make([]float64, n), 0.0
		for u := range n {
			var logit float64
			for r := range d {
				logit += affine(head.WQ, head.QueryBias, i, r) * affine(head.WK, head.KeyBias, u, r)
			}
			weights[u] = math.Exp(logit / math.Sqrt(d))
			z += weights[u]
		}
		for u, w := range weights {
			for o := range dv {
				want[i*dv+o] += w / z * affine(head.WV, head.ValueBias, u, o)
			}
		}
	}

	q, k, v := make([]float64, n*d), make([]float64, n*d), make([]float64, n*dv)
	for i := range n {
		head.Drive(q[i*d:(i+1)*d], tripartite.Reading, token(i))
		head.Drive(k[i*d:(i+1)*d], tripartite.Writing, token(i))
		head.Value(v[i*dv:(i+1)*dv], token(i))
	}
	compare(t, "softmax of the drives", tripartite.Softmax(q, k, v, d, dv, false).Y, want, 1e-13)
	got := circuit[float64](t, tuning.Exp, rows, d, dv, nil).Attend(q, k, v, false)
	compare(t, "circuit", got.Y, want, 0.05)

	head.QueryBias, head.KeyBias, head.ValueBias = nil, nil, nil
	y := make([]float64, dv)
	head.Value(y, token(0))
	compare(t, "value without a bias", y, []float64{affine(head.WV, make([]float64, dv), 0, 0),
		affine(head.WV, make([]float64, dv), 0, 1), affine(head.WV, make([]float64, dv), 0, 2)}, 1e-15)
}

func TestAfferentsRefuseOtherShapes(t *testing.T) {
	head := tripartite.Afferents[float64]{WQ: make([]float64, 6), WK: make([]float64, 6), KeyBias: make([]float64, 1)}
	for name, f := range map[string]func(){
		"token":     func() { head.Drive(make([]float64, 2), tripartite.Reading, make([]float64, 4)) },
		"bias":      func() { head.Drive(make([]float64, 2), tripartite.Writing, make([]float64, 3)) },
		"no inputs": func() { head.Drive(nil, tripartite.Reading, nil) },
		"no values": func() { head.Value(make([]float64, 2), make([]float64, 3)) },
	} {
		panics(t, name, "tripartite: weights of ", f)
	}
}

// panics fails unless f panics with a message that begins with want.
func panics(t *testing.T, name, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got, _ := recover().(string); !strings.HasPrefix(got, want) {
			t.Errorf("%s: panic %q, want one that begins with %q", name, got, want)
		}
	}()
	f()
}

// Without weights a token is its own key, query and value.
func TestAfferentsWithoutWeightsAreTheIdentity(t *testing.T) {
	const d = 4
	x := gaussian[float64](7, d, 0, 1)
	eye := make([]float64, d*d)
	for i := range d {
		eye[i*d+i] = 1
	}
	bias := gaussian[float64](8, d, 0, 1)
	with := tripartite.Afferents[float64]{WQ: eye, QueryBias: bias, WK: eye, WV: eye, ValueBias: bias}
	without := with
	without.WQ, without.WK, without.WV = nil, nil, nil
	drive := func(a *tripartite.Afferents[float64]) []float64 {
		out := make([]float64, 3*d)
		a.Drive(out[:d], tripartite.Reading, x)
		a.Drive(out[d:2*d], tripartite.Writing, x)
		a.Value(out[2*d:], x)
		return out
	}
	compare(t, "identity", drive(&without), drive(&with), 0)
}
