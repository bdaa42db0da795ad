package attention

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// formTwin is the tuning curves of one phase, or the gradient of them.
type formTwin struct {
	w, metric         table
	b, center, excite []float64
	scale             float64
}

func newFormTwin(f tuning.Form[float32], d int) formTwin {
	m := len(f.W) / d
	t := formTwin{w: doubled(tensor.FromData(f.W, m, d)), b: doubles(f.B), metric: newTable(d, d),
		center: make([]float64, d), excite: make([]float64, d), scale: f.LogScale}
	for i := range d {
		t.metric[i][i] = 1
	}
	if f.Metric != nil {
		t.metric = doubled(tensor.FromData(f.Metric, d, d))
	}
	copy(t.center, doubles(f.Center))
	copy(t.excite, doubles(f.Excite))
	return t
}

func (f *formTwin) zeros() formTwin {
	d := len(f.metric)
	return formTwin{w: newTable(len(f.w), d), b: make([]float64, len(f.b)), metric: newTable(d, d), center: make([]float64, d), excite: make([]float64, d)}
}

// centred returns x - Center and Metric (x - Center).
func (f *formTwin) centred(x []float64) (c, z []float64) {
	c, z = slices.Clone(x), make([]float64, len(x))
	addTo(c, -1, f.center)
	for i, row := range f.metric {
		z[i] = inner(row, c)
	}
	return c, z
}

// rates returns the tuning curves of x [N, d]: [N, m].
func (f *formTwin) rates(x table) table {
	out := newTable(len(x), len(f.w))
	for t, row := range x {
		_, z := f.centred(row)
		for i, w := range f.w {
			out[t][i] = math.Exp(inner(w, row) + f.b[i] - inner(z, z)/2 + f.scale + inner(f.excite, row))
		}
	}
	return out
}

// backward takes the gradient a [N, m] of the logarithms of rates back.
func (f *formTwin) backward(x, a table) (dx table, grad formTwin) {
	dx, grad = newTable(len(x), len(x[0])), f.zeros()
	for t, row := range x {
		c, z := f.centred(row)
		for i, g := range a[t] {
			addTo(dx[t], g, f.w[i])
			addTo(grad.w[i], g, row)
			grad.b[i] += g
			addTo(dx[t], g, f.excite)
			addTo(grad.excite, g, row)
			for j, m := range f.metric {
				addTo(dx[t], -g*z[j], m)
				addTo(grad.center, g*z[j], m)
				addTo(grad.metric[j], -g*z[j], c)
			}
		}
	}
	return dx, grad
}

// circuitTwin is the circuit, each query over all the keys it reads.
type circuitTwin struct {
	q, k, v       table
	forms         [2]formTwin
	causal        bool
	forget, sigma float64
}

func newCircuitTwin(c *Circuit, in input) *circuitTwin {
	d := in.q.Cols
	return &circuitTwin{doubled(in.q), doubled(in.k), doubled(in.v),
		[2]formTwin{newFormTwin(c.cfg.Tuning.Form(0), d), newFormTwin(c.cfg.Tuning.Form(1), d)},
		c.cfg.Causal, c.cfg.Forget, c.cfg.HalfSaturation}
}

// remembered is what is left of key u when query t reads.
func (c *circuitTwin) remembered(t, u int) float64 {
	last := len(c.k) - 1
	if c.causal {
		last = t
	}
	if u > last {
		return 0
	}
	return math.Pow(1-c.forget, float64(last-u))
}

func (c *circuitTwin) forward() (y table, total []float64) {
	y, total = newTable(len(c.q), len(c.v[0])), make([]float64, len(c.q))
	f, h := c.forms[tuning.Writing].rates(c.k), c.forms[tuning.Reading].rates(c.q)
	for t := range y {
		total[t] = c.sigma
		for u := range f {
			kernel := inner(h[t], f[u]) * c.remembered(t, u)
			total[t] += kernel
			addTo(y[t], kernel, c.v[u])
		}
		for j := range y[t] {
			y[t][j] /= total[t]
		}
	}
	return y, total
}

func (c *circuitTwin) backward(dy table) (dq, dk, dv table, forms [2]formTwin) {
	y, total := c.forward()
	f, h := c.forms[tuning.Writing].rates(c.k), c.forms[tuning.Reading].rates(c.q)
	n, m := len(f), len(f[0])
	alpha, beta := newTable(n, m), newTable(n, m)
	dv = newTable(n, len(c.v[0]))
	for t := range h {
		for u := range f {
			r := c.remembered(t, u) / total[t]
			addTo(dv[u], r*inner(h[t], f[u]), dy[t])
			e := r * (inner(dy[t], c.v[u]) - inner(dy[t], y[t]))
			for i := range m {
				alpha[t][i] += e * h[t][i] * f[u][i]
				beta[u][i] += e * h[t][i] * f[u][i]
			}
		}
	}
	dq, forms[tuning.Reading] = c.forms[tuning.Reading].backward(c.q, alpha)
	dk, forms[tuning.Writing] = c.forms[tuning.Writing].backward(c.k, beta)
	return dq, dk, dv, forms
}

