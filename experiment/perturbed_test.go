package experiment

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// sequence is one head's input.
type sequence struct{ q, k, v tensor.Matrix }

const width, valueWidth = 5, 3

// randomSequence draws n tokens of that scale.
func randomSequence(stream, n int, scale float64) sequence {
	rng := tuning.NewRand(11, stream)
	matrix := func(cols int) tensor.Matrix {
		x := tensor.New(n, cols)
		for i := range x.Data {
			x.Data[i] = float32(scale * rng.NormFloat64())
		}
		return x
	}
	return sequence{matrix(width), matrix(width), matrix(valueWidth)}
}

// someCurves are plain or calibrated ones, in both arithmetics.
func someCurves(t *testing.T, m tuning.Map, neurons int, calibrated bool) (*tuning.Curves[float32], *tuning.Curves[float64]) {
	t.Helper()
	cfg := tuning.Config{Map: m, Inputs: width, W: tuning.Weights(tuning.Orthogonal, neurons, width, tuning.NewRand(5))}
	if calibrated {
		s := randomSequence(99, 40, 1)
		cal, err := tuning.Calibrate(s.q.Data, s.k.Data, width)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Calibration, cfg.A = cal, cal.GerfA()
	}
	single, err := tuning.New[float32](cfg)
	if err != nil {
		t.Fatal(err)
	}
	double, err := tuning.New[float64](cfg)
	if err != nil {
		t.Fatal(err)
	}
	return single, double
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// forward runs a perturbed head on one sequence.
func (s sequence) forward(t *testing.T, p *perturbed) (y []float64, logC []float64) {
	t.Helper()
	dst, c := tensor.New(s.q.Rows, valueWidth), make([]float32, s.q.Rows)
	p.Forward(dst, c, s.q, s.k, s.v, tensor.NewSequences(s.q.Rows), nil, nil, nil)
	return wide(dst.Data), wide(c)
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// rounding of outputs that are float32, from curves whose weights are.
const rounding = 1e-5

// The circuit of the root package, and under each manipulation what follows from its
// outputs and its calcium.
func TestAnIntactHeadIsTheCircuitOfTheRootPackage(t *testing.T) {
	for name, c := range map[string]struct {
		curves     tuning.Map
		calibrated bool
		causal     bool
		slope      float32
		scale      float64
	}{
		"plain":           {tuning.Exp, false, false, 0, 0.7},
		"calibrated":      {tuning.Gerf, true, false, 0, 0.7},
		"causal":          {tuning.Exp, false, true, 0, 0.7},
		"ALiBi":           {tuning.Gerf, true, true, 0.3, 0.7},
		"silent rates":    {tuning.ReLU, false, true, 0, 0.7},
		"logits of a 100": {tuning.Exp, false, true, 0, 6},
	} {
		single, double := someCurves(t, c.curves, 16, c.calibrated)
		s := randomSequence(1, 12, c.scale)
		p, err := newPerturbed(single, c.causal, c.slope, manipulation{})
		if err != nil {
			t.Fatal(err)
		}
		y, logC := s.forward(t, p)
		want, calcium := rootCircuit(t, double, s, c.causal, c.slope, 0)
		tolerance := rounding * max(1, c.scale*c.scale*20) // drives of float32 weights: their size times 1e-7
		near(t, name+": y", y, want, tolerance)
		near(t, name+": log c", logC, calcium, tolerance)
	}
}

// rootCircuit runs a sequence through package tripartite.
func rootCircuit(t *testing.T, curves *tuning.Curves[float64], s sequence, causal bool, slope float32, sigma float64) (y, logC []float64) {
	t.Helper()
	circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: curves, Outputs: valueWidth, Forget: -math.Expm1(-float64(slope)), HalfSaturation: sigma})
	if err != nil {
		t.Fatal(err)
	}
	a := circuit.Attend(wide(s.q.Data), wide(s.k.Data), wide(s.v.Data), causal)
	for _, c := range a.Calcium {
		logC = append(logC, c.LogValue())
	}
	return a.Y, logC
}

