package rate

import (
	"fmt"
	"math"
	"slices"
)

// Head is one head in time: hidden neurons, output neurons, astrocyte, memory. It
// is not safe for concurrent use.
type Head struct {
	cfg      Config
	channels int // output neurons: dv, or 2 dv under Dale's law
	domain   []int
	net      network
	calcium  []float64 // [K] c
	hidden   []float64 // [m] h
	output   []float64 // [channels] l
	hebb     []float64 // [channels, m] H
	gain     []float64 // [m] g

	course  *course
	read    *readout
	noise   struct{ hidden, output, astrocyte *fluctuation }
	trace   *tracer // nil unless samples are wanted
	events  []Event
	reading int // which reading this is

	// Of the present piece: what drives hidden and output neurons, and domains at its
	// beginning and as the hidden neurons settle; what reaches the output neurons.
	phi, target, drive, value []float64
	start, end                []float64
	fromHidden, fromDrive     []float64 // [K, channels] H_j h_0, H_j phi
	arriving                  []float64 // [channels]
}

// New returns a head at rest with an empty memory.
func New(cfg Config) (*Head, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m, k := cfg.Neurons, cfg.Domains.count()
	h := &Head{cfg: cfg, channels: cfg.Outputs, domain: slices.Clone(cfg.Domains.Of), net: newNetwork(k, cfg.Domains.Coupling)}
	if cfg.Dale {
		h.channels *= 2
	}
	if h.domain == nil {
		h.domain = make([]int, m)
	}
	ch := h.channels
	v := func(n int) []float64 { return make([]float64, n) }
	h.calcium, h.hidden, h.output, h.hebb, h.gain = v(k), v(m), v(ch), v(ch*m), v(m)
	h.phi, h.target, h.drive, h.value = v(m), v(ch), v(m), v(ch)
	h.start, h.end, h.fromHidden, h.fromDrive, h.arriving = v(k), v(k), v(k*ch), v(k*ch), v(ch)
	for j := range h.calcium {
		h.calcium[j] = 1
	}
	h.course = newCourse(&h.net, cfg.Kinetics.Astrocyte, 1/cfg.Kinetics.Hidden)
	h.read = newReadout(h.course, cfg.Kinetics.Output, cfg.Readout)
	h.noise.hidden = newFluctuation(m, cfg.Noise.Hidden, cfg.Noise, 1)
	h.noise.output = newFluctuation(ch, cfg.Noise.Output, cfg.Noise, 2)
	h.noise.astrocyte = newFluctuation(k, cfg.Noise.Astrocyte, cfg.Noise, 3)
	return h, nil
}

// Domains returns K.
func (h *Head) Domains() int { return h.net.k }

// Channels returns how many output neurons there are: dv, or under Dale's law 2 dv,
// those that excite before those that inhibit.
func (h *Head) Channels() int { return h.channels }

// Calcium returns c [K], which later presentations change.
func (h *Head) Calcium() []float64 { return h.calcium }

// Hidden returns the rates h [m], which later presentations change.
func (h *Head) Hidden() []float64 { return h.hidden }

// Hebb returns the Hebbian weights H [Channels, m], which later presentations
// change.
func (h *Head) Hebb() []float64 { return h.hebb }

// Gain returns the gains g [m], which later presentations change.
func (h *Head) Gain() []float64 { return h.gain }

// Events returns what happened in all readings so far.
func (h *Head) Events() []Event { return h.events }

