package figure

import (
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/stats"
	"github.com/tripartite-go/tripartite/transfer"
)

// glow colours a picture by attention. Hue and mean lightness say how much of it
// a place gets, from dark violet for none to pale yellow, and the picture shows
// as relief: it only raises and lowers the lightness around that mean. So the
// picture stays recognizable, and a colour means the same on its dark and its
// light parts, to every kind of colour vision and in grey.
type glow [glowSteps + 1][greys + 1]color.NRGBA

const (
	glowSteps = 200 // of attention
	greys     = 32  // of the picture: more than are told apart in relief, few enough for small files
)

func newGlow() *glow {
	g, colors := new(glow), newColormap()
	for i := range g {
		at := glowLeast + (glowMost-glowLeast)*float64(i)/glowSteps
		for k := range g[i] {
			c := colors[int(at*float64(len(colors)-1)+0.5)]
			c.L += relief * (2*float64(k)/greys - 1)
			g[i][k] = c.nrgba()
		}
	}
	return g
}

// Ends of the colour map that are used, which leave room for the relief.
const (
	glowMost  = 0.14
	glowLeast = 0.90
	relief    = 0.17 // of lightness, up and down
)

// at returns the colour of attention t, from 0 to 1, where the picture has the
// lightness p.
func (g *glow) at(t, p float64) color.NRGBA {
	return g[int(min(max(t, 0), 1)*glowSteps+0.5)][int(p*greys+0.5)]
}

// noValue is the colour where attention has none.
func noValue(p float64) color.NRGBA {
	return oklab{L: 0.62 + relief*(2*p-1)}.nrgba()
}

// view is what a model sees of one input, ready to be drawn.
type view struct {
	transfer.Patches
	sound  bool
	coarse int       // so many pixels, each way, are drawn as one
	grey   []float64 // [Height, Width] lightness from 0 to 1, the top row first; nil where it was not kept
}

// newView returns what is seen for a panel of the given width. A panel has
// finestDots pixels a millimetre, about: dozens of large pictures must not make
// files of many megabytes.
func newView(p *transfer.Patches, width vg.Length) view {
	v := view{Patches: *p, sound: p.Channels == 1}
	v.coarse = max(1, int(math.Round(float64(p.Width)/(float64(width/mm)*finestDots))))
	n := p.Height * p.Width
	if n == 0 || len(p.Seen) != p.Channels*n {
		return v
	}
	v.grey = make([]float64, n)
	rgb := v
	rgb.coarse = 1
	for i := range v.grey {
		if v.sound {
			v.grey[i] = float64(p.Seen[v.source(i)])
			continue
		}
		y := luminance(rgb.rgb(i))
		v.grey[i] = math.Cbrt(y) // L of OKLab
	}
	// One bright pixel in a hundred must not take the contrast from all others.
	lo, hi := stats.Quantile(v.grey, 0.01), stats.Quantile(v.grey, 0.99)
	if !(hi > lo) {
		lo, hi = lo-0.5, lo+0.5
	}
	for i, x := range v.grey {
		v.grey[i] = math.Round(min(max((x-lo)/(hi-lo), 0), 1)*greys) / greys
	}
	return v
}

// source returns where pixel i of what is drawn lies in a channel of Seen: low
// frequencies, its first rows, are drawn at the bottom.
func (v view) source(i int) int {
	if v.sound {
		return (v.Height-1-i/v.Width)*v.Width + i%v.Width
	}
	return i
}

// rgb returns the colour of pixel i of a picture as it is drawn.
func (v view) rgb(i int) color.NRGBA {
	var c [3]uint8
	n := v.Height * v.Width
	for k := range c {
		x := mean(v, v.Seen[min(k, v.Channels-1)*n:][:n], i)
		c[k] = uint8(255*min(max(x, 0), 1) + 0.5)
	}
	return color.NRGBA{c[0], c[1], c[2], 0xff}
}

const finestDots = 5

