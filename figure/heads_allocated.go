package figure

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// wasAllocated reports whether any head got its neurons for an error of calcium.
func wasAllocated(layers []transfer.Layer) bool {
	for _, l := range layers {
		for _, h := range l.Heads {
			if h.Allocated != nil {
				return true
			}
		}
	}
	return false
}

// allocatedHeads draws two rows of maps: output cosine beside the neurons of each
// head, and the error of calcium that the variance law predicts for these beside
// that which was found.
func allocatedHeads(g grid) *Figure {
	row := pairHeight(g)
	return &Figure{
		width: twoColumns, height: 2 * row,
		description: fmt.Sprintf("Maps over %s and %s: output cosine, and neurons of each head; relative error of calcium by the variance law, and as found.",
			counts.Plural(g.rows(), "layer"), counts.Plural(g.columns, "head")),
		draw: func(p *pen, area vg.Rectangle) {
			upper, lower := area, area
			upper.Min.Y, lower.Max.Y = area.Max.Y-row, area.Max.Y-row
			p.maps(upper, g, outputCosine(g.layers), hiddenNeurons(g.layers))
			p.maps(lower, g, calciumErrors(g.layers)...)
		},
	}
}

// hiddenNeurons spans whole powers of ten.
func hiddenNeurons(layers []transfer.Layer) headMap {
	of := func(h transfer.Head) float64 {
		if h.Allocated == nil {
			return math.NaN()
		}
		return math.Log10(float64(h.Neurons))
	}
	lo, hi := extent(values(layers, of), func(float64) bool { return true })
	lo = math.Floor(lo)
	return headMap{name: "log_{10} neurons", of: of, decimals: 1, lo: lo, hi: max(math.Ceil(hi), lo+1)}
}

// mostPercent is the error of calcium from which on all share the darkest colour.
const mostPercent = 100

// calciumErrors are both errors in percent, on one scale.
func calciumErrors(layers []transfer.Layer) []headMap {
	percent := func(of func(*transfer.Allocated) transfer.Number) func(transfer.Head) float64 {
		return func(h transfer.Head) float64 {
			if h.Allocated == nil {
				return math.NaN()
			}
			return 100 * float64(of(h.Allocated))
		}
	}
	maps := []headMap{
		{name: "error of calcium in %, variance law", of: percent(func(a *transfer.Allocated) transfer.Number { return a.Law })},
		{name: "error of calcium in %, found", of: percent(func(a *transfer.Allocated) transfer.Number { return a.Error })},
	}
	_, most := extent(append(values(layers, maps[0].of), values(layers, maps[1].of)...), func(float64) bool { return true })
	for i := range maps {
		maps[i].hi, maps[i].open = min(math.Ceil(max(most, 10)/10)*10, mostPercent), most > mostPercent
	}
	return maps
}
