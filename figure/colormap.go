package figure

import (
	"image/color"
	"math"
)

// oklab is a colour of OKLab (B. Ottosson, "A perceptual color space for image
// processing", 2020): L is lightness from 0 to 1, a and b are the opponent axes,
// and equal distances look about equally different.
type oklab struct{ L, a, b float64 }

// linearRGB returns the colour's linear sRGB components, which are outside
// [0, 1] where a screen cannot show it.
func (c oklab) linearRGB() (r, g, b float64) {
	l := cube(c.L + 0.3963377774*c.a + 0.2158037573*c.b)
	m := cube(c.L - 0.1055613458*c.a - 0.0638541728*c.b)
	s := cube(c.L - 0.0894841775*c.a - 1.2914855480*c.b)
	return +4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s
}

func cube(x float64) float64 { return x * x * x }

func (c oklab) nrgba() color.NRGBA {
	r, g, b := c.linearRGB()
	return color.NRGBA{encode(r), encode(g), encode(b), 0xff}
}

// encode is the transfer function of sRGB (IEC 61966-2-1), in 8 bits.
func encode(x float64) uint8 {
	x = min(max(x, 0), 1)
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * x))
}

// decode undoes encode.
func decode(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

func (c oklab) distance(d oklab) float64 {
	return math.Sqrt((c.L-d.L)*(c.L-d.L) + (c.a-d.a)*(c.a-d.a) + (c.b-d.b)*(c.b-d.b))
}

// colormap is a perceptually uniform sequential map: from pale yellow through
// teal and blue to dark violet, so that more is darker. Lightness falls all the
// way, which keeps the order in grey and for every kind of colour vision.
type colormap []oklab

// newColormap walks a spiral of falling lightness and turning hue in OKLab and
// keeps points at equal distances along it: equal steps of the data look equal.
func newColormap() colormap {
	const fine, steps = 2048, 256
	walk := make([]oklab, fine+1)
	length := make([]float64, fine+1)
	for i := range walk {
		walk[i] = spiral(float64(i) / fine)
		if i > 0 {
			length[i] = length[i-1] + walk[i].distance(walk[i-1])
		}
	}
	m := make(colormap, steps)
	i := 0
	for k := range m {
		want := length[fine] * float64(k) / (steps - 1)
		for i < fine-1 && length[i+1] < want {
			i++
		}
		f := (want - length[i]) / (length[i+1] - length[i])
		u, v := walk[i], walk[i+1]
		m[k] = oklab{u.L + f*(v.L-u.L), u.a + f*(v.a-u.a), u.b + f*(v.b-u.b)}
	}
	return m
}

// spiral is the colour at t in [0, 1]. Its chroma is nearly what a screen can
// show at the darker blues, where that is least.
func spiral(t float64) oklab {
	sin, cos := math.Sincos((108 + 182*t) * math.Pi / 180)
	chroma := 0.045 + 0.05*math.Sin(math.Pi*t)
	return oklab{0.955 - 0.68*t, chroma * cos, chroma * sin}
}

// at returns the colour of t, held to [0, 1].
func (m colormap) at(t float64) color.NRGBA {
	return m[int(min(max(t, 0), 1)*float64(len(m)-1)+0.5)].nrgba()
}

// luminance is the relative luminance of WCAG 2.1.
func luminance(c color.NRGBA) float64 {
	return 0.2126*decode(c.R) + 0.7152*decode(c.G) + 0.0722*decode(c.B)
}

// on returns black or white, whichever is read better on c. The white is not
// quite that of paper, which follows the page.
func on(c color.NRGBA) color.NRGBA {
	// The contrasts (1.05)/(y+0.05) and (y+0.05)/0.05 are equal at this y.
	if luminance(c) > 0.1791 {
		return color.NRGBA{0, 0, 0, 0xff}
	}
	return color.NRGBA{0xfe, 0xfe, 0xfe, 0xff}
}
