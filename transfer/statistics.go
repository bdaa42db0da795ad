package transfer

import "math"

// cosine returns the cosine of the angle between x and y. Two zero vectors agree.
func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for i, a := range x {
		b := float64(y[i])
		xy += float64(a) * b
		xx += float64(a) * float64(a)
		yy += b * b
	}
	switch {
	case xx == 0 && yy == 0:
		return 1
	case xx == 0 || yy == 0:
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// capped returns x, at most MaxFloat64, since JSON has no infinity.
func capped(x float64) float64 { return min(x, math.MaxFloat64) }
