package network

import (
	"fmt"
	"math"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/tensor"
)

// CheckStates reports hidden states x [N, D] of the exact network that are no
// numbers, or so large that their squares are none in float32: nothing can be
// calibrated on them, fitted to them or compared with them. They are those behind a
// layer, counted from 1, or, with 0, the embeddings. Weights that are no numbers
// were refused when the model was loaded; others can be so large that what is
// computed with them is none.
func CheckStates(m *model.Model, layer int, x tensor.Matrix) error {
	for t := range x.Rows {
		row := x.Row(t)
		if s := float64(tensor.Dot(row, row)); !math.IsNaN(s) && !math.IsInf(s, 0) {
			continue
		}
		worst := row[0]
		for _, v := range row {
			if math.IsNaN(float64(v)) || math.Abs(float64(v)) > math.Abs(float64(worst)) {
				worst = v // to the end, what is no number
			}
		}
		where := "embeddings"
		if layer > 0 {
			where = fmt.Sprintf("layer %d", layer-1)
		}
		return fmt.Errorf("%s, run exactly, comes to %.2g at its %s (token %d of what it read): some weight before that is out of all proportion; download the weights again",
			m.Name(), worst, where, t)
	}
	return nil
}
