package figure

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// raster is a canvas of pixels.
type raster struct{ img *vgimg.Canvas }

func newRaster(width, height vg.Length, dpi int) raster {
	return raster{vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(paper))}
}

func (r raster) fill(path vg.Path, c color.NRGBA) {
	r.img.SetColor(c)
	r.img.Fill(path)
}

func (r raster) stroke(path vg.Path, l line) {
	r.img.SetColor(l.color)
	r.img.SetLineWidth(l.width)
	r.img.SetLineDash(l.dash, 0)
	r.img.Stroke(path)
}

// picture gives every pixel of the box, whose sides are moved to the nearest
// whole ones, the colour of the picture's pixel under its middle.
func (r raster) picture(img *image.NRGBA, box vg.Rectangle) {
	to := r.img.Image()
	dots := func(x vg.Length) int { return int(math.Round(x.Dots(r.img.DPI()))) }
	height := to.Bounds().Dy()
	left, right, top, bottom := dots(box.Min.X), dots(box.Max.X), height-dots(box.Max.Y), height-dots(box.Min.Y)
	size := img.Bounds().Size()
	for y := top; y < bottom; y++ {
		from := (2*(y-top) + 1) * size.Y / (2 * (bottom - top))
		for x := left; x < right; x++ {
			to.Set(x, y, img.NRGBAAt((2*(x-left)+1)*size.X/(2*(right-left)), from))
		}
	}
}

// text fills the outlines of the letters: placed to a fraction of a pixel and
// equally sharp at any angle.
func (r raster) text(runs []run, at vg.Point, anchor float64, up bool, c color.NRGBA) {
	var width vg.Length
	for _, s := range runs {
		width += s.width()
	}
	start := -width * vg.Length(anchor)
	var path vg.Path
	for _, s := range runs {
		outline(&path, s, func(x, y vg.Length) vg.Point {
			x, y = x+start, y+s.rise
			if up {
				x, y = -y, x
			}
			return vg.Point{X: at.X + x, Y: at.Y + y}
		})
		start += s.width()
	}
	r.fill(path, c)
}

// outline appends the letters of s to path, placed by the function place.
func outline(path *vg.Path, s run, place func(x, y vg.Length) vg.Point) {
	var buf sfnt.Buffer
	font := s.face.Face
	em := fixed.Int26_6(font.UnitsPerEm())
	unit := s.face.Font.Size / vg.Length(em)
	var pen fixed.Int26_6
	var last sfnt.GlyphIndex
	for i, letter := range s.text {
		glyph, err := font.GlyphIndex(&buf, letter)
		if err != nil {
			continue
		}
		if i > 0 {
			if kern, err := font.Kern(&buf, last, glyph, em, 0); err == nil {
				pen += kern
			}
		}
		last = glyph
		segments, err := font.LoadGlyph(&buf, glyph, em, nil)
		if err != nil {
			continue
		}
		to := func(p fixed.Point26_6) vg.Point {
			return place(vg.Length(pen+p.X)*unit, -vg.Length(p.Y)*unit)
		}
		for k, g := range segments {
			switch g.Op {
			case sfnt.SegmentOpMoveTo:
				if k > 0 {
					path.Close()
				}
				path.Move(to(g.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(to(g.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(to(g.Args[0]), to(g.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(to(g.Args[0]), to(g.Args[1]), to(g.Args[2]))
			}
		}
		if len(segments) > 0 {
			path.Close()
		}
		if advance, err := font.GlyphAdvance(&buf, glyph, em, 0); err == nil {
			pen += advance
		}
	}
}
