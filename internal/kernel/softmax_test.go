package kernel

import (
	"math"
	"slices"
	"testing"
)

// tiles takes a softmax over rows of logits x [rows, cols] by SoftmaxTile, in tiles
// of this width, and sums values with its weights; row r has seen+r logits.
func tiles(t *testing.T, ks *Kernels, x []float32, rows, cols, width, seen int, values []float32) (top, sum []float32, y []float64) {
	t.Helper()
	top, sum, y = slices.Repeat([]float32{float32(math.Inf(-1))}, rows), make([]float32, rows), make([]float64, rows)
	factor := make([]float32, rows)
	for lo := 0; lo < cols; lo += width {
		n := min(width, cols-lo)
		ldx := n + 3
		tile := slices.Repeat([]float32{guard}, rows*ldx)
		for r := range rows {
			copy(tile[r*ldx:][:n], x[r*cols+lo:])
		}
		ks.SoftmaxTile(tile, ldx, rows, n, seen-lo, top, sum, factor)
		for r := range rows {
			y[r] *= float64(factor[r])
			for j, w := range tile[r*ldx:][:n] {
				y[r] += float64(w) * float64(values[lo+j])
			}
			if tile[r*ldx+n] != guard {
				t.Fatalf("a tile of %d columns was written beyond row %d", n, r)
			}
		}
	}
	return top, sum, y
}

func TestTilesMakeASoftmax(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		const rows, cols = 5, 71
		values := random(2, cols)
		for _, scale := range []float32{1, 100, 1e4} {
			for _, seen := range []int{1, 30, cols} { // causal, causal after others, all
				x := random(1, rows*cols)
				ks.Scale(x, scale, x)
				for _, width := range []int{1, 3, 4, 15, 16, 17, 33, cols} {
					top, sum, y := tiles(t, ks, x, rows, cols, width, seen, values)
					for r := range rows {
						row := x[r*cols:][:min(seen+r, cols)]
						largest, total, mean, size := slices.Max(row), 0.0, 0.0, 0.0
						for j, v := range row {
							w := math.Exp(float64(v) - float64(largest))
							total += w
							mean += w * float64(values[j])
							size += w * math.Abs(float64(values[j]))
						}
						// Weights, factors and sums are float32, rounded once for each tile or column.
						if top[r] != largest || !(math.Abs(float64(sum[r])-total) <= 5e-6*total) || !(math.Abs(y[r]-mean) <= 5e-6*size) {
							t.Fatalf("scale %g, %d seen, tiles of %d: row %d has %v, %v and %v, want %v, %v and %v",
								scale, seen, width, r, top[r], sum[r], y[r], largest, total, mean)
						}
					}
				}
			}
		}
	})
}

// Whatever the other rows and the distance between them.
func TestARowOfATileDependsOnItselfAlone(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		const rows, cols = 4, 40
		x, values := random(1, rows*cols), random(2, cols)
		x[cols+7] = float32(math.NaN())
		top, sum, y := tiles(t, ks, x, rows, cols, 16, 20, values)
		for r := range rows {
			one, s, z := tiles(t, ks, x[r*cols:][:cols], 1, cols, 16, 20+r, values)
			if r == 1 {
				if sum[r] == sum[r] || y[r] == y[r] {
					t.Errorf("a NaN among the logits gives %v and %v", sum[r], y[r])
				}
				continue
			}
			if one[0] != top[r] || s[0] != sum[r] || z[0] != y[r] || y[r] != y[r] {
				t.Errorf("row %d has %v, %v, %v, alone %v, %v, %v", r, top[r], sum[r], y[r], one[0], s[0], z[0])
			}
		}
	})
}

func TestTilesWithNothingInThem(t *testing.T) {
	each(t, func(t *testing.T, ks *Kernels) {
		inf := float32(math.Inf(1))
		x := []float32{1, 2, -inf, 3, 4, 5, -inf, -inf}
		top, sum, factor := []float32{-inf, 7}, []float32{0, 2}, make([]float32, 2)
		ks.SoftmaxTile(x, 4, 2, 4, -1, top, sum, factor)
		if !slices.Equal(x, make([]float32, 8)) || top[0] != -inf || top[1] != 7 || sum[0] != 0 || sum[1] != 2 || factor[0] != 1 || factor[1] != 1 {
			t.Errorf("two rows without logits become %v, with %v, %v and %v", x, top, sum, factor)
		}
		x = []float32{-inf, 1, 1, -inf}
		ks.SoftmaxTile(x, 4, 1, 4, 4, top[:1], sum[:1], factor[:1])
		if !slices.Equal(x, []float32{0, 1, 1, 0}) || top[0] != 1 || sum[0] != 2 || factor[0] != 0 {
			t.Errorf("logits of -Inf among others become %v, with %v, %v and %v", x, top, sum, factor)
		}
	})
}
