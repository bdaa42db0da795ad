package attention

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// Update gives a circuit in training other tuning curves, of as many neurons and
// with the same parts as those it was built with: a loop computes gradients,
// changes the forms in place and updates. It allocates nothing. The circuit reads
// the slices of the forms until the next update. Its Tuning, and so its Identity,
// stays that of the beginning: build a new circuit of what is to be kept.
//
// No pass through the circuit may be under way. It panics for circuits that have
// no backward pass.
func (c *Circuit) Update(write, read tuning.Form[float32]) {
	if err := c.HasBackward(); err != nil {
		panic("attention: update: " + err.Error())
	}
	c.write.update("writing", write)
	c.read.update("reading", read)
}

func (f *features) update(phase string, form tuning.Form[float32]) {
	m, d := f.w.Rows, f.w.Cols
	for _, p := range [...]struct {
		name       string
		have, want int
	}{
		{"W", len(form.W), m * d}, {"B", len(form.B), m}, {"Metric", len(form.Metric), f.metric.Out * f.metric.In},
		{"Center", len(form.Center), len(f.center)}, {"Excite", len(form.Excite), len(f.excite)},
	} {
		if p.have != p.want {
			panic(fmt.Sprintf("attention: update: %s of %s has %d values, want %d", p.name, phase, p.have, p.want))
		}
	}
	if form.Link != tuning.LinkExp || math.IsNaN(form.LogScale) {
		panic(fmt.Sprintf("attention: update: curves of %s with link %d and the amplitude exp(%v)", phase, form.Link, form.LogScale))
	}
	f.w, f.center, f.logScale = tensor.FromData(form.W, m, d), form.Center, form.LogScale
	f.packed.Repack(f.w, 0, m)
	if f.inMetric {
		f.metric.Repack(tensor.FromData(form.Metric, d, d), 0, d)
	}
	for i, b := range form.B {
		f.bias[i] = float64(b) // of the exponential link, and drive is the same slice
	}
	for j, e := range form.Excite {
		f.excite[j] = float64(e)
	}
}
