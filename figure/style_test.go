package figure

import (
	"fmt"
	"image/color"
	"math"
	"testing"
)

// toOKLab undoes oklab.nrgba but for rounding (Ottosson 2020).
func toOKLab(r, g, b float64) oklab {
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return oklab{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

// vision maps linear RGB to what people with a deficiency see (G. M. Machado,
// M. M. Oliveira and L. A. F. Fernandes, IEEE TVCG 15:6, 2009, severity 1).
var visions = map[string][3][3]float64{
	"full": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia": {
		{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {
		{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia": {
		{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func seen(c color.NRGBA, m [3][3]float64) oklab {
	in := [3]float64{decode(c.R), decode(c.G), decode(c.B)}
	var out [3]float64
	for i, row := range m {
		for j, x := range row {
			out[i] += x * in[j]
		}
		out[i] = min(max(out[i], 0), 1)
	}
	return toOKLab(out[0], out[1], out[2])
}

func TestColoursOfEstimatorsAreToldApartByAllReaders(t *testing.T) {
	names := []string{"calibrated", "exp", "gerf", "hyperbolic", "trig", "cosine"}
	for vision, m := range visions {
		for i, a := range names {
			for _, b := range names[:i] {
				// 0.02 is about a just noticeable difference in OKLab.
				if d := seen(lookOf(a, 0).color, m).distance(seen(lookOf(b, 0).color, m)); d < 0.05 {
					t.Errorf("%s: %s and %s differ by %.3f", vision, a, b, d)
				}
			}
		}
	}
}

func TestNoTwoFamiliesLookAlike(t *testing.T) {
	seen := map[string]string{}
	for _, estimator := range []bool{true, false} {
		names := []string{"calibrated", "exp", "gerf", "hyperbolic", "trig", "cosine"}
		if !estimator {
			names = []string{"linear", "truncated-exp", "positive-cosine", "clipped-sine", "relu", "elu1"}
		}
		markers := map[marker]bool{}
		for _, name := range names {
			k := lookOf(name, 0)
			key := fmt.Sprint(k, estimator)
			if other, taken := seen[key]; taken {
				t.Errorf("%s looks like %s", name, other)
			}
			if markers[k.marker] { // for readers in grey
				t.Errorf("%s shares its marker", name)
			}
			seen[key], markers[k.marker] = name, true
		}
	}
}

func TestColoursStandOutFromPaper(t *testing.T) {
	for _, c := range []color.NRGBA{ink, blue, vermillion, green, purple, orange, sky, gray} {
		contrast := 1.05 / (luminance(c) + 0.05)
		if contrast < 2 {
			t.Errorf("%v has contrast %.2f on white", c, contrast)
		}
	}
	if contrast := 1.05 / (luminance(vermillion) + 0.05); contrast < 3 { // it is used for letters
		t.Errorf("vermillion letters have contrast %.2f", contrast)
	}
}

func TestColormapIsPerceptuallyUniform(t *testing.T) {
	m := newColormap()
	var least, most float64 = math.Inf(1), 0
	for i := 1; i < len(m); i++ {
		if m[i].L >= m[i-1].L {
			t.Fatalf("lightness does not fall at step %d: %.4f, %.4f", i, m[i-1].L, m[i].L)
		}
		d := m[i].distance(m[i-1])
		least, most = min(least, d), max(most, d)
	}
	if most/least > 1.02 {
		t.Errorf("steps differ by a factor of %.3f", most/least)
	}
	for i, c := range m {
		if r, g, b := c.linearRGB(); min(r, g, b) < 0 || max(r, g, b) > 1 {
			t.Fatalf("step %d is outside sRGB: %.4f %.4f %.4f", i, r, g, b)
		}
	}
}

func TestColormapKeepsItsOrderForAllReaders(t *testing.T) {
	m := newColormap()
	for vision, matrix := range visions {
		last := math.Inf(1)
		for i := 0; i < len(m); i += 4 { // further apart than 8 bits round
			l := seen(m[i].nrgba(), matrix).L
			if l >= last {
				t.Errorf("%s: lightness rises at step %d: %.4f to %.4f", vision, i, last, l)
			}
			last = l
		}
	}
	// CIE L*, as in print.
	last := math.Inf(1)
	for i := 0; i < len(m); i += 4 {
		l := 116*math.Cbrt(luminance(m[i].nrgba())) - 16
		if l >= last {
			t.Errorf("L* rises at step %d: %.2f to %.2f", i, last, l)
		}
		last = l
	}
}

func TestNumbersAreReadOnEveryCell(t *testing.T) {
	m := newColormap()
	for i := range 101 {
		cell := m.at(float64(i) / 100)
		a, b := luminance(cell), luminance(on(cell))
		if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 4.5 { // WCAG AA
			t.Errorf("contrast %.2f at %d%%", contrast, i)
		}
	}
}

func TestColormapHoldsItsEnds(t *testing.T) {
	m := newColormap()
	if m.at(-1) != m.at(0) || m.at(2) != m.at(1) || m.at(0) == m.at(1) {
		t.Error("values beyond the ends do not get the ends' colours")
	}
}

func TestOKLabIsTheInverse(t *testing.T) {
	for _, c := range []color.NRGBA{blue, orange, green, sky, {255, 255, 255, 255}, {0, 0, 0, 255}} {
		if got := seen(c, visions["full"]).nrgba(); got != c {
			t.Errorf("%v came back as %v", c, got)
		}
	}
}