// finest is how many pixels across small pictures are enlarged to, so that
// programs that smooth pictures leave their pixels with hard edges.
const finest = 200

// paint draws every pixel in the colour that at gives it, enlarged by a whole
// number. Places x and y are those of the enlarged picture.
func (v view) paint(at func(i, x, y int) color.NRGBA) *image.NRGBA {
	width, height := max(1, v.Width/v.coarse), max(1, v.Height/v.coarse)
	k := max(1, (finest+max(width, height)-1)/max(width, height))
	if v.coarse > 1 {
		k = 1
	}
	img := image.NewNRGBA(image.Rect(0, 0, k*width, k*height))
	if v.Width == 0 || v.Height == 0 {
		return img
	}
	for y := range k * height {
		for x := range k * width {
			img.SetNRGBA(x, y, at(y/k*v.coarse*v.Width+x/k*v.coarse, x, y))
		}
	}
	return img
}

// mean returns the mean of the pixels that are drawn as one with i, their first.
func mean[T float32 | float64](v view, x []T, i int) float64 {
	s, n := 0.0, 0
	for dy := range min(v.coarse, v.Height-i/v.Width) {
		for dx := range min(v.coarse, v.Width-i%v.Width) {
			s += float64(x[i+dy*v.Width+dx])
			n++
		}
	}
	return s / float64(n)
}

// lightness of pixel i as it is drawn.
func (v view) lightness(i int) float64 {
	if v.grey == nil {
		return 0.5
	}
	return mean(v, v.grey, i)
}

// seen draws what the model sees: a picture in its colours, a spectrogram in
// greys of which the strongest is white.
func (v view) seen() *image.NRGBA {
	return v.paint(func(i, _, _ int) color.NRGBA {
		if v.grey == nil || v.sound {
			return oklab{L: 0.08 + 0.9*v.lightness(i)}.nrgba()
		}
		return v.rgb(i)
	})
}

// spread gives every pixel the mean of the values of the patches that cover it,
// NaN where one of them is, and +Inf where none does.
func (v view) spread(patches []float64) []float64 {
	sum, covered := make([]float64, v.Height*v.Width), make([]float64, v.Height*v.Width)
	for p, x := range patches {
		top, left := p/max(1, v.Cols)*v.StrideHeight, p%max(1, v.Cols)*v.StrideWidth
		for y := top; y < min(top+v.PatchHeight, v.Height); y++ {
			for at := left; at < min(left+v.PatchWidth, v.Width); at++ {
				sum[y*v.Width+at] += x
				covered[y*v.Width+at]++
			}
		}
	}
	out := make([]float64, len(sum))
	for i := range out {
		from := v.source(i)
		if out[i] = math.Inf(1); covered[from] > 0 {
			out[i] = sum[from] / covered[from]
		}
	}
	return out
}

// overlay lays the values of patches over what is seen, on a scale. What has no
// value is grey, and hatched, since a grey may not be told from a colour in print;
// what the model does not read, left over at the edges, is grey alone.
func (v view) overlay(g *glow, patches []float64, s shades) *image.NRGBA {
	at := v.spread(patches)
	const hatch = 12 // pixels from one line to the next
	return v.paint(func(i, x, y int) color.NRGBA {
		share := mean(v, at, i)
		switch {
		case math.IsNaN(share) && (x+y)%hatch < 2:
			return paper
		case math.IsNaN(share) || math.IsInf(share, 0):
			return noValue(v.lightness(i))
		}
		return g.at(share/s.hi, v.lightness(i))
	})
}

// legend shows the colours of attention upwards, and from left to right what the
// picture's lightness makes of them.
func (g *glow) legend() *image.NRGBA {
	const width, height = 24, 192
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, g.at(1-float64(y)/(height-1), float64(x)/(width-1)))
		}
	}
	return img
}

// legend shows the colours of the map, the first at the bottom.
func (m colormap) legend() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 1, len(m)))
	for y, c := range m {
		img.SetNRGBA(0, len(m)-1-y, c.nrgba())
	}
	return img
}
