package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
)

// Circuit draws the tripartite circuit of one head in its two phases: hidden
// neurons whose axons rise, output neurons whose dendrites cross them, and an
// astrocyte whose processes wrap every synapse. What a phase sets is in colour:
// the weights H and g when writing, calcium and the output when reading.
func Circuit() *Figure {
	return &Figure{
		width: twoColumns, height: 62 * mm,
		description: "A circuit of hidden neurons, output neurons and one astrocyte that wraps all synapses between them. Writing stores a key and its value: H ← H + l hᵀ, g ← g + h. Reading answers a query: c = g·h, l = H h / c.",
		draw:        (*pen).circuits,
	}
}

func (p *pen) circuits(area vg.Rectangle) {
	middle := (area.Min.X + area.Max.X) / 2
	for _, reading := range []bool{false, true} {
		half := area
		if reading {
			half.Min.X = middle + 3*mm
		} else {
			half.Max.X = middle - 3*mm
		}
		newSchematic(half, reading).draw(p)
	}
}

// schematic is the circuit in one phase, laid out in an area.
type schematic struct {
	area    vg.Rectangle
	reading bool
	axons   []vg.Length // x of each hidden neuron
	spines  []vg.Length // y of each output neuron's dendrite
	hidden  vg.Length   // y of the hidden neurons
	output  vg.Length   // x of the output neurons
	soma    vg.Point    // of the astrocyte
}

const (
	cellRadius    = 2.6 * mm
	somaRadius    = 3.4 * mm
	synapseRadius = 0.62 * mm
	wrapRadius    = 1.55 * mm // of a process around its synapse
	branchWidth   = 1.4
)

func newSchematic(area vg.Rectangle, reading bool) schematic {
	s := schematic{area: area, reading: reading}
	left, bottom := area.Min.X, area.Min.Y
	for _, x := range []vg.Length{7, 20, 33, 51} {
		s.axons = append(s.axons, left+x*mm)
	}
	for _, y := range []vg.Length{37, 29, 18.5} {
		s.spines = append(s.spines, bottom+y*mm)
	}
	s.hidden = bottom + 9*mm
	s.output = left + 66*mm
	s.soma = vg.Point{X: left + 27.5*mm, Y: bottom + 49.5*mm}
	return s
}

func (s schematic) draw(p *pen) {
	s.astrocyte(p)
	s.neurons(p)
	s.flow(p)
	s.words(p)
}

// set returns the colour of what a phase sets, and otherwise of what it leaves.
func (s schematic) set(inReading bool, otherwise color.NRGBA) color.NRGBA {
	if s.reading == inReading {
		return vermillion
	}
	return otherwise
}

// astrocyte draws the soma, one branch along each axon, and the processes.
func (s schematic) astrocyte(p *pen) {
	wrap := s.set(false, green)
	first, last := s.spines[0], s.spines[len(s.spines)-1]
	for i, x := range s.axons {
		along := x - wrapRadius
		end := vg.Point{X: along, Y: first + 5*mm}
		// The branches leave the soma at the lower side and arrive from above.
		angle := (1.08 + 0.84*float64(i)/float64(len(s.axons)-1)) * math.Pi
		sin, cos := math.Sincos(angle)
		out := vg.Point{X: vg.Length(cos), Y: vg.Length(sin)}
		reach := 0.55 * max(end.X-s.soma.X, s.soma.X-end.X, 5*mm)
		p.taper(bezier(s.soma, s.soma.Add(out.Scale(somaRadius+reach)), vg.Point{X: along, Y: end.Y + 4*mm}, end), 1.9*mm, branchWidth)
		p.segments(line{color: green, width: branchWidth}, vg.Point{X: along, Y: end.Y + 0.1*mm}, vg.Point{X: along, Y: last})
		for _, y := range s.spines {
			const gap = 0.9 // radians left open towards the output neuron
			var path vg.Path
			path.Move(vg.Point{X: x + wrapRadius*vg.Length(math.Cos(gap)), Y: y + wrapRadius*vg.Length(math.Sin(gap))})
			path.Arc(vg.Point{X: x, Y: y}, wrapRadius, gap, 2*math.Pi-2*gap)
			p.stroke(path, line{color: wrap, width: 1.7})
		}
	}
	for _, angle := range []float64{0.1, 0.3, 0.5, 0.7, 0.9} { // processes that go elsewhere
		sin, cos := math.Sincos(angle * math.Pi)
		end := s.soma.Add(vg.Point{X: vg.Length(cos), Y: vg.Length(sin)}.Scale(somaRadius + 2.8*mm))
		p.taper([]vg.Point{s.soma, end}, 2.6*mm, 0.5)
	}
	soma := circle.outline(s.soma, somaRadius)
	p.fill(soma, paper)
	p.fill(soma, faded(s.set(true, green), 0.25))
	p.stroke(soma, line{color: s.set(true, green), width: branchWidth})
	p.writeMiddle("*c*", letterSize, s.soma, centred, ink)
}

