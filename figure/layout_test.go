package figure

import (
	"image"
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/transfer"
)

// recorder is a canvas that keeps the boxes of what is drawn.
type recorder struct {
	shapes []vg.Rectangle
	texts  []textBox
}

type textBox struct {
	text string
	box  vg.Rectangle
	size vg.Length
}

func (r *recorder) fill(path vg.Path, _ color.NRGBA) { r.shapes = append(r.shapes, bounds(path)) }

func (r *recorder) stroke(path vg.Path, _ line) { r.shapes = append(r.shapes, bounds(path)) }

func (r *recorder) picture(_ *image.NRGBA, box vg.Rectangle) { r.shapes = append(r.shapes, box) }

func bounds(path vg.Path) vg.Rectangle {
	inf := vg.Length(math.Inf(1))
	b := vg.Rectangle{Min: vg.Point{X: inf, Y: inf}, Max: vg.Point{X: -inf, Y: -inf}}
	for _, c := range path {
		if c.Type == vg.CloseComp {
			continue
		}
		at := []vg.Point{c.Pos}
		if c.Type == vg.ArcComp {
			d := vg.Point{X: c.Radius, Y: c.Radius}
			at = []vg.Point{c.Pos.Add(d), c.Pos.Sub(d)}
		}
		for _, p := range at {
			b.Min.X, b.Min.Y = min(b.Min.X, p.X), min(b.Min.Y, p.Y)
			b.Max.X, b.Max.Y = max(b.Max.X, p.X), max(b.Max.Y, p.Y)
		}
	}
	return b
}

