package transfer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// How much of the way from uniform to exact attention a network has to go to be
// called working, or usable. The words are ours; every number is beside them.
const (
	worksFrom  = 0.9
	usableFrom = 0.5
)

// notes writes what the numbers mean into plain sentences, and what to do when
// they are bad. Every sentence is conditioned on the numbers it speaks of.
func notes(r *Report) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var replaced []Head
	total, nonPositive, lost := 0, 0, 0
	for _, l := range r.Layers {
		total += len(l.Heads)
		for _, h := range l.Heads {
			nonPositive += h.NonPositive
			lost += h.Lost
			if h.Neurons > 0 {
				replaced = append(replaced, h)
			}
		}
	}
	if len(replaced) == 0 {
		say("No head was replaced by neurons and astrocytes: the selection is %q.", r.Config.Attention)
	} else {
		works := verdict(r, len(replaced), total, say)
		need(r, say)
		if !works {
			advise(r, say)
		}
		calcium(r, replaced, say)
	}
	allocation(r, replaced, say)
	if nonPositive > 0 {
		say("Calcium was zero or negative at %s: %s curves allow it, and where calcium is not positive it normalizes nothing. Such outputs are left as the equation gives them; curves that are positive everywhere (exp, hyperbolic, gerf, calibrated, fitted) do not do this.",
			counts.Plural(nonPositive, "reading"), r.Config.Tuning)
	}
	if lost > 0 {
		say("In time %s no value: calcium passed through zero while it divided. Curves that are positive everywhere do not do this.", counts.Nouns(lost, "reading has", "readings have"))
	}
	timescaleNotes(r, say)
	if r.Input.HeadTexts < r.Input.Texts {
		say("Heads were compared on %s of %s %s (%s), spread evenly over them; whole networks on all.", counts.Format(r.Input.HeadTexts), counts.Format(r.Input.Texts), inputs(r), counts.Plural(r.Input.HeadTokens, "token"))
	}
	switch {
	case r.Reason != "":
		say("Products are float32 (%s), though %s ones were asked for: %s.", r.Products, r.Arithmetic.Precision, r.Reason)
	case r.Arithmetic.Precision == tensor.Fast.String():
		say("Products are fast ones (%s): three of bfloat16 for each of float32, whose largest errors are about 2e-5 of the root mean square.", r.Products)
	}
	say("Budgets are for independent random curves and a relative error of calcium of %.0f%% at the median query. The variance law for exp is exact; calibration, budgets and the words of this report are this project's, not the paper's.", 100*BudgetError)
	return out
}

// verdict says how far the whole network has come and reports whether that is
// far enough, by the worst of its measures.
func verdict(r *Report, replaced, total int, say func(string, ...any)) (works bool) {
	n := r.Network
	if math.IsNaN(float64(n.HiddenCosine)) {
		say("With %s of %s replaced the network's hidden states are not numbers: somewhere calcium vanished or a rate overflowed. Use curves that are positive everywhere (calibrated, exp, hyperbolic, gerf).", counts.Format(replaced), counts.Plural(total, "head"))
		return false
	}
	hidden := way(n.HiddenCosine, n.HiddenUniform)
	if math.IsNaN(hidden) {
		say("Uniform attention gives the same hidden states as exact attention: on these %s attention does no work to be compared.", inputs(r))
		return true
	}
	worst := hidden
	if t := n.Task; t != nil {
		for _, x := range []float64{way(t.Agreement, t.AgreementUniform), t.Loss.way()} {
			if x < worst {
				worst = x
			}
		}
	}
	judgement := "it does not do the original's work"
	switch {
	case worst >= worksFrom:
		judgement = "it works"
	case worst >= usableFrom:
		judgement = "good enough to study single heads, not yet to take the original's place"
	}
	say("With %s of %s replaced by neurons and astrocytes, the last hidden states go %.0f%% of the way, by cosine, from uniform to exact attention%s: %s.",
		counts.Format(replaced), counts.Plural(total, "head"), 100*max(0, hidden), done(r), judgement)
	few(r, say)
	return worst >= worksFrom
}

// done says what the network still does of what it is for.
func done(r *Report) string {
	t := r.Network.Task
	if t == nil {
		return ""
	}
	what := map[string]string{
		Fill:     counts.Plural(t.Answers, "masked token") + " the circuit fills",
		Classify: counts.Plural(t.Answers, input(r)) + " the circuit names",
		Next:     counts.Plural(t.Answers, "next token") + " the circuit guesses",
	}[t.Name]
	text := fmt.Sprintf("; of %s %.0f%% as exact attention does (uniform attention: %.0f%%", what, 100*t.Agreement, 100*t.AgreementUniform)
	if x := way(t.Agreement, t.AgreementUniform); !math.IsNaN(x) {
		text += fmt.Sprintf("; %.0f%% of the way", 100*max(0, x))
	}
	text += ")"
	if b := t.BitsPerByte; b != nil {
		text += fmt.Sprintf(", at %.3f bits per byte; exact attention has %.3f, uniform %.3f", b.Circuit, b.Exact, b.Uniform)
	}
	return text
}

