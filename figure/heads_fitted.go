package figure

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// wasFitted reports whether there is a before and an after of any head.
func wasFitted(layers []transfer.Layer) bool {
	for _, l := range layers {
		for _, h := range l.Heads {
			if h.Calibrated != nil {
				return true
			}
		}
	}
	return false
}

// pairHeight is the height of two maps side by side, square cells where there is
// room for them.
func pairHeight(g grid) vg.Length {
	cell := (twoColumns/2 - mapLeft - mapRight) / vg.Length(g.columns)
	row := min(max(cell, 3.2*mm), 6*mm)*vg.Length(g.rows()) + mapTop + mapBottom
	return min(max(row, 40*mm), 110*mm)
}

// fittedHeads draws two rows of maps: output cosine, and error of calcium, of
// calibrated curves at the left and of fitted ones at the right.
func fittedHeads(g grid) *Figure {
	row := pairHeight(g)
	return &Figure{
		width: twoColumns, height: 2 * row,
		description: fmt.Sprintf("Maps over %s and %s: output cosine, and error of calcium, of calibrated curves at the left and of fitted ones at the right.",
			counts.Plural(g.rows(), "layer"), counts.Plural(g.columns, "head")),
		draw: func(p *pen, area vg.Rectangle) {
			upper, lower := area, area
			upper.Min.Y, lower.Max.Y = area.Max.Y-row, area.Max.Y-row
			p.maps(upper, g, pair(g.layers, "output cosine", 2,
				func(h transfer.Head) transfer.Number { return h.OutputCosine },
				func(b transfer.Before) transfer.Number { return b.OutputCosine },
				func(lo, _ float64) (float64, float64) { return math.Floor(min(lo, 0.9)*10) / 10, 1 })...)
			p.maps(lower, g, pair(g.layers, "error of ln calcium", 2,
				func(h transfer.Head) transfer.Number { return h.LogCalciumError },
				func(b transfer.Before) transfer.Number { return b.LogCalciumError },
				func(_, hi float64) (float64, float64) { return 0, min(math.Ceil(max(hi, 0.1)*10)/10, hopelessError) })...)
		},
	}
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
