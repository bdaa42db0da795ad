package report

import (
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/transfer"
)

// attended makes up attention: pictures or, without patches, texts.
func attended(p *transfer.Patches, inputs int) transfer.Attended {
	rng := rand.New(rand.NewPCG(5, 6))
	a := transfer.Attended{Layer: 3}
	for i := range inputs {
		in := transfer.AttendedInput{Input: i, Patches: p, Readout: []int{0}, Correlation: 0.9876}
		tokens := 9
		if p == nil {
			in.Tokens = []string{"[CLS]", "in", "the", "begin", "##ning", "god", "created", ".", "[SEP]"}
		} else {
			tokens = 1 + p.Rows*p.Cols
			in.Name, in.Truth = "ankle-boot.png", "ankle boot"
			in.ExactAnswer = &transfer.Answer{Text: "ankle boot", Probability: 0.998}
			in.CircuitAnswer = &transfer.Answer{Text: "sneaker", Probability: 0.5}
			in.UniformAnswer = &transfer.Answer{Text: "bag", Probability: nan}
		}
		for range 2 {
			exact, circuit := make([]transfer.Number, tokens), make([]transfer.Number, tokens)
			for t := range exact {
				exact[t] = transfer.Number(2 * rng.Float64() / float64(tokens))
				circuit[t] = exact[t] * transfer.Number(0.5+rng.Float64())
			}
			in.Exact, in.Circuit = append(in.Exact, exact), append(in.Circuit, circuit)
		}
		a.Inputs = append(a.Inputs, in)
	}
	return a
}

func patches(channels int) *transfer.Patches {
	return &transfer.Patches{Channels: channels, Height: 8, Width: 12, PatchHeight: 4, PatchWidth: 4, StrideHeight: 4, StrideWidth: 2,
		Rows: 2, Cols: 5, Seen: make([]float32, channels*8*12)}
}

// sample makes up a result with the shape and the ranges of a real one.
func sample(layers, heads, tokens int) *transfer.Report {
	rng := rand.New(rand.NewPCG(3, 4))
	r := &transfer.Report{
		Schema: transfer.Schema, Program: "v0.1.0", Kernel: "portable",
		Config: transfer.Resolved{Seed: 1, Generator: "pcg-v1", Attention: "algebraic", Tuning: "calibrated", Estimator: true, Draw: "orthogonal", Neurons: 256},
		Model:  transfer.Model{Name: "kjv-albert", Architecture: "albert", Layers: layers, Heads: heads, HeadWidth: 32, Width: 32 * heads, Parameters: 1_234_567},
		Input:  transfer.Input{Kind: transfer.Texts, Texts: 40, Tokens: tokens, HeadTexts: 40, HeadTokens: tokens, CalibrationTexts: 200, CalibrationTokens: 6000, Masked: 128},
		Network: transfer.Network{HiddenCosine: 0.9531, HiddenUniform: 0.4118, EmbeddingCosine: 0.9812, EmbeddingP05: 0.9532,
			EmbeddingUniform: 0.35, EmbeddingOther: 0.1, EmbeddingCentred: 0.9421, SimilarityRank: 0.9309,
			Task: &transfer.Task{Name: transfer.Fill, Answers: 128, Known: 128, Agreement: 0.875, AgreementUniform: 0.12, Exact: 0.453, Circuit: 0.438, Uniform: 0.081}},
		Notes: []string{
			"With 24 of 24 heads replaced by neurons and astrocytes the network keeps 92% of what attention does beyond its uniform floor: it works.",
			"The head that loses most is layer 3, head 1; give it more neurons with --neurons, or allocate them by error with --error.",
		},
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
				LogCalciumError: transfer.Number(0.02 * norm), CalciumCorrelation: transfer.Number(1 - 0.02*norm),
				CorrectedCorrelation: transfer.Number(1 - 0.01*norm), TargetCorrelation: transfer.Number(1 - 0.012*norm),
				NullCorrelation: transfer.Number(1 - 0.05*norm), OutputCosine: transfer.Number(1 - 0.006*norm),
				MemoryBytes: 256 * 34 * 4,
			})
		}
		r.Layers = append(r.Layers, layer)
	}
	r.Chosen = transfer.Chosen{Layer: layers - 1, Head: heads - 1}
	words := []string{"[CLS]", "in", "the", "beginning", "god", "created", "##ing", "."}
	for i := range tokens {
		z := 4.5 + 1.4*rng.NormFloat64()
		r.Chosen.Points = append(r.Chosen.Points, transfer.Point{
			Text: i / 24, Position: i % 24, Token: words[i%len(words)], LogNormalizer: transfer.Number(z),
			LogCorrected: transfer.Number(z + 0.22*rng.NormFloat64()), LogCalcium: transfer.Number(z - 3),
			LogNull: transfer.Number(2.6 + 0.35*(z-4.5)),
		})
	}
	r.Scaling = transfer.Scaling{Layer: layers - 1, Head: heads - 1, Draws: 16, Tokens: 256}
	for _, c := range []transfer.Curve{
		{Name: "calibrated", Estimator: true, Error: []transfer.Number{0.22}, Law: []transfer.Number{0.21}},
		{Name: "exp", Estimator: true, Error: []transfer.Number{0.9}, Law: []transfer.Number{3.1}},
		{Name: "elu1", Error: []transfer.Number{0.7}},
	} {
		start, law := float64(c.Error[0]), c.Law
		c.Error, c.Law = nil, nil
		for m := 64; m <= 4096; m *= 4 {
			shrink := math.Sqrt(64 / float64(m))
			c.Neurons = append(c.Neurons, m)
			if !c.Estimator {
				shrink = 1
			}
			c.Error = append(c.Error, transfer.Number(start*shrink))
			if law != nil {
				c.Law = append(c.Law, law[0]*transfer.Number(shrink))
			}
		}
		r.Scaling.Curves = append(r.Scaling.Curves, c)
	}
	return r
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
func allocatedHeads(r *transfer.Report) *transfer.Report {
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

// inTime makes of a result one of heads in time.
func inTime(r *transfer.Report) *transfer.Report {
	d := network.DefaultDynamics()
	r.Config.Attention, r.Config.Dynamics, r.Config.SecondsPerToken = "rate", &d, 8
	for l := range r.Layers {
		for h := range r.Layers[l].Heads {
			r.Layers[l].Heads[h].Attention = "rate"
		}
	}
	r.Timescales = &transfer.Timescales{Texts: 8, Tokens: 306, TokensPerText: 38.25, Task: transfer.Fill, Answers: 45, Layers: 4,
		HiddenUniform: 0.656, AgreementUniform: 0.067, HiddenAlgebraic: 0.973, AgreementAlgebraic: 0.822}
	for i, tau := range []float64{7, 0.2} {
		c := transfer.TimescaleCurve{Astrocyte: []string{"7", "0.2"}[i]}
		for _, x := range []float64{0.1, 1, 10, 30} {
			left := transfer.Number(math.Exp(-x))
			c.Present, c.Seconds = append(c.Present, transfer.Number(x*tau)), append(c.Seconds, transfer.Number(306*x*tau))
			c.Hidden, c.Agreement, c.Logits = append(c.Hidden, 0.973-0.5*left), append(c.Agreement, 0.822-0.7*left), append(c.Logits, 15*left)
		}
		r.Timescales.Curves = append(r.Timescales.Curves, c)
	}
	return r
}
