package figure

import (
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/rate"
	"github.com/tripartite-go/tripartite/transfer"
)

// sample makes up a result with the shape and the ranges of a real one.
func sample(layers, heads, tokens int) *transfer.Report {
	rng := rand.New(rand.NewPCG(1, 2))
	r := &transfer.Report{
		Schema: transfer.Schema,
		Model:  transfer.Model{Name: "bundled", Architecture: "albert", Layers: layers, Heads: heads, HeadWidth: 32},
	}
	for l := range layers {
		layer := transfer.Layer{Layer: l, HiddenCosine: transfer.Number(0.99 - 0.01*float64(l))}
		for h := range heads {
			norm := 5 + 20*rng.Float64()
			layer.Heads = append(layer.Heads, transfer.Head{
				Head: h, Attention: "algebraic", Neurons: 256,
				MeanSquaredNorm: transfer.Number(norm), MeanSquaredNormCalibrated: transfer.Number(norm / 3),
				Budget: transfer.FromLog10(2 + norm*0.42), BudgetLog10: transfer.Number(2 + norm*0.42),
				BudgetCalibrated: transfer.FromLog10(2 + norm*0.15), BudgetCalibratedLog10: transfer.Number(2 + norm*0.15),
				LogCalciumError: transfer.Number(0.02 * norm), CalciumCorrelation: transfer.Number(1 - 0.01*norm),
				NullCorrelation: transfer.Number(1 - 0.03*norm), OutputCosine: transfer.Number(1 - 0.006*norm*rng.Float64()),
			})
		}
		r.Layers = append(r.Layers, layer)
	}
	r.Chosen = transfer.Chosen{Layer: layers - 1, Head: heads - 1, Points: samplePoints(rng, tokens)}
	r.Scaling = sampleScaling()
	return r
}

func samplePoints(rng *rand.Rand, tokens int) []transfer.Point {
	var points []transfer.Point
	for i := range tokens {
		z := 4.5 + 1.4*rng.NormFloat64()
		points = append(points, transfer.Point{
			Text: i / 24, Position: i % 24, Token: "word",
			LogNormalizer: transfer.Number(z),
			LogCorrected:  transfer.Number(z + 0.22*rng.NormFloat64()),
			LogCalcium:    transfer.Number(1.7 + 0.6*z + 0.8*rng.NormFloat64()),
			LogNull:       transfer.Number(2.6 + 0.35*(z-4.5) - math.Abs(0.6*rng.NormFloat64())),
		})
	}
	return points
}

// sampleScaling has one curve for each family.
func sampleScaling() transfer.Scaling {
	s := transfer.Scaling{Layer: 1, Head: 2, Draws: 16, Tokens: 256}
	families := []struct {
		name      string
		estimator bool
		at64      float64 // error at 64 neurons
		law       float64 // what the law says there; 0 for none
	}{
		{"calibrated", true, 0.21, 0.22}, {"exp", true, 0.9, 3.1}, {"gerf", true, 0.55, 0},
		{"hyperbolic", true, 0.8, 0}, {"trig", true, 2.9, 0}, {"cosine", true, 4.1, 0},
		{"linear", false, 0.99, 0}, {"truncated-exp", false, 0.85, 0}, {"positive-cosine", false, 6, 0},
		{"clipped-sine", false, 2.2, 0}, {"elu1", false, 0.7, 0}, {"relu", false, 0.66, 0},
	}
	for k, f := range families {
		c := transfer.Curve{Name: f.name, Estimator: f.estimator}
		for m := 64; m <= 4096; m *= 2 {
			shrink := math.Sqrt(64 / float64(m))
			e := f.at64 * math.Pow(shrink, 0.9)
			if !f.estimator {
				e = f.at64 * (0.8 + 0.2*shrink)
			}
			e *= 1 + 0.04*math.Sin(float64(k+m))
			c.Neurons = append(c.Neurons, m)
			c.Error = append(c.Error, transfer.Number(e))
			if f.law > 0 {
				c.Law = append(c.Law, transfer.Number(f.law*shrink))
			}
		}
		s.Curves = append(s.Curves, c)
	}
	return s
}

