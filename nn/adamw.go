package nn

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
)

// AdamWConfig holds the parameters of AdamW but for the learning rate, which is
// given with every step.
//
// Sources: D. P. Kingma & J. Ba, Adam: a method for stochastic optimization, ICLR
// 2015 (arXiv:1412.6980); I. Loshchilov & F. Hutter, Decoupled weight decay
// regularization, ICLR 2019 (arXiv:1711.05101).
type AdamWConfig struct {
	// Beta1 is how much of the mean of the gradient one step keeps, in [0, 1);
	// 0.9 by default (Kingma & Ba, algorithm 1).
	Beta1 float64
	// Beta2 is the same of the mean of its square, in [0, 1); 0.999 by default
	// (there). Small batches of language want 0.95 to 0.99.
	Beta2 float64
	// Epsilon is added to the root of the mean square, above 0; 1e-8 by default
	// (there).
	Epsilon float64
	// Decay is the share of a parameter, times the learning rate, that every step
	// takes off, at least 0; 0.01 by default, as in PyTorch (Loshchilov & Hutter,
	// algorithm 2, with the learning rate in their schedule multiplier).
	Decay float64
	// Clip is the largest norm of all gradients together: where it is exceeded,
	// all are scaled down to it (R. Pascanu, T. Mikolov & Y. Bengio, ICML 2013,
	// arXiv:1211.5063). 0, the default, leaves them alone.
	Clip float64
}

// DefaultAdamW returns the defaults.
func DefaultAdamW() AdamWConfig {
	return AdamWConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decay: 0.01}
}

func (c AdamWConfig) check() error {
	for _, p := range []struct {
		name  string
		value float64
		ok    bool
		want  string
	}{
		{"beta1", c.Beta1, c.Beta1 >= 0 && c.Beta1 < 1, "in [0, 1)"},
		{"beta2", c.Beta2, c.Beta2 >= 0 && c.Beta2 < 1, "in [0, 1)"},
		{"epsilon", c.Epsilon, c.Epsilon > 0 && !math.IsInf(c.Epsilon, 1), "above 0"},
		{"decay", c.Decay, c.Decay >= 0 && !math.IsInf(c.Decay, 1), "at least 0"},
		{"clip", c.Clip, c.Clip >= 0 && !math.IsInf(c.Clip, 1), "at least 0"},
	} {
		if !p.ok {
			return fmt.Errorf("AdamW: %s is %v, it must be %s", p.name, p.value, p.want)
		}
	}
	return nil
}

// Parameter is a slice of numbers that is trained.
type Parameter struct {
	Name     string
	Value    []float32
	Gradient []float32 // of the same length
	NoDecay  bool      // weight decay spares it, as it does biases and gains
	Pace     float64   // its learning rate, in units of that of the step; 0 for 1
}

// Parameters lists all that a block is made of beside the gradient of each, under
// names that begin with prefix. Weight decay spares biases and normalizations.
// Parts that the gradient leaves out are left out.
func (p *BlockParams) Parameters(prefix string, grad *BlockParams) (list []Parameter) {
	projection := func(name string, p, g Projection) {
		if g.Weight.Rows > 0 {
			list = append(list, WeightParameter(prefix+name+".weight", p.Weight, g.Weight))
		}
		if g.Bias != nil {
			list = append(list, Parameter{Name: prefix + name + ".bias", Value: p.Bias, Gradient: g.Bias, NoDecay: true})
		}
	}
	norm := func(name string, p, g LayerNorm) {
		if g.Gain != nil {
			list = append(list, Parameter{Name: prefix + name + ".gain", Value: p.Gain, Gradient: g.Gain, NoDecay: true})
		}
		if g.Bias != nil {
			list = append(list, Parameter{Name: prefix + name + ".bias", Value: p.Bias, Gradient: g.Bias, NoDecay: true})
		}
	}
	projection("query", p.Query, grad.Query)
	projection("key", p.Key, grad.Key)
	projection("value", p.Value, grad.Value)
	projection("output", p.Output, grad.Output)
	projection("up", p.Up, grad.Up)
	projection("down", p.Down, grad.Down)
	norm("attention norm", p.AttentionNorm, grad.AttentionNorm)
	norm("output norm", p.OutputNorm, grad.OutputNorm)
	return list
}

// WeightParameter is a whole matrix as a parameter, which decays.
func WeightParameter(name string, value, gradient tensor.Matrix) Parameter {
	if value.Stride != value.Cols || gradient.Stride != gradient.Cols {
		panic("nn: " + name + " is part of a larger matrix; parameters are whole ones")
	}
	return Parameter{Name: name, Value: value.Data, Gradient: gradient.Data}
}

// AdamW moves parameters against their gradients g: with m and v, the running
// means of g and g², and the step t, counted from 1,
//
//	m = beta1·m + (1-beta1)·g,  v = beta2·v + (1-beta2)·g²
//	p = p - rate·decay·p - rate·(m/(1-beta1^t)) / (sqrt(v/(1-beta2^t)) + epsilon)
//
// in float32. Its memory is twice that of the parameters.
type AdamW struct {
	cfg    AdamWConfig
	params []Parameter
	m, v   [][]float32
	t      int
	spans  []span    // parts of the work
	sums   []float64 // [spans] of squares of gradients
	step   tensor.AdamStep
	decay  float64 // rate·decay of the present step
}

