package image

import (
	"fmt"
	"io"
)

// A Processor makes pixel values of pictures, as a model's
// preprocessor_config.json asks: resize, cut out the middle, rescale, normalize.
// It may be used by several goroutines at once.
type Processor struct {
	size      *size // nil leaves the size as it is
	filter    Filter
	crop      *size // nil cuts nothing
	rescale   bool
	factor    float64
	normalize bool
	mean, std [3]float64

	// values holds what becomes of every byte in every channel.
	values [3][256]float32
}

// size is one of height and width, or of the shorter edge alone.
type size struct{ height, width, shortest int }

// maxSeen bounds the pixels that a model is given.
const maxSeen = 1 << 24

// Seen returns what a model sees of a picture: the picture resized and its middle
// cut out. It shares memory with p where nothing changes.
func (pr *Processor) Seen(p *Picture) (*Picture, error) {
	if pr.size != nil {
		w, h := pr.size.of(p)
		if w < 1 || h < 1 || w > maxSeen/h {
			return nil, fmt.Errorf("a picture of %d x %d pixels would be resized to %d x %d; at most %d pixels are made: cut it first", p.Width, p.Height, w, h, maxSeen)
		}
		p = p.Resize(w, h, pr.filter)
	}
	if pr.crop != nil {
		p = p.middle(pr.crop.width, pr.crop.height)
	}
	if p.Width > maxSeen/p.Height {
		return nil, fmt.Errorf("a picture of %d x %d pixels, which is not to be resized; at most %d pixels are given to a model: make it smaller first", p.Width, p.Height, maxSeen)
	}
	return p, nil
}

// Pixels returns the values of a picture, [3, height, width]: the channels of red,
// green and blue one after the other, as a model takes them.
func (pr *Processor) Pixels(p *Picture) (values []float32, height, width int, err error) {
	seen, err := pr.Seen(p)
	if err != nil {
		return nil, 0, 0, err
	}
	n := seen.Width * seen.Height
	values = make([]float32, 3*n)
	for c := range 3 {
		table, to := &pr.values[c], values[c*n:][:n]
		for i := range to {
			to[i] = table[seen.Pix[3*i+c]]
		}
	}
	return values, seen.Height, seen.Width, nil
}

// Read decodes a file and returns its [Processor.Pixels].
func (pr *Processor) Read(r io.Reader) (values []float32, height, width int, err error) {
	p, err := Decode(r)
	if err != nil {
		return nil, 0, 0, err
	}
	return pr.Pixels(p)
}

// Brightness turns the values of a picture [3, height, width] back into the
// brightness of its pixels, 0 to 1, in the same shape.
func (pr *Processor) Brightness(values []float32) []float32 {
	out := make([]float32, len(values))
	n := len(values) / 3
	for c := range 3 {
		// Every table is a straight line.
		black, white := pr.values[c][0], pr.values[c][255]
		if white == black {
			continue
		}
		for i, v := range values[c*n : (c+1)*n] {
			out[c*n+i] = (v - black) / (white - black)
		}
	}
	return out
}

func (s *size) of(p *Picture) (width, height int) {
	switch {
	case s.shortest == 0:
		return s.width, s.height
	case p.Width <= p.Height:
		return s.shortest, s.longer(p.Height, p.Width)
	}
	return s.longer(p.Width, p.Height), s.shortest
}

// longer keeps the proportions, rounded down, through float64 as the reference.
func (s *size) longer(long, short int) int {
	return int(float64(s.shortest*long) / float64(short))
}

// middle cuts width x height pixels out, with black around a picture that is
// smaller. An odd pixel more lies at the right and below, or, of black, at the
// left and above.
func (p *Picture) middle(width, height int) *Picture {
	if width == p.Width && height == p.Height {
		return p
	}
	out := newPicture(width, height)
	fromX, toX, n := overlap(p.Width, width)
	fromY, toY, rows := overlap(p.Height, height)
	for y := range rows {
		copy(out.row(toY + y)[3*toX:], p.row(fromY + y)[3*fromX:3*(fromX+n)])
	}
	return out
}

// overlap says where the middle of a line of have pixels lies, where it comes to
// lie in a line of want, and how long it is.
func overlap(have, want int) (from, to, n int) {
	if want <= have {
		return (have - want) / 2, 0, want
	}
	return 0, (want - have + 1) / 2, have
}

// tabulate fills values, in float64 and float32 as the reference rounds them.
func (pr *Processor) tabulate() {
	for c := range pr.values {
		for b := range pr.values[c] {
			v := float32(b)
			if pr.rescale {
				v = float32(float64(b) * pr.factor)
			}
			if pr.normalize {
				v = (v - float32(pr.mean[c])) / float32(pr.std[c])
			}
			pr.values[c][b] = v
		}
	}
}
