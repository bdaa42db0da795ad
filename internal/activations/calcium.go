package activations

import (
	"math"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/tuning"
)

// RelativeCalcium returns c f/Z for every query of a sequence, given log Z. A
// circuit writes all keys, then reads or, causal, writes a token, then reads it,
// and forgets 1 - exp(-slope) with every write.
func RelativeCalcium(curves *tuning.Curves[float64], a *Sequence, logZ []float64) ([]float64, error) {
	circuit, err := tripartite.New(tripartite.Config[float64]{Tuning: curves, Outputs: 1, Forget: -math.Expm1(-a.Slope)})
	if err != nil {
		return nil, err
	}
	value, y := []float64{0}, []float64{0} // calcium does not depend on values
	written := 0
	out := make([]float64, 0, a.Queries())
	for i, z := range logZ {
		for ; written < a.Seen(i); written++ {
			circuit.Write(a.Key(written), value)
		}
		q := a.Query(i)
		c := circuit.Read(y, q)
		c.Log += curves.LogFactor(q) - z
		out = append(out, c.Value())
	}
	return out, nil
}
