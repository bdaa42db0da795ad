package audio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// What a header may say, so that a lie costs nothing. Sound for people has 8,000
// to 192,000 samples a second and up to 24 channels; recorders of bats go on to
// 768,000.
const (
	minRate     = 1_000
	maxRate     = 768_000
	maxChannels = 64
	maxSamples  = 1 << 28 // of Decode: 1 GiB, 4.6 hours at 16 kHz
)

// A Reader reads a sound from its beginning on, as long as it lasts, mixed to one
// channel: the mean of all.
type Reader struct {
	Rate     int // samples a second
	Channels int // before they were mixed

	source source
	format string
	frames []float32 // decoded and not yet given, [n, Channels]
	given  int64     // samples so far
}

// source decodes blocks of frames, a frame being one sample of every channel.
type source interface {
	// next returns some frames, [n, Channels], valid until the next call, or
	// io.EOF where a sound ends as it should.
	next() ([]float32, error)
}

// NewReader tells by its first bytes whether r is WAV or FLAC and reads its
// header.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(12)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read sound: %w", err)
	}
	begins := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	at := func(i int, s string) bool { return len(head) > i && bytes.HasPrefix(head[i:], []byte(s)) }
	var other string
	switch {
	case (begins("RIFF") || begins("RF64")) && at(8, "WAVE"):
		return newWAV(b)
	case begins("fLaC"):
		return newFLAC(b)
	case len(head) == 0:
		return nil, errors.New("the sound's file is empty")
	case begins("ID3"), begins("\xff\xfb"), begins("\xff\xf3"), begins("\xff\xf2"):
		other = "an MP3 or has an MP3's tags"
	case begins("OggS"):
		other = "an Ogg (Vorbis, Opus)"
	case begins("FORM"):
		other = "an AIFF"
	case at(4, "ftyp"):
		other = "an MP4 (M4A)"
	case begins("RIFX"):
		other = "a WAV with its bytes in the other order (RIFX)"
	case begins(".snd"):
		other = "an AU"
	default:
		return nil, errors.New("not a sound that is known here: WAV and FLAC are read")
	}
	return nil, fmt.Errorf("the sound is %s, which is not read: WAV and FLAC are, so convert it first", other)
}

// checked returns a Reader for a header that makes sense.
func checked(format string, rate, channels int, s source) (*Reader, error) {
	switch {
	case rate < minRate || rate > maxRate:
		return nil, fmt.Errorf("the %s says that it has %d samples a second; from %d to %d are read", format, rate, minRate, maxRate)
	case channels < 1 || channels > maxChannels:
		return nil, fmt.Errorf("the %s says that it has %d channels; from 1 to %d are read", format, channels, maxChannels)
	}
	return &Reader{Rate: rate, Channels: channels, format: format, source: s}, nil
}

// Read fills mono with the next samples and returns how many there were; at the
// end of the sound 0 and io.EOF.
func (r *Reader) Read(mono []float32) (int, error) {
	n := 0
	for n < len(mono) {
		if len(r.frames) == 0 {
			frames, err := r.source.next()
			if err == io.EOF && (n > 0 || r.given > 0) {
				if n > 0 {
					break
				}
				return 0, io.EOF
			}
			if err == io.EOF {
				err = errors.New("it holds no samples")
			}
			if err != nil {
				return n, fmt.Errorf("the %s: %w", r.format, err)
			}
			r.frames = frames
		}
		frame := r.frames[:r.Channels]
		r.frames = r.frames[r.Channels:]
		var sum float64
		for c, v := range frame {
			if v-v != 0 {
				return n, fmt.Errorf("the %s: sample %d (%.3f s) of channel %d is %v: repair or cut it", r.format, r.given, float64(r.given)/float64(r.Rate), c+1, v)
			}
			sum += float64(v)
		}
		mono[n] = float32(sum / float64(r.Channels))
		n++
		r.given++
	}
	return n, nil
}

// A Sound is one channel of samples, of full scale from -1 to 1.
type Sound struct {
	Rate    int // samples a second
	Samples []float32
}

// Decode reads a whole sound. One that is too long for memory, or has no end, is
// for a [Reader].
func Decode(r io.Reader) (*Sound, error) {
	reader, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	samples, err := reader.upTo(maxSamples + 1)
	if err != nil {
		return nil, err
	}
	if len(samples) > maxSamples {
		return nil, fmt.Errorf("the %s has more than %d samples, %d minutes: cut it, or read it piece by piece", reader.format, maxSamples, maxSamples/reader.Rate/60)
	}
	return &Sound{reader.Rate, samples}, nil
}

// upTo reads n samples, or less where the sound ends. Memory is taken as samples
// come, whatever the header says.
func (r *Reader) upTo(n int) ([]float32, error) {
	var samples []float32
	block := make([]float32, min(n, 1<<14))
	for len(samples) < n {
		got, err := r.Read(block[:min(len(block), n-len(samples))])
		samples = append(samples, block[:got]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return samples, nil
}
