package figure

import (
	"image/color"

	"gonum.org/v1/plot/vg"
)

const mm = vg.Millimeter

// Widths of one and two columns in PNAS (PNAS, Digital art guidelines: 8.7 cm
// and 17.8 cm), which fit the columns of most journals.
const (
	oneColumn  = 87 * mm
	twoColumns = 178 * mm
)

// Letters, in points. PNAS asks for 6 to 8 points at final size.
const (
	letterSize = 9   // of panels: A, B
	labelSize  = 7   // axes and titles
	smallSize  = 6.5 // ticks and legends
	cellSize   = 6   // numbers in the cells of a map
)

// Lines, in points.
const (
	axisWidth  = 0.5
	thinWidth  = 0.5 // guides, leaders
	curveWidth = 0.9
	markerLine = 0.7
)

const (
	tickLength = 0.9 * mm
	textGap    = 0.9 * mm // between a tick and its label, a marker and its name
	lineHeight = 3.1 * mm // of rows of small text
	markerSize = 0.75 * mm
	pointSize  = 0.42 * mm // of one token among many
)

// Neutral colours. On a web page ink and paper follow the page's own.
var (
	ink   = color.NRGBA{0x1a, 0x1a, 0x1a, 0xff}
	paper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	muted = faded(ink, 0.62) // secondary text
	faint = faded(ink, 0.30) // guides
	gray  = color.NRGBA{0x99, 0x99, 0x99, 0xff}
)

// The palette of M. Okabe and K. Ito, "Color Universal Design: how to make
// figures and presentations that are friendly to colorblind people" (2002,
// revised 2008), without its yellow, which is too light for lines on white.
var (
	blue       = color.NRGBA{0, 114, 178, 0xff}
	vermillion = color.NRGBA{213, 94, 0, 0xff}
	green      = color.NRGBA{0, 158, 115, 0xff} // "bluish green"
	purple     = color.NRGBA{204, 121, 167, 0xff}
	orange     = color.NRGBA{230, 159, 0, 0xff}
	sky        = color.NRGBA{86, 180, 233, 0xff}
)

// faded returns c with the given opacity.
func faded(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(opacity*255 + 0.5)
	return c
}

// look is how one family of tuning curves is drawn. Families with the same
// colour differ in marker, and in whether the marker is filled.
type look struct {
	color  color.NRGBA
	marker marker
}

// lookOf gives a family the same look in every figure. Estimators of exp(q.k)
// have six colours to themselves, fitted curves ink. Names that are not listed
// take ink and the n-th marker.
func lookOf(name string, n int) look {
	switch name {
	case fittedName:
		return look{ink, diamond}
	case sharedName:
		return look{purple, triangle}
	case "calibrated":
		return look{blue, circle}
	case "exp":
		return look{vermillion, square}
	case "gerf":
		return look{green, diamond}
	case "hyperbolic":
		return look{orange, triangle}
	case "trig":
		return look{purple, wedge}
	case "cosine":
		return look{sky, hexagon}

	case "linear":
		return look{ink, circle}
	case "truncated-exp":
		return look{vermillion, diamond}
	case "positive-cosine":
		return look{green, square}
	case "clipped-sine":
		return look{purple, triangle}
	case "relu":
		return look{orange, wedge}
	case "elu1":
		return look{blue, hexagon}
	}
	return look{ink, marker(n % int(markers))}
}
