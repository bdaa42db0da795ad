package figure

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"
)

// vector is a canvas that writes SVG.
type vector struct {
	b      []byte
	height vg.Length
	inline bool
	group  string // attributes of the open group, empty where none is open
}

func newVector(width, height vg.Length, description string, inline bool) *vector {
	v := &vector{height: height, inline: inline}
	v.raw(`<svg xmlns="http://www.w3.org/2000/svg" width="`).number(float64(width / mm))
	v.raw(`mm" height="`).number(float64(height / mm))
	v.raw(`mm" viewBox="0 0 `).number(float64(width)).raw(" ").number(float64(height))
	v.raw(`" role="img" aria-label="`).escaped(description)
	v.raw(`" font-family="Liberation Sans, Arial, Helvetica, sans-serif" stroke-linejoin="round">` + "\n")
	if !inline {
		v.fill(rectangle(vg.Rectangle{Max: vg.Point{X: width, Y: height}}), paper)
	}
	return v
}

// finish closes what is open and returns the document.
func (v *vector) finish() []byte {
	v.open("")
	return append(v.b, "</svg>\n"...)
}

func (v *vector) raw(s string) *vector {
	v.b = append(v.b, s...)
	return v
}

// escaped writes text that is XML in content and in attributes alike;
// characters that XML does not allow become U+FFFD.
func (v *vector) escaped(s string) *vector {
	for _, r := range s {
		switch {
		case r == '&':
			v.raw("&amp;")
		case r == '<':
			v.raw("&lt;")
		case r == '>':
			v.raw("&gt;")
		case r == '"':
			v.raw("&quot;")
		case r == '\'':
			v.raw("&#39;")
		case r < ' ' || r == 0xfffe || r == 0xffff:
			v.raw("\ufffd")
		default:
			v.raw(string(r))
		}
	}
	return v
}

// number writes x to a hundredth.
func (v *vector) number(x float64) *vector {
	x = math.Round(x*100) / 100
	if x == 0 {
		x = 0 // not -0
	}
	v.b = strconv.AppendFloat(v.b, x, 'f', -1, 64)
	return v
}

func (v *vector) point(p vg.Point) *vector {
	return v.number(float64(p.X)).raw(" ").number(float64(v.height - p.Y))
}

// open makes the attributes those of the open group.
func (v *vector) open(attributes string) {
	if v.group == attributes {
		return
	}
	if v.group != "" {
		v.raw("</g>\n")
	}
	if attributes != "" {
		v.raw("<g" + attributes + ">\n")
	}
	v.group = attributes
}

// paint returns the attribute name (fill or stroke) with its opacity.
func (v *vector) paint(name string, c color.NRGBA) string {
	const hex = "0123456789abcdef"
	solid := color.NRGBA{c.R, c.G, c.B, 0xff}
	value := "#"
	switch {
	case v.inline && solid == ink:
		value = "currentColor"
	case v.inline && solid == paper:
		value = "var(--paper, #fff)"
	default:
		for _, x := range []uint8{c.R, c.G, c.B} {
			value += string(hex[x>>4]) + string(hex[x&15])
		}
	}
	s := " " + name + `="` + value + `"`
	if c.A != 0xff {
		s += " " + name + `-opacity="` + strconv.FormatFloat(float64(c.A)/255, 'f', 2, 64) + `"`
	}
	return s
}

func (v *vector) fill(path vg.Path, c color.NRGBA) {
	v.open(v.paint("fill", c))
	v.path(path)
}

func (v *vector) stroke(path vg.Path, l line) {
	s := ` fill="none"` + v.paint("stroke", l.color) + ` stroke-width="` + strconv.FormatFloat(float64(l.width), 'g', -1, 64) + `"`
	if len(l.dash) > 0 {
		s += ` stroke-dasharray="`
		for i, d := range l.dash {
			if i > 0 {
				s += " "
			}
			s += strconv.FormatFloat(float64(d), 'g', -1, 64)
		}
		s += `"`
	}
	v.open(s)
	v.path(path)
}

