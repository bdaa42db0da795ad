package image

import "math"

// A Filter says how pixels are weighed when a picture changes its size. The
// numbers are Pillow's, as preprocessor_config.json has them.
type Filter int

const (
	Nearest Filter = iota
	Lanczos
	Bilinear
	Bicubic
	Box
	Hamming
)

// filters holds the weight at a distance, in pixels of the smaller picture, and
// the distance from which on it is 0.
var filters = [...]struct {
	reach  float64
	weight func(d float64) float64
}{
	Lanczos:  {3, func(d float64) float64 { return sinc(d) * sinc(d/3) }},
	Bilinear: {1, func(d float64) float64 { return 1 - math.Abs(d) }},
	// Keys 1981, with a = -1/2.
	Bicubic: {2, func(d float64) float64 {
		if d = math.Abs(d); d < 1 {
			return (1.5*d-2.5)*d*d + 1
		}
		return ((-0.5*d+2.5)*d-4)*d + 2
	}},
	Box:     {0.5, func(float64) float64 { return 1 }},
	Hamming: {1, func(d float64) float64 { return sinc(d) * (0.54 + 0.46*math.Cos(math.Pi*d)) }},
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// Weights are whole numbers with this many bits behind the point, as in Pillow:
// 32 less 8 of the pixel, 1 of the sign and 1 for the lobes of weights, whose
// sizes add up to more than 1.
const (
	weightBits = 32 - 8 - 2
	half       = 1 << (weightBits - 1)
)

// taps are the pixels from first on that one pixel of the result is made of.
type taps struct {
	first   int
	weights []int32
}

// plan returns the taps of each of out pixels of a line of in pixels. Where the
// picture becomes smaller the filter is as much wider, so that every pixel counts.
func (f Filter) plan(in, out int) []taps {
	kind := filters[f]
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	reach := kind.reach * stretch
	lines := make([]taps, out)
	var weights []float64
	for i := range lines {
		center := (float64(i) + 0.5) * scale
		first := max(0, int(center-reach+0.5))
		last := min(in, int(center+reach+0.5))
		weights = weights[:0]
		var sum float64
		for x := first; x < last; x++ {
			var w float64
			if d := (float64(x) - center + 0.5) * (1 / stretch); f.within(d) {
				w = kind.weight(d)
			}
			weights = append(weights, w)
			sum += w
		}
		whole := make([]int32, len(weights))
		for k, w := range weights {
			if sum != 0 {
				w /= sum
			}
			whole[k] = int32(math.Round(w * (1 << weightBits)))
		}
		lines[i] = taps{first, whole}
	}
	return lines
}

// within reports whether a pixel at that distance counts. The box takes one of
// its two edges, so that a pixel halfway between two is not counted twice.
func (f Filter) within(d float64) bool {
	reach := filters[f].reach
	if f == Box {
		return -reach < d && d <= reach
	}
	return -reach <= d && d < reach
}

// Resize returns the picture at another size, equal to Pillow's Image.resize to
// the last bit: lines first, rounded to 8 bits, then columns.
func (p *Picture) Resize(width, height int, f Filter) *Picture {
	if width <= 0 || height <= 0 || f < Nearest || f > Hamming {
		panic("image: Resize needs a size above 0 and a known filter")
	}
	if f == Nearest {
		return p.nearest(width, height)
	}
	if width != p.Width {
		p = p.across(width, f)
	}
	if height != p.Height {
		p = p.down(height, f)
	}
	return p
}

func (p *Picture) across(width int, f Filter) *Picture {
	out := newPicture(width, p.Height)
	plan := f.plan(p.Width, width)
	for y := range p.Height {
		from, to := p.row(y), out.row(y)
		for x, t := range plan {
			r, g, b := int32(half), int32(half), int32(half)
			px := from[3*t.first:][:3*len(t.weights)]
			for k, w := range t.weights {
				r += w * int32(px[3*k])
				g += w * int32(px[3*k+1])
				b += w * int32(px[3*k+2])
			}
			to[3*x], to[3*x+1], to[3*x+2] = clamp(int(r>>weightBits)), clamp(int(g>>weightBits)), clamp(int(b>>weightBits))
		}
	}
	return out
}

func (p *Picture) down(height int, f Filter) *Picture {
	out := newPicture(p.Width, height)
	sums := make([]int32, 3*p.Width)
	for y, t := range f.plan(p.Height, height) {
		for i := range sums {
			sums[i] = half
		}
		for k, w := range t.weights {
			for i, v := range p.row(t.first + k) {
				sums[i] += w * int32(v)
			}
		}
		to := out.row(y)
		for i, s := range sums {
			to[i] = clamp(int(s >> weightBits))
		}
	}
	return out
}

// nearest adds step to step, as Pillow does, so that the same pixels are taken.
func (p *Picture) nearest(width, height int) *Picture {
	out := newPicture(width, height)
	stepX, stepY := float64(p.Width)/float64(width), float64(p.Height)/float64(height)
	columns := make([]int, width)
	for x, at := 0, stepX/2; x < width; x, at = x+1, at+stepX {
		columns[x] = min(int(at), p.Width-1)
	}
	for y, at := 0, stepY/2; y < height; y, at = y+1, at+stepY {
		from, to := p.row(min(int(at), p.Height-1)), out.row(y)
		for x, c := range columns {
			copy(to[3*x:3*x+3], from[3*c:])
		}
	}
	return out
}
