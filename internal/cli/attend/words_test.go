package attend

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tuning"
)

func TestNotesRecommendOnlyWhatWasNotTried(t *testing.T) {
	large := 0.5
	const law = "grows exponentially with |q+k|²"
	base := Resolved{Tuning: tuning.Exp, Estimator: true, Weights: "iid", Calibration: Uncalibrated}
	for name, c := range map[string]struct {
		change      func(c *Resolved)
		want, never []string
	}{
		"nothing tried":    {func(*Resolved) {}, []string{law, "(--calibrate)", "--draw orthogonal", "--neurons"}, []string{"before calibration"}},
		"causal":           {func(c *Resolved) { c.Causal = true }, []string{"(--calibrate=FILE)"}, nil},
		"calibrated":       {func(c *Resolved) { c.Calibration = CalibratedOn }, []string{law, "before calibration", "gerf"}, []string{"--calibrate"}},
		"calibrated gerf":  {func(c *Resolved) { c.Calibration, c.Tuning = CalibratedSet, tuning.Gerf }, []string{law, "--draw orthogonal"}, []string{"gerf", "--calibrate"}},
		"orthogonal":       {func(c *Resolved) { c.Weights = "orthogonal" }, []string{"--neurons"}, []string{"--draw"}},
		"W of the input":   {func(c *Resolved) { c.Weights = "input" }, []string{"leave out W"}, []string{"take more"}},
		"forgetting":       {func(c *Resolved) { c.Forget = 0.1 }, []string{"neither forgets nor saturates"}, []string{law}},
		"saturation":       {func(c *Resolved) { c.Sigma = 1 }, []string{"neither forgets nor saturates"}, []string{law, "after calibration"}},
		"saturation after": {func(c *Resolved) { c.Sigma, c.Calibration = 1, CalibratedOn }, []string{"after calibration", "from query to query"}, []string{law}},
		"no estimator":     {func(c *Resolved) { c.Estimator, c.Tuning = false, tuning.Linear }, []string{"linear curves do not estimate"}, []string{law}},
		"resumed":          {func(c *Resolved) { c.Resumed = 1 }, []string{"held 1 token before"}, []string{law}},
	} {
		s := Summary{Config: base, RelativeError: &large, Tokens: 3}
		c.change(&s.Config)
		text := strings.Join(s.notes(), "\n")
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q lacks %q", name, text, w)
			}
		}
		for _, w := range c.never {
			if strings.Contains(text, w) {
				t.Errorf("%s: %q says %q", name, text, w)
			}
		}
	}
}

// A calibrated summary shows raw and corrected calcium by their names.
func TestCorrectedCalciumIsToldApart(t *testing.T) {
	raw, corrected := 0.25, 0.75
	for _, c := range []struct {
		calibration Calibration
		want        string
	}{
		{Uncalibrated, "correlation of log c and log Z     0.25\n"},
		{CalibratedOn, "correlation of log(c f) and log Z  0.75\n         correlation of log c and log Z     0.25\n"},
	} {
		s := Summary{Config: Resolved{Calibration: c.calibration}, CalciumCorrelation: &raw, CorrectedCorrelation: &corrected}
		var text bytes.Buffer
		if err := s.Print(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), c.want) {
			t.Errorf("%s: prints\n%s", c.calibration, text.String())
		}
	}
}
