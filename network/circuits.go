package network

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/tuning"
)

// Options say how to compute every head.
type Options struct {
	// Selection says of what kind each head is.
	Selection attention.Selection
	// Tuning is Calibrated or the name of a map, uncalibrated.
	Tuning string
	// Fitted holds the curves of every head instead, from where Neurons and all
	// that is drawn or calibrated plays no part; nil for the curves that Tuning
	// names. Their owner checks that they serve the model (Tuning.Serves).
	Fitted *Tuning
	// Draw of the rows of W.
	Draw tuning.Draw
	// Neurons returns m, the rows of W of a head: its hidden neurons, but for trig
	// and hyperbolic, which have two for each row.
	Neurons func(layer, head int) int
	// Calibration is needed by Calibrated curves, and by gerf, whose A it sets.
	Calibration *Calibration
	// Seed of W and b, and of noise. Every head draws from a stream of its own.
	Seed uint64
	// Dynamics returns the time constants and all else of a head in time with these
	// curves, such as Dynamics.At; nil means DefaultDynamics.
	Dynamics func(layer, head int, curves *tuning.Curves[float32]) (rate.Config, error)
}

// maxNeurons bounds the hidden neurons of a head: drawing that many rows of W
// with d = 64 takes 0.5 GB, which a slip of the pen must not ask for.
const maxNeurons = 1 << 20

// Circuits are the heads that a model runs with, and what they were built from.
type Circuits struct {
	heads [][]Head
}

// Head is one head of one layer.
type Head struct {
	attention.Head
	Kind attention.Kind
	// Curves of a circuit, nil for other kinds.
	Curves *tuning.Curves[float32]
	// Calibration of this head on the calibration texts, nil without any.
	Calibration *tuning.Calibration
	valueWidth  int
}

// Neurons returns m, 0 for a head that is no circuit.
func (h Head) Neurons() int {
	if h.Curves == nil {
		return 0
	}
	return h.Curves.Neurons()
}

// MemoryBytes returns the size of the memory of one sequence: H and g in float32
// and the shifts in float64, or, in time, H and g in float64. It is 0 for a head
// that is no circuit.
func (h Head) MemoryBytes() int {
	if h.Kind == attention.KindRate {
		return h.Neurons() * (8*h.valueWidth + 8)
	}
	return h.Neurons() * (4*h.valueWidth + 4 + 8)
}

// At returns a head.
func (c *Circuits) At(layer, head int) Head { return c.heads[layer][head] }

// Heads returns what model.Run takes, [L][heads].
func (c *Circuits) Heads() [][]attention.Head {
	out := make([][]attention.Head, len(c.heads))
	for l, layer := range c.heads {
		for _, h := range layer {
			out[l] = append(out[l], h.Head)
		}
	}
	return out
}

// Neurons returns how many hidden neurons all heads have together.
func (c *Circuits) Neurons() int {
	total := 0
	for _, layer := range c.heads {
		for _, h := range layer {
			total += h.Neurons()
		}
	}
	return total
}

// MeanNeurons returns how many hidden neurons a circuit has in the mean, 0 where
// no head is one.
func (c *Circuits) MeanNeurons() float64 {
	circuits := 0
	for _, layer := range c.heads {
		for _, h := range layer {
			if h.Curves != nil {
				circuits++
			}
		}
	}
	return float64(c.Neurons()) / float64(max(circuits, 1))
}

// Incidents returns what happened to the readings of all heads in time, in all
// passes so far. Its error names layer and head.
func (c *Circuits) Incidents() attention.Incidents {
	var all attention.Incidents
	for l, layer := range c.heads {
		for h, head := range layer {
			r, ok := head.Head.(*attention.Rate)
			if !ok {
				continue
			}
			one := r.Incidents()
			if one.Err != nil {
				one.Err = fmt.Errorf("layer %d, head %d: %w", l, h, one.Err)
			}
			all.Add(one)
		}
	}
	return all
}

// Seconds returns how long the circuit takes for a sequence of that many tokens,
// where layers follow one another: the sum over layers of what their slowest head in
// time takes. Heads of other kinds take none.
func (c *Circuits) Seconds(tokens int) float64 {
	sum := 0.0
	for _, layer := range c.heads {
		longest := 0.0
		for _, head := range layer {
			if r, ok := head.Head.(*attention.Rate); ok {
				longest = max(longest, r.Seconds(tokens))
			}
		}
		sum += longest
	}
	return sum
}

// ParseTuning checks the name of tuning curves: Calibrated or a map's.
func ParseTuning(name string) error {
	if name == Calibrated {
		return nil
	}
	if _, err := tuning.ParseMap(name); err != nil {
		return fmt.Errorf("%w, or %s", err, Calibrated)
	}
	return nil
}

// NeedsCalibration reports whether tuning curves of that name need calibration
// texts.
func NeedsCalibration(name string) bool { return name == Calibrated || name == string(tuning.Gerf) }

