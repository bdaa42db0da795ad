package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// twin is a block with exact attention in float64, forward and back, a loop for
// each sum. Central differences hold its gradients to what they claim; the
// engine is then compared with it.
type twin struct {
	heads      int
	preNorm    bool
	causal     bool
	activation Activation
	scale      float64 // of the logits
	epsilon    float64
	params     map[string][][]float64 // weights by rows; biases, gains as one row
}

func newTwin(cfg BlockConfig, causal bool, p *BlockParams) *twin {
	d := p.Query.Weight.Rows / cfg.Heads
	t := &twin{cfg.Heads, cfg.PreNorm, causal, cfg.Activation, 1 / math.Sqrt(float64(d)), float64(p.AttentionNorm.Epsilon), map[string][][]float64{}}
	for name, m := range named(p) {
		t.params[name] = rows(m, 0, m.Rows)
	}
	return t
}

// named lists all parameters as matrices.
func named(p *BlockParams) map[string]tensor.Matrix {
	out := map[string]tensor.Matrix{}
	for name, q := range map[string]Projection{"query": p.Query, "key": p.Key, "value": p.Value, "output": p.Output, "up": p.Up, "down": p.Down} {
		out[name+".weight"] = q.Weight
		out[name+".bias"] = tensor.FromData(q.Bias, 1, len(q.Bias))
	}
	for name, l := range map[string]LayerNorm{"attention norm": p.AttentionNorm, "output norm": p.OutputNorm} {
		out[name+".gain"] = tensor.FromData(l.Gain, 1, len(l.Gain))
		out[name+".bias"] = tensor.FromData(l.Bias, 1, len(l.Bias))
	}
	return out
}

func zeros(n, width int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, width)
	}
	return out
}

func (w *twin) linear(name string, x [][]float64) [][]float64 {
	weight, bias := w.params[name+".weight"], w.params[name+".bias"][0]
	y := zeros(len(x), len(weight))
	for t := range x {
		for i, row := range weight {
			y[t][i] = bias[i]
			for j, v := range x[t] {
				y[t][i] += row[j] * v
			}
		}
	}
	return y
}

func (w *twin) linearBack(grad map[string][][]float64, name string, dy, x [][]float64) [][]float64 {
	weight := w.params[name+".weight"]
	dx := zeros(len(x), len(x[0]))
	for t := range x {
		for i, row := range weight {
			grad[name+".bias"][0][i] += dy[t][i]
			for j := range row {
				dx[t][j] += dy[t][i] * row[j]
				grad[name+".weight"][i][j] += dy[t][i] * x[t][j]
			}
		}
	}
	return dx
}

// normal returns the rows of x without mean and variance, and the factor of each.
func (w *twin) normal(x [][]float64) (n [][]float64, r []float64) {
	n, r = zeros(len(x), len(x[0])), make([]float64, len(x))
	for t, row := range x {
		width := float64(len(row))
		var mean, variance float64
		for _, v := range row {
			mean += v / width
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / width
		}
		r[t] = 1 / math.Sqrt(variance+w.epsilon)
		for j, v := range row {
			n[t][j] = (v - mean) * r[t]
		}
	}
	return n, r
}

func (w *twin) norm(name string, x [][]float64) [][]float64 {
	n, _ := w.normal(x)
	for t := range n {
		for j := range n[t] {
			n[t][j] = n[t][j]*w.params[name+".gain"][0][j] + w.params[name+".bias"][0][j]
		}
	}
	return n
}

func (w *twin) normBack(grad map[string][][]float64, name string, dy, x [][]float64) [][]float64 {
	n, r := w.normal(x)
	dx := zeros(len(x), len(x[0]))
	for t := range x {
		width := float64(len(x[t]))
		var mean, along float64
		for j, g := range dy[t] {
			grad[name+".gain"][0][j] += g * n[t][j]
			grad[name+".bias"][0][j] += g
			g *= w.params[name+".gain"][0][j]
			mean += g / width
			along += g * n[t][j] / width
		}
		for j, g := range dy[t] {
			dx[t][j] = r[t] * (g*w.params[name+".gain"][0][j] - mean - n[t][j]*along)
		}
	}
	return dx
}

// derivative of plainActivation.
func derivative(a Activation, x float64) float64 {
	s := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	switch a {
	case GELU:
		return (1+math.Erf(x/math.Sqrt2))/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	case GELUTanh:
		c := math.Sqrt(2 / math.Pi)
		h := math.Tanh(c * (x + 0.044715*x*x*x))
		return (1+h)/2 + x/2*(1-h*h)*c*(1+3*0.044715*x*x)
	case ReLU:
		if x > 0 {
			return 1
		}
		return 0
	case SiLU:
		return s(x) + x*s(x)*(1-s(x))
	}
	return 1 - math.Tanh(x)*math.Tanh(x)
}

// weights returns the attention weights of head h.
func (w *twin) weights(h int, q, k [][]float64) [][]float64 {
	d := len(q[0]) / w.heads
	p := zeros(len(q), len(q))
	for t := range q {
		var z float64
		for u := range q {
			if w.causal && u > t {
				break
			}
			var logit float64
			for j := h * d; j < (h+1)*d; j++ {
				logit += q[t][j] * k[u][j] * w.scale
			}
			p[t][u] = math.Exp(logit)
			z += p[t][u]
		}
		for u := range q {
			p[t][u] /= z
		}
	}
	return p
}

func (w *twin) attend(q, k, v [][]float64) [][]float64 {
	y := zeros(len(q), len(v[0]))
	dv := len(v[0]) / w.heads
	for h := range w.heads {
		for t, row := range w.weights(h, q, k) {
			for u, p := range row {
				for j := h * dv; j < (h+1)*dv; j++ {
					y[t][j] += p * v[u][j]
				}
			}
		}
	}
	return y
}