// Write presents one token in the writing phase: phi [m] drives the hidden
// neurons, v [dv] the output neurons. It refuses drives that are not finite, and
// fails where the memory outgrows float64.
func (h *Head) Write(phi, v []float64) error {
	if len(v) != h.cfg.Outputs {
		panic(fmt.Sprintf("rate: value of width %d, want %d", len(v), h.cfg.Outputs))
	}
	if err := h.present(phi); err != nil {
		return err
	}
	if i := notFinite(v); i >= 0 {
		return fmt.Errorf("rate: value %d is %v; values must be finite", i, v[i])
	}
	for i, x := range v {
		h.target[i] = x
		if h.cfg.Dale {
			h.target[i], h.target[i+len(v)] = max(x, 0), max(-x, 0)
		}
	}
	opens := h.cfg.Timing.Present * (1 - h.cfg.Timing.Window)
	h.pieces(func(from, to float64) {
		h.noise.output.apply(h.value, h.target)
		if from < opens {
			h.writePiece(min(opens, to)-from, false)
		}
		if to > opens {
			h.writePiece(to-max(opens, from), true)
		}
	})
	if i := notFinite(h.hebb); i >= 0 {
		return h.tooLarge("H", i/h.cfg.Neurons, i%h.cfg.Neurons)
	}
	if i := notFinite(h.gain); i >= 0 {
		return h.tooLarge("g", i)
	}
	return nil
}

func (h *Head) tooLarge(what string, at ...int) error {
	return fmt.Errorf("rate: %s%v is beyond what a float64 holds; rates are too large: scale queries and keys down, or calibrate the tuning curves", what, at)
}

// present takes what drives the hidden neurons, as they saturate.
func (h *Head) present(phi []float64) error {
	if len(phi) != h.cfg.Neurons {
		panic(fmt.Sprintf("rate: drives of %d hidden neurons, want %d", len(phi), h.cfg.Neurons))
	}
	if i := notFinite(phi); i >= 0 {
		return fmt.Errorf("rate: what drives hidden neuron %d is %v; the rate level needs rates that a float64 holds: scale queries and keys down, or calibrate the tuning curves", i, phi[i])
	}
	copy(h.phi, phi)
	if r := h.cfg.Saturation.Hidden; r > 0 {
		for i, x := range h.phi {
			h.phi[i] = x / (1 + math.Abs(x)/r)
		}
	}
	return nil
}

// pieces calls do for every part of a presentation in which drives are constant,
// after what drives the hidden neurons is known.
func (h *Head) pieces(do func(from, to float64)) {
	n := 1
	if !h.cfg.Noise.none() {
		n = int(math.Ceil(h.cfg.Timing.Present / h.cfg.Noise.Hold))
	}
	end := 0.0
	for i := range n {
		from := end
		end = h.cfg.Timing.Present * float64(i+1) / float64(n)
		h.noise.hidden.apply(h.drive, h.phi)
		do(from, end)
		for _, f := range []*fluctuation{h.noise.hidden, h.noise.output, h.noise.astrocyte} {
			f.step(end - from)
		}
	}
}

// writePiece goes on by t seconds of writing under constant drives.
func (h *Head) writePiece(t float64, plastic bool) {
	if h.trace != nil {
		h.trace.writing(h, t, plastic)
	}
	h.plasticity(h.cfg.stored(t, plastic))
	relax(h.hidden, h.hidden, h.drive, t/h.cfg.Kinetics.Hidden)
	relax(h.output, h.output, h.value, t/h.cfg.Kinetics.Output)
}

// relax writes x e^-t + to (1 - e^-t) to dst.
func relax(dst, x, to []float64, t float64) {
	keep, rise := math.Exp(-t), -math.Expm1(-t)
	for i, v := range x {
		dst[i] = keep*v + rise*to[i]
	}
}

// Read presents one token in the reading phase: phi [m] drives the hidden neurons,
// and the rates of the output neurons at the end go to y [dv], under Dale's law
// those that excite less those that inhibit. What makes y worthless is reported by
// Events. It refuses drives that are not finite, and fails where calcium outgrows
// float64.
func (h *Head) Read(y, phi []float64) error {
	if len(y) != h.cfg.Outputs {
		panic(fmt.Sprintf("rate: output of width %d, want %d", len(y), h.cfg.Outputs))
	}
	if err := h.present(phi); err != nil {
		return err
	}
	lost := false
	h.pieces(func(from, to float64) {
		if e := h.readPiece(to - from); e != nil && !lost {
			e.Token, e.Time = h.reading, e.Time+from
			h.events = append(h.events, *e)
			lost = true
		}
	})
	if i := notFinite(h.calcium); i >= 0 {
		return h.tooLarge("calcium", i)
	}
	if !lost && notFinite(h.output) >= 0 {
		h.events = append(h.events, Event{Kind: Overflow, Token: h.reading, Time: h.cfg.Timing.Present})
		lost = true
	}
	if j := slices.IndexFunc(h.calcium, func(c float64) bool { return !(c > 0) }); j >= 0 {
		h.events = append(h.events, Event{Kind: NonPositive, Token: h.reading, Domain: j, Time: h.cfg.Timing.Present})
	}
	h.deliver(y, lost)
	h.reading++
	return nil
}

