package transfer

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
)

// report returns one with a single replaced head and the given cosines.
func report(hidden, uniform float64) *Report {
	return &Report{
		Config:  Resolved{Tuning: "exp", Estimator: true, Attention: "algebraic"},
		Layers:  []Layer{{Heads: []Head{{Neurons: 8, OutputCosine: 0.7, CalciumCorrelation: 0.9, CorrectedCorrelation: 0.9, NullCorrelation: 0.5}}}},
		Network: Network{HiddenCosine: Number(hidden), HiddenUniform: Number(uniform)},
	}
}

// with returns the report after a change.
func with(r *Report, change func(*Report)) *Report {
	change(r)
	return r
}

// Notes claim what the numbers show and no more.
func TestNotesFollowTheNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		report     *Report
		has, lacks []string
	}{
		"good": {report(0.99, 0.5),
			[]string{"1 of 1 head replaced", "go 98% of the way", "it works"}, []string{"loses most", "does not do", "masked"}},
		"middling": {report(0.85, 0.5),
			[]string{"go 70% of the way", "good enough to study single heads", "--attention algebraic,0.0=exact"}, []string{"it works"}},
		"bad": {report(0.4, 0.5),
			[]string{"go 0% of the way", "does not do the original's work", "--tuning calibrated"}, []string{"it works"}},
		"fast": {with(report(0.99, 0.5), func(r *Report) { r.Arithmetic = tensor.Arithmetic{Precision: "fast", Products: "amx"} }),
			[]string{"fast ones (amx)"}, []string{"Products are float32"}},
		"fast without AMX": {with(report(0.99, 0.5), func(r *Report) {
			r.Arithmetic = tensor.Arithmetic{Precision: "fast", Products: "avx2", Reason: "this CPU has no AMX"}
		}), []string{"Products are float32 (avx2), though fast ones", "this CPU has no AMX."}, []string{"fast ones (a"}},
		"nothing to compare": {report(1, 1),
			[]string{"attention does no work"}, []string{"it works", "of the way", "loses most"}},
		"undefined": {report(math.NaN(), 0.5),
			[]string{"not numbers", "positive everywhere"}, []string{"it works", "single heads", "does no work"}},
		"good states, bad words": {with(report(0.99, 0.5), func(r *Report) {
			r.Network.Task = &Task{Name: Fill, Answers: 10, Known: 10, Agreement: 0.7, AgreementUniform: 0.2}
		}), []string{"98% of the way", "of 10 masked tokens the circuit fills 70%", "62% of the way", "single heads", "There are only 10 masked tokens: one more or less that is filled alike is 10% of them", "--input TEXTS"}, []string{"it works"}},
		"all pictures named": {with(report(0.99, 0.5), func(r *Report) {
			r.Input.Kind = Pictures
			r.Network.Task = &Task{Name: Classify, Answers: 10, Known: 10, Agreement: 1, AgreementUniform: 0.2}
		}), []string{"of 10 pictures the circuit names 100%", "it works", "is 10% of them", "--input FOLDER"}, []string{"masked", "not known", "is known of"}},
		"sounds of unknown labels": {with(report(0.99, 0.5), func(r *Report) {
			r.Input.Kind = Sounds
			r.Network.Task = &Task{Name: Classify, Answers: 1000, Agreement: 0.5, AgreementUniform: 0.2}
		}), []string{"of 1,000 sounds the circuit names 50%", "does not do the original's work", "Which label is right is not known"}, []string{"one more or less"}},
		"some labels known": {with(report(0.99, 0.5), func(r *Report) {
			r.Input.Kind = Sounds
			r.Network.Task = &Task{Name: Classify, Answers: 1000, Known: 3, Agreement: 0.5, AgreementUniform: 0.2}
		}), []string{"is known of 3 of 1,000 sounds"}, []string{"not known"}},
		"one answer": {with(report(0.99, 0.5), func(r *Report) {
			r.Input.Kind = Texts
			r.Network.Task = &Task{Name: Fill, Answers: 1, Known: 1, Agreement: 1, AgreementUniform: 0}
		}), []string{"of 1 masked token the circuit fills 100%", "There is only 1 masked token: one"}, []string{"1 masked tokens"}},
		"a text goes on": {with(report(0.99, 0.5), func(r *Report) {
			r.Network.Task = &Task{Name: Next, Answers: 200, Known: 200, Agreement: 0.99, AgreementUniform: 0.2,
				Loss: &Loss{Exact: 1, Circuit: 1.02, Uniform: 3}, BitsPerByte: &Loss{Exact: 1.5, Circuit: 1.53, Uniform: 4.5}}
		}), []string{"of 200 next tokens the circuit guesses 99%", "at 1.530 bits per byte; exact attention has 1.500, uniform 4.500", "it works"}, []string{"named", "one more or less"}},
		"a text goes on worse than it seems": {with(report(0.99, 0.5), func(r *Report) {
			r.Network.Task = &Task{Name: Next, Answers: 200, Known: 200, Agreement: 0.99, AgreementUniform: 0.2,
				Loss: &Loss{Exact: 1, Circuit: 2.5, Uniform: 3}, BitsPerByte: &Loss{Exact: 1.5, Circuit: 3.7, Uniform: 4.5}}
		}), []string{"does not do the original's work"}, []string{"it works"}},
		"some inputs' heads": {with(report(0.99, 0.5), func(r *Report) {
			r.Input = Input{Kind: Pictures, Texts: 100, HeadTexts: 40, HeadTokens: 2000}
		}), []string{"Heads were compared on 40 of 100 pictures (2,000 tokens)"}, nil},
		"ALiBi": {with(report(0.99, 0.5), func(r *Report) {
			r.Model.ALiBi = true
			r.Layers[0].Heads[0].NullCorrelation = 0.95
		}), []string{"sum of weights N and their weighted mean"}, nil},
		"no head replaced": {with(report(1, 0.5), func(r *Report) { r.Layers[0].Heads[0].Neurons = 0 }),
			[]string{"No head was replaced"}, []string{"it works", "correlates"}},
		"null predictor wins": {with(report(0.99, 0.5), func(r *Report) { r.Layers[0].Heads[0].NullCorrelation = 0.95 }),
			[]string{"In 1 of 1 replaced head ", "no better than the null predictor"}, nil},
		"calcium wins": {report(0.99, 0.5), nil, []string{"null predictor"}},
		"calibrated": {with(report(0.99, 0.5), func(r *Report) {
			r.Config.Tuning = "calibrated"
			r.Layers[0].Heads[0].CalciumCorrelation = 0.1
		}), []string{"calcium c stands for Z/f", "in 0 of 1 replaced head, log(c f) in 1"}, nil},
		"signed, no estimator": {with(report(0.4, 0.5), func(r *Report) {
			r.Config.Estimator = false
			r.Layers[0].Heads[0].NonPositive = 3
		}), []string{"zero or negative at 3 readings", "more neurons will not make them one"}, []string{"more --neurons"}},
		"fitted": {with(report(0.99, 0.5), func(r *Report) {
			r.Config.Tuning, r.Config.Estimator = "fitted", false
			r.Layers[0].Heads[0].LogCalciumError = 0.08
			r.Input.Kind = Texts
			r.Fidelity = Fidelity{Texts: 7, Curves: []FidelityCurve{
				{Name: "exp", Draw: "iid", Neurons: []Number{16, 32}, Hidden: []Number{0.5, 0.6}},
				{Name: "calibrated", Draw: "orthogonal", Neurons: []Number{1024, 4096}, Hidden: []Number{0.9, 0.98}},
				{Name: "fitted", Neurons: []Number{20, 60}, Hidden: []Number{0.94, 0.1}},
			}}
		}), []string{
			"fitted with 20 neurons a head keeps a cosine of 0.940 of the last hidden states (on 7 texts). Drawn at random, that takes more than 32 of exp curves, and about 2,000 of calibrated curves.",
			"fitted with 60 neurons a head keeps a cosine of 0.100", "16 or fewer of exp curves",
			"Z itself, without a factor: the median error of log c is 0.08 at the median head, 0.08 at the worst", "better with log Z than", "in 1 of 1 replaced head.",
		}, []string{"c stands for Z/f", "--tuning calibrated"}},
		"fitted, bad": {with(report(0.4, 0.5), func(r *Report) {
			r.Config.Tuning, r.Config.Estimator, r.Input.Kind = "fitted", false, Sounds
		}), []string{"fitted with more neurons, for longer, or to more sounds"}, []string{"--neurons", "no estimator", "keeps a cosine"}},
		"allocated": {with(report(0.99, 0.5), func(r *Report) {
			r.Config.Error = 0.1
			r.Layers[0].Heads[0].Allocated = &Allocated{AskedLog10: 3, Law: 0.11, Error: 0.062}
		}), []string{"1 head has the neurons that the variance law asks for", "at 10%: at the median head of these, the law says an error of 11% there, and 6.2% was found"}, []string{"asks for more", "Fitted curves"}},
		"limited": {with(report(0.9, 0.5), func(r *Report) {
			r.Config.Error, r.Config.Tuning = 0.3, "calibrated"
			h := r.Layers[0].Heads[0]
			h.Allocated = &Allocated{AskedLog10: 9, Law: 12, Error: 0.5}
			r.Layers[0].Heads = []Head{h, h}
			r.Fidelity.Curves = []FidelityCurve{{Name: "fitted"}}
		}), []string{"2 heads ask for more than 16,384 neurons for a relative error of calcium of 30%, and got 16,384: at the median head of these, the law says an error of more than 1,000% there, and 50% was found.",
			"curves that are drawn, here calibrated ones. Fitted curves have neurons of their own", "a smaller --error"}, []string{"the neurons that the variance law asks for", "--error X"}},
		"in time": {with(report(0.99, 0.5), func(r *Report) {
			d := network.DefaultDynamics()
			r.Config.Dynamics, r.Config.SecondsPerToken, r.Input.Kind, r.Layers[0].Heads[0].Lost = &d, 8, Texts, 2
			r.Timescales = &Timescales{Layers: 4, TokensPerText: 38, HiddenUniform: 0.5, HiddenAlgebraic: 0.97, Curves: []TimescaleCurve{
				{Astrocyte: "7", Present: []Number{0.7, 7, 70}, Seconds: []Number{213, 2128, 21280}, Hidden: []Number{0.4, 0.97, 0.9}},
				{Astrocyte: "0.2", Present: []Number{0.02, 0.2, 2}, Seconds: []Number{6, 61, 608}, Hidden: []Number{0.4, 0.961, 0.97}},
			}}
		}), []string{
			"In time 2 readings have no value", "That is 8 s of the circuit's time for every token.",
			"With calcium of 7 s, as slow as IP3 in models of astrocytes, presentations of 0.7 s for a token leave a cosine of 0.40",
			"No length that was tried, up to 70 s, comes within 0.01",
			"within 0.01 of the algebraic level's from 0.2 s on, which make 61 s for a text of 38 tokens.",
		}, nil},
		"in time, for longer": {with(report(0.99, 0.5), func(r *Report) {
			d := network.DefaultDynamics()
			r.Config.Dynamics, r.Input.Kind = &d, Sounds
			r.Timescales = &Timescales{Layers: 4, TokensPerText: 38, HiddenUniform: 0.5, HiddenAlgebraic: 0.97, Curves: []TimescaleCurve{
				{Astrocyte: "7", Present: []Number{70}, Seconds: []Number{21280}, Hidden: []Number{0.97}},
				{Astrocyte: "1", Present: []Number{7}, Seconds: []Number{600}, Hidden: []Number{Number(math.NaN())}},
			}}
		}), []string{"which make 5.91 hours for a sound of 38 tokens", "leave no hidden states that are numbers"}, []string{"no value"}},
		"beyond reach": {with(report(0.6, 0.5), func(r *Report) { r.Layers[0].Heads[0].BudgetCalibratedLog10 = 6 }),
			[]string{"1 head needs more than 16,384 calibrated neurons", "random curves will not reach it"}, nil},
	} {
		text := strings.Join(notes(c.report), "\n")
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("%s: notes lack %q:\n%s", name, s, text)
			}
		}
		for _, s := range c.lacks {
			if strings.Contains(text, s) {
				t.Errorf("%s: notes claim %q:\n%s", name, s, text)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
			t.Errorf("%s: badly written:\n%s", name, text)
		}
	}
}