// sampleTrace makes up a trace with the shape of a real one.
func sampleTrace(tokens, neurons, outputs, domains, samples int, causal bool) *rate.Trace {
	rng := rand.New(rand.NewPCG(3, 4))
	t := &rate.Trace{
		Tokens: tokens, Causal: causal, Neurons: neurons, Outputs: outputs, Domains: domains, Present: 1, Window: 0.25,
		Step: 2 * float64(tokens) / float64(samples-1),
	}
	walk := func(x []float64, n int, up float64) []float64 {
		for range n {
			last := 0.0
			if len(x) >= n {
				last = x[len(x)-n]
			}
			x = append(x, last+up+rng.NormFloat64())
		}
		return x
	}
	for i := range samples {
		t.Time = append(t.Time, float64(i)*t.Step)
		presentation := min(int(t.Time[i]), 2*tokens-1)
		t.Token = append(t.Token, presentation%tokens)
		t.Hidden, t.Output, t.Gain = walk(t.Hidden, neurons, 0), walk(t.Output, outputs, 0), walk(t.Gain, neurons, 0.1)
		t.Calcium, t.HebbNorm = walk(t.Calcium, domains, 0.3), append(t.HebbNorm, float64(i))
	}
	return t
}

// fitted makes of a result one of fitted curves, with fidelity of three kinds of
// curves.
func fitted(r *transfer.Report) *transfer.Report {
	r.Config.Tuning, r.Config.Draw, r.Config.Neurons, r.Config.Estimator = "fitted", "", 0, false
	r.Config.TotalNeurons, r.Config.Curves = 1536, "0123456789abcdef"
	for l := range r.Layers {
		for h := range r.Layers[l].Heads {
			head := &r.Layers[l].Heads[h]
			head.Calibrated = &transfer.Before{OutputCosine: head.OutputCosine - 0.3, LogCalciumError: 4 * head.LogCalciumError}
			head.CorrectedCorrelation, head.TargetCorrelation = head.CalciumCorrelation, head.CalciumCorrelation
		}
	}
	for i := range r.Chosen.Points {
		r.Chosen.Points[i].LogCorrected = r.Chosen.Points[i].LogCalcium
	}
	r.Scaling.Curves = append(r.Scaling.Curves, transfer.Curve{Name: "fitted", Neurons: []int{96}, Error: []transfer.Number{0.09}})
	r.Fidelity = transfer.Fidelity{Texts: 41, Tokens: 1433, Task: transfer.Fill, Answers: 205, HiddenUniform: 0.67, AgreementUniform: 0.1}
	for i, name := range []string{"exp", "calibrated"} {
		c := transfer.FidelityCurve{Name: name, Draw: []string{"iid", "orthogonal"}[i]}
		for m := 16; m <= 2048; m *= 2 {
			lost := 0.3 / math.Pow(float64(m)/16, 0.15+0.3*float64(i))
			c.Neurons = append(c.Neurons, transfer.Number(m))
			c.Hidden = append(c.Hidden, transfer.Number(1-lost))
			c.Agreement = append(c.Agreement, transfer.Number(1-2*lost))
		}
		r.Fidelity.Curves = append(r.Fidelity.Curves, c)
	}
	r.Fidelity.Curves = append(r.Fidelity.Curves, transfer.FidelityCurve{Name: "fitted", Neurons: []transfer.Number{48.4, 96},
		Hidden: []transfer.Number{0.97, 0.985}, Agreement: []transfer.Number{0.9, 0.95}})
	return r
}

// allocated makes of a result one whose heads got neurons for an error of 10%.
func allocated(r *transfer.Report) *transfer.Report {
	r.Config.Error, r.Config.Neurons = 0.1, 0
	for l := range r.Layers {
		for h := range r.Layers[l].Heads {
			head := &r.Layers[l].Heads[h]
			asked := head.BudgetCalibratedLog10 + 0.1
			head.Neurons = int(min(max(math.Pow(10, float64(asked)), transfer.LeastNeurons), transfer.MostNeurons))
			law := 0.1 * math.Sqrt(math.Pow(10, float64(head.BudgetCalibratedLog10))/float64(head.Neurons))
			head.Allocated = &transfer.Allocated{AskedLog10: asked, Law: transfer.Number(law), Error: transfer.Number(0.6 * law)}
		}
	}
	return r
}
