package figure

import (
	"math"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/transfer"
)

func labelsOf(ticks []tick) string {
	var out []string
	for _, t := range ticks {
		if t.label != "" {
			out = append(out, t.label)
		}
	}
	return strings.Join(out, " ")
}

func TestLinearTicksAreRoundNumbers(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{0, 10, 5, "0 2 4 6 8 10"},
		{-5, 5, 4, "−5 0 5"},
		{-4, 5, 5, "−4 −2 0 2 4"},
		{-1, 1, 2, "−1 0 1"},
		{0.8, 1, 4, "0.80 0.85 0.90 0.95 1.00"},
		{2, 13, 6, "2 4 6 8 10 12"},
		{-41, 12, 3, "−40 −20 0"},
		{0, 120000, 3, "0 50,000 100,000"},
	} {
		if got := labelsOf(scale{lo: test.lo, hi: test.hi}.linearTicks(test.n)); got != test.want {
			t.Errorf("%g to %g: %s, want %s", test.lo, test.hi, got, test.want)
		}
	}
}

func TestLogTicksArePlainOrPowers(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		n      int
		digits []int
		want   string
	}{
		{0.008, 1.2, 5, []int{1}, "0.01 0.1 1"},
		{50, 6000, 5, []int{1, 3}, "100 300 1,000 3,000"},
		{0.5, 2e7, 10, []int{1}, "10^{0} 10^{1} 10^{2} 10^{3} 10^{4} 10^{5} 10^{6} 10^{7}"},
		{1e-9, 1e3, 5, []int{1, 2, 5}, "10^{−9} 10^{−6} 10^{−3} 10^{0} 10^{3}"},
		{1e6, 6e6, 5, []int{1, 2, 5}, "10^{6} 2×10^{6} 5×10^{6}"},
	} {
		s := scale{lo: test.lo, hi: test.hi, logarithmic: true}
		if got := labelsOf(s.logTicks(test.n, test.digits...)); got != test.want {
			t.Errorf("%g to %g: %s, want %s", test.lo, test.hi, got, test.want)
		}
	}
}

func TestTicksOfAnyRangeAreFewAndApart(t *testing.T) {
	p := newPen(&recorder{})
	for _, test := range [][2]float64{{0, 1}, {700, 700.001}, {-1e9, 1e9}, {1e-12, 2e-12}, {1, 1 + 1e-15}, {1e-300, 1e300}} {
		for _, upright := range []bool{false, true} {
			for _, s := range []scale{linear(test[0], test[1]), ratios(test[0], test[1])} {
				ticks := p.ticks(s, 40*mm, upright)
				if n := labels(ticks); n < 1 || n > 9 {
					t.Errorf("%v: %d labels", s, n)
				}
				if !p.apart(ticks, s, 40*mm, upright) && labels(ticks) > 2 {
					t.Errorf("%v: labels %s touch", s, labelsOf(ticks))
				}
				for _, k := range ticks {
					if x := s.position(k.at); math.IsNaN(x) || x < -1e-6 || x > 1+1e-6 {
						t.Errorf("%v: tick %v is outside", s, k)
					}
				}
			}
		}
	}
}

func TestScalesHoldTheirValues(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, values := range [][]float64{nil, {nan}, {inf, -inf}, {3}, {0}, {-2, 5, nan, inf}, {1e-9, 4}} {
		for _, s := range []scale{linear(values...), ratios(values...)} {
			if !(s.lo < s.hi) || math.IsInf(s.hi-s.lo, 0) {
				t.Fatalf("%v: %+v", values, s)
			}
			for _, x := range values {
				if math.IsNaN(x) || math.IsInf(x, 0) || s.logarithmic && x <= 0 {
					continue
				}
				if at := s.position(x); !(at > 0 && at < 1) {
					t.Errorf("%g of %v lies at %g", x, values, at)
				}
			}
		}
	}
}

func TestNumbersReadWell(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{decimal(-0.001, 2), "0.00"}, {decimal(-1.5, 1), "−1.5"}, {decimal(math.NaN(), 3), "–"},
		{brief(0), "0.000"}, {brief(0.15), "0.15"}, {brief(0.012), "0.012"}, {brief(2.345), "2.35"}, {brief(42.4), "42"},
		{brief(8.2e-5), "8.2×10^{−5}"}, {brief(1e-5), "1.0×10^{−5}"}, {brief(123456), "1.2×10^{5}"}, {brief(math.NaN()), "–"},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
}

func TestMarkup(t *testing.T) {
	f := newFaces()
	got := f.runs(`ln *Z*_{i}^{2} \*`, 10, false)
	want := []struct {
		text   string
		italic bool
		rise   float64
		size   float64
	}{{"ln ", false, 0, 10}, {"Z", true, 0, 10}, {"i", false, -1.8, 7.2}, {"2", false, 3.6, 7.2}, {" *", false, 0, 10}}
	if len(got) != len(want) {
		t.Fatalf("%d runs: %+v", len(got), got)
	}
	for i, w := range want {
		g := got[i]
		if g.text != w.text || g.italic != w.italic || math.Abs(float64(g.rise)-w.rise) > 1e-9 || math.Abs(float64(g.face.Font.Size)-w.size) > 1e-9 {
			t.Errorf("run %d: %q, italic %v, rise %g, size %g; want %+v", i, g.text, g.italic, g.rise, g.face.Font.Size, w)
		}
	}
}

func TestTextFromOutsideIsNoMarkup(t *testing.T) {
	for _, s := range []string{"", "plain", `*a*`, `x_{1}^{2}`, `\`, `\\*`, "}{", "<&>\"'"} {
		var got string
		for _, r := range newFaces().runs(literal(s), 8, false) {
			got += r.text
			if r.italic || r.rise != 0 {
				t.Errorf("%q is read as markup", s)
			}
		}
		if got != s {
			t.Errorf("%q came out as %q", s, got)
		}
	}
}

func TestComparisonLeavesOutWhatHasNoLogarithm(t *testing.T) {
	nan := transfer.Number(math.NaN())
	points := []transfer.Point{
		{LogNormalizer: 1, LogCorrected: 1.1}, {LogNormalizer: 2, LogCorrected: 2.3}, {LogNormalizer: 3, LogCorrected: 2.8},
		{LogNormalizer: 4, LogCorrected: nan}, {LogNormalizer: nan, LogCorrected: 4}, {LogNormalizer: 5, LogCorrected: transfer.Number(math.Inf(-1))},
	}
	c := compare(points, correctedOf)
	// Of (1, 1.1), (2, 2.3), (3, 2.8): covariance 0.85, variances 1 and 2.29/3.
	if want := 0.85 / math.Sqrt(2.2900/3); math.Abs(c.r-want) > 1e-12 || c.missing != 3 || math.Abs(c.err-0.2) > 1e-12 {
		t.Errorf("r %.15f, want %.15f; %d missing, want 3; error %g, want 0.2", c.r, want, c.missing, c.err)
	}
	if c := compare(points[:1], correctedOf); !math.IsNaN(c.r) || math.Abs(c.err-0.1) > 1e-12 {
		t.Errorf("one token: r %g, error %g", c.r, c.err)
	}
	if c := compare(nil, correctedOf); !math.IsNaN(c.r) || !math.IsNaN(c.err) || c.missing != 0 {
		t.Errorf("no token: %+v", c)
	}
}