// bezier returns points along a cubic curve.
func bezier(a, b, c, d vg.Point) []vg.Point {
	const n = 32
	points := make([]vg.Point, n+1)
	for i := range points {
		t := vg.Length(i) / n
		u := 1 - t
		points[i] = a.Scale(u * u * u).Add(b.Scale(3 * u * u * t)).Add(c.Scale(3 * u * t * t)).Add(d.Scale(t * t * t))
	}
	return points
}

// taper fills a branch of the astrocyte along points, from one width to another.
func (p *pen) taper(points []vg.Point, from, to vg.Length) {
	n := len(points)
	left, right := make([]vg.Point, n), make([]vg.Point, n)
	for i, at := range points {
		d := points[min(i+1, n-1)].Sub(points[max(i-1, 0)])
		length := vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
		t := vg.Length(i) / vg.Length(n-1)
		half := (to + (from-to)*(1-t)*(1-t)) / 2
		side := vg.Point{X: -d.Y, Y: d.X}.Scale(half / length)
		left[i], right[n-1-i] = at.Add(side), at.Sub(side)
	}
	var path vg.Path
	path.Move(left[0])
	for _, at := range append(left[1:], right...) {
		path.Line(at)
	}
	path.Close()
	p.fill(path, green)
}

// neurons draws axons, dendrites, synapses and cell bodies.
func (s schematic) neurons(p *pen) {
	wire := line{color: ink, width: 0.8}
	top := s.spines[0] + 2.2*mm
	for _, x := range s.axons {
		p.segments(wire, vg.Point{X: x, Y: s.hidden}, vg.Point{X: x, Y: top})
	}
	for _, y := range s.spines {
		p.segments(wire, vg.Point{X: s.axons[0] - 2.6*mm, Y: y}, vg.Point{X: s.output, Y: y})
		for _, x := range s.axons {
			p.fill(circle.outline(vg.Point{X: x, Y: y}, synapseRadius), s.set(false, ink))
		}
	}
	body := func(at vg.Point, name string, outline color.NRGBA) {
		shape := circle.outline(at, cellRadius)
		p.fill(shape, paper)
		p.fill(shape, faded(outline, 0.13))
		p.stroke(shape, line{color: outline, width: 0.9})
		p.writeMiddle(name, labelSize, at, centred, ink)
	}
	for i, x := range s.axons {
		body(vg.Point{X: x, Y: s.hidden}, []string{"*h*_{1}", "*h*_{2}", "*h*_{3}", "*h_{m}*"}[i], blue)
	}
	for i, y := range s.spines {
		body(vg.Point{X: s.output, Y: y}, []string{"*l*_{1}", "*l*_{2}", "*l_{d}*"}[i], s.set(true, blue))
	}
	dots := func(at, step vg.Point) {
		for i := -1; i <= 1; i++ {
			p.fill(circle.outline(at.Add(step.Scale(vg.Length(i))), 0.28*mm), ink)
		}
	}
	n, k := len(s.axons), len(s.spines)
	dots(vg.Point{X: (s.axons[n-2] + s.axons[n-1]) / 2, Y: s.hidden}, vg.Point{X: 1.4 * mm})
	dots(vg.Point{X: s.output, Y: (s.spines[k-2] + s.spines[k-1]) / 2}, vg.Point{Y: 1.4 * mm})
}

