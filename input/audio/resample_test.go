package audio

import (
	"math"
	"testing"
)

var rates = [][2]int{
	{44100, 16000}, {48000, 16000}, {8000, 16000}, {22050, 16000}, {11025, 16000}, {16000, 44100}, {96000, 16000},
	{44101, 16000}, {15999, 16000}, {16000, 15999}, // whose places are interpolated
}

func sine(hz float64, rate, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(rate)))
	}
	return out
}

// worst returns the largest difference away from both ends, where the filter
// reaches into silence.
func worst(got, want []float32, margin int) float64 {
	var most float64
	for i := margin; i < len(got)-margin; i++ {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if d != d {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}

// 1e-4 of full scale is 80 dB. It holds amplitude (0.001 dB), time and whatever
// else appears; the filter is made for 100 dB.
const quiet = 1e-4

func TestTonesBelowThePassbandStayWhatTheyAre(t *testing.T) {
	var most float64
	for _, r := range rates {
		from, to := r[0], r[1]
		nyquist := float64(min(from, to)) / 2
		for _, part := range []float64{0.003, 0.1, 0.5, 0.8, 0.92} {
			got := Resample(sine(part*nyquist, from, from), from, to)
			d := worst(got, sine(part*nyquist, to, to), to/20)
			if most = max(most, d); d > quiet {
				t.Errorf("%d to %d Hz: a tone at %v of the Nyquist frequency differs by %.1e", from, to, part, d)
			}
		}
	}
	t.Logf("largest error %.1e (%.0f dB)", most, 20*math.Log10(most))
}

func TestTonesAboveTheNyquistFrequencyAreSuppressed(t *testing.T) {
	var most float64
	for _, r := range rates {
		from, to := r[0], r[1]
		for hz := float64(to) / 2; hz < float64(from)/2; hz += float64(to) / 9.7 {
			got := Resample(sine(hz, from, from), from, to)
			d := worst(got, make([]float32, len(got)), to/20)
			if most = max(most, d); d > quiet {
				t.Errorf("%d to %d Hz: of a tone at %.0f Hz %.1e is left", from, to, hz, d)
			}
		}
	}
	t.Logf("largest rest %.1e (%.0f dB)", most, 20*math.Log10(most))
}

func TestResamplingKeepsTheDurationAndSilence(t *testing.T) {
	for _, r := range rates {
		for _, n := range []int{0, 1, 2, 99, 12345} {
			got := Resample(make([]float32, n), r[0], r[1])
			if want := (n*r[1] + r[0] - 1) / r[0]; len(got) != want {
				t.Errorf("%d samples at %d Hz become %d at %d, want %d", n, r[0], len(got), r[1], want)
			}
			for _, v := range got {
				if v != 0 {
					t.Fatalf("silence becomes %v", v)
				}
			}
		}
	}
}

// Sound may be read in part: what comes later changes nothing within reach.
func TestThePastDoesNotDependOnWhatComesAfterReach(t *testing.T) {
	for _, r := range rates {
		f := newResampler(r[0], r[1])
		all := sine(500, r[0], r[0])
		part := Resample(all[:min(len(all), f.reach(3000))], r[0], r[1])
		whole := Resample(all, r[0], r[1])
		for i := range 3000 {
			if part[i] != whole[i] {
				t.Fatalf("%d to %d Hz: sample %d is %v of a part and %v of all", r[0], r[1], i, part[i], whole[i])
			}
		}
	}
}
