package simulate

import (
	"fmt"
	"io"
	"math"

	"github.com/tripartite-go/tripartite/internal/cli/attend"
	"github.com/tripartite-go/tripartite/internal/counts"
)

// The error from which a note says what to do about it.
const noteworthyError = 0.01

// notes says in sentences what the numbers mean and what to do.
func (s *Summary) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	c := s.Config
	if s.Vanishing > 0 {
		note("In %d of %d readings calcium passes through zero while it divides: they have no value and are NaN in y. Use tuning curves that are not negative (exp, hyperbolic, gerf), --sigma or --shunting.", s.Vanishing, s.Tokens)
	}
	if s.Overflow > 0 {
		note("In %d of %d readings the output grows beyond every number, since shunting calcium is below zero: they are NaN in y. Use tuning curves that are not negative (exp, hyperbolic, gerf).", s.Overflow, s.Tokens)
	}
	if n := s.NonPositive; n > 0 {
		note("At the end of %d of %d readings calcium is zero or below and does not normalize.", n, s.Tokens)
	}
	switch {
	case c.Forgetting.Hebb != c.Forgetting.Gain:
		note("H and g forget at different rates, which the algebraic level does not know: it is compared with one that forgets nothing.")
	case c.Saturation.Hidden > 0:
		note("The algebraic level, with which y is compared, knows no saturation.")
	}
	if s.RelativeError == nil || *s.RelativeError < noteworthyError {
		return notes
	}
	if s.Settling > c.Timing.Present {
		note("Calcium and output take %.3g s to come within a tenth of where they settle, and a presentation takes %.3g s: present tokens for longer (--present), or take shorter time constants.", s.Settling, c.Timing.Present)
	}
	opens := c.Timing.Present * (1 - c.Timing.Window)
	if settled := 2 * math.Ln10 * max(c.Kinetics.Hidden, c.Kinetics.Output); opens < settled {
		note("Synapses are plastic from %.3g s on, and rates take %.3g s to come within a hundredth of where they settle: what is stored is blurred by the token before. Open the window later (--window), or present tokens for longer.", opens, settled)
	}
	if c.Domains > 1 {
		note("%d domains share what one astrocyte would sum up, and each divides by its own calcium: unless coupling (--coupling, --gap) is strong, they never compute one normalizer.", c.Domains)
	}
	return notes
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
	calibrated := map[attend.Calibration]string{
		attend.Uncalibrated: "", attend.CalibratedOn: "calibrated on the input, ", attend.CalibratedSet: "calibrated on a set, ",
	}[c.Calibration]
	readout := "division"
	if c.Readout.Shunting {
		readout = "shunting"
	}
	astrocyte := counts.Plural(c.Domains, "domain")
	if c.Domains > 1 {
		astrocyte += fmt.Sprintf(" (%s) of %s, ", c.Assignment, counts.Plural(c.Astrocytes, "astrocyte"))
		switch {
		case c.Graph == "input":
			astrocyte += "coupling given"
		case c.Astrocytes > 1:
			astrocyte += fmt.Sprintf("coupling %g within, %g between (%s)", c.Coupling, c.Gap, c.Graph)
		default:
			astrocyte += fmt.Sprintf("coupling %g (%s)", c.Coupling, c.Graph)
		}
	}
	lines := []string{
		fmt.Sprintf("%s, d=%d, dv=%d, %s", counts.Plural(s.Tokens, "token"), s.Inputs, s.Outputs, order),
		fmt.Sprintf("%s, %s curves, %s%s", counts.Plural(s.Neurons, "hidden neuron"), c.Tuning, calibrated, weights),
		fmt.Sprintf("tau      hidden %g s, output %g s, astrocyte %g s", c.Kinetics.Hidden, c.Kinetics.Output, c.Kinetics.Astrocyte),
		fmt.Sprintf("astro    %s, %s", astrocyte, readout),
		fmt.Sprintf("time     %g s to write a token and %g s to read it, %g s in all", c.Timing.Present, c.Timing.Present, s.Seconds),
		"output   relative error against the algebraic level  " + show(s.RelativeError),
	}
	if n := s.Vanishing + s.Overflow; n > 0 {
		lines = append(lines, fmt.Sprintf("         readings without a value                    %d", n))
	}
	if s.NonPositive > 0 {
		lines = append(lines, fmt.Sprintf("calcium  zero or below at the end of readings        %d", s.NonPositive))
	}
	if s.Samples > 0 {
		lines = append(lines, fmt.Sprintf("traces   %s, every %g s", counts.Plural(s.Samples, "sample"), c.Record))
	}
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