// fewAnswers is below how many answers a share of them is rough.
const fewAnswers = 100

// few warns of shares of few answers, and of right ones that are not known.
func few(r *Report, say func(string, ...any)) {
	t := r.Network.Task
	if t == nil {
		return
	}
	if t.Answers < fewAnswers {
		asked := map[string][3]string{
			Fill:     {"masked token", "filled", "TEXTS"},
			Classify: {input(r), "named", "FOLDER"},
			Next:     {"next token", "guessed", "TEXTS"},
		}[t.Name]
		are := "are"
		if t.Answers == 1 {
			are = "is"
		}
		say("There %s only %s: one more or less that is %s alike is %.0f%% of them. To see finer differences, give more by --input %s.",
			are, counts.Plural(t.Answers, asked[0]), asked[1], 100/float64(t.Answers), asked[2])
	}
	if t.Name != Classify {
		return
	}
	if t.Known == 0 {
		say("Which label is right is not known, so nothing is said of that. Put %s into folders called like their labels, FOLDER/LABEL/..., to have it counted.", inputs(r))
	} else if t.Known < t.Answers {
		say("Which label is right is known of %s of %s %s; the share that is right is one of these.", counts.Format(t.Known), counts.Format(t.Answers), inputs(r))
	}
}

// inputs names what the network reads.
func inputs(r *Report) string { return r.Input.Kind }

// input names one of them.
func input(r *Report) string { return strings.TrimSuffix(inputs(r), "s") }

// way returns the share of the way from uniform to exact attention that the loss
// has gone, NaN where there is none or no way to go.
func (l *Loss) way() float64 {
	if l == nil || !(l.Uniform-l.Exact > 1e-6) {
		return math.NaN()
	}
	return float64((l.Uniform - l.Circuit) / (l.Uniform - l.Exact))
}

// way returns the share of the way from uniform to exact attention, which is 1,
// that a measure has gone; NaN where there is no way to go.
func way(x, uniform Number) float64 {
	if !(1-uniform > 1e-6) {
		return math.NaN()
	}
	return float64((x - uniform) / (1 - uniform))
}

// need says how many neurons drawn curves need to do what fitted ones do.
func need(r *Report, say func(string, ...any)) {
	f := &r.Fidelity
	for _, fitted := range f.Curves {
		how := ""
		switch {
		case fitted.Draw != "":
			continue
		case fitted.Name == FittedShared:
			how = ", one curve of each for keys and queries,"
		}
		for j, m := range fitted.Neurons {
			var others []string
			for _, c := range f.Curves {
				if c.Draw != "" {
					others = append(others, c.needs(fitted.Hidden[j])+" of "+c.Name+" curves")
				}
			}
			say("The network fitted with %s neurons a head%s keeps a cosine of %.3f of the last hidden states (on %s). Drawn at random, that takes %s.",
				rounded(m), how, float64(fitted.Hidden[j]), counts.Plural(f.Texts, input(r)), strings.Join(others, ", and "))
		}
	}
}

// needs says with how many neurons a curve comes to a cosine: between two that were
// measured, evenly in logarithms.
func (c *FidelityCurve) needs(hidden Number) string {
	for i, x := range c.Hidden {
		switch {
		case !(x >= hidden):
		case i == 0:
			return rounded(c.Neurons[0]) + " or fewer"
		default:
			lo, hi := c.Hidden[i-1], x
			between := math.Log(float64(c.Neurons[i]/c.Neurons[i-1])) * float64((hidden-lo)/(hi-lo))
			m := float64(c.Neurons[i-1]) * math.Exp(between)
			unit := math.Pow(10, max(0, math.Floor(math.Log10(m))-1)) // of the second digit
			return "about " + rounded(Number(math.Round(m/unit)*unit))
		}
	}
	return "more than " + rounded(c.Neurons[len(c.Neurons)-1])
}

// rounded writes a number of neurons, which may be a mean over heads.
func rounded(m Number) string { return counts.Format(int64(math.Round(float64(m)))) }

