package image

import (
	"fmt"
	"image"
	"image/color"
)

// rgb takes 8 bits of red, green and blue of every pixel. Alpha is left out and
// colours are not multiplied by it, which Go's own conversions to RGB do.
func (f format) rgb(m image.Image) (*Picture, error) {
	b := m.Bounds()
	p := newPicture(b.Dx(), b.Dy())
	switch m := m.(type) {
	case *image.Gray:
		p.pick(m.Pix, m.Stride, 1, 0, 0, 0)
	case *image.Gray16:
		p.pick(m.Pix, m.Stride, 2, 0, 0, 0)
	case *image.RGBA: // comes of files without alpha only, so that it is as NRGBA
		p.pick(m.Pix, m.Stride, 4, 0, 1, 2)
	case *image.NRGBA:
		p.pick(m.Pix, m.Stride, 4, 0, 1, 2)
	case *image.RGBA64: // as RGBA
		p.pick(m.Pix, m.Stride, 8, 0, 2, 4)
	case *image.NRGBA64:
		p.pick(m.Pix, m.Stride, 8, 0, 2, 4)
	case *image.Paletted:
		p.fromPalette(m)
	case *image.CMYK:
		p.fromCMYK(m)
	case *image.YCbCr:
		f.fromYCbCr(p, m)
	case *image.NYCbCrA:
		f.fromYCbCr(p, &m.YCbCr)
	default:
		return nil, fmt.Errorf("pixels of kind %T are not read", m)
	}
	return p, nil
}

// row returns row y, [Width, 3].
func (p *Picture) row(y int) []uint8 { return p.Pix[3*p.Width*y:][:3*p.Width] }

// pick copies three of the step bytes of every pixel.
func (p *Picture) pick(pix []uint8, stride, step, r, g, b int) {
	for y := range p.Height {
		to, from := p.row(y), pix[y*stride:][:p.Width*step]
		for ; len(to) > 0; to, from = to[3:], from[step:] {
			to[0], to[1], to[2] = from[r], from[g], from[b]
		}
	}
}

func (p *Picture) fromPalette(m *image.Paletted) {
	var colors [256][3]uint8
	for i, c := range m.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		colors[i] = [3]uint8{n.R, n.G, n.B}
	}
	for y := range p.Height {
		to := p.row(y)
		for x, i := range m.Pix[y*m.Stride:][:p.Width] {
			copy(to[3*x:], colors[i][:])
		}
	}
}

// fromCMYK mixes as Pillow does: paper that ink of one colour leaves, times
// paper that black leaves, without a profile.
func (p *Picture) fromCMYK(m *image.CMYK) {
	for y := range p.Height {
		to, from := p.row(y), m.Pix[y*m.Stride:][:4*p.Width]
		for ; len(to) > 0; to, from = to[3:], from[4:] {
			paper := 255 - int(from[3])
			for c := range 3 {
				ink := int(from[c])*paper + 128
				to[c] = clamp(paper - (ink+ink>>8)>>8) // ink/255, rounded
			}
		}
	}
}

func clamp(v int) uint8 { return uint8(max(0, min(v, 255))) }