// calibrated returns a calibration of some input with means and scales apart.
func calibrated(t testing.TB, in input) *tuning.Calibration {
	t.Helper()
	d := in.q.Cols
	q, k := in.q.Clone(), in.k.Clone()
	for t := range q.Rows {
		for j := range d {
			q.Row(t)[j] = q.At(t, j)*float32(1+j)/4 + 0.3
			k.Row(t)[j] = k.At(t, j)*float32(d-j)/8 - 0.5
		}
	}
	cal, err := tuning.Calibrate(q.Data, k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// trainableCircuits returns circuits of every kind that goes backward, by name.
func trainableCircuits(t testing.TB, d int) map[string]Trainable {
	t.Helper()
	out := map[string]Trainable{}
	for _, m := range []tuning.Map{tuning.Exp, tuning.Gerf, tuning.Hyperbolic} {
		for _, cal := range []*tuning.Calibration{nil, calibrated(t, newInput(77, d, 1, 1, 200))} {
			for _, cfg := range []CircuitConfig{{}, {HalfSaturation: 0.5}, {Forget: 0.1, HalfSaturation: 0.2},
				{Causal: true}, {Causal: true, Forget: 0.1}, {Causal: true, Forget: 0.9, HalfSaturation: 0.2}} {
				name := fmt.Sprintf("circuit %s, calibrated %v, causal %v, forget %g, sigma %g", m, cal != nil, cfg.Causal, cfg.Forget, cfg.HalfSaturation)
				cfg.Tuning, _ = curves(t, m, 24, d, cal)
				out[name] = newCircuit(t, cfg)
			}
		}
	}
	return out
}

func TestCircuitTwinGoesBackAsCentralDifferencesSay(t *testing.T) {
	const d, n, dv = 4, 7, 3
	in := newInput(4, d, dv, 0.7, n)
	single, _ := curves(t, tuning.Exp, 6, d, calibrated(t, newInput(77, d, 1, 1, 200)))
	dy := doubled(random(9, n, dv, 1))
	for _, cfg := range []CircuitConfig{{}, {Causal: true}, {Forget: 0.2, HalfSaturation: 0.3}, {Causal: true, Forget: 0.2, HalfSaturation: 0.3}} {
		cfg.Tuning = single
		c := newCircuitTwin(newCircuit(t, cfg), in)
		dq, dk, dvalue, forms := c.backward(dy)
		f := func() float64 {
			y, _ := c.forward()
			return total(dy, y)
		}
		what := fmt.Sprintf("causal %v, forget %g, sigma %g: ", cfg.Causal, cfg.Forget, cfg.HalfSaturation)
		checkTableSlopes(t, what+"q", f, c.q, dq)
		checkTableSlopes(t, what+"k", f, c.k, dk)
		checkTableSlopes(t, what+"v", f, c.v, dvalue)
		for p := range forms {
			what := what + tuning.Phase(p).String() + ", "
			checkTableSlopes(t, what+"W", f, c.forms[p].w, forms[p].w)
			checkSlopes(t, what+"B", f, c.forms[p].b, forms[p].b)
			if p == int(tuning.Reading) && cfg.HalfSaturation == 0 {
				continue // the level of a query cancels: see below
			}
			checkTableSlopes(t, what+"Metric", f, c.forms[p].metric, forms[p].metric)
			checkSlopes(t, what+"Center", f, c.forms[p].center, forms[p].center)
			checkSlopes(t, what+"Excite", f, c.forms[p].excite, forms[p].excite)
		}
	}
}

func TestCircuitGoesBackAsItsTwin(t *testing.T) {
	const d, dv = 6, 5
	for _, size := range []struct {
		n   int
		std float64
		// Logarithms of rates are differences of float32 numbers, of some 20 at the
		// first std and 200 at the second, where keys exceed the shifts' headroom
		// and the neurons that respond to a query are few.
		tolerance float64
	}{{2, 0.7, 2e-5}, {17, 0.7, 2e-5}, {64, 0.7, 2e-5}, {65, 0.7, 2e-5}, {150, 0.7, 2e-5}, {60, 4, 2e-4}} {
		n, tolerance := size.n, size.tolerance
		for name, h := range trainableCircuits(t, d) {
			c := h.(*Circuit)
			in := newInput(4, d, dv, size.std, n)
			dy := random(9, n, dv, 1)
			grad := NewCurvesGradient(c.cfg.Tuning)
			g := back(h, in, dy, grad, nil)
			dq, dk, dvalue, forms := newCircuitTwin(c, in).backward(doubled(dy))
			what := fmt.Sprintf("%d tokens, %s: ", n, name)
			nearScale(t, what+"q", g.Query, dq, tolerance)
			nearScale(t, what+"k", g.Key, dk, tolerance)
			nearScale(t, what+"v", g.Value, dvalue, tolerance)
			for p, form := range grad {
				what := what + tuning.Phase(p).String() + ", "
				want := forms[p]
				nearScale(t, what+"W", tensor.FromData(form.W, c.Neurons(), d), want.w, tolerance)
				nearScale(t, what+"B", tensor.FromData(form.B, 1, c.Neurons()), table{want.b}, tolerance)
				if p == int(tuning.Reading) && c.cfg.HalfSaturation == 0 {
					for _, x := range append(slices.Concat(form.Metric, form.Center), form.Excite...) {
						if x != 0 {
							t.Errorf("%s: what scales all rates of a query cancels, yet has gradient %v", what, x)
						}
					}
					continue
				}
				if form.Metric != nil {
					nearScale(t, what+"Metric", tensor.FromData(form.Metric, d, d), want.metric, tolerance)
					nearScale(t, what+"Center", tensor.FromData(form.Center, 1, d), table{want.center}, tolerance)
				}
				if form.Excite != nil {
					nearScale(t, what+"Excite", tensor.FromData(form.Excite, 1, d), table{want.excite}, tolerance)
				}
			}
		}
	}
}

func TestGradientsOfCurvesAddUpOverSequences(t *testing.T) {
	const d, dv = 6, 5
	in := newInput(4, d, dv, 0.7, 20, 0, 33)
	dy := random(9, 53, dv, 1)
	for name, h := range trainableCircuits(t, d) {
		c := h.(*Circuit)
		all, parts := NewCurvesGradient(c.cfg.Tuning), NewCurvesGradient(c.cfg.Tuning)
		back(h, in, dy, all, nil)
		for i := range in.seqs.Len() {
			lo, hi := in.seqs.Bounds(i)
			back(h, in.rows(lo, hi), dy.SliceRows(lo, hi), parts, nil)
		}
		for p := range all {
			scale := 0.
			for _, v := range all[p].W {
				scale = max(scale, math.Abs(float64(v)))
			}
			near(t, name+": W", parts[p].W, wide(all[p].W), constant(1e-5*scale))
		}
		all.Zero()
		if s := tensor.Sum(all[0].W) + tensor.Sum(all[1].B); s != 0 {
			t.Errorf("%s: Zero leaves %v", name, s)
		}
	}
}

// With logits of a thousand, rates differ by hundreds of orders of magnitude; the
// softmax is one-hot and gradients are those of that.
func TestGradientsOfLargeLogitsStayFinite(t *testing.T) {
	const d, dv = 6, 5
	in := newInput(4, d, dv, 12, 100)
	dy := random(9, 100, dv, 1)
	for name, h := range trainableCircuits(t, d) {
		grad := NewCurvesGradient(h.(*Circuit).cfg.Tuning)
		g := back(h, in, dy, grad, nil)
		for _, x := range [][]float32{g.Query.Data, g.Key.Data, g.Value.Data, grad[0].W, grad[0].Metric, grad[1].W, grad[1].B} {
			for _, v := range x {
				if !(math.Abs(float64(v)) < 1e7) {
					t.Fatalf("%s: a gradient is %v", name, v)
				}
			}
		}
		// One key in all takes each query's gradient: the values' gradients sum to
		// no more than all gradients of the output.
		if c := h.(*Circuit); c.cfg.HalfSaturation == 0 {
			for j := range dv {
				var in, out float64
				for t := range 100 {
					in += float64(dy.At(t, j))
					out += float64(g.Value.At(t, j))
				}
				if !(math.Abs(in-out) < 1e-3) {
					t.Errorf("%s: gradients of values add up to %v, those of outputs to %v", name, out, in)
				}
			}
		}
	}
}

func TestCircuitsWithoutBackwardSaySo(t *testing.T) {
	in := newInput(4, 6, 5, 0.7, 3)
	cosine, _ := curves(t, tuning.Cosine, 8, 6, nil)
	for want, cfg := range map[string]CircuitConfig{
		`attention: circuit: tuning curves "cosine" have no backward pass; exponential ones have: exp, gerf, hyperbolic`: {Tuning: cosine},
	} {
		c := newCircuit(t, cfg)
		if err := c.HasBackward(); err == nil {
			t.Errorf("no error, want %s", want)
		}
		func() {
			defer func() {
				if m := fmt.Sprint(recover()); !strings.HasPrefix(m, want) {
					t.Errorf("the panic says %q, want %q", m, want)
				}
			}()
			back(c, in, tensor.New(3, 5), nil, nil)
		}()
	}
}
