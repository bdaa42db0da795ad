package transfer

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/network"
)

// notes writes what the numbers mean into plain sentences, and what to do when
// they are bad. Every sentence is conditioned on the numbers it speaks of.
func (r *run) notes() { r.report.Notes = append(notes(&r.report), r.report.Notes...) }

func notes(r *Report) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	n := r.Network
	replaced, total := 0, 0
	nonPositive, limited := 0, 0
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			total++
			if h.Neurons > 0 {
				replaced++
			}
			nonPositive += h.NonPositive
			if h.Neurons >= NeuronLimits[1] {
				limited++
			}
		}
	}

	kept := kept(float64(n.HiddenCosine), float64(n.HiddenUniform))
	switch {
	case replaced == 0:
		say("No head was replaced by neurons and astrocytes: the selection is %q.", r.Config.Attention)
	case math.IsNaN(kept):
		say("Uniform attention gives the same hidden states as exact attention: on these texts attention does no work to be compared.")
	case kept >= 0.9:
		say("With %d of %d heads replaced by neurons and astrocytes the network keeps %.0f%% of what attention does beyond its uniform floor: it works.", replaced, total, 100*kept)
	case kept >= 0.5:
		say("With %d of %d heads replaced by neurons and astrocytes the network keeps %.0f%% of what attention does beyond its uniform floor: usable for looking at single heads, not yet in place of the original.", replaced, total, 100*kept)
	default:
		say("With %d of %d heads replaced by neurons and astrocytes the network keeps %.0f%% of what attention does beyond its uniform floor: it does not do the original's work.", replaced, total, 100*max(0, kept))
	}
	if t := n.Task; t != nil && replaced > 0 {
		say("Of %d masked words the circuit fills %.0f%% as exact attention does (uniform attention: %.0f%%); it is right in %.0f%%, exact attention in %.0f%%, uniform attention in %.0f%%.",
			r.Input.Masked, 100*t.Agreement, 100*t.AgreementUniform, 100*t.Circuit, 100*t.Exact, 100*t.Uniform)
	}
	if replaced > 0 && !(kept >= 0.9) {
		advise(r, say)
	}
	if r.Config.Error > 0 && limited > 0 {
		say("%d heads would need more than %d neurons for an error of %g and got that many.", limited, NeuronLimits[1], r.Config.Error)
	}
	if nonPositive > 0 {
		say("Calcium was zero or negative at %d readings: %s curves are signed, and where calcium is not positive it normalizes nothing. Such outputs are left as the equation gives them; use curves that are never negative (exp, hyperbolic, gerf, calibrated).",
			nonPositive, r.Config.Tuning)
	}
	if better := beatsNull(r); replaced > 0 && better < replaced {
		say("In %d of %d replaced heads calcium tracks the softmax normalizer no better than the null predictor log N + q.mean(k), which knows only the keys' mean.", replaced-better, replaced)
	}
	say("Budgets are for independent random curves and a relative error of calcium of %.0f%% at the median query. The variance law for exp is exact; calibration, its budget and the reading of this table are this project's, not the paper's.", 100*BudgetError)
	return out
}

// kept returns the share of the way from uniform to exact that a cosine to the
// exact network has gone; NaN where there is no way to go.
func kept(cosine, uniform float64) float64 {
	if !(1-uniform > 1e-6) {
		return math.NaN()
	}
	return (cosine - uniform) / (1 - uniform)
}

// advise says what would make a bad network better.
func advise(r *Report, say func(string, ...any)) {
	if !r.Config.Estimator {
		say("%s curves are no estimator of exp(q.k): more neurons will not help. Use calibrated, exp, hyperbolic or gerf.", r.Config.Tuning)
		return
	}
	if r.Config.Tuning != network.Calibrated {
		say("Calibrated curves (--tuning calibrated, with calibration texts) need far fewer neurons: see the two budgets of each head.")
	}
	worst, layer := Head{OutputCosine: 2}, 0
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			if h.Neurons > 0 && h.OutputCosine < worst.OutputCosine {
				worst, layer = h, l.Layer
			}
		}
	}
	if worst.OutputCosine <= 1 {
		say("The head that loses most is %d.%d (output cosine %.2f). To leave it exact: --attention algebraic,%d.%d=exact. To bring all closer: more --neurons, or --error, which gives them to the heads that need them.",
			layer, worst.Head, float64(worst.OutputCosine), layer, worst.Head)
	}
}

// beatsNull counts the replaced heads whose calcium correlates better with the
// softmax normalizer than the null predictor does.
func beatsNull(r *Report) int {
	better := 0
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			if h.Neurons > 0 && h.CalciumCorrelation > h.NullCorrelation {
				better++
			}
		}
	}
	return better
}