// flow draws what comes in and goes out.
func (s schematic) flow(p *pen) {
	for _, x := range s.axons {
		p.arrow(vg.Point{X: x, Y: s.area.Min.Y + 3.4*mm}, vg.Point{X: x, Y: s.hidden - cellRadius - 0.4*mm})
	}
	for _, y := range s.spines {
		near, far := vg.Point{X: s.output + cellRadius + 0.5*mm, Y: y}, vg.Point{X: s.output + cellRadius + 6*mm, Y: y}
		if s.reading {
			p.arrow(near, far)
		} else {
			p.arrow(far, near)
		}
	}
}

func (p *pen) arrow(from, to vg.Point) {
	d := to.Sub(from)
	length := vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
	unit := d.Scale(1 / length)
	side := vg.Point{X: -unit.Y, Y: unit.X}.Scale(0.75 * mm)
	back := to.Sub(unit.Scale(1.7 * mm))
	p.segments(line{color: ink, width: 0.8}, from, back)
	var head vg.Path
	head.Move(to)
	head.Line(back.Add(side))
	head.Line(back.Sub(side))
	head.Close()
	p.fill(head, ink)
}

func (s schematic) words(p *pen) {
	left, top := s.area.Min.X, s.area.Max.Y
	title, story := "Writing", "stores a key and its value (*s* = 0)"
	input := "*h* = *φ*(*k*)"
	output := "*l* = *v*"
	equations := []string{"*H* ← *H* + *l h*^{T}", "*g* ← *g* + *h*"}
	if s.reading {
		title, story = "Reading", "answers a query (*s* = 1)"
		input = "*h* = *φ*(*q*)"
		output = "*l*"
		equations = []string{"*c* = *g·h*", "*l* = *H h* / *c*"}
	}
	at := vg.Point{X: left, Y: top - 3.2*mm}
	p.text(p.runs(title, 8, true), at, fromLeft, false, ink)
	at.X += width(p.runs(title, 8, true)) + 1.3*mm
	p.write(story, labelSize, at, fromLeft, muted)

	p.write(input, labelSize, vg.Point{X: (s.axons[0] + s.axons[len(s.axons)-1]) / 2, Y: s.area.Min.Y + 0.8*mm}, centred, ink)
	p.writeMiddle(output, labelSize, vg.Point{X: s.output + cellRadius + 7*mm, Y: s.spines[1]}, fromLeft, ink)
	for i, e := range equations {
		p.write(e, 8, vg.Point{X: s.output - 8*mm, Y: s.soma.Y + vg.Length(1-2*i)*2*mm - 1*mm}, fromLeft, s.set(s.reading, ink))
	}
	last := s.axons[len(s.axons)-1]
	p.writeMiddle("hidden neurons", smallSize, vg.Point{X: last + cellRadius + textGap, Y: s.hidden}, fromLeft, muted)
	p.write("output neurons", smallSize, vg.Point{X: s.output - cellRadius, Y: s.spines[0] + cellRadius + 1*mm}, fromLeft, muted)
	p.writeMiddle("astrocyte", smallSize, vg.Point{X: s.soma.X + somaRadius + 3.6*mm, Y: s.soma.Y + 2.6*mm}, fromLeft, muted)
	for _, part := range []struct {
		name     string
		text, to vg.Point // both relative to a synapse
	}{
		{"synapse", vg.Point{X: 3 * mm, Y: -3.6 * mm}, vg.Point{X: 0.5 * mm, Y: -0.6 * mm}},
		{"process", vg.Point{X: 3 * mm, Y: -6.8 * mm}, vg.Point{X: 0.8 * mm, Y: s.spines[2] - s.spines[1] + 1.6*mm}},
	} {
		synapse := vg.Point{X: last, Y: s.spines[1]}
		at := synapse.Add(part.text)
		p.segments(line{color: faint, width: thinWidth}, synapse.Add(part.to), vg.Point{X: at.X - 0.5*mm, Y: at.Y})
		p.writeMiddle(part.name, smallSize, at, fromLeft, muted)
	}
	note := vg.Point{X: s.area.Max.X, Y: s.area.Min.Y + 0.8*mm}
	p.write("set in this phase", smallSize, note, fromRight, vermillion)
}
