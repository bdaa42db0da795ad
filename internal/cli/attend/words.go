package attend

import (
	"fmt"
	"io"
	"strings"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/tuning"
)

// The error from which a note says what to do about it.
const noteworthyError = 0.1

// notes says in sentences what the numbers mean and what to do.
func (s *Summary) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	c := s.Config
	calibrated := c.Calibration != Uncalibrated
	if !c.Estimator {
		note("%s curves do not estimate exp(q.k): the error does not vanish however many neurons there are.", c.Tuning)
	}
	if s.NonPositive > 0 {
		note("At %d of %s calcium is zero or below and does not normalize: the output there is no average of the values, and log_normalizer is NaN or -inf. Use non-negative curves (exp, hyperbolic, gerf) or more neurons.", s.NonPositive, counts.Plural(s.Tokens, "token"))
	}
	if c.Sigma > 0 && calibrated {
		note("The half-saturation --sigma is in units of the circuit's own calcium, which lacks one factor per query after calibration: relative to the softmax normalizer it differs from query to query.")
	}
	if c.Resumed > 0 {
		note("The memory held %s before the first one. Exact attention does not see them, so that there is nothing to compare with and no exact arrays are written.", counts.Plural(c.Resumed, "token"))
		return notes
	}
	if c.Forget > 0 || c.Sigma > 0 {
		note("Exact attention neither forgets nor saturates; the differences contain what --forget and --sigma do.")
		return notes
	}
	if c.Estimator && s.RelativeError != nil && *s.RelativeError > noteworthyError {
		before := ""
		if calibrated {
			before = " before calibration"
		}
		note("The error of random tuning curves grows exponentially with |q+k|², whose mean is %.3g here%s: %s.", s.MeanSquaredNorm, before, c.remedies())
	}
	return notes
}

// remedies says what has not been tried against a large error.
func (c *Resolved) remedies() string {
	var all []string
	switch {
	case c.Calibration == Uncalibrated && c.Causal:
		all = append(all, "calibrate (--calibrate=FILE)")
	case c.Calibration == Uncalibrated:
		all = append(all, "calibrate (--calibrate)")
	case c.Tuning != tuning.Gerf:
		all = append(all, "use gerf curves (--tuning gerf)")
	}
	if c.Weights == "input" {
		return strings.Join(append(all, "leave out W to have more neurons drawn (--neurons, --draw orthogonal)"), ", or ")
	}
	if c.Weights == string(tuning.IID) {
		all = append(all, "draw orthogonal weights (--draw orthogonal)")
	}
	return strings.Join(append(all, "take more neurons (--neurons)"), ", or ")
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	c := s.Config
	order := "all tokens written, then read"
	if c.Causal {
		order = "causal"
	}
	weights := "W given"
	if c.Weights != "input" {
		weights = c.Weights + " weights, seed " + fmt.Sprint(s.Seed)
	}
	calibrated := map[Calibration]string{
		Uncalibrated: "", CalibratedOn: "calibrated on the input, ", CalibratedSet: "calibrated on a set, ",
	}[c.Calibration]
	lines := []string{
		fmt.Sprintf("%s, d=%d, dv=%d, %s, %s", counts.Plural(s.Tokens, "token"), s.Inputs, s.Outputs, order, c.Precision),
		fmt.Sprintf("%s, %s curves, %s%s", counts.Plural(s.Neurons, "hidden neuron"), c.Tuning, calibrated, weights),
	}
	if c.Resumed == 0 {
		lines = append(lines, "output   relative error against softmax     "+show(s.RelativeError))
		if c.Calibration == Uncalibrated {
			lines = append(lines,
				"calcium  median |log c - log Z|             "+show(s.LogCalciumError),
				"         correlation of log c and log Z     "+show(s.CalciumCorrelation))
		} else {
			lines = append(lines,
				"calcium  median |log(c f) - log Z|          "+show(s.LogCalciumError)+" (f: the query's factor, which calibration takes out)",
				"         correlation of log(c f) and log Z  "+show(s.CorrectedCorrelation),
				"         correlation of log c and log Z     "+show(s.CalciumCorrelation))
		}
		lines = append(lines, "         of the null predictor and log Z    "+show(s.NullCorrelation))
	}
	lines = append(lines,
		fmt.Sprintf("         tokens with calcium <= 0           %d", s.NonPositive),
		fmt.Sprintf("memory   %s in %s", counts.Plural(s.MemoryTokens, "token"), counts.Plural(s.MemoryBytes, "byte")))
	for _, n := range s.Notes {
		lines = append(lines, "note: "+n)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, l); err != nil {
			return err
		}
	}
	return nil
}

func show(x *float64) string {
	if x == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.4g", *x)
}
