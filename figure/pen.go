package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
)

// pen draws what figures are made of on a canvas.
type pen struct {
	canvas
	faces
}

func newPen(c canvas) *pen { return &pen{c, newFaces()} }

// Fractions of the width of a text that lie left of its point.
const (
	fromLeft  = 0.0
	centred   = 0.5
	fromRight = 1.0
)

// write sets marked-up text with its baseline at the point.
func (p *pen) write(s string, size vg.Length, at vg.Point, anchor float64, c color.NRGBA) {
	p.text(p.runs(s, size, false), at, anchor, false, c)
}

// writeMiddle sets marked-up text with the middle of its capitals at the point.
func (p *pen) writeMiddle(s string, size vg.Length, at vg.Point, anchor float64, c color.NRGBA) {
	at.Y -= size * capHeight / 2
	p.write(s, size, at, anchor, c)
}

func (p *pen) width(s string, size vg.Length) vg.Length { return width(p.runs(s, size, false)) }

// segments strokes a polyline.
func (p *pen) segments(l line, points ...vg.Point) {
	if len(points) < 2 {
		return
	}
	var path vg.Path
	path.Move(points[0])
	for _, at := range points[1:] {
		path.Line(at)
	}
	p.stroke(path, l)
}

// within strokes the part of a polyline that lies in box.
func (p *pen) within(box vg.Rectangle, l line, points ...vg.Point) {
	for i := 1; i < len(points); i++ {
		from, to, ok := clip(box, points[i-1], points[i])
		if !ok {
			continue
		}
		whole := []vg.Point{from, to}
		for to == points[i] && i+1 < len(points) { // go on without lifting: dashes flow on
			from, next, ok := clip(box, points[i], points[i+1])
			if !ok || from != points[i] {
				break
			}
			i++
			to = next
			whole = append(whole, next)
		}
		p.segments(l, whole...)
	}
}

// clip returns the part of a segment in box (Y.-D. Liang and B. A. Barsky,
// ACM Transactions on Graphics 3:1, 1984).
func clip(box vg.Rectangle, a, b vg.Point) (from, to vg.Point, ok bool) {
	d := b.Sub(a)
	lo, hi := vg.Length(0), vg.Length(1)
	for _, side := range []struct{ step, room vg.Length }{
		{-d.X, a.X - box.Min.X}, {d.X, box.Max.X - a.X},
		{-d.Y, a.Y - box.Min.Y}, {d.Y, box.Max.Y - a.Y},
	} {
		switch t := side.room / side.step; {
		case side.step == 0:
			if side.room < 0 {
				return a, b, false
			}
		case side.step < 0:
			lo = max(lo, t)
		default:
			hi = min(hi, t)
		}
	}
	from, to = a, b
	if lo > 0 {
		from = a.Add(d.Scale(lo))
	}
	if hi < 1 {
		to = a.Add(d.Scale(hi))
	}
	return from, to, lo <= hi
}

// marker is the shape of a measured point.
type marker int

const (
	circle marker = iota
	square
	triangle
	diamond
	wedge // a triangle on its tip
	hexagon
	markers // how many there are
)

// outline returns a marker of about the area of a circle of the given radius.
func (m marker) outline(at vg.Point, radius vg.Length) vg.Path {
	var path vg.Path
	polygon := func(corners int, turn float64, size vg.Length) {
		for i := range corners {
			sin, cos := math.Sincos(2 * math.Pi * (turn + float64(i)/float64(corners)))
			to := vg.Point{X: at.X + radius*size*vg.Length(cos), Y: at.Y + radius*size*vg.Length(sin)}
			if i == 0 {
				path.Move(to)
			} else {
				path.Line(to)
			}
		}
	}
	switch m {
	case square:
		polygon(4, 0.125, 1.25)
	case triangle:
		polygon(3, 0.25, 1.45)
	case diamond:
		polygon(4, 0, 1.3)
	case wedge:
		polygon(3, 0.75, 1.45)
	case hexagon:
		polygon(6, 0.25, 1.12)
	default:
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
	}
	path.Close()
	return path
}

// mark draws a filled or an open marker.
func (p *pen) mark(m marker, at vg.Point, radius vg.Length, c color.NRGBA, filled bool) {
	if !finite(at) {
		return
	}
	if filled {
		p.fill(m.outline(at, radius), c)
		return
	}
	outline := m.outline(at, radius-markerLine/4)
	p.fill(outline, paper)
	p.stroke(outline, line{color: c, width: markerLine})
}

func finite(at vg.Point) bool {
	return !math.IsNaN(float64(at.X+at.Y)) && !math.IsInf(float64(at.X+at.Y), 0)
}

// rectangle returns the outline of r.
func rectangle(r vg.Rectangle) vg.Path {
	var path vg.Path
	path.Move(r.Min)
	path.Line(vg.Point{X: r.Max.X, Y: r.Min.Y})
	path.Line(r.Max)
	path.Line(vg.Point{X: r.Min.X, Y: r.Max.Y})
	path.Close()
	return path
}

// inset returns r without margins.
func inset(r vg.Rectangle, left, right, bottom, top vg.Length) vg.Rectangle {
	r.Min.X += left
	r.Max.X -= right
	r.Min.Y += bottom
	r.Max.Y -= top
	return r
}

// rows hands out the baselines of lines of small text, from the top of an area
// downwards.
func rows(area vg.Rectangle) func() vg.Length {
	y := area.Max.Y
	return func() vg.Length {
		y -= lineHeight
		return y + lineHeight/2 - smallSize*capHeight/2
	}
}
