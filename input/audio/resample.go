package audio

import "math"

// Sound below passband of the lower of two Nyquist frequencies is kept, sound
// from there on suppressed by attenuation.
const (
	passband    = 0.92
	attenuation = 100 // dB
)

// Resample returns samples at another rate, as many as last as long, rounded up.
// It weighs neighbours with a sinc under a Kaiser window (Oppenheim and Schafer,
// Discrete-Time Signal Processing, 7.6), without delay; before the beginning and
// after the end there is silence.
func Resample(samples []float32, from, to int) []float32 {
	if from <= 0 || to <= 0 {
		panic("audio: Resample needs rates above 0")
	}
	if from == to {
		return samples
	}
	f := newResampler(from, to)
	out := make([]float32, f.length(len(samples)))
	for n := range out {
		out[n] = f.at(samples, 0, n)
	}
	return out
}

// resampler holds the weights of neighbours for several places between two
// samples.
type resampler struct {
	from, to int64 // without common factors
	half     int   // neighbours on either side
	// rows[p] are the weights at p / (len(rows) - 1) of the way from one sample to
	// the next.
	rows [][]float64
}

// tableSize bounds the weights, in numbers. Where the places that occur are more
// than that, weights between two rows are interpolated.
const tableSize = 1 << 18

func newResampler(from, to int) *resampler {
	d := gcd(from, to)
	f := &resampler{from: int64(from / d), to: int64(to / d)}
	scale := min(1, float64(to)/float64(from))
	// Kaiser's estimates of length and of beta.
	width := math.Pi * scale * (1 - passband)
	f.half = int(math.Ceil((attenuation - 7.95) / (2.285 * width) / 2))
	beta := 0.1102 * (attenuation - 8.7)
	cutoff := scale * (1 + passband) / 2
	places := to / d
	if places > tableSize/(2*f.half) {
		// A straight line between 512 places errs by less than 2e-6 of the peak,
		// pi^2/3 / 512^2 / 8; a wider filter bends less.
		places = int(math.Ceil(512 * scale))
	}
	f.rows = make([][]float64, places+1)
	for p := range f.rows {
		row := make([]float64, 2*f.half)
		var sum float64
		for k := range row {
			t := float64(k-f.half+1) - float64(p)/float64(places)
			if x := t / float64(f.half); math.Abs(x) < 1 {
				row[k] = sinc(cutoff*t) * bessel(beta*math.Sqrt(1-x*x))
			}
			sum += row[k]
		}
		for k := range row {
			row[k] /= sum // a constant stays what it is
		}
		f.rows[p] = row
	}
	return f
}

// length returns how many samples n become.
func (f *resampler) length(n int) int {
	return int((int64(n)*f.to + f.from - 1) / f.from)
}

// reach returns how many samples the first n of the result are made of.
func (f *resampler) reach(n int) int {
	return int(int64(n)*f.from/f.to) + f.half + 1
}

// first returns the first sample that the n-th of the result is made of; one
// below 0 is silence.
func (f *resampler) first(n int) int {
	return int(int64(n)*f.from/f.to) - f.half + 1
}

// at returns the n-th of the result. Of all samples those from base on are there,
// as far as it is made of them.
func (f *resampler) at(samples []float32, base, n int) float32 {
	first, part := f.first(n), int64(n)*f.from%f.to
	skip := max(0, -first)
	end := min(2*f.half, base+len(samples)-first)
	places := int64(len(f.rows) - 1)
	p, between := part*places/f.to, part*places%f.to
	samples = samples[first+skip-base:]
	sum := dot(f.rows[p][skip:end], samples)
	if between != 0 {
		next := dot(f.rows[p+1][skip:end], samples)
		sum += (next - sum) * float64(between) / float64(f.to)
	}
	return float32(sum)
}

func dot(weights []float64, samples []float32) float64 {
	samples = samples[:len(weights)]
	var a, b float64
	i := 0
	for ; i+1 < len(weights); i += 2 {
		a += weights[i] * float64(samples[i])
		b += weights[i+1] * float64(samples[i+1])
	}
	if i < len(weights) {
		a += weights[i] * float64(samples[i])
	}
	return a + b
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of order 0, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
