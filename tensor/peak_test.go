package tensor

import (
	"math"
	"testing"
	"time"
)

// What a product reaches lies below the peak, whatever the kernel, and the peak
// is not out of reach either.
func TestPeakBoundsProducts(t *testing.T) {
	const n = 128
	a, b := New(n, n), New(n, n)
	dst, w := New(n, n), Pack(b, nil)
	best, peak := 0.0, 0.0
	for range 20 {
		peak = max(peak, Peak(time.Millisecond))
		start := time.Now()
		for range 4 {
			Product(dst, a, w)
		}
		best = max(best, 4*2*n*n*n/time.Since(start).Seconds())
	}
	if !(best < 1.2*peak) || !(best > 0.02*peak) {
		t.Errorf("a product does %.3g operations a second, the peak is %.3g", best, peak)
	}
}

func TestPeakLastsAboutAsLongAsAsked(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	for _, d := range []time.Duration{0, 5 * time.Millisecond} {
		start := time.Now()
		if p := pool.Peak(d); !(p > 0) || math.IsInf(p, 0) {
			t.Errorf("peak over %v is %v", d, p)
		}
		if took := time.Since(start); took < d || took > d+5*time.Second {
			t.Errorf("asked for %v, took %v", d, took)
		}
	}
}
