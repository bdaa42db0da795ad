package fit

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/nn"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// fitted is a head on its way: its curves, the circuit that computes with them,
// and the gradients of both.
type fitted struct {
	balanced *balanced
	curves   *curves
	grad     *curves
	forms    *forms
	circuit  *attention.Circuit
	formGrad *attention.CurvesGradient
}

// newFitted builds the circuit of some curves, which live on in the result.
func newFitted(m *model.Model, h int, b *balanced, c, grad *curves) (*fitted, error) {
	f := &fitted{balanced: b, curves: c, grad: grad, forms: newForms(c.m, c.d)}
	c.fold(f.forms, b)
	t, err := tuning.NewFitted(f.forms.write, f.forms.read)
	if err != nil {
		return nil, err
	}
	f.circuit, err = attention.NewCircuit(attention.CircuitConfig{
		Tuning: t, Causal: m.Config().Causal, Forget: -math.Expm1(-float64(m.Slope(h))),
	})
	f.formGrad = attention.NewCurvesGradient(t)
	return f, err
}

// update makes the circuit follow the curves.
func (f *fitted) update() {
	f.curves.fold(f.forms, f.balanced)
	f.circuit.Update(f.forms.write, f.forms.read)
}

// circuits are the heads of a whole network whose curves are fitted. All numbers
// lie in one slice, and so do their gradients.
type circuits struct {
	model     *model.Model
	data      []float32
	grad      []float32
	all       []*fitted // [L·heads]
	heads     [][]attention.Head
	gradients [][]*attention.CurvesGradient
	arenas    []tensor.Arena // by thread
}

// newCircuits copies the curves of heads [L][heads].
func newCircuits(m *model.Model, heads [][]*head) (*circuits, error) {
	n := 0
	for _, layer := range heads {
		for _, h := range layer {
			n += len(h.curves.data)
		}
	}
	c := &circuits{model: m, data: make([]float32, n), grad: make([]float32, n)}
	at := 0
	for l, layer := range heads {
		c.heads = append(c.heads, make([]attention.Head, len(layer)))
		c.gradients = append(c.gradients, make([]*attention.CurvesGradient, len(layer)))
		for i, h := range layer {
			end := at + len(h.curves.data)
			own := h.curves.copyTo(c.data[at:end])
			f, err := newFitted(m, i, &h.balanced, own, newCurves(own.m, own.d, c.grad[at:end]))
			if err != nil {
				return nil, fmt.Errorf("layer %d, head %d: %w", l, i, err)
			}
			c.all = append(c.all, f)
			c.heads[l][i], c.gradients[l][i] = f.circuit, f.formGrad
			at = end
		}
	}
	return c, nil
}

// formPace is the learning rate of metrics and centres in units of that of weights
// and drives: all neurons of a head hang on them.
const formPace = 0.3

// parameters are the numbers of all curves, head by head.
func (c *circuits) parameters() []nn.Parameter {
	var all []nn.Parameter
	for i, f := range c.all {
		name := fmt.Sprintf("the curves of layer %d, head %d", i/c.model.Heads(), i%c.model.Heads())
		weights := len(f.curves.readW) + len(f.curves.writeW) + len(f.curves.b)
		all = append(all,
			nn.Parameter{Name: name, Value: f.curves.data[:weights], Gradient: f.grad.data[:weights], NoDecay: true},
			nn.Parameter{Name: name, Value: f.curves.data[weights:], Gradient: f.grad.data[weights:], NoDecay: true, Pace: formPace})
	}
	return all
}

type updateTask circuits

// Do implements tensor.Task.
func (t *updateTask) Do(_, i int) { t.all[i].update() }

// update makes all circuits follow their curves.
func (c *circuits) update(pool *tensor.Pool) { pool.Run(len(c.all), (*updateTask)(c)) }

type unfoldTask circuits

// Do implements tensor.Task.
func (t *unfoldTask) Do(_, i int) {
	f := t.all[i]
	f.curves.unfold(f.grad, f.formGrad, f.balanced)
	f.formGrad.Zero()
}

// unfold adds the gradients of all forms to those of the curves, which are with
// respect to B before and b after it (see curves.around), and sets the former to 0.
func (c *circuits) unfold(pool *tensor.Pool) { pool.Run(len(c.all), (*unfoldTask)(c)) }