// Every manipulation of calcium is the intact output times a factor: outputs keep their
// direction. That is mathematics, and what silencing says of it.
func TestManipulationsOfCalciumScaleTheOutput(t *testing.T) {
	single, double := someCurves(t, tuning.Exp, 16, false)
	s := randomSequence(2, 12, 0.7)
	intact, calcium := rootCircuit(t, double, s, true, 0, 0)
	const rest, retained, sigma = 1.3, 0.6, 2.0
	lagging := make([]float64, len(calcium)) // the recursion, on the natural scale
	last := math.Exp(rest)
	for i, c := range calcium {
		last = retained*last + (1-retained)*math.Exp(c)
		lagging[i] = math.Log(last)
	}
	constant := make([]float64, len(calcium))
	for i := range constant {
		constant[i] = rest
	}
	saturated, _ := rootCircuit(t, double, s, true, 0, sigma)
	added := make([]float64, len(calcium))
	for i, c := range calcium {
		added[i] = math.Log(math.Exp(c) + sigma)
	}
	for name, c := range map[string]struct {
		manipulation
		divisor, y []float64
	}{
		"clamped":        {manipulation{Clamped: true, Rest: rest}, constant, nil},
		"slow":           {manipulation{Retained: retained, Rest: rest}, lagging, nil},
		"half-saturated": {manipulation{HalfSaturated: true, Sigma: math.Log(sigma)}, added, saturated},
	} {
		p, err := newPerturbed(single, true, 0, c.manipulation)
		if err != nil {
			t.Fatal(err)
		}
		y, divisor := s.forward(t, p)
		near(t, name+": what divides", divisor, c.divisor, rounding)
		want := make([]float64, len(y))
		for i := range y {
			want[i] = intact[i] * math.Exp(calcium[i/valueWidth]-c.divisor[i/valueWidth])
		}
		near(t, name+": y", y, want, rounding)
		if c.y != nil {
			near(t, name+": y of the root package", y, c.y, rounding)
		}
	}
}

// With H frozen the values of an earlier input come out, weighed by the calcium of this
// one; with g frozen, the other way round; with both, the earlier input is read.
func TestFrozenSynapsesAreThoseOfAnEarlierInput(t *testing.T) {
	single, double := someCurves(t, tuning.Exp, 16, false)
	now, before := randomSequence(3, 12, 0.7), randomSequence(4, 9, 0.7)
	intact, err := newPerturbed(single, false, 0, manipulation{})
	if err != nil {
		t.Fatal(err)
	}
	old := intact.learn(before.k, before.v)
	// The earlier memory, read with the present queries, by the root package.
	circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: double, Outputs: valueWidth})
	if err != nil {
		t.Fatal(err)
	}
	for i := range before.k.Rows {
		circuit.Write(wide(before.k.Row(i)), wide(before.v.Row(i)))
	}
	var oldY, oldC []float64
	for i := range now.q.Rows {
		y := make([]float64, valueWidth)
		oldC = append(oldC, circuit.Read(y, wide(now.q.Row(i))).LogValue())
		oldY = append(oldY, y...)
	}
	y, logC := rootCircuit(t, double, now, false, 0, 0)
	times := func(y, from, to []float64) []float64 { // y exp(from - to)
		out := make([]float64, len(y))
		for i := range y {
			out[i] = y[i] * math.Exp(from[i/valueWidth]-to[i/valueWidth])
		}
		return out
	}
	for name, c := range map[string]struct {
		manipulation
		y, divisor []float64
	}{
		"H":        {manipulation{Hebb: old}, times(oldY, oldC, logC), logC},
		"g":        {manipulation{Gain: old}, times(y, logC, oldC), oldC},
		"H and g":  {manipulation{Hebb: old, Gain: old}, oldY, oldC},
		"H, again": {manipulation{Hebb: old, Gain: intact.learn(now.k, now.v)}, times(oldY, oldC, logC), logC},
	} {
		p, err := newPerturbed(single, false, 0, c.manipulation)
		if err != nil {
			t.Fatal(err)
		}
		gotY, divisor := now.forward(t, p)
		near(t, name+" frozen: y", gotY, c.y, rounding)
		near(t, name+" frozen: what divides", divisor, c.divisor, rounding)
	}
}

