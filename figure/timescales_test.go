package figure

import (
	"math"

	"github.com/tripartite-go/tripartite/transfer"
)

// sampleTimescales makes up two astrocytes, of which one is 35 times slower.
func sampleTimescales() transfer.Timescales {
	t := transfer.Timescales{Texts: 8, Tokens: 306, TokensPerText: 38.25, Task: transfer.Fill, Answers: 45, Layers: 4,
		HiddenUniform: 0.66, AgreementUniform: 0.07, HiddenAlgebraic: 0.973, AgreementAlgebraic: 0.82}
	for i, tau := range []float64{7, 0.2} {
		c := transfer.TimescaleCurve{Astrocyte: []string{"7", "0.2,2=1,3.5=0.01"}[i]}
		for _, x := range []float64{0.1, 0.3, 1, 3, 10, 30} {
			left := transfer.Number(math.Exp(-x))
			c.Present = append(c.Present, transfer.Number(x*tau))
			c.Seconds = append(c.Seconds, transfer.Number(306*x*tau))
			c.Hidden = append(c.Hidden, 0.973-0.5*left)
			c.Agreement = append(c.Agreement, 0.82-0.7*left)
			c.Logits = append(c.Logits, 15*left+1e-5)
		}
		t.Curves = append(t.Curves, c)
	}
	return t
}

// timescaleFigures are those of ordinary results and of hard ones.
func timescaleFigures() map[string]*Figure {
	nan := transfer.Number(math.NaN())
	one := sampleTimescales()
	one.Curves, one.Answers = one.Curves[:1], 0
	lost := sampleTimescales()
	lost.HiddenAlgebraic, lost.AgreementUniform = nan, nan
	lost.Curves[0].Hidden[0], lost.Curves[1].Logits[2] = nan, nan
	short := sampleTimescales()
	for i := range short.Curves {
		c := &short.Curves[i]
		c.Present, c.Seconds, c.Hidden, c.Agreement, c.Logits = c.Present[:1], c.Seconds[:1], c.Hidden[:1], c.Agreement[:1], c.Logits[:1]
	}
	two := sampleTimescales()
	two.Answers = 0
	return map[string]*Figure{
		"timescales": Timescales(sampleTimescales()), "timescales empty": Timescales(transfer.Timescales{}),
		"timescales without answers": Timescales(one), "two timescales without answers": Timescales(two),
		"timescales not defined": Timescales(lost), "timescales of one length": Timescales(short),
	}
}
