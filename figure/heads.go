package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// Heads draws maps over layers (downwards) and heads (to the right): the cosine
// between the circuit's outputs and the exact ones, and the neurons that random
// curves need for a relative error of calcium of 10% at the median query, before
// and after calibration, on one colour scale. Of fitted curves it draws the cosine
// and the error of calcium instead, each beside that of the calibrated curves whose
// place they took; of heads that got their neurons for an error of calcium, the
// neurons, and the errors that the variance law predicts and that were found. Darker
// is more in every map.
func Heads(layers []transfer.Layer) *Figure {
	g := newGrid(layers)
	switch {
	case anyHead(layers, func(h transfer.Head) bool { return h.Calibrated != nil }):
		return fittedHeads(g)
	case anyHead(layers, func(h transfer.Head) bool { return h.Allocated != nil }):
		return allocatedHeads(g)
	}
	// Square cells where the maps have room for them.
	cell := (twoColumns/3 - mapLeft - mapRight) / vg.Length(g.columns)
	height := min(max(cell, 3.2*mm), 7*mm)*vg.Length(g.rows()) + mapTop + mapBottom
	return &Figure{
		width: twoColumns, height: min(max(height, 45*mm), 150*mm),
		description: fmt.Sprintf("Maps over %s and %s: output cosine, and neurons for 10%% error of calcium with plain and with calibrated curves.",
			counts.Plural(g.rows(), "layer"), counts.Plural(g.columns, "head")),
		draw: func(p *pen, area vg.Rectangle) {
			lo, hi := budgetRange(layers)
			p.maps(area, g,
				outputCosine(layers),
				headMap{name: "log_{10} neurons for 10% error, plain", of: plainBudget, decimals: 1, lo: lo, hi: hi, open: hi == hopeless},
				headMap{name: "log_{10} neurons for 10% error, calibrated", of: calibratedBudget, decimals: 1, lo: lo, hi: hi, open: hi == hopeless},
			)
		},
	}
}

// headMap is one quantity of every head.
type headMap struct {
	name     string
	of       func(transfer.Head) float64
	decimals int
	lo, hi   float64 // ends of the colour scale
	open     bool    // values beyond hi have the colour of hi
}

func plainBudget(h transfer.Head) float64 { return float64(h.BudgetLog10) }

func calibratedBudget(h transfer.Head) float64 { return float64(h.BudgetCalibratedLog10) }

// outputCosine spans from the least cosine, rounded down, to 1.
func outputCosine(layers []transfer.Layer) headMap {
	of := func(h transfer.Head) float64 { return float64(h.OutputCosine) }
	lo, hi := extent(values(layers, of), func(float64) bool { return true })
	if lo > hi {
		lo = 0
	}
	return headMap{name: "output cosine", of: of, decimals: 2, lo: math.Floor(min(lo, 0.9)*10) / 10, hi: 1}
}

// hopeless is the power of ten from which on budgets share the darkest colour,
// so that one extreme head does not take the contrast from all others.
const hopeless = 20

// budgetRange is the colour scale of both budgets, in whole powers of ten.
func budgetRange(layers []transfer.Layer) (lo, hi float64) {
	all := append(values(layers, plainBudget), values(layers, calibratedBudget)...)
	lo, hi = extent(all, func(float64) bool { return true })
	if lo > hi {
		return 0, 1
	}
	hi = min(math.Ceil(hi), hopeless)
	return min(math.Floor(lo), hi-1), hi
}

func values(layers []transfer.Layer, of func(transfer.Head) float64) []float64 {
	var out []float64
	for _, l := range layers {
		for _, h := range l.Heads {
			out = append(out, of(h))
		}
	}
	return out
}

// grid is the table of heads; layers may have different numbers of them.
type grid struct {
	layers  []transfer.Layer
	columns int
}

func newGrid(layers []transfer.Layer) grid {
	g := grid{layers, 1}
	for _, l := range layers {
		g.columns = max(g.columns, len(l.Heads))
	}
	return g
}

func (g grid) rows() int { return max(1, len(g.layers)) }

// Margins of a map.
const (
	mapLeft   = 8 * mm
	mapRight  = 3.5 * mm
	mapTop    = 5.2 * mm
	mapBottom = 16.5 * mm // ticks, label, colour bar
)

// maps draws maps side by side. Numbers stand in the cells of all or of none.
func (p *pen) maps(area vg.Rectangle, g grid, maps ...headMap) {
	part := area.Size().X / vg.Length(len(maps))
	cell := vg.Point{
		X: (part - mapLeft - mapRight) / vg.Length(g.columns),
		Y: (area.Size().Y - mapTop - mapBottom) / vg.Length(g.rows()),
	}
	numbers := cell.Y > cellSize+0.4*mm
	for _, m := range maps {
		for _, x := range values(g.layers, m.of) {
			numbers = numbers && p.width(decimal(x, m.decimals), cellSize) < cell.X-0.5*mm
		}
	}
	for i, m := range maps {
		side := area
		side.Min.X += part * vg.Length(i)
		side.Max.X = side.Min.X + part
		p.headMap(inset(side, mapLeft, mapRight, mapBottom, mapTop), cell, g, m, numbers)
	}
}