// Of what the astrocyte does not reach, silent synapses are as if they were not there
// and undivided ones as if calcium were held; with all of them reached nothing changes,
// and with none, calcium is clamped.
func TestCoverageIsWhatItIsDefinedToBe(t *testing.T) {
	single, double := someCurves(t, tuning.Exp, 16, false)
	s := randomSequence(5, 12, 0.7)
	intact, logC := rootCircuit(t, double, s, false, 0, 0)
	const rest = 2.1
	for _, undivided := range []bool{false, true} {
		all := drawContacts(16, valueWidth, 1, undivided, tuning.NewRand(1))
		p, err := newPerturbed(single, false, 0, manipulation{Contacts: all, Rest: rest})
		if err != nil {
			t.Fatal(err)
		}
		y, divisor := s.forward(t, p)
		near(t, "all reached: y", y, intact, rounding)
		near(t, "all reached: what divides", divisor, logC, rounding)
	}

	// Half of them, by sums over neurons as the definition has them.
	for _, undivided := range []bool{false, true} {
		c := drawContacts(16, valueWidth, 0.5, undivided, tuning.NewRand(2))
		p, err := newPerturbed(single, false, 0, manipulation{Contacts: c, Rest: rest})
		if err != nil {
			t.Fatal(err)
		}
		y, _ := s.forward(t, p)
		log, sign := make([]float64, 16), make([]float64, 16)
		hebb, gain := make([]float64, 16*valueWidth), make([]float64, 16)
		for i := range s.k.Rows {
			double.Log(log, sign, tuning.Writing, wide(s.k.Row(i)))
			for n, a := range log {
				gain[n] += math.Exp(a)
				for j, v := range s.v.Row(i) {
					hebb[n*valueWidth+j] += math.Exp(a) * float64(v)
				}
			}
		}
		var want []float64
		for i := range s.q.Rows {
			double.Log(log, sign, tuning.Reading, wide(s.q.Row(i)))
			calcium := 0.0
			for n, a := range log {
				calcium += c.share[n] * gain[n] * math.Exp(a)
			}
			if undivided {
				calcium /= c.mean
			}
			for j := range valueWidth {
				l := 0.0
				for n, a := range log {
					at := n*valueWidth + j
					switch x := hebb[at] * math.Exp(a); {
					case c.reached[at]:
						l += x / calcium
					case undivided:
						l += x / math.Exp(rest)
					}
				}
				want = append(want, l)
			}
		}
		near(t, "half reached: y", y, want, rounding)
	}
}

func TestContactsAreDrawnAtTheirRate(t *testing.T) {
	c := drawContacts(200, 50, 0.3, false, tuning.NewRand(3))
	if !(math.Abs(c.mean-0.3) < 0.02) { // four standard errors of 10,000 draws
		t.Errorf("a share of %v is reached, want 0.3", c.mean)
	}
	total := 0.0
	for _, s := range c.share {
		total += s / float64(len(c.share))
	}
	if !(math.Abs(total-c.mean) < 1e-12) {
		t.Errorf("the shares of neurons have the mean %v, want %v", total, c.mean)
	}
}

func TestPerturbedHeadsRefuseSignedCurves(t *testing.T) {
	single, _ := someCurves(t, tuning.Trig, 8, false)
	if _, err := newPerturbed(single, false, 0, manipulation{}); err == nil {
		t.Error("trig curves are accepted")
	}
}

var _ attention.Head = (*perturbed)(nil)
