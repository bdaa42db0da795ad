package fit

import (
	"math"
	"slices"
	"testing"

	"github.com/tripartite-go/tripartite/attention"
	"github.com/tripartite-go/tripartite/tensor"
	"github.com/tripartite-go/tripartite/tuning"
)

// parts are the numbers of a form that are fitted.
func parts(f *tuning.Form[float32]) [][]float32 { return [][]float32{f.W, f.B, f.Metric, f.Center} }

func TestSharedCurvesAreOneCurveToTheBit(t *testing.T) {
	for _, folder := range []string{"bert", "bloom", "vit-two-labels"} {
		m := open(t, folder)
		cfg := small(t, m, 2)
		cfg.Shared = true
		r := mustRun(t, cfg)
		if !r.Shared || !r.Tuning.Info.Shared {
			t.Errorf("%s: the result says shared %v, the file %v", folder, r.Shared, r.Tuning.Info.Shared)
		}
		for l := range m.Layers() {
			for h := range m.Heads() {
				write, read := r.Tuning.At(l, h).Form(tuning.Writing), r.Tuning.At(l, h).Form(tuning.Reading)
				for i, p := range parts(&write) {
					if !slices.Equal(p, parts(&read)[i]) {
						t.Fatalf("%s: layer %d, head %d: part %d of the curve differs between phases", folder, l, h, i)
					}
				}
			}
		}
		if n := &r.Networks; !(n.Joint.Loss < n.PerHead.Loss && n.PerHead.Loss < n.Random.Loss) {
			t.Errorf("%s: losses: random %v, head by head %v, jointly %v", folder, n.Random.Loss, n.PerHead.Loss, n.Joint.Loss)
		}
	}
}

// shareCurve makes the reading of curves that of writing.
func shareCurve(c *curves) {
	copy(c.readW, c.writeW)
	copy(c.readMetric, c.writeMetric)
	copy(c.readCenter, c.writeCenter)
}

// along returns the slope along a direction in which both phases move alike: every
// number of the curve counts once, since tied gradients are sums of both phases.
func along(grad, move *curves) float64 {
	return float64(tensor.Dot(grad.writeW, move.writeW)) + float64(tensor.Dot(grad.b, move.b)) +
		float64(tensor.Dot(grad.writeMetric, move.writeMetric)) + float64(tensor.Dot(grad.writeCenter, move.writeCenter))
}

// exampleShared returns what exampleHead does, in coordinates of one curve.
func exampleShared(t *testing.T, n, d int) (q, k tensor.Matrix, b balanced) {
	t.Helper()
	q, k, _ = exampleHead(t, n, d)
	c, err := tuning.Calibrate(q.Data, k.Data, d)
	if err != nil {
		t.Fatal(err)
	}
	return q, k, oneCurve(c)
}

// A shared curve moves in both phases at once: the slope along such a direction is
// what tied gradients say.
func TestTheGradientOfASharedCurve(t *testing.T) {
	const n, m, d = 12, 5, 3
	q, k, b := exampleShared(t, n, d)
	s := b.see(q, k, tensor.NewSequences(n), nil).sample(0)
	c := newCurves(m, d, gaussian(3, sizeOf(m, d), 0.3))
	c.moveAnchors(gaussian(4, m*d, 0.5), gaussian(5, m*d, 0.5))
	shareCurve(c)
	l := loss{rows: 1, calcium: 0.1}
	grad := newCurves(m, d, nil)
	p := c.pack(nil)
	l.sequence(&p, grad, s, 1, true, nil)
	c.around(grad)
	grad.tie()
	at := func(move []float32, step float32) float64 {
		moved := c.copyTo(make([]float32, len(c.data)))
		tensor.AddScaled(moved.data, step, move)
		p := moved.pack(nil)
		s := l.sequence(&p, nil, s, 0, true, nil)
		sum := 0.0
		for _, off := range l.calciumErrors(&p, b.see(q, k, tensor.NewSequences(n), nil).sample(0), nil) {
			sum += off * off
		}
		return s.divergence + l.calcium*sum
	}
	for seed := range uint64(4) {
		move := newCurves(m, d, gaussian(40+seed, sizeOf(m, d), 1))
		shareCurve(move)
		want := (at(move.data, 1e-3) - at(move.data, -1e-3)) / 2e-3
		got := along(grad, move)
		if !(math.Abs(got-want) <= 1e-2*max(1, math.Abs(want))) { // differences of float32 sums
			t.Errorf("direction %d: the slope is %v, want %v", seed, got, want)
		}
	}
}

