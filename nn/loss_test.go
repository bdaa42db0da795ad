package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/tensor"
)

// plainCrossEntropy is the loss in float64 and its gradient.
func plainCrossEntropy(logits [][]float64, targets []int) (mean float64, grad [][]float64) {
	count := 0.
	for _, c := range targets {
		if c != NoTarget {
			count++
		}
	}
	grad = zeros(len(logits), len(logits[0]))
	for t, row := range logits {
		if targets[t] == NoTarget {
			continue
		}
		top, sum := slices.Max(row), 0.
		for _, v := range row {
			sum += math.Exp(v - top)
		}
		for j, v := range row {
			grad[t][j] = math.Exp(v-top) / sum / count
		}
		grad[t][targets[t]] -= 1 / count
		mean += (math.Log(sum) + top - row[targets[t]]) / count
	}
	return mean, grad
}

func TestTwinOfCrossEntropyGoesBackAsCentralDifferencesSay(t *testing.T) {
	logits, targets := rows(random(1, 5, 7, 2), 0, 5), []int{3, NoTarget, 0, 6, 3}
	_, grad := plainCrossEntropy(logits, targets)
	checkSlopes(t, "logits", func() float64 { mean, _ := plainCrossEntropy(logits, targets); return mean }, logits, grad)
}

func TestCrossEntropy(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for _, n := range []int{1, 31, 32, 33, 100} {
		logits, targets := random(1, n, 300, 3), make([]int, n)
		for t := range targets {
			targets[t] = t * 37 % 300
			if t%5 == 2 {
				targets[t] = NoTarget
			}
		}
		// Far from 0, where exponentials overflow.
		for i := range logits.Row(0) {
			logits.Row(0)[i] += 1000
		}
		want, grad := plainCrossEntropy(rows(logits, 0, n), targets)
		got, err := CrossEntropy(NewWorkspace(pool), logits, logits, targets)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("%d tokens: the loss is %v, want %v", n, got, want)
		}
		nearScale(t, "gradient", logits, grad, 1e-6)
	}
	got, err := CrossEntropy(NewWorkspace(nil), tensor.New(2, 3), tensor.New(2, 3), []int{NoTarget, NoTarget})
	if err != nil || got != 0 {
		t.Errorf("without targets the loss is %v, %v", got, err)
	}
}

func TestCrossEntropyOfALinearMap(t *testing.T) {
	const n, in, out = lossRows + 77, 20, 90
	p := Projection{random(1, out, in, 1), random(2, 1, out, 1).Data}
	l, x, targets := NewLinear(p, tensor.Float32), random(3, n, in, 1), make([]int, n)
	for t := range targets {
		targets[t] = t * 37 % out
	}
	targets[1], targets[lossRows] = NoTarget, NoTarget

	logits := plainLinear(p, rows(x, 0, n))
	want, dlogits := plainCrossEntropy(logits, targets)
	w := &twin{params: map[string][][]float64{"l.weight": rows(p.Weight, 0, out), "l.bias": {make([]float64, out)}}}
	grad := map[string][][]float64{"l.weight": zeros(out, in), "l.bias": zeros(1, out)}
	wantX := w.linearBack(grad, "l", dlogits, rows(x, 0, n))

	var first Projection
	for _, threads := range []int{1, 2, 3} {
		pool := tensor.NewPool(threads)
		defer pool.Close()
		work, dx := NewWorkspace(pool), tensor.New(n, in)
		g := Projection{tensor.New(out, in), make([]float32, out)}
		got, err := l.CrossEntropy(work, dx, g, x, targets)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("the loss is %v, want %v", got, want)
		}
		nearScale(t, "input", dx, wantX, 2e-6)
		nearScale(t, "weight", g.Weight, grad["l.weight"], 2e-6)
		nearScale(t, "bias", tensor.FromData(g.Bias, 1, out), grad["l.bias"], 2e-6)
		if threads == 1 {
			first = Projection{g.Weight.Clone(), slices.Clone(g.Bias)}
		} else if !slices.Equal(first.Weight.Data, g.Weight.Data) || !slices.Equal(first.Bias, g.Bias) {
			t.Errorf("%d threads: the gradient differs from one thread's", threads)
		}
		if alone, err := l.CrossEntropy(work, tensor.Matrix{}, Projection{}, x, targets); err != nil || alone != got {
			t.Errorf("without a way back the loss is %v, %v, not %v", alone, err, got)
		}
		again := func() { _, _ = l.CrossEntropy(work, dx, g, x, targets) }
		for range 10 {
			again() // every worker meets the largest part at some time
		}
		if a := testing.AllocsPerRun(10, again); a >= 1 && (threads == 1 || a > 2) {
			t.Errorf("%d threads: %v allocations", threads, a)
		}
	}
}

func TestCrossEntropyReportsWhatIsNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, row := range [][]float32{{0, nan, 1}, {nan, 0, 1}, {inf, 0, 1}, {0, -inf, 1}, {-inf, -inf, -inf}} {
		x := tensor.New(2, 3)
		copy(x.Row(1), row)
		_, err := CrossEntropy(NewWorkspace(nil), tensor.New(2, 3), x, []int{0, 1})
		if err == nil || !strings.Contains(err.Error(), "position 1") {
			t.Errorf("logits %v give the error %v", row, err)
		}
	}
	for _, c := range []int{3, -2} {
		if _, err := CrossEntropy(NewWorkspace(nil), tensor.New(1, 3), tensor.New(1, 3), []int{c}); err == nil {
			t.Errorf("target %d of 3 classes was accepted", c)
		}
	}
}
