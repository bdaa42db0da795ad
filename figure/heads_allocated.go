package figure

import (
	"math"

	"github.com/tripartite-go/tripartite/transfer"
)

// allocatedHeads draws two rows of maps: output cosine beside the neurons of each
// head, and the error of calcium that the variance law predicts for these beside
// that which was found.
func allocatedHeads(g grid) *Figure {
	return twoRows(g, "output cosine, and neurons of each head; relative error of calcium by the variance law, and as found",
		[]headMap{outputCosine(g.layers), hiddenNeurons(g.layers)}, calciumErrors(g.layers))
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