func TestUnfoldOfASharedCurve(t *testing.T) {
	const m, d = 5, 4
	_, _, b := exampleShared(t, 50, d)
	c := exampleCurves(m, d)
	shareCurve(c)
	var grad attention.CurvesGradient
	for p := range grad {
		part := func(i, n int) []float32 { return gaussian(uint64(10*p+i+50), n, 1) }
		grad[p] = attention.FormGradient{W: part(0, m*d), Metric: part(2, d*d), Center: part(3, d)}
	}
	// Only the sum of both drives means anything, so that their gradients are one.
	grad[0].B = gaussian(99, m, 1)
	grad[1].B = slices.Clone(grad[0].B)
	value := func(c *curves) (sum float64) {
		f := newForms(m, d)
		c.fold(f, &b)
		for p, form := range []*tuning.Form[float32]{tuning.Writing: &f.write, tuning.Reading: &f.read} {
			g := &grad[p]
			for i, x := range [][]float32{g.W, g.B, g.Metric, g.Center} {
				sum += float64(tensor.Dot(x, parts(form)[i]))
			}
		}
		return sum
	}
	got := newCurves(m, d, nil)
	c.unfold(got, &grad, &b)
	if !slices.Equal(got.readW, got.writeW) || !slices.Equal(got.readMetric, got.writeMetric) || !slices.Equal(got.readCenter, got.writeCenter) {
		t.Error("the gradients of both phases differ")
	}
	move := newCurves(m, d, gaussian(60, sizeOf(m, d), 1))
	shareCurve(move)
	moved := func(step float32) float64 {
		x := c.copyTo(make([]float32, len(c.data)))
		tensor.AddScaled(x.data, step, move.data)
		return value(x)
	}
	want := moved(0.5) - moved(-0.5) // fold is affine
	slope := along(got, move)
	if !(math.Abs(slope-want) <= 1e-4*max(1, math.Abs(want))) { // float32 sums of a hundred terms of size 1
		t.Errorf("the slope is %v, want %v", slope, want)
	}
}

// What is left to settle is the drive of all neurons alike: attention stays, and
// calcium comes to the normalizer in the median.
func TestSettlingASharedCurveMovesCalciumAlone(t *testing.T) {
	const n, m, d = 300, 12, 4
	q, k, b := exampleShared(t, n, d)
	h := &head{balanced: b, pool: []*seen{b.see(q, k, tensor.NewSequences(slices.Repeat([]int{20}, n/20)...), nil)}}
	h.begin(m, 1, nil)
	if !slices.Equal(h.curves.readW, h.curves.writeW) {
		t.Fatal("both phases begin with other weights")
	}
	l := loss{rows: 1, calcium: 0.1}
	before := h.score(&l, h.pool[0], nil)
	h.settleShared(&l, nil)
	after := h.score(&l, h.pool[0], nil)
	if !(math.Abs(after.divergence-before.divergence) <= 1e-4*before.divergence) { // sums in float32
		t.Errorf("settling changes the divergence from %v to %v", before.divergence, after.divergence)
	}
	if !(after.calcium < before.calcium) {
		t.Errorf("settling takes the error of calcium from %v to %v", before.calcium, after.calcium)
	}
}