func (w *twin) attendBack(dy, q, k, v [][]float64) (dq, dk, dv [][]float64) {
	n := len(q)
	dq, dk, dv = zeros(n, len(q[0])), zeros(n, len(q[0])), zeros(n, len(v[0]))
	d, e := len(q[0])/w.heads, len(v[0])/w.heads
	for h := range w.heads {
		for t, row := range w.weights(h, q, k) {
			g := make([]float64, n)
			var mean float64
			for u, p := range row {
				for j := h * e; j < (h+1)*e; j++ {
					g[u] += dy[t][j] * v[u][j]
					dv[u][j] += p * dy[t][j]
				}
				mean += p * g[u]
			}
			for u, p := range row {
				ds := p * (g[u] - mean) * w.scale
				for j := h * d; j < (h+1)*d; j++ {
					dq[t][j] += ds * k[u][j]
					dk[u][j] += ds * q[t][j]
				}
			}
		}
	}
	return dq, dk, dv
}

// kept are the numbers on the way.
type kept struct{ in, q, k, v, mixed, attended, fed, before, after, sum [][]float64 }

func (w *twin) forward(x [][]float64) (y [][]float64, k kept) {
	k.in = x
	if w.preNorm {
		k.in = w.norm("attention norm", x)
	}
	k.q, k.k, k.v = w.linear("query", k.in), w.linear("key", k.in), w.linear("value", k.in)
	k.mixed = w.attend(k.q, k.k, k.v)
	k.attended = plainSum(x, w.linear("output", k.mixed))
	a := k.attended
	if w.preNorm {
		k.fed = w.norm("output norm", a)
	} else {
		a = w.norm("attention norm", a)
		k.fed = a
	}
	k.before = w.linear("up", k.fed)
	k.after = zeros(len(x), len(k.before[0]))
	for t := range x {
		for j, v := range k.before[t] {
			k.after[t][j] = plainActivation(w.activation, v)
		}
	}
	k.sum = plainSum(a, w.linear("down", k.after))
	if w.preNorm {
		return k.sum, k
	}
	return w.norm("output norm", k.sum), k
}

func (w *twin) backward(dy, x [][]float64) (dx [][]float64, grad map[string][][]float64) {
	grad = map[string][][]float64{}
	for name, p := range w.params {
		grad[name] = zeros(len(p), len(p[0]))
	}
	_, k := w.forward(x)
	dsum := dy
	if !w.preNorm {
		dsum = w.normBack(grad, "output norm", dy, k.sum)
	}
	dbefore := w.linearBack(grad, "down", dsum, k.after)
	for t := range x {
		for j, v := range k.before[t] {
			dbefore[t][j] *= derivative(w.activation, v)
		}
	}
	da := w.linearBack(grad, "up", dbefore, k.fed)
	if w.preNorm {
		da = plainSum(dsum, w.normBack(grad, "output norm", da, k.attended))
	} else {
		da = w.normBack(grad, "attention norm", plainSum(dsum, da), k.attended)
	}
	dq, dk, dv := w.attendBack(w.linearBack(grad, "output", da, k.mixed), k.q, k.k, k.v)
	din := plainSum(plainSum(w.linearBack(grad, "query", dq, k.in), w.linearBack(grad, "key", dk, k.in)), w.linearBack(grad, "value", dv, k.in))
	if w.preNorm {
		din = w.normBack(grad, "attention norm", din, x)
	}
	return plainSum(da, din), grad
}

func TestTwinGoesBackAsCentralDifferencesSay(t *testing.T) {
	s := size{6, 2, 3, 2, 7}
	for _, preNorm := range []bool{false, true} {
		for _, a := range []Activation{GELU, GELUTanh, ReLU, SiLU, Tanh} {
			p := newParams(s, true)
			w := newTwin(BlockConfig{Heads: s.heads, PreNorm: preNorm, Activation: a}, a == SiLU, &p)
			x, dy := rows(random(50, 5, s.width, 1), 0, 5), rows(random(51, 5, s.width, 1), 0, 5)
			f := func() float64 {
				y, _ := w.forward(x)
				var sum float64
				for t := range y {
					for j, v := range y[t] {
						sum += dy[t][j] * v
					}
				}
				return sum
			}
			dx, grad := w.backward(dy, x)
			what := fmt.Sprintf("pre-norm %v, %s: ", preNorm, a)
			checkSlopes(t, what+"input", f, x, dx)
			for name := range grad {
				checkSlopes(t, what+name, f, w.params[name], grad[name])
			}
		}
	}
}

// checkSlopes compares every element of a gradient with central differences of f
// of fourth order, whose own error is some 1e-10 with steps of 1e-4: within 1e-6
// of the difference, or of a hundredth of the gradient's largest element where
// the difference is smaller than that.
func checkSlopes(t *testing.T, what string, f func() float64, values, gradient [][]float64) {
	t.Helper()
	const h = 1e-4
	largest := largestOf(gradient)
	for r := range values {
		for i := range values[r] {
			x := values[r][i]
			at := func(step float64) float64 {
				values[r][i] = x + step*h
				return f()
			}
			want := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
			values[r][i] = x
			// Keys' biases have no effect under a softmax: all that is left is rounding.
			if tol := 1e-6 * max(math.Abs(want), largest/100, 1e-4); !(math.Abs(gradient[r][i]-want) <= tol) {
				t.Errorf("%s: element %d, %d of the gradient is %v, central differences say %v", what, r, i, gradient[r][i], want)
				return
			}
		}
	}
}

func largestOf(m [][]float64) float64 {
	var largest float64
	for _, row := range m {
		for _, v := range row {
			largest = max(largest, math.Abs(v))
		}
	}
	return largest
}
