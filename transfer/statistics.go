package transfer

import "math"

// capped returns x, at most MaxFloat64, since JSON has no infinity.
func capped(x float64) float64 { return min(x, math.MaxFloat64) }
