package attention

import (
	"errors"
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tensor"
)

// Contents are what the state of a circuit holds, to be kept elsewhere: H and g,
// each neuron relative to its shift as in tripartite.Memory.
type Contents struct {
	Tokens int
	Shift  []float64     // [m] -Inf for a neuron that never fired
	Gain   []float32     // [m]
	Hebb   tensor.Matrix // [m, dv]: transposed, a row per hidden neuron
}

// Identity says which circuit a state belongs to, as far as what it holds
// depends on that.
func (c *Circuit) Identity() tripartite.Identity {
	t := c.cfg.Tuning
	return tripartite.Identity{
		Tuning: string(t.Map()), Calibrated: t.Calibrated(), Inputs: t.Inputs(),
		Fingerprint: t.Fingerprint(), Forget: c.cfg.Forget,
	}
}

// Export returns what a state of this circuit holds, without copying: it holds
// until the state goes on. It refuses a state that was written NaN or infinite
// values, from which nothing would recover.
func (c *Circuit) Export(state State) (Contents, error) {
	mem := own[memory]("circuit", state)
	if mem.tokens == 0 {
		return Contents{}, nil
	}
	x := Contents{Tokens: mem.tokens, Shift: mem.shift, Gain: mem.gain, Hebb: mem.hebb}
	if err := x.finite(); err != nil {
		return Contents{}, fmt.Errorf("%w: a key or value written was not finite", err)
	}
	return x, nil
}

// Import replaces what a state of this circuit holds by a copy of x, whose values
// have width dv. Contents that no such state can hold are refused and the state
// stays as it was.
func (c *Circuit) Import(state State, x Contents, dv int) error {
	mem := own[memory]("circuit", state)
	m := c.Neurons()
	switch {
	case x.Tokens < 0:
		return fmt.Errorf("%d tokens, want 0 or more", x.Tokens)
	case x.Tokens == 0:
		mem.Reset()
		return nil
	case len(x.Shift) != m || len(x.Gain) != m || x.Hebb.Rows != m || x.Hebb.Cols != dv:
		return fmt.Errorf("%d shifts, %d gains and weights [%d, %d], want %d neurons and values of width %d",
			len(x.Shift), len(x.Gain), x.Hebb.Rows, x.Hebb.Cols, m, dv)
	}
	if err := x.finite(); err != nil {
		return err
	}
	if mem.shift == nil || mem.hebb.Cols != dv {
		*mem = newMemory(m, dv, nil)
	}
	mem.tokens = x.Tokens
	copy(mem.shift, x.Shift)
	copy(mem.gain, x.Gain)
	mem.hebb.CopyFrom(x.Hebb)
	return nil
}

// finite reports a number that no memory of finite keys and values holds.
func (x *Contents) finite() error {
	var sum float32 // NaN or infinite where a term is: x - x is NaN, else 0
	for i, s := range x.Shift {
		g, row := x.Gain[i], x.Hebb.Row(i)
		if math.IsNaN(s) || math.IsInf(s, 1) {
			return fmt.Errorf("the shift of neuron %d is %v", i, s)
		}
		for _, h := range row {
			sum += h - h
		}
		if sum += g - g; sum != 0 {
			return fmt.Errorf("the gain or a weight of neuron %d is not finite", i)
		}
		if math.IsInf(s, -1) && (g != 0 || !zero(row)) {
			return errors.New("a neuron that never fired has a gain or weights")
		}
	}
	return nil
}

func zero(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}
