package network

import (
	"fmt"
	"strings"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Tuning names the tuning curves of a network's circuits: Calibrated, or one of
// the maps as it is.
type Tuning string

// Calibrated is gerf behind the change of variables of a calibration, with the
// optimal A along each axis. It is the default.
const Calibrated Tuning = "calibrated"

// ParseTuning finds tuning curves by name.
func ParseTuning(name string) (Tuning, error) {
	if Tuning(name) == Calibrated {
		return Calibrated, nil
	}
	m, err := tuning.ParseMap(name)
	if err != nil {
		known := []string{string(Calibrated)}
		for _, m := range tuning.Maps() {
			known = append(known, string(m))
		}
		return "", fmt.Errorf("tuning %q is unknown; use one of %s", name, strings.Join(known, ", "))
	}
	return Tuning(m), nil
}

// Map returns the map behind the name.
func (t Tuning) Map() tuning.Map {
	if t == Calibrated {
		return tuning.Gerf
	}
	return tuning.Map(t)
}

// NeedsCalibration reports whether the curves depend on constants of a
// calibration: besides Calibrated, gerf takes its A from them.
func (t Tuning) NeedsCalibration() bool { return t == Calibrated || t.Map() == tuning.Gerf }

// maxNeurons keeps a slip of the pen from asking for more memory than there is:
// 1,048,576 rows of d = 64 are 0.5 GB while they are drawn.
const maxNeurons = 1 << 20

// Circuits says how to build the heads of a network.
type Circuits struct {
	// Attention says of what kind each head is.
	Attention attention.Selection
	// Tuning of the heads that are circuits.
	Tuning Tuning
	// Draw of the rows of W.
	Draw tuning.Draw
	// Neurons is the number of rows of W of each head; trig and hyperbolic have
	// two hidden neurons per row. NeuronsOf, unless nil, gives it for each head.
	Neurons   int
	NeuronsOf func(layer, head int) int
	// Seed of the draws. Every head has a stream of its own, so that its curves
	// do not depend on which other heads are circuits.
	Seed uint64
	// Calibration holds the constants; only where Tuning needs them.
	Calibration *Calibration
}

// Built is what Build returns, [L][heads] each.
type Built struct {
	Heads  [][]attention.Head
	Curves [][]*tuning.Curves[float32] // nil for heads that are no circuits
}

// Build makes all heads of a model.
func (c *Circuits) Build(m *model.Model, pool *tensor.Pool) (*Built, error) {
	layers, heads := m.Layers(), m.Heads()
	if err := c.Attention.Check(layers, heads); err != nil {
		return nil, err
	}
	b := &Built{Heads: make([][]attention.Head, layers), Curves: make([][]*tuning.Curves[float32], layers)}
	for l := range layers {
		b.Heads[l] = make([]attention.Head, heads)
		b.Curves[l] = make([]*tuning.Curves[float32], heads)
	}
	errs := make([]error, layers*heads)
	pool.For(layers*heads, func(_, i int) {
		l, h := i/heads, i%heads
		b.Heads[l][h], b.Curves[l][h], errs[i] = c.head(l, h, m.HeadWidth())
	})
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("layer %d, head %d: %w", i/heads, i%heads, err)
		}
	}
	return b, nil
}

func (c *Circuits) head(layer, head, d int) (attention.Head, *tuning.Curves[float32], error) {
	switch kind := c.Attention.At(layer, head); kind {
	case attention.KindExact:
		return attention.Softmax{}, nil, nil
	case attention.KindUniform:
		return attention.Uniform{}, nil, nil
	case attention.KindAlgebraic:
		curves, err := c.Curves(layer, head, d)
		if err != nil {
			return nil, nil, err
		}
		circuit, err := attention.NewCircuit(attention.CircuitConfig{Tuning: curves})
		return circuit, curves, err
	default:
		return nil, nil, fmt.Errorf("attention %v cannot be built", kind)
	}
}

// Curves draws the tuning curves of one head, whose queries and keys have width
// d: the same that Build gives it.
func (c *Circuits) Curves(layer, head, d int) (*tuning.Curves[float32], error) {
	rows := c.Neurons
	if c.NeuronsOf != nil {
		rows = c.NeuronsOf(layer, head)
	}
	if rows < 1 || rows > maxNeurons {
		return nil, fmt.Errorf("%d neurons, want 1 to %d", rows, maxNeurons)
	}
	cfg := tuning.Config{Map: c.Tuning.Map(), Inputs: d}
	if c.Tuning.NeedsCalibration() {
		if c.Calibration == nil {
			return nil, fmt.Errorf("%s curves need a calibration; calibrate on some texts first", c.Tuning)
		}
		h := c.Calibration.Heads[layer][head]
		if c.Tuning == Calibrated {
			cfg.Calibration, cfg.A = h.Change, h.Change.GerfA()
		} else {
			cfg.A = []float64{tuning.GerfA(h.MeanSquaredNorm, d)}
		}
	}
	rng := tuning.NewRand(c.Seed, layer, head)
	cfg.W = tuning.Weights(c.Draw, rows, d, rng)
	if cfg.Map.NeedsPhases() {
		cfg.B = tuning.Phases(rows, rng)
	}
	return tuning.New[float32](cfg)
}
