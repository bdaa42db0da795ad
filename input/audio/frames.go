package audio

import (
	"fmt"
	"io"
)

// Frames makes the features of a sound that may have no end, frame by frame as it
// comes: those that [Extractor.Features] makes of the whole, to the bit. Of the
// sound it keeps what the next frame is made of.
type Frames struct {
	e        *Extractor
	reader   *Reader
	filter   *resampler // nil where the sound has the extractor's rate
	analysis *analysis

	in    []float32 // of the sound, from inAt on
	inAt  int
	block []float32
	ended bool      // nothing follows in
	out   []float32 // at the extractor's rate, from outAt on
	outAt int
	frame int // that comes next
}

// Frames returns the frames of a sound from its beginning on. Of the extractor it
// leaves out how many frames a model takes.
func (e *Extractor) Frames(r *Reader) *Frames {
	f := &Frames{e: e, reader: r, analysis: newAnalysis(), block: make([]float32, 1<<12), out: make([]float32, 0, window)}
	if r.Rate != rate {
		f.filter = newResampler(r.Rate, rate)
	}
	return f
}

// Bins returns the width of a frame.
func (f *Frames) Bins() int { return f.e.bins }

// Skip leaves out the next n frames. What they are made of is read, and nothing
// computed.
func (f *Frames) Skip(n int) { f.frame += n }

// Next writes the next frame [Bins]. Where fewer samples than a frame's are left
// the error is io.EOF.
func (f *Frames) Next(values []float32) error {
	start := f.frame * hop
	keep := f.out[min(len(f.out), start-f.outAt):]
	f.out = f.out[:copy(f.out, keep)]
	f.outAt = start
	for len(f.out) < window {
		v, err := f.sample(start + len(f.out))
		if err == io.EOF && f.frame == 0 {
			return tooShort(len(f.out))
		}
		if err == io.EOF {
			return f.end()
		}
		if err != nil {
			return err
		}
		f.out = append(f.out, v)
	}
	f.analysis.frame(values, f.e, f.out)
	f.e.scale(values)
	if i := notFinite(values); i >= 0 {
		return tooLarge(i, f.frame, values[i])
	}
	f.frame++
	return nil
}

// end is io.EOF, unless frames were skipped that are not there.
func (f *Frames) end() error {
	samples := f.inAt + len(f.in)
	if f.filter != nil {
		samples = f.filter.length(samples)
	}
	if frames := max(0, 1+(samples-window)/hop); frames < f.frame {
		return fmt.Errorf("the sound has %d frames, and goes on after %d: give the same sound", frames, f.frame)
	}
	return io.EOF
}

// sample returns the n-th at the extractor's rate.
func (f *Frames) sample(n int) (float32, error) {
	if f.filter == nil {
		if err := f.read(n, n+1); err != nil {
			return 0, err
		}
		if n >= f.inAt+len(f.in) {
			return 0, io.EOF
		}
		return f.in[n-f.inAt], nil
	}
	first := f.filter.first(n)
	if err := f.read(max(0, first), first+2*f.filter.half); err != nil {
		return 0, err
	}
	if f.ended && n >= f.filter.length(f.inAt+len(f.in)) {
		return 0, io.EOF
	}
	return f.filter.at(f.in, f.inAt, n), nil
}

// read makes the samples from first to end there, or to the end of the sound, and
// drops those before.
func (f *Frames) read(first, end int) error {
	for !f.ended && f.inAt+len(f.in) < end {
		drop := min(len(f.in), max(0, first-f.inAt))
		f.in = f.in[:copy(f.in, f.in[drop:])]
		f.inAt += drop
		n, err := f.reader.Read(f.block[:min(len(f.block), end-f.inAt-len(f.in))])
		f.in = append(f.in, f.block[:n]...)
		if err == io.EOF {
			f.ended = true
		} else if err != nil {
			return err
		}
	}
	return nil
}
