package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// plainAdamW is one parameter in float64.
type plainAdamW struct{ p, m, v float64 }

func (a *plainAdamW) step(c AdamWConfig, rate, g float64, t int) {
	a.m = c.Beta1*a.m + (1-c.Beta1)*g
	a.v = c.Beta2*a.v + (1-c.Beta2)*g*g
	m, v := a.m/(1-math.Pow(c.Beta1, float64(t))), a.v/(1-math.Pow(c.Beta2, float64(t)))
	a.p -= rate*c.Decay*a.p + rate*m/(math.Sqrt(v)+c.Epsilon)
}

func TestAdamWEqualsThePlainReadingOfIt(t *testing.T) {
	sizes := []int{1, 7, spanLength + 3}
	var first []float32
	for _, threads := range []int{1, 2, 3} {
		pool := tensor.NewPool(threads)
		defer pool.Close()
		cfg := DefaultAdamW()
		cfg.Decay, cfg.Clip = 0.1, 30
		var params []Parameter
		var plain [][]plainAdamW
		for i, n := range sizes {
			values := random(uint64(i), 1, n, 1).Data
			params = append(params, Parameter{Name: fmt.Sprint(i), Value: values, Gradient: make([]float32, n), NoDecay: i == 1, Pace: []float64{0, 1, 0.3}[i]})
			plain = append(plain, make([]plainAdamW, n))
			for j, v := range values {
				plain[i][j].p = float64(v)
			}
		}
		o, err := NewAdamW(cfg, params)
		if err != nil {
			t.Fatal(err)
		}
		const rate = 1e-2
		for step := 1; step <= 4; step++ {
			var square float64
			for i := range params {
				copy(params[i].Gradient, random(uint64(10*step+i), 1, len(params[i].Value), 1).Data)
				for _, g := range params[i].Gradient {
					square += float64(g) * float64(g)
				}
			}
			norm, err := o.Step(pool, rate)
			if err != nil || !(math.Abs(norm-math.Sqrt(square)) <= 1e-9*norm) {
				t.Fatalf("the norm is %v, %v; want %v", norm, err, math.Sqrt(square))
			}
			for i, p := range params {
				c := cfg
				if p.NoDecay {
					c.Decay = 0
				}
				own := rate
				if p.Pace > 0 {
					own *= p.Pace
				}
				for j := range p.Value {
					plain[i][j].step(c, own, float64(p.Gradient[j])*cfg.Clip/norm, step)
					// A step moves by a hundredth, and rounds a few times.
					if want := plain[i][j].p; !(math.Abs(float64(p.Value[j])-want) <= 1e-6*max(1, math.Abs(want))) {
						t.Fatalf("step %d, parameter %d: element %d is %v, want %v", step, i, j, p.Value[j], want)
					}
				}
			}
		}
		if last := params[2].Value; threads == 1 {
			first = slices.Clone(last)
		} else if !slices.Equal(last, first) {
			t.Errorf("%d threads give other parameters than one", threads)
		}
		if a := testing.AllocsPerRun(3, func() { _, _ = o.Step(pool, rate); o.Zero(pool) }); a >= 1 {
			t.Errorf("a step allocates %v times", a)
		}
		if o.Zero(pool); slices.ContainsFunc(params[2].Gradient, func(g float32) bool { return g != 0 }) {
			t.Error("gradients are not 0")
		}
	}
}

func TestAGradientThatIsNotFiniteChangesNothing(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		params := []Parameter{
			{Name: "good", Value: []float32{1, 2}, Gradient: []float32{1, 1}}, {Name: "bad", Value: []float32{3}, Gradient: []float32{bad}},
		}
		o, err := NewAdamW(DefaultAdamW(), params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Step(nil, 0.1); err == nil || !strings.Contains(err.Error(), "gradient of bad") {
			t.Errorf("the error is %v", err)
		}
		if params[0].Value[0] != 1 || params[1].Value[0] != 3 {
			t.Errorf("the parameters moved to %v, %v", params[0].Value, params[1].Value)
		}
	}
}

func TestAdamWRefusesWhatIsOutOfRange(t *testing.T) {
	for name, change := range map[string]func(c *AdamWConfig){
		"beta1":   func(c *AdamWConfig) { c.Beta1 = 1 },
		"beta2":   func(c *AdamWConfig) { c.Beta2 = -0.1 },
		"epsilon": func(c *AdamWConfig) { c.Epsilon = 0 },
		"decay":   func(c *AdamWConfig) { c.Decay = math.NaN() },
		"clip":    func(c *AdamWConfig) { c.Clip = -1 },
	} {
		c := DefaultAdamW()
		change(&c)
		if _, err := NewAdamW(c, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestParametersOfABlock(t *testing.T) {
	p := newParams(size{12, 3, 4, 4, 20}, true)
	grad := p.Zeros()
	grad.Key = Projection{}
	var decaying []string
	list := p.Parameters("0.", grad)
	for _, q := range list {
		if len(q.Value) != len(q.Gradient) || len(q.Value) == 0 || !strings.HasPrefix(q.Name, "0.") {
			t.Errorf("%s has %d values and a gradient of %d", q.Name, len(q.Value), len(q.Gradient))
		}
		if !q.NoDecay {
			decaying = append(decaying, q.Name)
		}
	}
	want := []string{"0.query.weight", "0.value.weight", "0.output.weight", "0.up.weight", "0.down.weight"}
	if len(list) != 14 || !slices.Equal(decaying, want) {
		t.Errorf("%d parameters, of which %v decay; want 14 and %v", len(list), decaying, want)
	}
}

func TestAnOptimizerGoesOnFromItsMemory(t *testing.T) {
	values := random(1, 1, 50, 1).Data
	begin := func() ([]Parameter, *AdamW) {
		p := []Parameter{
			{Name: "a", Value: slices.Clone(values[:20]), Gradient: make([]float32, 20)},
			{Name: "b", Value: slices.Clone(values[20:]), Gradient: make([]float32, 30), NoDecay: true},
		}
		o, err := NewAdamW(DefaultAdamW(), p)
		if err != nil {
			t.Fatal(err)
		}
		return p, o
	}
	step := func(p []Parameter, o *AdamW, i int) {
		for j := range p {
			copy(p[j].Gradient, random(uint64(10*i+j), 1, len(p[j].Value), 1).Data)
		}
		if _, err := o.Step(nil, 0.01); err != nil {
			t.Fatal(err)
		}
	}
	p, o := begin()
	q, resumed := begin()
	for i := range 6 {
		if i == 3 {
			for j := range p {
				copy(q[j].Value, p[j].Value)
			}
			resumed.Restore(o.Memory())
		}
		step(p, o, i)
		if i >= 3 {
			step(q, resumed, i)
		}
	}
	for j := range p {
		if !slices.Equal(p[j].Value, q[j].Value) {
			t.Errorf("parameter %s ends elsewhere after a pause", p[j].Name)
		}
	}
}