// picture writes a PNG file as a data URL.
func (v *vector) picture(img *image.NRGBA, box vg.Rectangle) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(fmt.Sprintf("figure: picture of %v: %v", img.Bounds(), err)) // a buffer takes everything
	}
	v.open("")
	size := box.Size()
	v.raw(`<image x="`).number(float64(box.Min.X)).raw(`" y="`).number(float64(v.height - box.Max.Y))
	v.raw(`" width="`).number(float64(size.X)).raw(`" height="`).number(float64(size.Y))
	v.raw(`" preserveAspectRatio="none" image-rendering="pixelated" href="data:image/png;base64,`)
	v.b = base64.StdEncoding.AppendEncode(v.b, b.Bytes())
	v.raw("\"/>\n")
}

func (v *vector) path(path vg.Path) {
	v.raw(`<path d="`)
	var at vg.Point // where the path has come to
	for _, c := range path {
		switch c.Type {
		case vg.MoveComp:
			v.raw("M").point(c.Pos)
		case vg.LineComp:
			v.raw("L").point(c.Pos)
		case vg.CurveComp:
			v.raw([]string{1: "Q", 2: "C"}[len(c.Control)])
			for _, p := range c.Control {
				v.point(p).raw(" ")
			}
			v.point(c.Pos)
		case vg.ArcComp:
			at = v.arc(at, c)
			continue
		case vg.CloseComp:
			v.raw("Z")
		}
		at = c.Pos
	}
	v.raw("\"/>\n")
}

// arc continues a path that has come to from with a line to the start of the arc
// and the arc, in two halves because SVG has no arc of a full circle. It returns
// the arc's end.
func (v *vector) arc(from vg.Point, c vg.PathComp) vg.Point {
	at := func(angle float64) vg.Point {
		sin, cos := math.Sincos(angle)
		return vg.Point{X: c.Pos.X + c.Radius*vg.Length(cos), Y: c.Pos.Y + c.Radius*vg.Length(sin)}
	}
	sweep := "0" // y grows downwards in SVG
	if c.Angle < 0 {
		sweep = "1"
	}
	if from != at(c.Start) {
		v.raw("L").point(at(c.Start))
	}
	for _, part := range []float64{0.5, 1} {
		v.raw("A").number(float64(c.Radius)).raw(" ").number(float64(c.Radius))
		v.raw(" 0 0 " + sweep + " ").point(at(c.Start + part*c.Angle))
	}
	return at(c.Start + c.Angle)
}

func (v *vector) text(runs []run, at vg.Point, anchor float64, up bool, c color.NRGBA) {
	v.open(v.paint("fill", c))
	v.raw(`<text x="`).number(float64(at.X)).raw(`" y="`).number(float64(v.height - at.Y)).raw(`"`)
	switch anchor {
	case 0.5:
		v.raw(` text-anchor="middle"`)
	case 1:
		v.raw(` text-anchor="end"`)
	}
	// With any other font the text still takes the place that was planned for it.
	v.raw(` lengthAdjust="spacingAndGlyphs" textLength="`).number(float64(width(runs))).raw(`"`)
	if up {
		v.raw(` transform="rotate(-90 `).point(at).raw(`)"`)
	}
	v.raw(">")
	var rise vg.Length
	for _, s := range runs {
		v.raw(`<tspan font-size="`).number(float64(s.face.Font.Size)).raw(`"`)
		if s.italic {
			v.raw(` font-style="italic"`)
		}
		if s.bold {
			v.raw(` font-weight="bold"`)
		}
		if s.rise != rise {
			v.raw(` dy="`).number(float64(rise - s.rise)).raw(`"`)
			rise = s.rise
		}
		v.raw(">").escaped(s.text).raw("</tspan>")
	}
	v.raw("</text>\n")
}
