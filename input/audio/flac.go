package audio

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
)

// flacFrames reads a FLAC, whose blocks carry checksums.
type flacFrames struct {
	stream *flac.Stream
	read   uint64
	frames []float32
}

func newFLAC(r io.Reader) (*Reader, error) {
	stream, err := flac.New(r)
	if err != nil {
		return nil, fmt.Errorf("the FLAC: %w", damaged(err))
	}
	info := stream.Info
	return checked("FLAC", int(info.SampleRate), int(info.NChannels), &flacFrames{stream: stream})
}

func (f *flacFrames) next() ([]float32, error) {
	info := f.stream.Info
	block, err := f.stream.ParseNext()
	switch {
	case err == io.EOF && (f.read == info.NSamples || info.NSamples == 0):
		return nil, io.EOF
	case err == io.EOF:
		return nil, fmt.Errorf("it says that it has %d samples, and ends after %d: it is cut short, get it again", info.NSamples, f.read)
	case err != nil:
		return nil, fmt.Errorf("after %d samples: %w", f.read, damaged(err))
	case len(block.Subframes) != int(info.NChannels) || block.BitsPerSample != info.BitsPerSample:
		return nil, fmt.Errorf("after %d samples the number of channels or bits changes: it is damaged, get it again", f.read)
	}
	channels, n := len(block.Subframes), len(block.Subframes[0].Samples)
	if cap(f.frames) < n*channels {
		f.frames = make([]float32, n*channels)
	}
	f.frames = f.frames[:n*channels]
	scale := 1 / float32(int64(1)<<(info.BitsPerSample-1))
	for c, s := range block.Subframes {
		if len(s.Samples) != n {
			return nil, fmt.Errorf("after %d samples channels differ in length: it is damaged, get it again", f.read)
		}
		for i, v := range s.Samples {
			f.frames[i*channels+c] = float32(v) * scale
		}
	}
	f.read += uint64(n)
	return f.frames, nil
}

func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early: it is cut short, get it again")
	}
	return fmt.Errorf("%w: it is damaged, get it again", err)
}
