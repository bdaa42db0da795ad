package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// allFrames reads frames from the n-th on to the end.
func allFrames(t *testing.T, e *Extractor, r io.Reader, n int) ([]float32, error) {
	t.Helper()
	reader, err := NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	f := e.Frames(reader)
	f.Skip(n)
	var all []float32
	frame := make([]float32, f.Bins())
	for {
		if err := f.Next(frame); err != nil {
			return all, err
		}
		all = append(all, frame...)
	}
}

func TestFramesOfASoundAsItComesAreThoseOfTheWhole(t *testing.T) {
	g := loadGolden(t)
	for _, c := range g.Cases {
		data := read(t, c.File)
		s, err := Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for name := range g.Extractors {
			e := g.extractor(t, name)
			e.frames = max(0, 1+(c.Resampled-window)/hop) // as many as there are
			want, err := e.Features(Resample(s.Samples, s.Rate, rate))
			if err != nil { // less than a frame
				if _, got := allFrames(t, e, bytes.NewReader(data), 0); got == nil || got.Error() != err.Error() {
					t.Errorf("%s: %v, whole %v", c.File, got, err)
				}
				continue
			}
			for what, r := range map[string]io.Reader{"at once": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data))} {
				if got, err := allFrames(t, e, r, 0); err != io.EOF || !slices.Equal(got, want) {
					t.Errorf("%s, %s, %s: %d values, want %d, %v", c.File, name, what, len(got), len(want), err)
				}
			}
			for _, skip := range []int{1, 2, 3, 20, e.frames} {
				if skip > e.frames {
					continue
				}
				if got, err := allFrames(t, e, bytes.NewReader(data), skip); err != io.EOF || !slices.Equal(got, want[skip*e.bins:]) {
					t.Errorf("%s, %s, from frame %d: %d values, %v", c.File, name, skip, len(got), err)
				}
			}
			if _, err := allFrames(t, e, bytes.NewReader(data), e.frames+1); err == io.EOF || !strings.Contains(err.Error(), "give the same sound") {
				t.Errorf("%s, %s, from behind its end: %v", c.File, name, err)
			}
		}
	}
}

// noise is a WAV of a stream without end: 44.1 kHz, two channels.
type noise struct {
	header []byte
	state  uint32
}

func newNoise() *noise {
	h := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00")
	h = binary.LittleEndian.AppendUint32(h, 44100)
	h = binary.LittleEndian.AppendUint32(h, 4*44100)
	return &noise{append(h, "\x04\x00\x10\x00data\xff\xff\xff\xff"...), 1}
}

func (n *noise) Read(p []byte) (int, error) {
	if len(n.header) > 0 {
		k := copy(p, n.header)
		n.header = n.header[k:]
		return k, nil
	}
	for i := range p {
		n.state = n.state*1664525 + 1013904223
		p[i] = byte(n.state >> 24)
	}
	return len(p), nil
}

func TestAFrameAllocatesNothing(t *testing.T) {
	reader, err := NewReader(newNoise())
	if err != nil {
		t.Fatal(err)
	}
	f := Default().Frames(reader)
	frame := make([]float32, f.Bins())
	next := func() {
		if err := f.Next(frame); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		next()
	}
	held := cap(f.in) + cap(f.out)
	if n := testing.AllocsPerRun(1000, next); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
	if now := cap(f.in) + cap(f.out); now != held {
		t.Errorf("%d samples are held, then %d", held, now)
	}
}

// Frames come with the sound, not a block later.
func TestAFrameComesWithItsLastSample(t *testing.T) {
	r, w := io.Pipe()
	header := newNoise().header
	binary.LittleEndian.PutUint32(header[24:], rate)
	done := make(chan error)
	go func() {
		reader, err := NewReader(r)
		if err == nil {
			f := Default().Frames(reader)
			err = f.Next(make([]float32, f.Bins()))
		}
		done <- err
	}()
	if _, err := w.Write(append(header, make([]byte, 4*window)...)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil { // though nothing more came
		t.Error(err)
	}
}
