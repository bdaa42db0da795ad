package figure

import (
	"image"
	"image/color"

	"gonum.org/v1/plot/vg"
)

// canvas is what a figure is drawn on. Lengths are points, y grows upwards.
type canvas interface {
	fill(path vg.Path, c color.NRGBA)
	stroke(path vg.Path, l line)
	// picture fills the box with an opaque picture whose pixels keep hard edges.
	picture(img *image.NRGBA, box vg.Rectangle)
	// text writes runs from left to right so that the fraction anchor (0, 0.5 or
	// 1) of their width lies at the point at of the baseline, turned by a
	// quarter circle counter-clockwise about it where up is set.
	text(runs []run, at vg.Point, anchor float64, up bool, c color.NRGBA)
}

// line is the style of a stroke.
type line struct {
	color color.NRGBA
	width vg.Length
	dash  []vg.Length
}
