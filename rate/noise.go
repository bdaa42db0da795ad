package rate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tripartite-go/tripartite/tuning"
)

// Noise multiplies what drives a neuron or a domain by exp(a x - a²/2), x a
// stationary Ornstein-Uhlenbeck process of variance 1 of its own: the factor has
// mean 1 and is never negative, whatever the scale of the drive. The process goes
// on from one presentation to the next. It is sampled by its exact law every Hold
// seconds and held between, so that inputs are constant in pieces and the closed
// forms stay exact. All of it is ours.
type Noise struct {
	Hidden    float64 `json:"noise_hidden"`    // a of what drives hidden neurons: phi; default 0
	Output    float64 `json:"noise_output"`    // a of what drives output neurons: v, and H h over calcium; default 0
	Astrocyte float64 `json:"noise_astrocyte"` // a of what drives domains: K g.h; default 0
	// Correlation is the time constant of the processes, s. Default 0.1.
	Correlation float64 `json:"noise_correlation_s"`
	// Hold is how long a sample is held at most, s. Default 0.02. Presentations are
	// divided into equal parts.
	Hold float64 `json:"noise_hold_s"`
	Seed uint64  `json:"noise_seed"`
}

// Most pieces of a presentation.
const mostPieces = 1 << 16

func (n *Noise) none() bool { return n.Hidden == 0 && n.Output == 0 && n.Astrocyte == 0 }

func (n *Noise) check(present float64) error {
	for _, a := range []float64{n.Hidden, n.Output, n.Astrocyte} {
		if !(a >= 0 && a <= 10) {
			return fmt.Errorf("rate: noise of %v, want a standard deviation of the logarithm from 0 to 10", a)
		}
	}
	if n.none() {
		return nil
	}
	if !positive(n.Correlation) || !positive(n.Hold) {
		return fmt.Errorf("rate: noise with a correlation time of %v s, held for %v s; both must be finite and above 0", n.Correlation, n.Hold)
	}
	if present/n.Hold > mostPieces {
		return fmt.Errorf("rate: noise held for %v s makes %.3g pieces of a presentation, and %d are the most; hold it longer", n.Hold, present/n.Hold, mostPieces)
	}
	return nil
}

// fluctuation is the processes of one kind of drive.
type fluctuation struct {
	amplitude, correlation float64
	rng                    *rand.Rand
	x                      []float64
}

func newFluctuation(n int, amplitude float64, noise Noise, stream int) *fluctuation {
	if amplitude == 0 {
		return nil
	}
	f := &fluctuation{amplitude: amplitude, correlation: noise.Correlation, rng: tuning.NewRand(noise.Seed, stream), x: make([]float64, n)}
	for i := range f.x {
		f.x[i] = f.rng.NormFloat64()
	}
	return f
}

// apply writes what is left of drives to dst.
func (f *fluctuation) apply(dst, drives []float64) {
	copy(dst, drives)
	if f == nil {
		return
	}
	for i, x := range f.x {
		dst[i] *= math.Exp(f.amplitude*x - f.amplitude*f.amplitude/2)
	}
}

// step moves the processes on by t seconds.
func (f *fluctuation) step(t float64) {
	if f == nil {
		return
	}
	keep := math.Exp(-t / f.correlation)
	spread := math.Sqrt(-math.Expm1(-2 * t / f.correlation))
	for i := range f.x {
		f.x[i] = keep*f.x[i] + spread*f.rng.NormFloat64()
	}
}