func (r *recorder) text(runs []run, at vg.Point, anchor float64, up bool, _ color.NRGBA) {
	t := textBox{}
	for _, s := range runs {
		t.text += s.text
		t.size = max(t.size, s.face.Font.Size)
	}
	if t.text == "" {
		return
	}
	w, h := width(runs), t.size*capHeight
	t.box = vg.Rectangle{Min: vg.Point{X: at.X - w*vg.Length(anchor), Y: at.Y}}
	t.box.Max = t.box.Min.Add(vg.Point{X: w, Y: h})
	if up {
		t.box = vg.Rectangle{Min: vg.Point{X: at.X - h, Y: at.Y - w*vg.Length(anchor)}}
		t.box.Max = t.box.Min.Add(vg.Point{X: h, Y: w})
	}
	r.texts = append(r.texts, t)
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

func TestNothingLeavesTheFigureAndNoTextLiesOnAnother(t *testing.T) {
	for name, f := range figures() {
		t.Run(name, func(t *testing.T) {
			var r recorder
			f.drawOn(&r)
			inside := func(b vg.Rectangle) bool {
				const slack = 0.01
				return b.Min.X >= -slack && b.Min.Y >= -slack && b.Max.X <= f.width+slack && b.Max.Y <= f.height+slack
			}
			for _, b := range r.shapes {
				if !inside(b) {
					t.Fatalf("a shape leaves the figure: %v", b)
				}
			}
			for i, a := range r.texts {
				if !inside(a.box) {
					t.Errorf("%q leaves the figure: %v", a.text, a.box)
				}
				if a.size < 6 {
					t.Errorf("%q has %g points, want 6 at least", a.text, a.size)
				}
				for _, b := range r.texts[:i] {
					if overlap(a.box, b.box) {
						t.Errorf("%q lies on %q", a.text, b.text)
					}
				}
			}
		})
	}
}

func TestAxisReachesALawWithinTwoDecades(t *testing.T) {
	curve := func(law ...transfer.Number) []transfer.Curve {
		return []transfer.Curve{{Neurons: []int{16, 64}, Error: []transfer.Number{1, 0.5}, Law: law}}
	}
	for _, test := range []struct {
		law    []transfer.Number
		lo, hi float64 // of what the axis has to hold, and little more
	}{
		{nil, 0.1, 1},
		{[]transfer.Number{2, 1}, 0.1, 2},
		{[]transfer.Number{8, 0.5}, 0.1, 3},       // three times what was measured
		{[]transfer.Number{1000, 30}, 0.1, 90},    // three times its least
		{[]transfer.Number{1000, 101}, 0.1, 1},    // out of reach
		{[]transfer.Number{1, 0.001}, 0.1 / 3, 1}, // a third of the guide
	} {
		_, y := scales(curve(test.law...))
		if want := ratios(test.lo, test.hi); math.Abs(y.lo/want.lo-1) > 1e-9 || math.Abs(y.hi/want.hi-1) > 1e-9 {
			t.Errorf("law %v: axis from %g to %g, want %g to %g", test.law, y.lo, y.hi, want.lo, want.hi)
		}
	}
}

func TestALawIsNamedWhereItIsSeenLast(t *testing.T) {
	a := panel{box: vg.Rectangle{Max: vg.Point{X: 10, Y: 10}}}
	for _, test := range []struct {
		points []vg.Point
		want   vg.Point
		ok     bool
	}{
		{[]vg.Point{{X: 0, Y: 20}, {X: 4, Y: 8}, {X: 8, Y: 2}}, vg.Point{X: 8, Y: 2}, true},
		{[]vg.Point{{X: 0, Y: 10}, {X: 4, Y: 5}, {X: 8, Y: -5}}, vg.Point{X: 6, Y: 0}, true},
		{[]vg.Point{{X: 0, Y: 30}, {X: 8, Y: 20}}, vg.Point{}, false},
		{[]vg.Point{{X: 5, Y: 5}}, vg.Point{}, false},
		{nil, vg.Point{}, false},
	} {
		if got, ok := a.lastInside(test.points); ok != test.ok || got != test.want {
			t.Errorf("%v is seen last at %v, %v; want %v, %v", test.points, got, ok, test.want, test.ok)
		}
	}
}

func TestNamesKeepTheirOrderAndDistance(t *testing.T) {
	for _, test := range []struct {
		at, want    []float64
		gap, lo, hi float64
	}{
		{[]float64{1, 5, 9}, []float64{1, 5, 9}, 2, 0, 10},
		{[]float64{5, 5}, []float64{4, 6}, 2, 0, 10},
		{[]float64{0, 0, 0}, []float64{0, 2, 4}, 2, 0, 10},
		{[]float64{9, 10, 10}, []float64{6, 8, 10}, 2, 0, 10},
		{[]float64{2, 5, 5.5, 6}, []float64{1.625, 3.625, 5.625, 7.625}, 2, 0, 10},
		{[]float64{3, 3, 3}, []float64{0, 2, 4}, 2, 0, 3}, // no room: it grows upwards
		{nil, nil, 2, 0, 10},
	} {
		got := append([]float64(nil), test.at...)
		spread(got, test.gap, test.lo, test.hi)
		for i := range got {
			if math.Abs(got[i]-test.want[i]) > 1e-9 || math.IsNaN(got[i]) {
				t.Errorf("%v with gap %g in [%g, %g] became %v, want %v", test.at, test.gap, test.lo, test.hi, got, test.want)
				break
			}
		}
	}
}

func TestClipKeepsWhatIsInside(t *testing.T) {
	box := vg.Rectangle{Max: vg.Point{X: 10, Y: 10}}
	for _, test := range []struct {
		a, b, from, to vg.Point
		ok             bool
	}{
		{a: vg.Point{X: 1, Y: 1}, b: vg.Point{X: 9, Y: 2}, from: vg.Point{X: 1, Y: 1}, to: vg.Point{X: 9, Y: 2}, ok: true},
		{a: vg.Point{X: -5, Y: 5}, b: vg.Point{X: 15, Y: 5}, from: vg.Point{X: 0, Y: 5}, to: vg.Point{X: 10, Y: 5}, ok: true},
		{a: vg.Point{X: 5, Y: 20}, b: vg.Point{X: 5, Y: 0}, from: vg.Point{X: 5, Y: 10}, to: vg.Point{X: 5, Y: 0}, ok: true},
		{a: vg.Point{X: -5, Y: 11}, b: vg.Point{X: 15, Y: 11}},
		{a: vg.Point{X: -5, Y: 0}, b: vg.Point{X: 0, Y: 20}},
	} {
		from, to, ok := clip(box, test.a, test.b)
		if ok != test.ok || ok && (from != test.from || to != test.to) {
			t.Errorf("%v to %v: %v to %v, %v; want %v to %v, %v", test.a, test.b, from, to, ok, test.from, test.to, test.ok)
		}
	}
}
