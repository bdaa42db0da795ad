package figure

import (
	"math"

	"github.com/tripartite-go/tripartite/transfer"
)

// fittedHeads draws two rows of maps: output cosine, and error of calcium, of
// calibrated curves at the left and of fitted ones at the right.
func fittedHeads(g grid) *Figure {
	return twoRows(g, "output cosine, and error of calcium, of calibrated curves at the left and of fitted ones at the right",
		pair(g.layers, "output cosine", 2,
			func(h transfer.Head) transfer.Number { return h.OutputCosine },
			func(b transfer.Before) transfer.Number { return b.OutputCosine },
			func(lo, _ float64) (float64, float64) { return math.Floor(min(lo, 0.9)*10) / 10, 1 }),
		pair(g.layers, "error of ln calcium", 2,
			func(h transfer.Head) transfer.Number { return h.LogCalciumError },
			func(b transfer.Before) transfer.Number { return b.LogCalciumError },
			func(_, hi float64) (float64, float64) { return 0, min(math.Ceil(max(hi, 0.1)*10)/10, hopelessError) }))
}

// hopelessError is the error of ln calcium from which on all share the darkest
// colour: calcium is off by a factor of 20.
const hopelessError = 3

// pair is one quantity before and after fitting, on one scale, which scaled makes
// of the least and the largest value.
func pair(layers []transfer.Layer, name string, decimals int, after func(transfer.Head) transfer.Number, before func(transfer.Before) transfer.Number, scaled func(lo, hi float64) (float64, float64)) []headMap {
	maps := []headMap{
		{name: name + ", calibrated", decimals: decimals, of: func(h transfer.Head) float64 {
			if h.Calibrated == nil {
				return math.NaN()
			}
			return float64(before(*h.Calibrated))
		}},
		{name: name + ", fitted", decimals: decimals, of: func(h transfer.Head) float64 { return float64(after(h)) }},
	}
	lo, hi := extent(append(values(layers, maps[0].of), values(layers, maps[1].of)...), func(float64) bool { return true })
	if lo > hi {
		lo, hi = 0, 1
	}
	most := hi
	lo, hi = scaled(lo, hi)
	for i := range maps {
		maps[i].lo, maps[i].hi, maps[i].open = lo, hi, most > hi
	}
	return maps
}