// advise says what would make a network better.
func advise(r *Report, say func(string, ...any)) {
	if r.Config.Tuning == string(tuning.Fitted) {
		say("Curves that were fitted with more neurons, for longer, or to more %s like these do better.", inputs(r))
		return
	}
	if !r.Config.Estimator {
		say("%s curves are no estimator of exp(q.k): more neurons will not make them one. Use calibrated, exp, hyperbolic or gerf.", r.Config.Tuning)
		return
	}
	if r.Config.Tuning != network.Calibrated {
		say("Calibrated curves (--tuning calibrated) need far fewer neurons: see the two budgets of each head.")
	}
	worst, layer, beyond := Head{OutputCosine: 2}, 0, 0
	for _, l := range r.Layers {
		for _, h := range l.Heads {
			if h.Neurons == 0 {
				continue
			}
			if h.OutputCosine < worst.OutputCosine {
				worst, layer = h, l.Layer
			}
			if h.BudgetCalibratedLog10 > Number(math.Log10(MostNeurons)) {
				beyond++
			}
		}
	}
	if worst.OutputCosine <= 1 {
		closer := "more --neurons, or --error X, which gives each head what the variance law asks for, up to " + counts.Format(MostNeurons)
		if r.Config.Error > 0 {
			closer = "a smaller --error, which heads follow up to " + counts.Format(MostNeurons) + " neurons"
		}
		say("The head that loses most is %d.%d (output cosine %.2f); to leave it exact: --attention algebraic,%d.%d=exact. To bring all closer: %s.",
			layer, worst.Head, float64(worst.OutputCosine), layer, worst.Head, closer)
	}
	if beyond > 0 {
		say("%s more than %s calibrated neurons for an error of %.0f%%: random curves will not reach it there.", counts.Nouns(beyond, "head needs", "heads need"), counts.Format(MostNeurons), 100*BudgetError)
	}
}

// allocation says what came of neurons that were allocated by the variance law.
func allocation(r *Report, replaced []Head, say func(string, ...any)) {
	var law, found [2][]float64 // of heads that got what they asked for, and of others
	for _, h := range replaced {
		if a := h.Allocated; a != nil {
			limited := 0
			if a.AskedLog10 > Number(math.Log10(MostNeurons)) {
				limited = 1
			}
			law[limited], found[limited] = append(law[limited], float64(a.Law)), append(found[limited], float64(a.Error))
		}
	}
	off := func(i int) string {
		return fmt.Sprintf("the law says an error of %s there, and %s was found", relative(stats.Median(law[i])), relative(stats.Median(found[i])))
	}
	if n := len(law[0]); n > 0 {
		say("%s the neurons that the variance law asks for, to keep the relative error of calcium at %s: at the median head of these, %s. The law is for the root mean square over draws at the median query, and found is the median over queries of one draw, of Gaussian errors two thirds of that.",
			counts.Nouns(n, "head has", "heads have"), relative(r.Config.Error), off(0))
	}
	if n := len(law[1]); n > 0 {
		say("%s more than %s neurons for a relative error of calcium of %s, and got %[2]s: at the median head of these, %[4]s.",
			counts.Nouns(n, "head asks for", "heads ask for"), counts.Format(MostNeurons), relative(r.Config.Error), off(1))
	}
	if slices.ContainsFunc(r.Fidelity.Curves, func(c FidelityCurve) bool { return c.Name == string(tuning.Fitted) }) && len(law[0])+len(law[1]) > 0 {
		say("The law holds for curves that are drawn, here %s ones. Fitted curves have neurons of their own, which were allocated when they were fitted; they run where no error is asked for.", r.Config.Tuning)
	}
}

// relative writes an error as a percentage.
func relative(x float64) string {
	switch {
	case x >= 10:
		return "more than 1,000%"
	case x >= 0.0995: // 10%
		return fmt.Sprintf("%.0f%%", 100*x)
	}
	return fmt.Sprintf("%.2g%%", 100*x)
}

// calcium says in how many replaced heads calcium tells more of the softmax
// normalizer than the null predictor does.
func calcium(r *Report, replaced []Head, say func(string, ...any)) {
	raw, corrected := 0, 0
	for _, h := range replaced {
		if h.CalciumCorrelation > h.NullCorrelation {
			raw++
		}
		if h.CorrectedCorrelation > h.NullCorrelation {
			corrected++
		}
	}
	null := "the null predictor log N + q.mean(k), which knows only the keys' mean"
	if r.Model.ALiBi {
		null = "the null predictor log N + q.mean(k), which knows only the keys' sum of weights N and their weighted mean"
	}
	if r.Config.Tuning == string(tuning.Fitted) {
		var errs []float64
		for _, h := range replaced {
			if defined(h.LogCalciumError) {
				errs = append(errs, float64(h.LogCalciumError))
			}
		}
		say("Calcium of fitted curves stands for the softmax normalizer Z itself, without a factor: the median error of log c is %.2g at the median head, %.2g at the worst, and log c correlates better with log Z than %s, in %s of %s.",
			stats.Median(errs), stats.Quantile(errs, 1), null, counts.Format(raw), counts.Plural(len(replaced), "replaced head"))
		return
	}
	if r.Config.Tuning != network.Calibrated {
		if raw < len(replaced) {
			say("In %s of %s log calcium correlates with the log softmax normalizer Z no better than %s.", counts.Format(len(replaced)-raw), counts.Plural(len(replaced), "replaced head"), null)
		}
		return
	}
	say("A calibrated circuit leaves out a factor f of each query, which cancels in its output: its calcium c stands for Z/f, and c f for the softmax normalizer Z. Log c correlates better with log Z than %s, in %s of %s, log(c f) in %s.",
		null, counts.Format(raw), counts.Plural(len(replaced), "replaced head"), counts.Format(corrected))
}