// deliver writes the output to y. One that is lost is NaN, and leaves the output
// neurons at rest.
func (h *Head) deliver(y []float64, lost bool) {
	for i := range y {
		switch {
		case lost:
			y[i] = math.NaN()
		case h.cfg.Dale:
			y[i] = h.output[i] - h.output[i+len(y)]
		default:
			y[i] = h.output[i]
		}
	}
	if lost {
		clear(h.output)
	}
}

// readPiece goes on by t seconds of reading under constant drives. The event, if
// there is one, is that calcium vanishes.
func (h *Head) readPiece(t float64) *Event {
	h.beginReading()
	if h.trace != nil {
		h.trace.reading(h, t)
	}
	w, vanish := h.read.over(0, t)
	if vanish == nil {
		h.arrive()
		for o, l := range h.output {
			h.output[o] = w*l + h.arriving[o]
		}
	}
	h.course.at(t, h.calcium)
	relax(h.hidden, h.hidden, h.drive, t/h.cfg.Kinetics.Hidden)
	return vanish
}

// beginReading computes what drives domains, and what passes through their
// synapses, at the beginning of a piece and as the hidden neurons settle.
func (h *Head) beginReading() {
	clear(h.start)
	clear(h.end)
	k := float64(h.net.k)
	for i, g := range h.gain {
		h.start[h.domain[i]] += k * g * h.hidden[i]
		h.end[h.domain[i]] += k * g * h.drive[i]
	}
	h.noise.astrocyte.apply(h.start, h.start)
	h.noise.astrocyte.apply(h.end, h.end)
	h.course.set(h.calcium, h.start, h.end)

	clear(h.fromHidden)
	clear(h.fromDrive)
	for o := range h.output {
		row := h.hebb[o*h.cfg.Neurons : (o+1)*h.cfg.Neurons]
		if h.net.k == 1 { // the same, in half the time
			h.fromHidden[o], h.fromDrive[o] = dots(row, h.hidden, h.drive)
			continue
		}
		for i, w := range row {
			at := h.domain[i]*h.channels + o
			h.fromHidden[at] += w * h.hidden[i]
			h.fromDrive[at] += w * h.drive[i]
		}
	}
	for j := range h.net.k {
		part := func(x []float64) float64 { return largest(x[j*h.channels : (j+1)*h.channels]) }
		h.read.counts[2*j], h.read.counts[2*j+1] = part(h.fromHidden), part(h.fromDrive)
	}
}

// dots returns w.a and w.b.
func dots(w, a, b []float64) (wa, wb float64) {
	a, b = a[:len(w)], b[:len(w)]
	for i, x := range w {
		wa += x * a[i]
		wb += x * b[i]
	}
	return wa, wb
}

// arrive sums up what has reached the output neurons over the time of the read-out.
func (h *Head) arrive() {
	clear(h.arriving)
	for j := range h.net.k {
		p, q := h.read.pq[2*j], h.read.pq[2*j+1]
		for o := range h.arriving {
			h.arriving[o] += p*h.fromHidden[j*h.channels+o] + q*h.fromDrive[j*h.channels+o]
		}
	}
	h.noise.output.apply(h.arriving, h.arriving)
}

// largest returns the largest absolute value.
func largest(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}

// notFinite returns the first index of what is not finite, or -1.
func notFinite(x []float64) int {
	for i, v := range x {
		if v-v != 0 { // NaN for what is not
			return i
		}
	}
	return -1
}