// span is part of a parameter.
type span struct{ param, lo, hi int }

// spanLength is the length of a span: short enough that threads share large
// matrices, and fixed, since the norm is summed by spans.
const spanLength = 1 << 14

// NewAdamW returns an optimizer of the parameters, which it changes in place with
// every step. It reports a configuration out of range.
func NewAdamW(cfg AdamWConfig, params []Parameter) (*AdamW, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	o := &AdamW{cfg: cfg, params: params}
	for i, p := range params {
		if !(p.Pace >= 0) || math.IsInf(p.Pace, 1) {
			panic(fmt.Sprintf("nn: AdamW: the pace of %s is %v", p.Name, p.Pace))
		}
		if len(p.Value) != len(p.Gradient) {
			panic(fmt.Sprintf("nn: AdamW: %s has %d values and a gradient of %d", p.Name, len(p.Value), len(p.Gradient)))
		}
		o.m, o.v = append(o.m, make([]float32, len(p.Value))), append(o.v, make([]float32, len(p.Value)))
		for lo := 0; lo < len(p.Value); lo += spanLength {
			o.spans = append(o.spans, span{i, lo, min(lo+spanLength, len(p.Value))})
		}
	}
	o.sums = make([]float64, len(o.spans))
	return o, nil
}

// Step moves all parameters by one step at the given learning rate and returns
// the norm of all gradients together, before clipping. Where it is not finite,
// Step reports the parameter at fault and changes nothing. Gradients are left as
// they are: see Zero. The result does not depend on the number of threads.
func (o *AdamW) Step(pool *tensor.Pool, rate float64) (norm float64, err error) {
	if !(rate >= 0) || math.IsInf(rate, 1) {
		panic(fmt.Sprintf("nn: AdamW: the learning rate is %v", rate))
	}
	pool.Run(len(o.spans), (*squareTask)(o))
	for i, s := range o.sums {
		if norm += s; math.IsNaN(norm) || math.IsInf(norm, 0) {
			p := o.params[o.spans[i].param]
			return norm, fmt.Errorf("the gradient of %s is not finite after %d steps; lower the learning rate, or clip", p.Name, o.t)
		}
	}
	norm = math.Sqrt(norm)
	scale := 1.0
	if o.cfg.Clip > 0 && norm > o.cfg.Clip {
		scale = o.cfg.Clip / norm
	}
	o.t++
	t := float64(o.t)
	o.step = tensor.AdamStep{
		Scale: float32(scale), Keep: 1,
		New1: float32(1 - o.cfg.Beta1), New2: float32(1 - o.cfg.Beta2),
		Rate:    float32(rate / (1 - math.Pow(o.cfg.Beta1, t))),
		Root:    float32(1 / math.Sqrt(1-math.Pow(o.cfg.Beta2, t))),
		Epsilon: float32(o.cfg.Epsilon),
	}
	o.decay = rate * o.cfg.Decay
	pool.Run(len(o.spans), (*adamTask)(o))
	return norm, nil
}

// Memory returns what the optimizer remembers: the number of steps, and the
// running means of the gradient and of its square for every parameter, which are
// shared. With it and the parameters a training that was interrupted goes on to
// the bit.
func (o *AdamW) Memory() (steps int, mean, square [][]float32) { return o.t, o.m, o.v }

// Restore makes the optimizer go on from what Memory returned, which it copies.
func (o *AdamW) Restore(steps int, mean, square [][]float32) {
	if steps < 0 || len(mean) != len(o.m) || len(square) != len(o.v) {
		panic(fmt.Sprintf("nn: AdamW: the memory of %d steps and %d and %d parameters for %d", steps, len(mean), len(square), len(o.m)))
	}
	o.t = steps
	for i := range o.m {
		if len(mean[i]) != len(o.m[i]) || len(square[i]) != len(o.v[i]) {
			panic(fmt.Sprintf("nn: AdamW: the memory of %d and %d values for %s, which has %d", len(mean[i]), len(square[i]), o.params[i].Name, len(o.m[i])))
		}
		copy(o.m[i], mean[i])
		copy(o.v[i], square[i])
	}
}

// Zero sets all gradients to 0, for the next step.
func (o *AdamW) Zero(pool *tensor.Pool) { pool.Run(len(o.spans), (*zeroTask)(o)) }

type squareTask AdamW

// Do implements tensor.Task.
func (t *squareTask) Do(_, i int) {
	s := t.spans[i]
	t.sums[i] = tensor.Squares(t.params[s.param].Gradient[s.lo:s.hi])
}

type adamTask AdamW

// Do implements tensor.Task.
func (t *adamTask) Do(_, i int) {
	s, step := t.spans[i], t.step
	p := &t.params[s.param]
	pace := 1.0
	if p.Pace > 0 {
		pace = p.Pace
		step.Rate *= float32(pace)
	}
	if !p.NoDecay {
		step.Keep = float32(1 - pace*t.decay)
	}
	tensor.AdamW(p.Value[s.lo:s.hi], p.Gradient[s.lo:s.hi], t.m[s.param][s.lo:s.hi], t.v[s.param][s.lo:s.hi], step)
}

type zeroTask AdamW

// Do implements tensor.Task.
func (t *zeroTask) Do(_, i int) {
	s := t.spans[i]
	clear(t.params[s.param].Gradient[s.lo:s.hi])
}
