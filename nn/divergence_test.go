package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// plainDivergence is the mean of KL(softmax(want) || softmax(logits)) in float64,
// and its gradient.
func plainDivergence(logits, want [][]float64) (mean float64, grad [][]float64) {
	softmax := func(row []float64) []float64 {
		top, sum := slices.Max(row), 0.
		out := make([]float64, len(row))
		for j, v := range row {
			out[j] = math.Exp(v - top)
			sum += out[j]
		}
		for j := range out {
			out[j] /= sum
		}
		return out
	}
	n := float64(len(logits))
	grad = zeros(len(logits), len(logits[0]))
	for t := range logits {
		p, q := softmax(want[t]), softmax(logits[t])
		for j := range p {
			mean += p[j] * (math.Log(p[j]) - math.Log(q[j])) / n
			grad[t][j] = (q[j] - p[j]) / n
		}
	}
	return mean, grad
}

func TestTwinOfDivergenceGoesBackAsCentralDifferencesSay(t *testing.T) {
	logits, want := rows(random(1, 4, 6, 2), 0, 4), rows(random(2, 4, 6, 2), 0, 4)
	_, grad := plainDivergence(logits, want)
	checkSlopes(t, "logits", func() float64 { mean, _ := plainDivergence(logits, want); return mean }, logits, grad)
}

func TestDivergence(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	work := NewWorkspace(pool)
	for _, n := range []int{1, 32, 33, 100} {
		logits, want := random(1, n, 90, 3), random(2, n, 90, 3)
		for j := range logits.Row(0) { // far from 0, where exponentials overflow
			logits.Row(0)[j] += 1000
			want.Row(0)[j] -= 1000
		}
		mean, grad := plainDivergence(rows(logits, 0, n), rows(want, 0, n))
		got, err := Divergence(work, logits, logits, want)
		if err != nil {
			t.Fatal(err)
		}
		// Logits of 1000 are rounded to 3e-5, which moves their divergence by about
		// that; the others are sums of 90 terms in float32.
		if !(math.Abs(got-mean) <= 5e-6*mean) {
			t.Errorf("%d rows: %v, want %v", n, got, mean)
		}
		nearScale(t, "gradient", logits, grad, 2e-6)
	}
	same := random(3, 5, 40, 2)
	if got, err := Divergence(work, tensor.New(5, 40), same, same); err != nil || !(math.Abs(got) < 1e-7) {
		t.Errorf("the divergence of logits from themselves is %v, %v", got, err)
	}
}

func TestDivergenceReportsWhatIsNotFinite(t *testing.T) {
	x := random(1, 3, 4, 1)
	x.Row(2)[1] = float32(math.NaN())
	for _, pair := range [][2]tensor.Matrix{{x, random(2, 3, 4, 1)}, {random(2, 3, 4, 1), x}} {
		if _, err := Divergence(NewWorkspace(nil), tensor.New(3, 4), pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "row 2") {
			t.Errorf("NaN gives the error %v", err)
		}
	}
}
