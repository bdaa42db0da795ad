package figure

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/transfer"
)

// Overview puts the circuit (A), calcium against the softmax normalizer (B), its
// error against the number of neurons (C) and the output cosine of every head
// (D) on one page width.
func Overview(r *transfer.Report) *Figure {
	circuit, calcium, scaling := Circuit(), Calcium(r.Chosen), Scaling(r.Scaling)
	const between = 5 * mm
	bottom := 66 * mm
	return &Figure{
		width: twoColumns, height: circuit.height + between + bottom,
		description: fmt.Sprintf("A: %s B: %s C: %s D: Output cosine of every head.", circuit.description, calcium.description, scaling.description),
		draw: func(p *pen, area vg.Rectangle) {
			upper, lower := area, area
			upper.Min.Y = area.Max.Y - circuit.height
			lower.Max.Y = area.Min.Y + bottom
			p.panelLetter("A", upper)
			p.circuits(inset(upper, 5*mm, 0, 0, 0))
			third := func(from, to vg.Length) vg.Rectangle {
				part := lower
				part.Min.X, part.Max.X = area.Min.X+from*mm, area.Min.X+to*mm
				return part
			}
			b, c, d := third(0, 55), third(57, 126), third(128, 178)
			p.panelLetter("B", b)
			p.calcium(b, r.Chosen)
			p.panelLetter("C", c)
			p.scaling(c, r.Scaling)
			p.panelLetter("D", d)
			p.maps(d, newGrid(r.Layers), outputCosine(r.Layers))
		},
	}
}

func (p *pen) panelLetter(letter string, area vg.Rectangle) {
	at := vg.Point{X: area.Min.X, Y: area.Max.Y - letterSize*capHeight - 0.3*mm}
	p.text(p.runs(letter, letterSize, true), at, fromLeft, false, ink)
}