// Build makes the heads of a model: causal ones where it is causal, and forgetting
// ones where it has ALiBi. A selection that names a layer or head the
// model does not have is refused.
func Build(m *model.Model, o Options) (*Circuits, error) {
	if o.Fitted == nil {
		if err := ParseTuning(o.Tuning); err != nil {
			return nil, err
		}
		if _, err := tuning.ParseDraw(string(o.Draw)); err != nil {
			return nil, err
		}
	} else if i := &o.Fitted.Info; i.Layers != m.Layers() || i.Heads != m.Heads() || i.HeadWidth != m.HeadWidth() {
		return nil, o.Fitted.Serves(m, i.Checkpoint)
	}
	if err := o.Selection.Check(m.Layers(), m.Heads()); err != nil {
		return nil, err
	}
	c := &Circuits{heads: make([][]Head, m.Layers())}
	for l := range c.heads {
		for h := range m.Heads() {
			head, err := build(m, o, l, h)
			if err != nil {
				return nil, fmt.Errorf("layer %d, head %d: %w", l, h, err)
			}
			c.heads[l] = append(c.heads[l], head)
		}
	}
	return c, nil
}

func build(m *model.Model, o Options, layer, head int) (Head, error) {
	out := Head{Kind: o.Selection.At(layer, head), valueWidth: m.HeadWidth()}
	if o.Calibration != nil {
		out.Calibration = o.Calibration.At(layer, head)
	}
	causal, slope := m.Config().Causal, m.Slope(head)
	switch out.Kind {
	case attention.KindExact:
		out.Head = attention.Softmax{Causal: causal, Slope: slope}
	case attention.KindUniform:
		out.Head = attention.Uniform{Causal: causal}
	case attention.KindAlgebraic:
		var err error
		if out.Curves, err = o.build(m.HeadWidth(), layer, head); err != nil {
			return out, err
		}
		if out.Head, err = attention.NewCircuit(attention.CircuitConfig{
			Tuning: out.Curves, Causal: causal, Precision: m.Precision(),
			Forget: -math.Expm1(-float64(slope)), // the same bias on every logit
		}); err != nil {
			return out, err
		}
	case attention.KindRate:
		var err error
		if out.Curves, err = o.build(m.HeadWidth(), layer, head); err != nil {
			return out, err
		}
		d, err := o.dynamics(layer, head, out.Curves)
		if err != nil {
			return out, err
		}
		d.Causal = causal
		if out.Head, err = attention.NewRate(attention.RateConfig{
			Tuning: out.Curves, Dynamics: d, Forget: -math.Expm1(-float64(slope)),
		}); err != nil {
			return out, err
		}
	default:
		panic("network: heads of kind " + out.Kind.String() + " cannot be built")
	}
	return out, nil
}

// noiseStream tells the seeds of noise from those of curves, whose streams have two
// numbers.
const noiseStream = 1

// dynamics returns those of one head, with noise of its own.
func (o Options) dynamics(layer, head int, curves *tuning.Curves[float32]) (rate.Config, error) {
	at := o.Dynamics
	if at == nil {
		d := DefaultDynamics()
		at = d.At
	}
	c, err := at(layer, head, curves)
	c.Noise.Seed = tuning.NewRand(o.Seed, layer, head, noiseStream).Uint64()
	return c, err
}

// build makes the tuning curves of one head.
func (o Options) build(d, layer, head int) (*tuning.Curves[float32], error) {
	if o.Fitted != nil {
		return o.Fitted.At(layer, head), nil
	}
	cfg, err := o.curves(d, layer, head)
	if err != nil {
		return nil, err
	}
	return tuning.New[float32](cfg)
}

// curves draws the tuning curves of one head.
func (o Options) curves(d, layer, head int) (tuning.Config, error) {
	cfg := tuning.Config{Map: tuning.Map(o.Tuning), Inputs: d}
	if NeedsCalibration(o.Tuning) && o.Calibration == nil {
		return cfg, fmt.Errorf("%s curves need calibration texts; give some, or choose curves that need none, such as %s", o.Tuning, tuning.Exp)
	}
	switch o.Tuning {
	case Calibrated:
		cfg.Map, cfg.Calibration = tuning.Gerf, o.Calibration.At(layer, head)
		cfg.A = cfg.Calibration.GerfA()
	case string(tuning.Gerf):
		cfg.A = []float64{o.Calibration.GerfA(layer, head)}
	}
	m := o.Neurons(layer, head)
	if m < 1 || m > maxNeurons {
		return cfg, fmt.Errorf("%d hidden neurons; give 1 to %d", m, maxNeurons)
	}
	rng := tuning.NewRand(o.Seed, layer, head)
	cfg.W = tuning.Weights(o.Draw, m, d, rng)
	cfg.B = tuning.Phases(m, rng)
	return cfg, nil
}