func (p *pen) headMap(box vg.Rectangle, cell vg.Point, g grid, m headMap, numbers bool) {
	colors := newColormap()
	p.write(m.name, labelSize, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: box.Max.Y + 1.5*mm}, centred, ink)
	gap := vg.Point{X: 0.25, Y: 0.25} // the paper shows between cells
	for i, l := range g.layers {
		for j, h := range l.Heads {
			lower := vg.Point{X: box.Min.X + cell.X*vg.Length(j), Y: box.Max.Y - cell.Y*vg.Length(i+1)}
			r := vg.Rectangle{Min: lower.Add(gap), Max: lower.Add(cell).Sub(gap)}
			middle := r.Min.Add(r.Max).Scale(0.5)
			x := m.of(h)
			if math.IsNaN(x) {
				p.stroke(rectangle(r), line{color: faint, width: thinWidth})
				p.writeMiddle(decimal(x, 0), cellSize, middle, centred, muted)
				continue
			}
			c := colors.at((x - m.lo) / (m.hi - m.lo))
			p.fill(rectangle(r), c)
			if numbers {
				p.writeMiddle(decimal(x, m.decimals), cellSize, middle, centred, on(c))
			}
		}
	}
	p.mapAxes(box, cell, g)
	if len(g.layers) == 0 {
		p.writeMiddle("no heads", labelSize, box.Min.Add(box.Max).Scale(0.5), centred, muted)
	}
	top := box.Min.Y - mapBottom + 6.6*mm
	p.colorBar(vg.Rectangle{
		Min: vg.Point{X: box.Min.X, Y: top - 1.7*mm},
		Max: vg.Point{X: box.Max.X, Y: top},
	}, m, colors)
}

// mapAxes numbers layers and heads from 0, as many as there is room for.
func (p *pen) mapAxes(box vg.Rectangle, cell vg.Point, g grid) {
	stride := func(size, room vg.Length) int {
		for _, n := range []int{1, 2, 5, 10, 20, 50} {
			if size*vg.Length(n) >= room {
				return n
			}
		}
		return 100
	}
	for j := 0; j < g.columns; j += stride(cell.X, 3.4*mm) {
		at := vg.Point{X: box.Min.X + cell.X*(vg.Length(j)+0.5), Y: box.Min.Y - textGap - smallSize*capHeight}
		p.write(counts.Format(j), smallSize, at, centred, ink)
	}
	var widest vg.Length
	for i := 0; i < len(g.layers); i += stride(cell.Y, 2.8*mm) {
		at := vg.Point{X: box.Min.X - textGap, Y: box.Max.Y - cell.Y*(vg.Length(i)+0.5)}
		label := counts.Format(g.layers[i].Layer)
		p.writeMiddle(label, smallSize, at, fromRight, ink)
		widest = max(widest, p.width(label, smallSize))
	}
	middle := box.Min.Add(box.Max).Scale(0.5)
	p.write("head", labelSize, vg.Point{X: middle.X, Y: box.Min.Y - 6.2*mm}, centred, ink)
	p.text(p.runs("layer", labelSize, false), vg.Point{X: box.Min.X - 2.4*textGap - widest, Y: middle.Y}, centred, true, ink)
}

// colorBar explains the colours of a map.
func (p *pen) colorBar(r vg.Rectangle, m headMap, colors colormap) {
	const steps = 128
	step := r.Size().X / steps
	at := func(i int) vg.Length { return r.Min.X + step*vg.Length(i) }
	for i := range steps {
		// Each strip reaches under the next: no seams where renderers smooth edges.
		strip := vg.Rectangle{Min: vg.Point{X: at(i), Y: r.Min.Y}, Max: vg.Point{X: at(min(i+2, steps)), Y: r.Max.Y}}
		p.fill(rectangle(strip), colors.at(float64(i)/(steps-1)))
	}
	s := scale{lo: m.lo, hi: m.hi}
	for _, t := range p.ticks(s, r.Size().X, false) {
		if m.open && t.at == m.hi {
			t.label = "≥" + t.label
		}
		x := r.Min.X + r.Size().X*vg.Length(s.position(t.at))
		p.segments(line{color: ink, width: axisWidth}, vg.Point{X: x, Y: r.Min.Y}, vg.Point{X: x, Y: r.Min.Y - tickLength*0.6})
		p.write(t.label, smallSize, vg.Point{X: x, Y: r.Min.Y - 1.3*mm - smallSize*capHeight}, centred, ink)
	}
}

// anyHead reports whether something is true of any head.
func anyHead(layers []transfer.Layer, is func(transfer.Head) bool) bool {
	for _, l := range layers {
		if slices.ContainsFunc(l.Heads, is) {
			return true
		}
	}
	return false
}

// twoRows draws two rows of maps, one above the other.
func twoRows(g grid, shows string, above, below []headMap) *Figure {
	row := pairHeight(g)
	return &Figure{
		width: twoColumns, height: 2 * row,
		description: fmt.Sprintf("Maps over %s and %s: %s.", counts.Plural(g.rows(), "layer"), counts.Plural(g.columns, "head"), shows),
		draw: func(p *pen, area vg.Rectangle) {
			upper, lower := area, area
			upper.Min.Y, lower.Max.Y = area.Max.Y-row, area.Max.Y-row
			p.maps(upper, g, above...)
			p.maps(lower, g, below...)
		},
	}
}

// pairHeight is the height of two maps side by side, square cells where there is
// room for them.
func pairHeight(g grid) vg.Length {
	cell := (twoColumns/2 - mapLeft - mapRight) / vg.Length(g.columns)
	row := min(max(cell, 3.2*mm), 6*mm)*vg.Length(g.rows()) + mapTop + mapBottom
	return min(max(row, 40*mm), 110*mm)
}
