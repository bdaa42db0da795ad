package fit

import (
	"math"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// A line through most points is found whatever the others do, where least squares
// would follow them.
func TestDeviationsAreAbsolute(t *testing.T) {
	const n = 400
	x, noise := tensor.New(n, 3), gaussian(1, n, 0.01)
	at := gaussian(2, n, 1)
	for i := range n {
		row := x.Row(i)
		row[0], row[1], row[2] = 1, at[i], 0.5-2*at[i]+noise[i]
		if i%5 == 0 {
			row[2] += 10
		}
	}
	beta, err := deviateLeast(x)
	if err != nil {
		t.Fatal(err)
	}
	// The ridge takes off a thousandth, the outliers move a median of such noise by
	// less than its width.
	for i, want := range []float64{0.5, -2} {
		if !(math.Abs(beta[i]-want) <= 0.02) {
			t.Errorf("coefficient %d is %v, want %v", i, beta[i], want)
		}
	}
}
