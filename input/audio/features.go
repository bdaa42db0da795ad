package audio

import (
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

// An Extractor makes log-mel features of sounds, as a model's
// preprocessor_config.json asks. It may be used by several goroutines at once.
type Extractor struct {
	bins      int // of frequency, on the mel scale
	frames    int // that a model takes
	normalize bool
	mean, std float64

	hann []float64
	bank []triangle
}

// Frames are cut and weighed as Kaldi's fbank does by default, but for the window.
const (
	rate        = 16_000
	window      = 400 // samples of a frame, 25 ms
	hop         = 160 // from one to the next
	points      = 512 // of its transform, zeros at the end
	powers      = points/2 + 1
	preemphasis = 0.97 // of the sample before, taken off
	lowest      = 20   // Hz
	// logFloor is the machine epsilon of float32: silence becomes its logarithm.
	logFloor = 0x1p-23
)

// triangle is the weights of one mel bin for the powers from first on.
type triangle struct {
	first   int
	weights []float64
}

// prepare fills what depends on the number of bins.
func (e *Extractor) prepare() {
	e.hann = make([]float64, window)
	for i := range e.hann {
		e.hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/(window-1))
	}
	mel := func(hz float64) float64 { return 1127 * math.Log(1+hz/700) }
	low, high := mel(lowest), mel(rate/2)
	step := (high - low) / float64(e.bins+1)
	e.bank = make([]triangle, e.bins)
	for b := range e.bank {
		t := &e.bank[b]
		left := low + float64(b)*step
		for k := range powers {
			up := (mel(float64(k)*rate/points) - left) / step
			w := min(up, 2-up)
			if w <= 0 {
				continue
			}
			if len(t.weights) == 0 {
				t.first = k
			}
			t.weights = append(t.weights, w)
		}
	}
}

// Rate returns the samples a second that [Extractor.Features] takes.
func (e *Extractor) Rate() int { return rate }

// Shape returns what [Extractor.Features] gives: frames, of 10 ms each, and bins
// of frequency.
func (e *Extractor) Shape() (frames, bins int) { return e.frames, e.bins }

// Features returns the logarithms of power on the mel scale, [frames, bins], of
// samples at [Extractor.Rate]. What is longer is cut, what is shorter followed by
// frames of 0, both before normalization.
func (e *Extractor) Features(samples []float32) ([]float32, error) {
	if len(samples) < window {
		return nil, tooShort(len(samples))
	}
	values := make([]float32, e.frames*e.bins)
	n := min(e.frames, 1+(len(samples)-window)/hop)
	a := newAnalysis()
	for f := range n {
		a.frame(values[f*e.bins:(f+1)*e.bins], e, samples[f*hop:f*hop+window])
	}
	e.scale(values)
	if i := notFinite(values); i >= 0 {
		return nil, tooLarge(i%e.bins, i/e.bins, values[i])
	}
	return values, nil
}

// analysis is what the transform of a frame is computed in.
type analysis struct {
	fft      *fourier.FFT
	buffer   []float64
	spectrum []complex128
	power    []float64
}

func newAnalysis() *analysis {
	return &analysis{fourier.NewFFT(points), make([]float64, points), make([]complex128, powers), make([]float64, powers)}
}

// frame writes the logarithms of power [bins] of samples [window].
func (a *analysis) frame(values []float32, e *Extractor, samples []float32) {
	frame := a.buffer[:window]
	var sum float64
	for i := range frame {
		frame[i] = float64(samples[i])
		sum += frame[i]
	}
	mean := sum / window
	before := frame[0] - mean // the first sample stands in for the one before it
	for i := range frame {
		v := frame[i] - mean
		frame[i] = (v - preemphasis*before) * e.hann[i]
		before = v
	}
	clear(a.buffer[window:])
	for k, c := range a.fft.Coefficients(a.spectrum, a.buffer) {
		a.power[k] = real(c)*real(c) + imag(c)*imag(c)
	}
	for b, t := range e.bank {
		var energy float64
		for k, w := range t.weights {
			energy += w * a.power[t.first+k]
		}
		values[b] = float32(math.Log(max(energy, logFloor)))
	}
}

// scale normalizes values in place, if that is asked for.
func (e *Extractor) scale(values []float32) {
	if !e.normalize {
		return
	}
	mean, std := float32(e.mean), float32(2*e.std)
	for i, v := range values {
		values[i] = (v - mean) / std
	}
}

// notFinite returns the index of the first value that is none, or -1.
func notFinite(values []float32) int {
	return slices.IndexFunc(values, func(v float32) bool { return v-v != 0 })
}

func tooShort(samples int) error {
	return fmt.Errorf("the sound has %d samples at %d Hz, less than the %d of one frame", samples, rate, window)
}

func tooLarge(bin, frame int, v float32) error {
	return fmt.Errorf("feature %d of frame %d is %v: the samples are too large or not numbers", bin, frame, v)
}

// Read decodes a file, resamples it and returns its [Extractor.Features]. It reads
// no more than these are made of.
func (e *Extractor) Read(r io.Reader) ([]float32, error) {
	reader, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	n := (e.frames-1)*hop + window
	if reader.Rate != rate {
		n = newResampler(reader.Rate, rate).reach(n)
	}
	samples, err := reader.upTo(n)
	if err != nil {
		return nil, err
	}
	return e.Features(Resample(samples, reader.Rate, rate))
}
